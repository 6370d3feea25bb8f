"""What the zone estimator makes of vehicles whose arrivals can be computed by hand, and the kinematics both estimators share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.estimation.kinematics import travel_time_s
from optimizer.estimation.zone import ZoneEstimator
from optimizer.observation import JunctionObservation, VehicleViews
from tests.estimation.one_lane import SIGNAL, one_lane

if TYPE_CHECKING:
    from optimizer.estimation.traffic import ExpectedTraffic

RED = -1.0
GREEN = 10.0

distances_m = st.floats(0.0, 500.0)
speeds_m_s = st.floats(0.0, 20.0)
shares = st.floats(0.0, 1.0)
allowed_speeds_m_s = st.floats(3.0, 35.0)


def look(estimator: ZoneEstimator, time_s: float, *vehicles: tuple[float, float], green_for_s: float = RED) -> ExpectedTraffic:
    """Show vehicles (distance, speed) on the one lane, nearest first."""
    views = VehicleViews(
        lane=np.zeros(len(vehicles), dtype=np.int64),
        movement=np.zeros(len(vehicles), dtype=np.int64),
        distance_m=np.array([distance for distance, _ in vehicles], dtype=np.float64),
        speed_m_s=np.array([speed for _, speed in vehicles], dtype=np.float64),
        length_m=np.full(len(vehicles), 5.0),
        in_junction=np.array([0, 2], dtype=np.int64),
        outgoing_vehicles=np.zeros(2, dtype=np.int64),
        outgoing_room_m=np.array([75.0, 200.0]),
    )
    return estimator.update(time_s, JunctionObservation(SIGNAL, vehicles=views), np.array([green_for_s, RED]))


def test_each_vehicle_arrives_by_its_own_kinematics_where_none_is_before_it() -> None:
    # standing at 10 m: 1 s of reaction, then s = a t^2 / 2; at 5 m/s and 100 m: 9 / 2.3 s over 171 / 4.6 m, the rest at 14 m/s;
    # at 12 m/s and 140 m, as fast as it likes: 140 / 12 s
    expected = look(ZoneEstimator(one_lane()), 0.0, (10.0, 0.0), (100.0, 5.0), (140.0, 12.0))
    own_s = [1.0 + math.sqrt(2.0 * 10.0 / 2.3), 9.0 / 2.3 + (100.0 - 171.0 / 4.6) / 14.0, 140.0 / 12.0]
    assert expected.arrival_s == pytest.approx(own_s)
    assert expected.moving.tolist() == [False, True, True]
    assert expected.lane_start.tolist() == [0, 3]


@pytest.mark.parametrize(
    ("speed_before_m_s", "arrival_s"),
    [(10.0, 100.0 / 10.0), (8.0, 4.0 / 2.3 + (100.0 - 96.0 / 4.6) / 14.0)],
    ids=["as fast as before", "still speeding up"],
)
def test_who_was_slower_a_second_ago_is_not_yet_as_fast_as_it_likes(speed_before_m_s: float, arrival_s: float) -> None:
    # at 10 of 14 m/s and 100 m: 10 s if it stays so; else 4 / 2.3 s over 96 / 4.6 m and the rest at 14 m/s
    estimator = ZoneEstimator(one_lane())
    look(estimator, 0.0, (100.0 + (10.0 + speed_before_m_s) / 2.0, speed_before_m_s))
    assert look(estimator, 1.0, (100.0, 10.0)).arrival_s == pytest.approx([arrival_s])


def test_a_follower_arrives_no_sooner_than_1_3_s_behind_the_vehicle_before_it() -> None:
    # 70 m at 14 m/s: 5 s; the next, 7 m behind, would come at 5.5 s and comes at 6.3 s; the third 7 m on at 7.6 s; the last is free
    expected = look(ZoneEstimator(one_lane()), 0.0, (70.0, 14.0), (77.0, 14.0), (84.0, 14.0), (140.0, 14.0))
    assert expected.arrival_s == pytest.approx([5.0, 6.3, 7.6, 10.0])


def test_room_and_the_inside_of_the_junction_are_taken_as_seen() -> None:
    expected = look(ZoneEstimator(one_lane()), 0.0)
    assert expected.room_veh == pytest.approx([75.0 / 7.5, 200.0 / 7.5])
    assert expected.inside.tolist() == [False, True]


def test_a_front_vehicle_that_stands_at_protected_green_blocks_its_lane_for_12_s() -> None:
    # seen for the second time 2 s of standing at green are full; at red the rest runs down second by second
    estimator = ZoneEstimator(one_lane())
    assert look(estimator, 100.0, (2.0, 0.0), green_for_s=GREEN).lane_free_s.tolist() == [0.0]
    assert look(estimator, 101.0, (2.0, 0.0), green_for_s=GREEN).lane_free_s.tolist() == [12.0]
    for passed_s in range(1, 15):
        assert look(estimator, 101.0 + passed_s, (2.0, 0.0)).lane_free_s.tolist() == [max(12.0 - passed_s, 0.0)]


def test_a_blocked_lane_is_free_as_soon_as_its_front_vehicle_moves() -> None:
    estimator = ZoneEstimator(one_lane())
    for time_s in (100.0, 101.0):
        look(estimator, time_s, (2.0, 0.0), green_for_s=GREEN)
    assert look(estimator, 102.0, (2.0, 1.0), green_for_s=GREEN).lane_free_s.tolist() == [0.0]


@pytest.mark.parametrize(
    ("vehicle", "green_for_s"),
    [((2.0, 0.0), RED), ((2.0, 0.0), 2.0), ((13.0, 0.0), GREEN), ((2.0, 1.0), GREEN)],
    ids=["red", "green of 2 s", "not at the front", "moving"],
)
def test_no_lane_is_blocked_by_a_vehicle_that_has_its_reason(vehicle: tuple[float, float], green_for_s: float) -> None:
    estimator = ZoneEstimator(one_lane())
    assert all(look(estimator, time_s, vehicle, green_for_s=green_for_s).lane_free_s[0] == 0.0 for time_s in np.arange(100.0, 110.0))


def test_an_observation_without_vehicles_is_refused() -> None:
    with pytest.raises(ValueError, match="information class 'zone'"):
        ZoneEstimator(one_lane()).update(0.0, JunctionObservation(SIGNAL), np.array([RED, RED]))


@given(distances_m, distances_m, speeds_m_s, allowed_speeds_m_s)
def test_a_longer_way_takes_more_time_at_the_speed_one_has_or_may_have(
    one_m: float, other_m: float, speed_m_s: float, allowed_m_s: float
) -> None:
    short_m, long_m = sorted((one_m, other_m))
    more_s = travel_time_s(long_m, speed_m_s, allowed_m_s) - travel_time_s(short_m, speed_m_s, allowed_m_s)
    assert more_s >= (long_m - short_m) / max(allowed_m_s, speed_m_s) - 1e-9


@given(distances_m, shares, shares, allowed_speeds_m_s, st.sampled_from([(0.0, 0.599), (0.6, 1.2)]))
def test_the_faster_of_two_that_accelerate_and_of_two_that_cruise_takes_no_more_time(
    distance_m: float, one: float, other: float, allowed_m_s: float, regime: tuple[float, float]
) -> None:
    # Between the two it may: who passes 60 % of the allowed speed is no longer taken to accelerate.
    least, most = regime
    slow_m_s, fast_m_s = sorted((least + share * (most - least)) * allowed_m_s for share in (one, other))
    assert travel_time_s(distance_m, fast_m_s, allowed_m_s) <= travel_time_s(distance_m, slow_m_s, allowed_m_s) + 1e-9


@given(st.floats(-50.0, 0.0), speeds_m_s)
def test_a_vehicle_at_or_behind_the_stop_line_needs_no_time(distance_m: float, speed_m_s: float) -> None:
    assert travel_time_s(distance_m, speed_m_s, 14.0) == 0.0


@given(every_s=st.sampled_from([4, 9, 20]), speed_m_s=st.floats(1.0, 14.0), stands_s=st.integers(0, 60))
@settings(max_examples=20, deadline=None)
def test_flows_are_those_that_pass_however_fast_they_drive_and_stand(every_s: int, speed_m_s: float, stands_s: int) -> None:
    # Vehicles come nearly evenly (they are looked at once a second), and each stands for some time within the last metres: with the
    # distance driven nobody counts twice.
    estimator = ZoneEstimator(one_lane())
    stands_m = 20.0
    arrives_s = (200.0 - stands_m) / speed_m_s
    seconds = 2400
    came_s = np.arange(0.0, seconds, every_s) + np.random.default_rng(1).uniform(0.0, 1.0, seconds // every_s + (seconds % every_s > 0))
    told = []
    for now_s in range(seconds):
        age_s = now_s - came_s[came_s <= now_s]
        far = age_s < arrives_s
        near = age_s >= arrives_s + stands_s
        distance_m = np.where(
            far, 200.0 - age_s * speed_m_s, np.where(near, stands_m - (age_s - arrives_s - stands_s) * speed_m_s, stands_m)
        )
        driven_m_s = np.where(far | near, speed_m_s, 0.0)
        there = np.flatnonzero(distance_m >= 0.0)[::-1]
        order = there[np.argsort(distance_m[there], kind="stable")]
        vehicles = zip(distance_m[order], driven_m_s[order], strict=True)
        told.append(look(estimator, float(now_s), *vehicles).flow_veh_s[0])
    assert not any(told[:40])
    assert np.mean(told[-400:]) == pytest.approx(1.0 / every_s, rel=0.08)


def test_no_flow_is_told_of_who_stands() -> None:
    estimator = ZoneEstimator(one_lane())
    for now_s in range(100):
        expected = look(estimator, float(now_s), (3.0, 0.0), (10.5, 0.0), (18.0, 0.0))
    assert expected.flow_veh_s.tolist() == [0.0]
