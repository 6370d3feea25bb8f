"""The answer in words."""

import pandas as pd

from experiments.report.answer import caution, comparison_sentence, headline, worst_results
from experiments.report.contents import winners
from experiments.report.sections import Section
from experiments.report.situations import Situation, by_mean_place, references, roles_of, situations
from experiments.report.style import Roles
from tests.report.tables import runs


def test_a_difference_that_the_seeds_decide_is_certain() -> None:
    # seed by seed 10.0, 10.2 and 9.8 s less: mean 10, s = 0.2, t(2) = 4.303: half width 4.303 * 0.2 / sqrt(3) = 0.497
    found = situations(runs(static=[40.0, 42.0, 41.0], clever=[30.0, 31.8, 31.2]))[0]
    sentence = comparison_sentence(found, found.standings("static"), "static")
    assert sentence.startswith("clever has the least full delay: 31.0 s per vehicle due, mean of 3 seeds.")
    assert (
        "10.0 s (24 %) less than static (41.0 s); certain (95 % confidence interval \N{MINUS SIGN}10.5 to \N{MINUS SIGN}9.5 s)" in sentence
    )


def test_a_difference_within_the_noise_is_told_as_undecided_with_the_seeds_it_would_take() -> None:
    found = situations(runs(static=[30.0, 34.0, 32.0], clever=[29.0, 35.5, 30.5]))[0]
    sentence = comparison_sentence(found, found.standings("static"), "static")
    assert "the seeds cannot decide" in sentence
    assert "seeds would)" in sentence
    assert "certain" not in sentence


def test_a_network_that_locks_with_some_seeds_is_told_as_two_groups_and_no_average_is_believed() -> None:
    found = situations(runs(static=[100.0, 101.0, 102.0, 103.0, 104.0], clever=[20.0, 21.0, 20.5, 22.0, 300.0]))[0]
    sentence = comparison_sentence(found, found.standings("static"), "static")
    assert "two groups: 20.0 to 22.0 s (4 runs) and 300.0 s (1 run)" in sentence
    assert "certain" not in sentence


def test_one_seed_decides_nothing() -> None:
    found = situations(runs(static=[40.0], clever=[30.0]))[0]
    assert "one seed, which decides nothing" in comparison_sentence(found, found.standings("static"), "static")


def test_the_runner_up_is_compared_too_where_it_is_not_the_baseline() -> None:
    found = situations(runs(static=[40.0, 42.0], clever=[30.0, 32.0], second=[31.0, 33.1]))[0]
    sentence = comparison_sentence(found, found.standings("static"), "static")
    assert "less than static (41.0 s)" in sentence
    assert "less than second (32.0 s)" in sentence


def test_a_baseline_without_a_finished_run_is_told() -> None:
    found = situations(runs(clever=[30.0, 31.0]))[0]
    assert "The baseline static has no finished run here." in comparison_sentence(found, found.standings("static"), "static")
    assert roles_of(found.standings("static"), "static") == Roles("clever", "clever")


def best(**values: list[float]) -> object:
    return situations(runs(**values))[0].standings("static")[0]


def test_the_headline_says_who_wins_by_how_much_and_how_sure() -> None:
    sure = best(static=[40.0, 42.0, 41.0], clever=[30.0, 31.8, 31.2])
    unsure = best(static=[30.0, 34.0, 32.0], clever=[29.0, 35.5, 30.5])
    base = best(static=[10.0, 11.0], clever=[20.0, 21.0])
    assert headline([sure], "static") == "clever has the least delay, 24 % less than static; that is certain."
    assert headline([unsure], "static").endswith("that is not certain.")
    assert headline([base], "static") == "static, the baseline, has the least delay."
    assert headline([sure, unsure, base], "static") == (
        "clever has the least delay in 2 of 3 situations and static in 1. "
        "The best has 1 to 24 % less delay than static, the baseline; that is certain in 1 of 2 situations."
    )


def test_runs_that_lie_far_apart_without_two_groups_are_told_and_cautioned_of() -> None:
    jammed = [55.3, 61.3, 79.4, 152.4, 323.8]  # no gap of a factor of 2 above the first three
    base = [150.0, 151.0, 152.0, 153.0, 154.0]
    found = situations(runs(static=base, clever=jammed))[0]
    standings = found.standings("static")
    assert "Unsteady: clever 55.3 to 323.8 s." in comparison_sentence(found, standings, "static")
    steady = situations(runs(static=base, clever=[10.0, 11.0, 12.0, 11.0, 10.0]))[0].standings("static")
    assert caution({"a": standings, "b": steady}) == "Not every run of clever goes well: a, 55.3 to 323.8 s per vehicle."
    assert not caution({"b": steady})
    groups = situations(runs(static=base, clever=[20.0, 21.0, 20.5, 22.0, 300.0]))[0].standings("static")
    assert caution({"c": groups}) == "Not every run of clever goes well: c, 20.0 to 22.0 s (4 runs) and 300.0 s (1 run) per vehicle."


def test_controllers_stand_by_their_mean_place_and_those_that_miss_a_situation_behind() -> None:
    one = situations(runs(a=[3.0, 3.0], b=[1.0, 1.0], c=[2.0, 2.0]))[0].standings("a")  # b, c, a
    other = situations(runs(a=[1.0, 1.0], c=[2.0, 2.0]))[0].standings("a")  # a, c; b counts as last
    assert by_mean_place([one, other]) == ["a", "c", "b"]  # places 2 + 0, 1 + 1 and 0 + 3; a tie goes to the name


def test_the_first_table_says_who_has_the_least_by_how_much_and_how_sure() -> None:
    sure = situations(runs(static=[40.0, 42.0, 41.0], clever=[30.0, 31.8, 31.2]))[0].standings("static")
    base = situations(runs(static=[10.0, 11.0], clever=[20.0, 21.0]))[0].standings("static")
    split = situations(runs(static=[100.0, 101.0, 102.0], clever=[20.0, 21.0, 140.0]))[0].standings("static")
    rows = winners([sure, base, split], [Section(name, name) for name in "abc"], "static")["rows"]
    told = [[row[column] for column in ("best", "delay", "baseline", "gain", "certainty", "interval")] for row in rows]
    minus = "\N{MINUS SIGN}"
    assert told == [
        ["clever", "31.0 s", "41.0 s", f"{minus}24 %", "certain", f"{minus}10.5 to {minus}9.5 s"],
        ["static", "10.5 s", "10.5 s", "", "is the baseline", ""],
        ["clever", "20.0 to 21.0 s (2 runs) and 140.0 s (1 run)", "101.0 s", "", "two groups", ""],
    ]


def test_situations_are_scenarios_with_a_demand_and_a_state_of_the_loops() -> None:
    table = runs(static=[1.0, 2.0])
    found = situations(pd.concat([table, table.assign(demand_scale=1.4), table.assign(scenario="b")], ignore_index=True))
    assert [(one.scenario, one.demand_scale) for one in found] == [("a", 1.0), ("a", 1.4), ("b", 1.0)]
    assert found[1].name(with_demand=True, with_loops=False) == "a, demand \N{MULTIPLICATION SIGN} 1.4"
    assert [(one.scenario, one.demand_scale) for one in references(found)] == [("a", 1.0), ("b", 1.0)]


def test_failed_runs_count_for_nothing() -> None:
    table = runs(static=[10.0, 12.0])
    table.loc[1, ["status", "full_delay_s"]] = ["failed", None]
    found: Situation = situations(table)[0]
    assert found.by_seed("static") == {0: 10.0}
    assert len(found.failed) == 1


def test_the_worst_result_of_each_winner_is_named_and_the_challenger_of_a_winning_baseline_is_drawn() -> None:
    won = situations(runs(static=[40.0, 42.0, 41.0], clever=[30.0, 31.8, 31.2]))[0].standings("static")
    lost = situations(runs(static=[10.0, 10.2, 10.4], clever=[20.0, 20.4, 20.2]))[0].standings("static")
    told = worst_results({"a": won, "b": lost}, "static")
    assert told == "The worst result of clever is 98 % more delay than static, in b (certain)."
    assert worst_results({"b": lost}, "static") == ""
    assert roles_of(lost, "static") == Roles("static", "clever")
