"""On an approach of several lanes: to which lane a vehicle over an upstream loop is booked, and how late it comes from loop to loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.estimation.loop_state import fresh_state, geometry_of
from optimizer.estimation.particles import _lack, add_far, choose_lane, take_far
from optimizer.intersection import Aspect, Detector, DetectorRole, Direction, GroupKind, Intersection, Lane, Movement, SignalGroup, Stage
from tests.estimation.one_lane import FAR, NEAR, NEAR_M, SPEED_M_S, STOP, Watch

OWN_LOOPS = ((0,), (1,), (2,))
"""Each of the three lanes has a near loop of its own."""

rates = st.floats(0.1, 100.0)


def three_lanes(near: tuple[tuple[int, ...], ...]) -> Intersection:
    """Return two lanes of one approach (0 and 1) and one of another (2), with near loops that lead to the lanes given."""
    count = 3
    return Intersection(
        id="three-lanes",
        incoming=tuple(Lane(f"in {k}", 200.0, SPEED_M_S, 200.0, "one" if k < 2 else "other") for k in range(count)),
        outgoing=tuple(Lane(f"out {k}", 200.0, SPEED_M_S, 200.0) for k in range(count)),
        groups=(SignalGroup("one", GroupKind.VEHICLE, (0, 1)), SignalGroup("other", GroupKind.VEHICLE, (2,))),
        movements=tuple(Movement(k, k, k // 2, Direction.STRAIGHT, 16.0) for k in range(count)),
        stages=(Stage("one", (Aspect.PROTECTED, Aspect.RED)), Stage("other", (Aspect.RED, Aspect.PROTECTED))),
        conflicts=(frozenset({1}), frozenset({0})),
        yields_to=(frozenset(), frozenset()),
        intergreen_s=((0.0, 4.0), (4.0, 0.0)),
        detectors=tuple(Detector(f"near {lanes}", DetectorRole.NEAR, lanes, NEAR_M, SPEED_M_S) for lanes in near),
        signal_count=count,
    )


def booked(near: tuple[tuple[int, ...], ...], loop: int, lets_go: list[float], counts: list[float], vehicles: int = 8) -> list[int]:
    """Return how many of some vehicles over a loop are booked to each lane, where lanes and loops have had so many vehicles."""
    geometry = geometry_of(three_lanes(near))
    state = fresh_state(geometry)
    state.lane_rate[:] = lets_go
    state.loop_rate[:] = counts
    lanes = [choose_lane(geometry, state, loop, geometry.near) for _ in range(vehicles)]
    return np.bincount(lanes, minlength=3).tolist()


def test_where_each_loop_counts_what_its_lane_lets_go_every_vehicle_stays_on_its_lane() -> None:
    assert booked(OWN_LOOPS, 0, [5.0, 2.0, 9.0], [5.0, 2.0, 9.0]) == [8, 0, 0]
    assert booked(OWN_LOOPS, 1, [5.0, 2.0, 9.0], [5.0, 2.0, 9.0]) == [0, 8, 0]


def test_a_loop_before_the_fork_sends_to_its_lanes_by_what_these_let_go() -> None:
    # 3 of 4 leave on lane 0
    assert booked(((0, 1), (2,)), 0, [3.0, 1.0, 50.0], [4.0, 50.0]) == [6, 2, 0]


def test_what_a_lane_does_not_let_go_goes_to_the_lane_beside_it_that_has_no_loop() -> None:
    # Of 4 over the loop 3 leave on lane 0; lane 1, which begins behind it, lets 1 go.
    assert booked(((0,), (2,)), 0, [3.0, 1.0, 50.0], [4.0, 50.0]) == [6, 2, 0]


def test_vehicles_change_from_a_lane_whose_loop_counts_too_many_to_one_whose_loop_counts_too_few() -> None:
    # Lane 0 counts 8 and lets go 6, lane 1 counts 4 and lets go 6: a quarter of the 8 changes over, and none of the 4 does.
    assert booked(OWN_LOOPS, 0, [6.0, 6.0, 9.0], [8.0, 4.0, 9.0]) == [6, 2, 0]
    assert booked(OWN_LOOPS, 1, [6.0, 6.0, 9.0], [8.0, 4.0, 9.0]) == [0, 8, 0]


def test_another_approach_gets_nothing_whatever_it_lacks() -> None:
    assert booked(OWN_LOOPS, 0, [6.0, 6.0, 90.0], [8.0, 6.0, 1.0]) == [8, 0, 0]


@given(rates, rates, st.integers(1, 200))
def test_no_lane_is_ever_a_whole_vehicle_off_its_share(one: float, other: float, vehicles: int) -> None:
    # By the booking of the greatest debt: with two lanes both debts are opposite, and the one that is served owed at least half.
    counted = booked(((0, 1), (2,)), 0, [one, other, 1.0], [one + other, 1.0], vehicles)
    assert sum(counted) == vehicles
    assert abs(counted[0] - vehicles * one / (one + other)) < 1.0


@given(rates, rates, rates)
def test_the_lanes_of_a_loop_lack_together_what_they_let_go_beyond_its_count(one: float, other: float, count: float) -> None:
    geometry = geometry_of(three_lanes(((0, 1), (2,))))
    state = fresh_state(geometry)
    state.lane_rate[:2] = one, other
    state.loop_rate[0] = count
    lacks = [_lack(state, lane, geometry.near) for lane in (0, 1)]
    assert sum(lacks) == pytest.approx(max(0.0, one + other - count), abs=1e-9)
    assert lacks[0] * other == pytest.approx(lacks[1] * one)


def test_a_lane_without_an_upstream_loop_lacks_all_that_it_lets_go() -> None:
    geometry = geometry_of(three_lanes(((0,), (2,))))
    state = fresh_state(geometry)
    state.lane_rate[1] = 7.0
    assert _lack(state, 1, geometry.near) == 7.0


def test_vehicles_that_take_longer_from_loop_to_loop_are_soon_expected_later() -> None:
    # 9 s for 100 m at an allowed 14 m/s: 9 - 100/14 s late. Each one corrects what is left of that by 5 %.
    late_s = 9.0 - 100.0 / 14.0
    watch = Watch()
    for seen in range(1, 20):
        due_s = watch.second(FAR, speed_m_s=SPEED_M_S).arrival_s
        assert due_s == pytest.approx([150.0 / 14.0 + late_s * (1.0 - 0.95 ** (seen - 1))])
        for _ in range(8):
            watch.second()
        watch.second(NEAR, speed_m_s=SPEED_M_S)
        assert watch.estimator._state.far_late_s == pytest.approx([late_s * (1.0 - 0.95**seen)])
        for _ in range(3):
            watch.second()
        watch.second(STOP)


@pytest.mark.parametrize(("late_s", "learnt_s"), [(7.9, 0.05 * 7.9), (-7.9, -0.05 * 7.9), (8.0, 0.0), (-8.0, 0.0), (-11.9, 0.0)])
def test_a_vehicle_eight_seconds_off_is_taken_and_teaches_nothing(late_s: float, learnt_s: float) -> None:
    # what is so far off may well be another vehicle
    geometry = geometry_of(three_lanes(OWN_LOOPS))
    state = fresh_state(geometry)
    add_far(state, 0, 100.0, 104.0)
    take_far(geometry, state, 0, 100.0 + late_s)
    assert state.far_count.tolist() == [0, 0, 0]
    assert state.far_late_s == pytest.approx([learnt_s, learnt_s, 0.0])  # both lanes of the approach learn it, the other approach does not


@pytest.mark.parametrize(
    ("lane", "early_s", "taken"), [(0, 11.9, True), (0, 12.0, False), (1, 5.9, True), (1, 6.0, False), (2, 0.0, False)]
)
def test_a_crossing_takes_a_vehicle_of_its_own_lane_sooner_than_one_of_its_approach_and_none_of_another(
    lane: int,
    early_s: float,
    taken: bool,  # noqa: FBT001
) -> None:
    geometry = geometry_of(three_lanes(OWN_LOOPS))
    state = fresh_state(geometry)
    add_far(state, lane, 100.0, 104.0)
    take_far(geometry, state, 0, 100.0 - early_s)
    assert bool(state.far_count[lane] == 0) is taken
