"""How turns spread over lanes: by hand, and what holds for all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.benchmarks.design_instances import junction
from optimizer.design.lanes import spread_over_lanes
from optimizer.design.parameters import DesignParameters
from optimizer.intersection import Direction, GroupKind, Intersection, SignalGroup


def two_lanes() -> Intersection:
    """Lane 0: right (movement 0) and straight (1); lane 1: straight (2) and left (3)."""
    groups = [SignalGroup(name, GroupKind.VEHICLE, (i,)) for i, name in enumerate(("right", "straight", "left"))]
    lanes = [("a_0", {0: Direction.RIGHT, 1: Direction.STRAIGHT}), ("a_1", {1: Direction.STRAIGHT, 2: Direction.LEFT})]
    return junction(groups, [(0, 2)], lanes)


def loads(place: Intersection, flows: tuple[float, ...]) -> list[float]:
    p = DesignParameters()
    factor = {Direction.RIGHT: p.right_factor, Direction.LEFT: p.left_factor, Direction.STRAIGHT: 1.0}
    used = [0.0] * len(place.incoming)
    for m, flow in zip(place.movements, flows, strict=True):
        used[m.incoming] += flow / (p.saturation_veh_h * factor[m.direction])
    return used


def test_a_turn_that_two_lanes_serve_levels_their_loads() -> None:
    # Without turning traffic the straight flow halves.
    assert spread_over_lanes(two_lanes(), {(0,): 0, (1, 2): 600, (3,): 0}) == pytest.approx((0, 300, 300, 0))
    # 100 right turns count as 118 vehicles, 100 left turns as 105: x + 118 = 600 - x + 105, x = 293.5.
    assert spread_over_lanes(two_lanes(), {(0,): 100, (1, 2): 600, (3,): 100}) == pytest.approx((100, 293.5, 306.5, 100))


def test_a_lane_that_is_fuller_than_the_rest_is_avoided() -> None:
    assert spread_over_lanes(two_lanes(), {(0,): 900, (1, 2): 200, (3,): 0}) == pytest.approx((900, 0, 200, 0))


@given(st.floats(0, 1500), st.floats(0, 1500), st.floats(0, 1500))
def test_no_vehicle_is_lost_and_no_lane_could_be_relieved(right: float, straight: float, left: float) -> None:
    place = two_lanes()
    flows = spread_over_lanes(place, {(0,): right, (1, 2): straight, (3,): left})
    assert flows[1] + flows[2] == pytest.approx(straight, abs=1e-6)
    assert min(flows) >= 0
    first, second = loads(place, flows)
    assert flows[1] <= 1e-6 or first <= second + 1e-6 or flows[1] == pytest.approx(0, abs=1e-6)
    assert flows[2] <= 1e-6 or second <= first + 1e-6
