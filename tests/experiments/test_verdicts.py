"""The last words of a run and of a comparison."""

from __future__ import annotations

from typing import Any

from experiments.verdicts import comparison_verdict, run_verdict


def record(delay_s: float, seed: int = 0, controller: str = "clever", **others: int) -> dict[str, Any]:
    kpis = {"full_delay_s": delay_s, "never_inserted": 0, "refused_commands": 0, "violations": 0, "collisions": 0}
    request = {"seed": seed, "controller": controller, "scenario": "place", "parameters": {}, "accepted": {"vehicles_s": 120.0}}
    return {"kpis": {**kpis, **others}, "request": request, "simulated": {"longest_red": None}}


def runs(*delays_s: float) -> list[dict[str, Any]]:
    return [record(delay_s, seed) for seed, delay_s in enumerate(delays_s)]


def test_a_comparison_ends_with_who_is_best_by_how_much_and_how_sure() -> None:
    (word,) = comparison_verdict({"static": runs(20, 22, 21), "clever": runs(10, 12.1, 11)})
    assert word.sentence.startswith("Verdict: clever has the least full delay, 11.0 s per vehicle. That is 10.0 s (47 %) less than static")
    assert "the plan in the street" in word.sentence
    assert "certain" in word.sentence
    assert not word.warns


def test_whoever_is_worse_than_the_street_is_named_in_red() -> None:
    best, worse = comparison_verdict({"static": runs(10, 11), "clever": runs(20, 21)})
    assert best.sentence.startswith("Verdict: static has the least full delay, 10.5 s per vehicle.")
    assert worse.sentence == "clever is worse than the plan in the street: 10.0 s (95 %) more delay, certain."
    assert (best.warns, worse.warns) == (False, True)


def test_a_comparison_without_the_shipped_programs_says_that_the_street_is_missing() -> None:
    designed = record(5)
    designed["request"]["parameters"] = {"programs": "plan.add.xml"}
    for records in ({"clever": runs(10), "greedy": runs(12)}, {"static": [designed], "clever": runs(10)}):
        assert "Nothing here tells what is in the street" in comparison_verdict(records)[-1].sentence
    assert comparison_verdict({"static": [], "clever": []}) == []


def test_one_run_says_what_went_wrong_and_how_to_compare_it() -> None:
    told = record(10, never_inserted=3, refused_commands=1)
    told["simulated"]["longest_red"] = {"junction": "j", "group": "left", "since_s": 60.0, "waited_s": 290.0}
    words = run_verdict(told)
    assert [(word.sentence, word.warns) for word in words[:2]] == [
        ("Verdict: 3 vehicles never got in, 1 command was refused.", True),
        ("Longest red with somebody waiting: 290 s (group left of j, from 60 s on).", True),
    ]
    assert words[2].sentence.endswith("ampelwerk compare place --controllers static,clever --out DIR")


def test_a_run_without_faults_says_so() -> None:
    (word,) = run_verdict(record(10, controller="static"))
    assert (word.sentence, word.warns) == ("Verdict: every vehicle got in, nothing was refused.", False)
