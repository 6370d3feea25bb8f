"""Two signals 15 m apart: who feeds the lane between them is barred while a vehicle stands there."""

from __future__ import annotations

import math

import numpy as np
import pytest

from optimizer.connectors import CONNECTOR_M, ConnectorGuard, connector_guards
from optimizer.estimation.traffic import ExpectedTraffic
from optimizer.intersection import Aspect, Direction, GroupKind, Intersection, Lane, Movement, SignalGroup, Stage

WEST, EAST = "west", "east"
ON, SIDE, TURN = range(3)
"""Stages, groups and incoming lanes of each junction alike: from outside along the street, the side street, and the lane between."""

THROUGH = 3
"""The stage that lets both ways of the street go."""

STREET, BETWEEN = 300.0, 15.0


def junction(name: str, between_m: float = BETWEEN) -> Intersection:
    """Return one of two mirrored junctions on a street.

    Each receives the street from outside (lane 0), a side street (lane 1) and the lane from the other junction (lane 2). Lane 0 leads
    onto the lane to the other one; the side street leads both there and out of the network; lane 2 leads out.
    """
    other = EAST if name == WEST else WEST

    def lane(lane_id: str, length_m: float = STREET) -> Lane:
        return Lane(lane_id, length_m, 14.0, length_m, lane_id)

    red, green = Aspect.RED, Aspect.PROTECTED
    return Intersection(
        id=name,
        incoming=(lane(f"{name}-outside"), lane(f"{name}-side"), lane(f"{other}-{name}", between_m)),
        outgoing=(lane(f"{name}-{other}", between_m), lane(f"{name}-out")),
        groups=tuple(SignalGroup(group, GroupKind.VEHICLE, (k,)) for k, group in enumerate(("on", "side", "turn"))),
        movements=(
            Movement(ON, 0, ON, Direction.STRAIGHT, 15.0),
            Movement(SIDE, 0, SIDE, Direction.LEFT, 15.0),
            Movement(SIDE, 1, SIDE, Direction.RIGHT, 15.0),
            Movement(TURN, 1, TURN, Direction.STRAIGHT, 15.0),
        ),
        stages=(
            Stage("on", (green, red, red)),
            Stage("side", (red, green, red)),
            Stage("turn", (red, red, green)),
            Stage("through", (green, red, green)),
        ),
        conflicts=(frozenset({SIDE}), frozenset({ON, TURN}), frozenset({SIDE})),
        yields_to=(frozenset(),) * 3,
        intergreen_s=((0.0, 4.0, 0.0), (4.0, 0.0, 4.0), (0.0, 4.0, 0.0)),
        signal_count=3,
    )


def traffic(*lanes: list[tuple[float, int]], moving: bool = False) -> ExpectedTraffic:
    """Return vehicles (arrival in s, movement) by incoming lane, all of them standing or all of them moving."""
    vehicles = [vehicle for lane in lanes for vehicle in lane]
    return ExpectedTraffic(
        lane_start=np.cumsum([0, *map(len, lanes)]),
        arrival_s=np.array([arrival_s for arrival_s, _ in vehicles], dtype=np.float64),
        movement=np.array([movement for _, movement in vehicles], dtype=np.int64),
        moving=np.full(len(vehicles), moving),
        weight=np.ones(len(vehicles)),
        lane_free_s=np.zeros(3),
        room_veh=np.full(2, 40.0),
        inside=np.zeros(3, dtype=np.bool_),
        queued_s=np.zeros(3),
        flow_veh_s=np.zeros(4),
    )


TO_OTHER, SIDE_TO_OTHER, SIDE_OUT, OUT = range(4)
"""The movements of a junction."""


@pytest.fixture
def guards() -> dict[str, ConnectorGuard]:
    return connector_guards({name: junction(name) for name in (WEST, EAST)})


def test_the_stages_that_feed_the_lane_between_are_barred_exactly_while_a_vehicle_stands_on_it(guards: dict[str, ConnectorGuard]) -> None:
    west, east = guards[WEST], guards[EAST]
    assert west.barred() == frozenset()
    east.report(traffic([], [], [(0.0, OUT)]))
    # Both the street and the side street of the west lead there.
    assert west.barred() == {ON, SIDE, THROUGH}
    east.report(traffic([], [], [(0.0, OUT)], moving=True))
    assert west.barred() == frozenset()
    east.report(traffic([], [], [(0.0, OUT), (1.3, OUT)]))
    assert west.barred() == {ON, SIDE, THROUGH}
    east.report(traffic([], [], []))
    assert west.barred() == frozenset()


def test_who_stands_on_the_lane_from_the_other_junction_goes_first(guards: dict[str, ConnectorGuard]) -> None:
    # The tail may stand in the west junction, where those must pass whom the east sends: it sends nobody without letting them go.
    east = guards[EAST]
    east.report(traffic([], [], [(0.0, OUT)]))
    assert east.barred() == {ON, SIDE}
    east.report(traffic([], [], [(0.0, OUT)], moving=True))
    assert east.barred() == frozenset()


def test_vehicles_that_stand_on_long_lanes_bar_nothing(guards: dict[str, ConnectorGuard]) -> None:
    guards[EAST].report(traffic([(0.0, TO_OTHER)], [(0.0, SIDE_OUT)], []))
    assert guards[WEST].barred() == guards[EAST].barred() == frozenset()


def test_where_both_ways_are_occupied_each_junction_may_still_let_its_own_lane_between_go(guards: dict[str, ConnectorGuard]) -> None:
    # The state that the guard is for. Only stage TURN empties the lane between and feeds none: it is never barred.
    for guard in guards.values():
        guard.report(traffic([], [], [(0.0, OUT)]))
    assert guards[WEST].barred() == guards[EAST].barred() == {ON, SIDE, THROUGH}


def test_the_way_out_of_a_barred_stage_is_the_one_for_which_most_vehicles_wait(guards: dict[str, ConnectorGuard]) -> None:
    # Two wait for TURN and one for SIDE; then three for SIDE. The five at the stage that is barred do not count.
    guard, barred = guards[WEST], frozenset({ON, THROUGH})
    few = traffic([(0.0, TO_OTHER)] * 5, [(0.0, SIDE_OUT)], [(0.0, OUT), (1.9, OUT)])
    assert guard.way_out(ON, barred, few) == TURN
    more = traffic([], [(0.0, SIDE_OUT), (1.9, SIDE_TO_OTHER), (2.9, SIDE_OUT)], [(0.0, OUT), (1.9, OUT)])
    assert guard.way_out(ON, barred, more) == SIDE


def test_only_who_is_due_within_3_s_waits(guards: dict[str, ConnectorGuard]) -> None:
    # three come later, one is there: that one counts
    seen = traffic([], [(3.1, SIDE_OUT), (4.4, SIDE_OUT), (5.7, SIDE_OUT)], [(3.0, OUT)])
    assert guards[WEST].way_out(ON, frozenset({ON, THROUGH}), seen) == TURN


def test_there_is_no_way_out_where_nobody_waits_for_a_stage_that_may_open(guards: dict[str, ConnectorGuard]) -> None:
    west = guards[WEST]
    assert west.way_out(ON, frozenset({ON, SIDE, THROUGH}), traffic([], [(0.0, SIDE_OUT)], [])) is None
    assert west.way_out(ON, frozenset({ON, SIDE, TURN, THROUGH}), traffic([], [], [(0.0, OUT)])) is None


def test_only_junctions_at_a_short_lane_from_signal_to_signal_have_a_guard() -> None:
    def guarded(between_m: float, *names: str) -> set[str]:
        return set(connector_guards({name: junction(name, between_m) for name in names}))

    assert guarded(BETWEEN, WEST, EAST) == {WEST, EAST}
    assert guarded(math.nextafter(CONNECTOR_M, 0.0), WEST, EAST) == {WEST, EAST}
    assert guarded(CONNECTOR_M, WEST, EAST) == set()
    assert guarded(BETWEEN, WEST) == set()  # the lane leads to no signal of ours
