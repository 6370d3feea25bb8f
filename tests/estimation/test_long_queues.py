"""Queues that one green does not clear: how long they are beyond the near loop, and for how long they have lasted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.estimation.kinematics import JAM_SPACING_M
from optimizer.estimation.lasting_queues import CLEARED_VEH, watch_queues
from optimizer.estimation.loops import LoopEstimator
from optimizer.intersection import Aspect, Detector, DetectorRole, Direction, GroupKind, Intersection, Lane, Movement, SignalGroup, Stage
from optimizer.observation import JunctionObservation, LoopReadings
from tests.estimation.one_lane import FAR, FAR_M, NEAR, NEAR_M, SIGNAL, SPEED_M_S, STOP, STOP_M, Watch

BEFORE_NEAR = int(NEAR_M / JAM_SPACING_M)
BEFORE_FAR = int((FAR_M - NEAR_M) / JAM_SPACING_M)
"""Vehicles that stand between near loop and stop line, and between far and near loop: 50 m and 100 m / 7.5 m, whole ones: 6 and 13."""


def jammed() -> Watch:
    """Return an approach on which vehicles have stood on all three loops for some seconds."""
    watch = Watch()
    watch.second(NEAR, standing_s={STOP: 9.0, NEAR: 1.0})
    watch.second(FAR, standing_s={STOP: 10.0, NEAR: 2.0, FAR: 1.0})
    for covered_s in (2.0, 3.0, 4.0):
        watch.second(standing_s={STOP: 9.0 + covered_s, NEAR: 1.0 + covered_s, FAR: covered_s})
    return watch


def test_a_far_loop_that_stays_covered_behind_a_full_lane_means_a_queue_up_to_it() -> None:
    assert len(jammed().second(standing_s={STOP: 20.0, NEAR: 6.0, FAR: 5.0}).arrival_s) == 1 + BEFORE_NEAR + BEFORE_FAR


def test_a_far_loop_that_is_stuck_on_makes_no_queue_on_an_empty_street() -> None:
    watch = Watch()
    for covered_s in range(1, 40):
        assert len(watch.second(standing_s={FAR: float(covered_s)}).arrival_s) == 0


def test_a_queue_that_moves_up_over_the_near_loop_is_not_given_up() -> None:
    # every two seconds one vehicle crosses the near loop and the stop line, so fast that no second ends with one on a loop; there is room
    # before the near loop, so that it is not the full lane that keeps those behind it
    watch = jammed()
    before = len(watch.second(STOP, STOP, STOP, standing_s={FAR: 5.0}).arrival_s)
    assert before == BEFORE_NEAR - 3 + BEFORE_FAR
    for left in range(1, 10):
        watch.second(STOP, NEAR, standing_s={FAR: 4.0 + 2 * left})
        assert len(watch.second(standing_s={FAR: 5.0 + 2 * left}).arrival_s) == before - left


def test_a_queue_beyond_a_near_loop_that_nobody_crosses_is_given_up() -> None:
    watch = jammed()
    watch.second(*[STOP] * 7)
    left = [len(watch.second().arrival_s) for _ in range(12)]
    assert left[0] >= BEFORE_FAR
    assert left[-1] == 0


def two_lanes() -> Intersection:
    """Return an approach of two lanes, each with a stop-line and a near loop of its own, and a signal for each."""
    return Intersection(
        id="two-lanes",
        incoming=tuple(Lane(f"in {k}", 200.0, SPEED_M_S, 200.0, "in") for k in range(2)),
        outgoing=tuple(Lane(f"out {k}", 200.0, SPEED_M_S, 200.0) for k in range(2)),
        groups=tuple(SignalGroup(f"group {k}", GroupKind.VEHICLE, (k,)) for k in range(2)),
        movements=tuple(Movement(k, k, k, Direction.STRAIGHT, 16.0) for k in range(2)),
        stages=(Stage("0", (Aspect.PROTECTED, Aspect.RED)), Stage("1", (Aspect.RED, Aspect.PROTECTED))),
        conflicts=(frozenset(), frozenset()),
        yields_to=(frozenset(), frozenset()),
        intergreen_s=((0.0, 0.0), (0.0, 0.0)),
        detectors=(
            *(Detector(f"stop {k}", DetectorRole.STOP_LINE, (k,), STOP_M, SPEED_M_S) for k in range(2)),
            *(Detector(f"near {k}", DetectorRole.NEAR, (k,), NEAR_M, SPEED_M_S) for k in range(2)),
        ),
        signal_count=2,
    )


def test_who_leaves_on_one_lane_is_not_taken_from_the_queue_that_waits_on_the_other() -> None:
    estimator = LoopEstimator(two_lanes())
    waiting = 4

    def second(time_s: float, crossed: list[int], standing_s: float) -> list[int]:
        covered_s = np.array([0.0, standing_s, 0.0, 0.0])
        readings = LoopReadings(np.array(crossed, dtype=np.int64), np.minimum(covered_s, 1.0), covered_s, np.full(4, math.nan))
        expected = estimator.update(time_s, JunctionObservation(SIGNAL, loops=readings), np.array([time_s, -1.0]))
        return np.diff(expected.lane_start).tolist()

    for time_s in range(1, waiting + 1):
        second(time_s, [0, 0, 0, 1], 0.0)
    second(5.0, [0, 1, 0, 0], 0.5)  # the first of lane 1 reaches its red
    for time_s in range(6, 40):
        # on lane 0 they leave without having been counted by its near loop, as after a change of lanes behind it
        there = second(time_s, [int(time_s > 15), 0, 0, 0], time_s - 4.5)
    assert there == [0, waiting]


@given(st.integers(0, 8), st.integers(1, 300))
def test_a_queue_lasts_until_it_has_cleared(vehicles: int, seconds: int) -> None:
    since_s, queued_s = np.full(1, np.inf), np.empty(1)
    for time_s in range(seconds + 1):
        watch_queues(time_s, np.array([0, vehicles]), 1.3 * np.arange(vehicles), since_s, queued_s)
    assert queued_s[0] == (seconds if vehicles > CLEARED_VEH else 0)


def test_vehicles_with_room_between_them_are_no_queue() -> None:
    # 2 s to cross the line, 1.9 s each behind its leader, and 1 s of tolerance: from 10.0 s and 12.9 s on nobody is held up
    since_s, queued_s = np.zeros(2), np.empty(2)
    watch_queues(100.0, np.array([0, 3, 6]), np.array([10.0, 12.91, 15.82, 0.0, 2.0, 12.0]), since_s, queued_s)
    assert queued_s.tolist() == [0.0, 0.0]
    since_s[:] = 0.0
    watch_queues(100.0, np.array([0, 3, 6]), np.array([10.0, 12.89, 15.7, 0.0, 2.0, 5.0]), since_s, queued_s)
    assert queued_s.tolist() == [0.0, 100.0]


def test_a_clock_that_starts_late_finds_no_queue_that_has_lasted_since_midnight() -> None:
    since_s, queued_s = np.full(1, np.inf), np.empty(1)
    watch_queues(25200.0, np.array([0, 5]), np.zeros(5), since_s, queued_s)
    assert queued_s[0] == pytest.approx(0.0)
