"""Two junctions on a line: what the first one lets go arrives at the second one at the right second, and is counted once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.estimation.kinematics import FOLLOWING_S
from optimizer.estimation.traffic import ExpectedTraffic
from optimizer.horizon import search
from optimizer.horizon.parameters import HorizonParameters
from optimizer.horizon.problem import PROTECTED, RED
from optimizer.intersection import Aspect, Direction, GroupKind, Intersection, Lane, Movement, SignalGroup, Stage
from optimizer.neighbours import MOST_DEPARTURES, Departures, Link, NeighbourTraffic, no_departures
from tests.horizon.problems import make_problem, make_signals

LINK = Link("first", 0, "second", (0,), distance_m=300.0, travel_time_s=20.0)
"""300 m at 15 m/s."""

ZONE_M = 200.0
MAIN, SIDE = 0, 1


def junction(name: str) -> Intersection:
    """Return a crossing of two one-way streets: main (lane 0 to lane 0) and side (lane 1 to lane 1), each with its own stage."""
    lanes = tuple(Lane(f"{name}-{road}", 300.0, 15.0, 300.0, road) for road in ("main", "side"))
    return Intersection(
        id=name,
        incoming=lanes,
        outgoing=lanes,
        groups=tuple(SignalGroup(road, GroupKind.VEHICLE, (k,)) for k, road in enumerate(("main", "side"))),
        movements=tuple(Movement(k, k, k, Direction.STRAIGHT, 15.0) for k in (MAIN, SIDE)),
        stages=(Stage("main", (Aspect.PROTECTED, Aspect.RED)), Stage("side", (Aspect.RED, Aspect.PROTECTED))),
        conflicts=(frozenset({SIDE}), frozenset({MAIN})),
        yields_to=(frozenset(), frozenset()),
        intergreen_s=((0.0, 4.0), (4.0, 0.0)),
        signal_count=2,
    )


def traffic(
    main_s: list[float],
    side_s: list[float] = [],  # noqa: B006 - only read
    *,
    moving: bool = False,
    flow_veh_s: tuple[float, float] = (0.0, 0.0),
) -> ExpectedTraffic:
    count = len(main_s) + len(side_s)
    return ExpectedTraffic(
        lane_start=np.array([0, len(main_s), count]),
        arrival_s=np.array([*main_s, *side_s], dtype=np.float64),
        movement=np.array([MAIN] * len(main_s) + [SIDE] * len(side_s), dtype=np.int64),
        moving=np.full(count, moving),
        weight=np.ones(count),
        lane_free_s=np.zeros(2),
        room_veh=np.full(2, 40.0),
        inside=np.zeros(2, dtype=np.bool_),
        queued_s=np.zeros(2),
        flow_veh_s=np.array(flow_veh_s),
    )


def neighbour(name: str, record: Departures, links: tuple[Link, ...] = (LINK,), **parameters: float) -> NeighbourTraffic:
    rows = {"first": 0, "second": 1}
    return NeighbourTraffic(junction(name), links, record, rows, [ZONE_M, ZONE_M], HorizonParameters(**parameters))


def departures(times_s: list[float], outgoing: list[int]) -> Departures:
    sent = no_departures(2)
    sent.time_s[0, : len(times_s)] = times_s
    sent.outgoing[0, : len(times_s)] = outgoing
    sent.number[0] = len(times_s)
    return sent


def nowhere(vehicles: int) -> np.ndarray:
    """Return that so many vehicles drive onto no inner lane."""
    return np.full((vehicles, 2), -1)


def test_a_queue_that_starts_now_arrives_one_headway_apart_after_the_travel_time() -> None:
    # Four vehicles stand at the stop line of the main street, which is green: they leave at 0, 1.9, 3.8 and 5.7 s and need
    # 300 m / (15 m/s) = 20 s, and 2 s more because they start from rest.
    signals = make_signals([[PROTECTED, RED], [RED, PROTECTED]])
    problem = make_problem(signals, [[(0.0, MAIN)] * 4, []], green_start_s=-50.0)
    sent = no_departures(2)
    plan = search.solve(problem)
    neighbour("first", sent).record(100.0, traffic([0.0] * 4), problem.lane_start, plan.departure_ds, plan.onward_ds)
    expected = neighbour("second", sent).expect(100.0, traffic([]))
    assert expected.arrival_s == pytest.approx([22.0, 23.9, 25.8, 27.7])
    assert expected.movement.tolist() == [MAIN] * 4
    assert expected.moving.all()
    assert expected.lane_start.tolist() == [0, 4, 4]


def test_vehicles_that_the_problem_left_out_do_not_shift_the_others() -> None:
    # The third vehicle of the main street is due after the horizon, so the side street's vehicle moves up in the problem. The last lane
    # of the problem, a crossing for people on foot, is none of the traffic.
    sent = no_departures(2)
    seen = traffic([0.0, 5.0, 70.0], [1.0])
    neighbour("first", sent).record(0.0, seen, np.array([0, 2, 3, 4]), np.array([0, 50, 10, 7]), nowhere(4))
    assert sent.time_s[0, : sent.number[0]].tolist() == [0.0, 1.0, 5.0]
    assert sent.outgoing[0, : sent.number[0]].tolist() == [MAIN, SIDE, MAIN]


@pytest.mark.parametrize(("now_s", "remembered"), [(0.5, True), (6.5, True), (7.0, False)])
def test_a_vehicle_on_its_way_is_remembered_until_the_junction_may_see_it(now_s: float, remembered: bool) -> None:  # noqa: FBT001
    # It left at 0. Without loss at the start it arrives at 20, and the last 200 of 300 m take 200/15 = 13.3 s: from 6.7 s on the
    # junction may see it, and must not count it twice.
    sent = departures([0.0], [MAIN])
    expected = neighbour("second", sent).expect(now_s, traffic([]))
    assert (expected.arrival_s.size == 1) is remembered


def test_another_lane_s_departures_do_not_arrive() -> None:
    sent = departures([1.0, 2.0], [SIDE, MAIN])
    expected = neighbour("second", sent).expect(0.0, traffic([]))
    assert expected.arrival_s == pytest.approx([24.0])


def test_arrivals_come_behind_the_vehicles_in_sight() -> None:
    sent = departures([0.0], [MAIN])
    expected = neighbour("second", sent).expect(0.0, traffic([3.0, 30.0], [4.0]))
    assert expected.arrival_s == pytest.approx([3.0, 30.0, 30.0 + FOLLOWING_S, 4.0])
    assert expected.movement.tolist() == [MAIN, MAIN, MAIN, SIDE]


def test_a_new_plan_keeps_what_has_left_and_forgets_what_has_not() -> None:
    sent = departures([5.0, 9.5, 10.5, 30.0], [0, 1, 0, 1])
    first, one = neighbour("first", sent), (traffic([], [0.0]), np.array([0, 0, 1]), np.array([10]), nowhere(1))
    first.record(10.0, *one)
    assert sent.time_s[0, : sent.number[0]].tolist() == [5.0, 9.5, 11.0]
    assert sent.outgoing[0, : sent.number[0]].tolist() == [0, 1, 1]
    first.record(200.0, *one)
    assert sent.time_s[0, : sent.number[0]].tolist() == [201.0]


def test_a_full_record_keeps_the_earliest_departures() -> None:
    many = MOST_DEPARTURES + 5
    sent = no_departures(2)
    lanes = np.array([0, many - 1, many])
    leaves_ds = np.array([*range(10, 10 * many, 10), 0])
    neighbour("first", sent).record(0.0, traffic([0.0] * (many - 1), [0.0]), lanes, leaves_ds, nowhere(many))
    assert sent.time_s[0].tolist() == [float(k) for k in range(MOST_DEPARTURES)]
    assert sent.outgoing[0].tolist() == [SIDE] + [MAIN] * (MOST_DEPARTURES - 1)


def test_arrivals_turn_as_the_vehicles_seen_before_did() -> None:
    record = no_departures(2)
    receiver = neighbour("second", record, (Link("first", 0, "second", (0, 1), 300.0, 20.0),))
    for _ in range(2000):  # three on the main street for one on the side street
        receiver.expect(0.0, traffic([1.0, 2.0, 3.0], [1.0], moving=True))
    neighbour("first", record).record(0.0, traffic([0.0] * 40), np.array([0, 40, 40]), np.arange(0, 200, 5), nowhere(40))
    expected = receiver.expect(0.0, traffic([]))
    assert np.bincount(expected.movement).tolist() == [30, 10]


@given(
    own=st.lists(st.floats(0, 80), max_size=8).map(sorted),
    sent_s=st.lists(st.floats(-100, 60), max_size=12).map(sorted),
    horizon_s=st.floats(1, 60),
)
def test_no_vehicle_in_sight_is_lost_and_every_lane_stays_in_order(own: list[float], sent_s: list[float], horizon_s: float) -> None:
    sent = departures(sent_s, [MAIN] * len(sent_s))
    expected = neighbour("second", sent, horizon_s=horizon_s).expect(0.0, traffic(own, [7.0]))
    main = expected.arrival_s[: expected.lane_start[1]]
    assert main[: len(own)].tolist() == own
    assert (np.diff(main) >= 0).all()
    assert len(own) <= main.size <= len(own) + len(sent_s)
    assert expected.arrival_s[expected.lane_start[1] :].tolist() == [7.0]
