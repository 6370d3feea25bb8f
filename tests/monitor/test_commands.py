"""What the monitor says to a command."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from optimizer.decision import Decision
from optimizer.intersection import Aspect, GroupKind
from optimizer.monitor import Monitor, Rule, Verdict
from optimizer.observation import SignalStatus

if TYPE_CHECKING:
    from optimizer.intersection import Intersection

THROUGH, SIDE, LEFT = 0, 1, 2


def green(stage: int, since_s: float = 0.0) -> SignalStatus:
    return SignalStatus(stage=stage, previous=stage, green_start_s=since_s, commanded_s=since_s)


@pytest.fixture
def monitor(crossing: Intersection) -> Monitor:
    """It has seen the main road turn green at 0 s (side road red since then)."""
    watching = Monitor(crossing)
    watching.watch(0, "GGrGgr")
    return watching


def test_staying_and_a_timely_change_pass_unchanged(monitor: Monitor) -> None:
    assert monitor.admit(3, Decision(THROUGH), green(THROUGH)) == Verdict(allowed=True, stage=THROUGH)
    assert monitor.admit(7, Decision(SIDE), green(THROUGH)) == Verdict(allowed=True, stage=SIDE)


def test_a_stage_index_may_be_any_whole_number_type(monitor: Monitor) -> None:
    verdict = monitor.admit(7, Decision(np.int64(SIDE)), green(THROUGH))  # type: ignore[arg-type]
    assert verdict == Verdict(allowed=True, stage=SIDE)


@pytest.mark.parametrize("stage", [3, -1, 99, None, "side", 0.5, float("nan")])
def test_an_unknown_stage_is_refused_and_the_present_one_stays(monitor: Monitor, stage: object) -> None:
    verdict = monitor.admit(20, Decision(stage), green(THROUGH))  # type: ignore[arg-type]
    assert (verdict.allowed, verdict.stage, verdict.rule) == (False, THROUGH, Rule.UNKNOWN_STAGE)
    assert "stages 0 to 2" in verdict.sentence


def test_a_change_before_the_minimum_green_of_a_closing_group_is_refused(monitor: Monitor) -> None:
    # the side road closes main (5 s) and walk (7 s)
    verdict = monitor.admit(6, Decision(SIDE), green(THROUGH))
    assert (verdict.allowed, verdict.stage, verdict.rule) == (False, THROUGH, Rule.MINIMUM_GREEN)
    assert "'walk' must stay green until 7 s" in verdict.sentence


def test_the_monitor_trusts_its_own_record_of_green_and_not_the_state_machine(monitor: Monitor) -> None:
    assert monitor.admit(6, Decision(SIDE), green(THROUGH, since_s=-100)).rule is Rule.MINIMUM_GREEN


def test_a_group_that_stays_green_does_not_hold_up_a_change(crossing: Intersection) -> None:
    monitor = Monitor(crossing)
    for time_s, state in ((0, "rrrrGr"), (9, "GGrGgr")):
        assert monitor.watch(time_s, state) == ()
    # main and walk are green since 9 s, left since 0 s: only main and walk close on the way to "left"
    assert monitor.admit(15, Decision(LEFT), green(THROUGH, 9)).rule is Rule.MINIMUM_GREEN
    assert monitor.admit(16, Decision(LEFT), green(THROUGH, 9)).allowed


def test_a_change_that_the_operator_forbids_is_refused(crossing: Intersection) -> None:
    monitor = Monitor(replace(crossing, allowed_changes=frozenset({(0, 2), (2, 1), (1, 0)})))
    monitor.watch(0, "GGrGgr")
    verdict = monitor.admit(20, Decision(SIDE), green(THROUGH))
    assert (verdict.allowed, verdict.stage, verdict.rule) == (False, THROUGH, Rule.FORBIDDEN_CHANGE)
    assert monitor.admit(20, Decision(LEFT), green(THROUGH)).allowed


def test_the_target_may_not_change_during_an_interstage(monitor: Monitor) -> None:
    running = SignalStatus(stage=SIDE, previous=THROUGH, green_start_s=28, commanded_s=20)
    verdict = monitor.admit(22, Decision(THROUGH), running)
    assert (verdict.allowed, verdict.stage, verdict.rule) == (False, SIDE, Rule.RUNNING_INTERSTAGE)
    assert monitor.admit(22, Decision(SIDE, earliest_s=31), running).allowed, "a longer all-red is the controller's right"


def test_an_all_red_may_not_be_stretched_beyond_the_maximum_red(monitor: Monitor) -> None:
    # the side road has been red since 0 s and may be so until 90 s
    running = SignalStatus(stage=SIDE, previous=THROUGH, green_start_s=28, commanded_s=20)
    assert monitor.admit(22, Decision(SIDE, earliest_s=90), running).allowed
    assert monitor.admit(22, Decision(SIDE, earliest_s=91), running).rule is Rule.MAXIMUM_RED


@pytest.mark.parametrize("time_s", [math.nan, math.inf, -math.inf, -1.0])
def test_a_command_for_no_time_or_for_the_past_is_refused(monitor: Monitor, time_s: float) -> None:
    for stage in (THROUGH, SIDE):
        verdict = monitor.admit(time_s, Decision(stage), green(THROUGH))
        assert (verdict.allowed, verdict.stage, verdict.rule) == (False, THROUGH, Rule.TIME)


@pytest.mark.parametrize(
    "decision",
    [
        Decision(SIDE, earliest_s=math.nan),
        Decision(SIDE, earliest_s=math.inf),
        Decision(SIDE, latest_s=math.nan),
        Decision(THROUGH, latest_s=math.nan),
    ],
)
def test_a_decision_whose_times_are_no_times_is_refused(monitor: Monitor, decision: Decision) -> None:
    assert monitor.admit(20, decision, green(THROUGH)).rule is Rule.TIME


def test_a_change_that_need_not_begin_yet_counts_as_staying(monitor: Monitor) -> None:
    # the interstage of 8 s would begin at 12 s, when the minimum green is over
    assert monitor.admit(4, Decision(SIDE, earliest_s=20), green(THROUGH)).allowed
    assert not monitor.admit(4, Decision(SIDE, earliest_s=12), green(THROUGH)).allowed


def test_a_maximum_green_ends_with_the_stage_that_has_waited_longest(monitor: Monitor) -> None:
    assert monitor.admit(59, Decision(THROUGH), green(THROUGH)).allowed
    verdict = monitor.admit(60, Decision(THROUGH), green(THROUGH))
    assert (verdict.allowed, verdict.stage, verdict.rule) == (False, SIDE, Rule.MAXIMUM_GREEN)
    assert monitor.admit(60, Decision(LEFT), green(THROUGH)).allowed


def test_a_maximum_green_does_not_bind_where_nobody_is_kept_waiting(crossing: Intersection) -> None:
    # a junction that can show "through" only: the side road has no stage at all
    monitor = Monitor(replace(crossing, stages=crossing.stages[:1]))
    monitor.watch(0, "GGrGgr")
    assert monitor.admit(10_000, Decision(THROUGH), green(THROUGH)).allowed


def test_a_group_is_served_before_its_maximum_red_whatever_the_controller_wants(crossing: Intersection) -> None:
    # In "through" the side road waits since 0 s, at most 90 s, and the interstage to "side" takes 8 s: from 82 s on the monitor insists.
    # By "left" it would take 0 s, 5 s of minimum green and 8 s from the end of the walk on: that is refused from 78 s on.
    monitor = Monitor(replace(crossing, stages=tuple(replace(s, maximum_green_s=300) for s in crossing.stages)))
    monitor.watch(0, "GGrGgr")
    assert monitor.admit(81, Decision(THROUGH), green(THROUGH)).allowed
    for stage in (THROUGH, LEFT):
        verdict = monitor.admit(82, Decision(stage), green(THROUGH))
        assert (verdict.allowed, verdict.stage, verdict.rule) == (False, SIDE, Rule.MAXIMUM_RED)
    assert monitor.admit(82, Decision(SIDE), green(THROUGH)).allowed


def test_the_replacement_respects_the_minimum_green_itself(crossing: Intersection) -> None:
    slow = replace(crossing.groups[0], minimum_green_s=80)
    monitor = Monitor(replace(crossing, groups=(slow, *crossing.groups[1:])))
    monitor.watch(0, "GGrGgr")
    assert monitor.admit(75, Decision(THROUGH), green(THROUGH)) == Verdict(allowed=True, stage=THROUGH)
    assert monitor.admit(75, Decision(LEFT), green(THROUGH)).stage == THROUGH
    assert monitor.admit(80, Decision(THROUGH), green(THROUGH)).stage == SIDE


def test_the_way_to_a_starving_group_may_lead_over_another_stage(crossing: Intersection) -> None:
    # From "through" to "side" only over "left": 3 s of yellow, 5 s of minimum green, 5 s of intergreen: 13 s before the 90 s are over.
    stages = tuple(replace(s, maximum_green_s=300) for s in crossing.stages)
    monitor = Monitor(replace(crossing, stages=stages, allowed_changes=frozenset({(0, 2), (2, 1), (1, 0)})))
    monitor.watch(0, "GGrGgr")
    assert monitor.admit(76, Decision(THROUGH), green(THROUGH)).allowed
    assert monitor.admit(77, Decision(THROUGH), green(THROUGH)).stage == LEFT
    assert monitor.admit(77, Decision(LEFT), green(THROUGH)).allowed


def test_a_group_that_no_stage_serves_is_not_waited_for(crossing: Intersection) -> None:
    never = replace(crossing.groups[2], id="closed", kind=GroupKind.VEHICLE, maximum_red_s=10)
    stages = tuple(replace(s, aspects=(*s.aspects[:2], Aspect.RED, s.aspects[3]), maximum_green_s=1000) for s in crossing.stages)
    monitor = Monitor(replace(crossing, groups=(*crossing.groups[:2], never, crossing.groups[3]), stages=stages))
    monitor.watch(0, "GGrrgr")
    assert monitor.admit(50, Decision(THROUGH), green(THROUGH)).allowed
    assert monitor.watch(50, "yyrryr") == ()
