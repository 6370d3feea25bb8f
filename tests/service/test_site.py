"""One junction behind the service, in this process: order of calls, what is reported against what is known, deadlines, restarts."""

from __future__ import annotations

import json
import math
import time

import pytest

from optimizer.estimation.loops import LoopEstimator
from optimizer.estimation.snapshots import SnapshotError
from optimizer.service.messages import DecisionAnswer
from optimizer.service.problems import ProblemError
from optimizer.service.rehearsal import small_junction
from optimizer.service.site import JunctionSite
from tests.service.calls import ask, call, kinds, site


def problem_of(at: object, body: dict[str, object]) -> ProblemError:
    with pytest.raises(ProblemError) as told:
        ask(at, body)  # type: ignore[arg-type]
    return told.value


def test_an_answer_has_the_documented_form_and_serves_the_queue() -> None:
    # A vehicle has stood at b's stop line for 30 s and nobody is near a's: whatever the plan, staying is dearer.
    answer = ask(site(), call(1, 100.0))
    DecisionAnswer.model_validate_json(json.dumps(answer))
    assert (answer["command"], answer["stage"]) == ("change", "b")
    assert [entry["stage"] for entry in answer["timeline"]][:2] == ["a", "b"]
    # Interstage: the greater of the yellow (3 s) and the intergreen (5 s).
    assert answer["timeline"][1]["green_start_s"] == 105.0
    assert answer["timeline"][0]["green_end_s"] == 100.0
    assert [queue["waiting_veh"] for queue in answer["queues"]] == [0, 1]
    assert answer["valid_until_s"] == 101.0


def test_a_green_is_never_ended_before_its_minimum() -> None:
    answer = ask(site(), call(1, 100.0, since_s=96.0))
    assert answer["command"] == "stay"
    assert answer["earliest_change_s"] == 101.0


def test_the_same_call_again_gets_the_same_answer_and_is_learnt_from_once() -> None:
    at = site()
    body = json.dumps(call(1, 100.0)).encode()
    first = at.answer(body, time.monotonic())
    kept = at.snapshot()
    again = at.answer(body, time.monotonic())
    assert (again.repeated, again.body) == (True, first.body)
    assert at.snapshot() == kept


@pytest.mark.parametrize(
    ("sequence", "time_s", "kind"),
    [(5, 101.0, "sequence-reused"), (4, 101.0, "out-of-order"), (6, 90.0, "clock-went-back"), (6, 100.2, "too-soon")],
)
def test_a_call_out_of_order_is_refused_and_changes_nothing(sequence: int, time_s: float, kind: str) -> None:
    at = site()
    ask(at, call(5, 100.0))
    kept = at.snapshot()
    problem = problem_of(at, call(sequence, time_s))
    assert (problem.status, problem.kind) == (409, kind)
    assert problem.more == {"last_sequence": 5, "last_time_s": 100.0}
    assert at.snapshot() == kept


def test_after_the_clock_was_set_back_a_call_may_begin_anew() -> None:
    at = site()
    ask(at, call(5, 100.0))
    answer = ask(at, call(6, 20.0, begin_anew=True))
    assert answer["time_s"] == 20.0
    assert not answer["alarms"]


def test_a_long_silence_begins_anew_and_a_short_one_is_told() -> None:
    at = site()
    ask(at, call(1, 100.0))
    assert kinds(ask(at, call(2, 104.0))) == {"gap", "not-followed"}
    assert "clock-jump" in kinds(ask(at, call(3, 400.0)))


def test_after_a_long_silence_the_habits_of_the_traffic_are_still_known_but_no_vehicle() -> None:
    at = site()
    for n in range(1, 60):
        ask(at, call(n, 100.0 + n, since_s=99.0))
    assert at._mind is not None
    learner = at._mind.learner
    assert isinstance(learner, LoopEstimator)
    lane_rate = learner._state.lane_rate.copy()
    assert (lane_rate < 3.0).all()  # it began with 3
    ask(at, call(60, 1000.0, since_s=999.0))
    fresh = at._mind.learner
    assert isinstance(fresh, LoopEstimator)
    assert fresh is not learner
    assert (fresh._state.lane_rate < lane_rate).all()
    assert not fresh._state.far_count.any()


def test_seconds_that_no_answer_came_for_are_learnt_from_when_they_come_along() -> None:
    told, brought = site(), site()
    seconds = [call(n, 100.0 + n, since_s=99.0) for n in range(5)]
    for second in seconds:
        last = ask(told, second)
    ask(brought, seconds[0])
    missed = [{name: second[name] for name in ("time_s", "signal", "loops")} for second in seconds[1:4]]
    answer = ask(brought, {**seconds[4], "missed": missed})
    assert not answer["alarms"]
    assert (answer["queues"], answer["command"]) == (last["queues"], last["command"])
    assert brought._mind is not None
    assert told._mind is not None
    assert brought._mind.learner.snapshot() == told._mind.learner.snapshot()


def test_a_state_that_contradicts_the_stage_is_told_and_nothing_is_commanded() -> None:
    answer = ask(site(), call(1, 100.0, shown=[{"since_s": 0.0, "state": "rG"}]))
    assert kinds(answer) == {"contradiction"}
    assert answer["command"] == "stay"


def test_two_conflicting_greens_are_told_and_nothing_is_commanded() -> None:
    answer = ask(site(), call(1, 100.0, shown=[{"since_s": 0.0, "state": "GG"}]))
    assert "unsafe-state" in kinds(answer)
    assert answer["command"] == "stay"


def test_conflicting_greens_are_told_though_the_state_is_said_to_last_since_before() -> None:
    at = site()
    assert not kinds(ask(at, call(1, 100.0, shown=[{"since_s": 99.0, "state": "Gr"}])))
    answer = ask(at, call(2, 101.0, shown=[{"since_s": 99.0, "state": "GG"}]))
    assert "unsafe-state" in kinds(answer)
    assert answer["command"] == "stay"


def test_a_change_that_was_commanded_and_not_made_is_told() -> None:
    at = site()
    assert ask(at, call(1, 100.0))["command"] == "change"
    assert kinds(ask(at, call(2, 101.0))) == {"not-followed"}


def test_a_silent_detector_is_told() -> None:
    body = call(1, 100.0)
    body["loops"]["count"][0] = -1
    assert "silent-detector" in kinds(ask(site(), body))


def test_without_time_to_solve_the_answer_comes_in_time_and_says_so() -> None:
    answer = ask(site(), call(1, 100.0, deadline_ms=0.001))
    assert kinds(answer) == {"deadline"}
    assert answer["engine"] == "last plan"
    assert answer["command"] == "stay"


def test_cp_sat_answers_as_well() -> None:
    assert ask(site(), call(1, 100.0, engine="cp-sat"))["engine"] == "cp-sat"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"signal": {"stage": "z", "previous": "a", "green_start_s": 0.0, "commanded_s": 0.0}}, "/signal/stage"),
        ({"signal": {"stage": "a", "previous": "a", "green_start_s": 900.0, "commanded_s": 0.0}}, "/signal/green_start_s"),
        ({"signal": {"stage": "a", "previous": "a", "green_start_s": 200.0, "commanded_s": 150.0}}, "/signal/commanded_s"),
        ({"shown": [{"since_s": 0.0, "state": "G"}]}, "/shown/0/state"),
        ({"shown": [{"since_s": 200.0, "state": "Gr"}]}, "/shown/0/since_s"),
        ({"loops": {"count": [1], "occupancy": [0.0], "occupied_s": [0.0], "speed_m_s": [None]}}, "/loops/count"),
        ({"loops": None}, ""),
        ({"neighbours": [{"junction": "x", "times_s": [1.0], "lanes": []}]}, "/neighbours/0"),
    ],
)
def test_a_report_that_does_not_fit_is_refused_with_its_field(change: dict[str, object], field: str) -> None:
    problem = problem_of(site(), call(1, 100.0, **change))
    assert problem.status == 422
    assert problem.errors[0][0] == field


def test_what_lies_in_the_future_or_out_of_order_is_told_with_both_times() -> None:
    now_s = 1_700_000_000.25
    late = problem_of(site(), call(1, now_s, shown=[{"since_s": now_s + 1, "state": "Gr"}]))
    assert "since 1700000001.25 s lies after the call's time, 1700000000.25 s" in late.detail
    twice = problem_of(site(), call(1, 100.0, shown=[{"since_s": 7.0, "state": "Gr"}, {"since_s": 7.0, "state": "rG"}]))
    assert "since 7 s stands behind the one since 7 s" in twice.detail


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"loops": [1]}, "/loops", "the fields count, occupancy, occupied_s, speed_m_s"),
        ({"shown": []}, "/shown", "1 or more values are expected, and there are 0"),
        ({"shown": [{"since_s": 0.0, "state": "GX"}]}, "/shown/0/state", "[ryGgsuoO]"),
        ({"signal": None}, "/signal", "the fields stage, previous, green_start_s, commanded_s"),
        ({"time_s": math.nan}, "/time_s", "neither NaN nor infinity"),
        ({"sequence": 1.5}, "/sequence", "a whole number"),
        ({"sequence": -1}, "/sequence", "give 0 or more"),
        ({"sequence": 2**53}, "/sequence", "less than 9007199254740992"),
        ({"engine": "steam"}, "/engine", "give 'search' or 'cp-sat'"),
        ({"begin_anew": 1}, "/begin_anew", "true or false"),
        ({"colour": "red"}, "/colour", "no such field"),
        ({"neighbours": {}}, "/neighbours", "an array"),
        ({"neighbours": [{}] * 101}, "/neighbours", "100 values at most"),
        ({"neighbours": [{"junction": "", "times_s": [], "lanes": []}]}, "/neighbours/0/junction", "1 characters or more"),
        ({"neighbours": [{"junction": "x", "times_s": [], "lanes": [], "standing": []}]}, "/neighbours/0/standing", "an object"),
    ],
)
def test_a_call_of_the_wrong_form_is_told_what_is_expected_there(change: dict[str, object], field: str, words: str) -> None:
    problem = problem_of(site(), {**call(1, 100.0), **change})
    assert (problem.status, problem.kind, problem.errors[0][0]) == (422, "invalid", field)
    assert words in problem.errors[0][1]
    assert problem.detail.startswith(f"{field}: {problem.errors[0][1]}")


def test_what_was_learnt_survives_and_decides_alike() -> None:
    at = site()
    for n in range(4):
        ask(at, call(n, 90.0 + n, since_s=89.0))
    snapshot = at.snapshot()
    assert snapshot is not None
    after = site()
    after.restore(snapshot)
    assert after.snapshot() == snapshot
    same = call(9, 94.0, since_s=89.0)
    ours, theirs = ask(at, same), ask(after, same)
    for answer in (ours, theirs):
        answer.pop("solve_s")
    assert ours == theirs


def test_the_maximum_red_is_remembered_over_a_restart() -> None:
    # Nobody waits at b, so only its maximum red of 300 s brings its green; it has been red since 0 s.
    def quiet(sequence: int, time_s: float) -> dict[str, object]:
        body = call(sequence, time_s)
        body["loops"] = {"count": [0, 0], "occupancy": [0.0, 0.0], "occupied_s": [0.0, 0.0], "speed_m_s": [None, None]}
        return body

    def endless() -> JunctionSite:
        description = small_junction()
        stages = [stage.model_copy(update={"maximum_green_s": 9000.0}) for stage in description.stages]
        return JunctionSite(description.model_copy(update={"stages": stages}))

    at = endless()
    assert ask(at, quiet(1, 1.0))["command"] == "stay"
    for step in range(1, 3):
        ask(at, quiet(1 + step, 1.0 + 100 * step))
    snapshot = at.snapshot()
    assert snapshot is not None
    after = endless()
    after.restore(snapshot)
    answer = ask(after, quiet(9, 296.0))
    # The planner itself thinks of it. Without the memory it would be as if red had just begun, and only the monitor would object.
    assert (answer["command"], answer["stage"], answer["refusal"]) == ("change", "b", None)
    assert ask(endless(), quiet(9, 296.0))["refusal"]["rule"] == "maximum red"


@pytest.mark.parametrize("spoilt", [b"", b"{}", b'{"format":1,"description":"other"}', b"\xff\x00"])
def test_a_snapshot_of_anything_else_is_left_out(spoilt: bytes) -> None:
    at = site()
    with pytest.raises(SnapshotError):
        at.restore(spoilt)
    assert ask(at, call(1, 100.0))["command"] == "change"
