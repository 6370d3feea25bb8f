from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.benchmarks.design_instances import four_arms
from optimizer.design.band_geometry import offset_room, through_band
from optimizer.design.coordination import CoordinatedJunction, _chosen, coordinate, coordinated_groups
from optimizer.design.demand import JunctionDemand
from optimizer.design.errors import DesignError
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.design.platoons import dispersed, lag_and_smoothing
from optimizer.design.problem import design_problem
from optimizer.neighbours import Link
from tests.design.junctions import crossing

CYCLE_S = 60
TRAVEL_S = 20.0


def test_robertsons_factors_for_twenty_seconds_are_a_lag_of_16_s_and_0_1515() -> None:
    lag, smoothing = lag_and_smoothing(20)
    assert lag == 16
    assert smoothing == pytest.approx(0.1515, abs=5e-5)


@given(profile=st.lists(st.floats(0, 5), min_size=20, max_size=90), travel=st.floats(1, 120))
def test_a_platoon_keeps_its_vehicles(profile: list[float], travel: float) -> None:
    assert dispersed(np.array(profile), travel).sum() == pytest.approx(sum(profile), abs=1e-9)


def test_one_vehicle_arrives_over_a_falling_geometric_series_after_the_lag() -> None:
    # q'(t) = F q(t - 16) + (1 - F) q'(t - 1): F, F (1-F), F (1-F)^2, ... from cell 16 on; after 400 s nothing is left.
    profile = np.zeros(400)
    profile[0] = 1.0
    arriving = dispersed(profile, 20)
    smoothing = 1 / (1 + 0.35 * 16)
    assert arriving[:16] == pytest.approx(0, abs=1e-9)
    assert arriving[16:60] == pytest.approx([smoothing * (1 - smoothing) ** i for i in range(44)], rel=1e-6)


def pair(flow_h: float = 600) -> tuple[dict[str, CoordinatedJunction], list[Link]]:
    """Two crossings on a one-way road: 25 of 60 s of green each, the second one reached after 20 s."""
    place = crossing()
    demand = JunctionDemand((flow_h, 100.0), (0.0, 0.0))
    greens = ((GreenWindow(0, 25),), (GreenWindow(30, 25),))
    problem = design_problem(place, demand)
    member = CoordinatedJunction(problem, SignalPlan("junction", CYCLE_S, 0, greens), demand)
    return {"first": member, "second": member}, [Link("first", 0, "second", (0,), 280.0, TRAVEL_S)]


def test_the_platoon_of_one_signal_meets_the_green_of_the_next() -> None:
    junctions, links = pair()
    found = coordinate(junctions, links)
    late_s = (found.offset_s["second"] - found.offset_s["first"]) % CYCLE_S
    # The head takes 0.8 · 20 = 16 s, the mean vehicle 20 s; the queue of the few that came in red is to be gone before.
    assert 8 <= late_s <= 20
    assert found.delay_veh < 0.5 * found.uncoordinated_veh


def test_the_busiest_group_of_each_fed_approach_is_coordinated_unless_it_conflicts_with_a_busier_one() -> None:
    place = four_arms()
    place = replace(place, incoming=tuple(replace(lane, approach=lane.id.split("_")[0]) for lane in place.incoming))
    # Straight 100 to 103 an hour from the north, east, south and west; left turns 50 from each.
    demand = JunctionDemand((100.0, 101.0, 102.0, 103.0, 50.0, 50.0, 50.0, 50.0), (0.0,) * 8)
    chosen = coordinated_groups(place, demand, range(8))
    # West is the busiest, east goes with it, and both conflict with north and south.
    assert [place.groups[g].id for g in chosen] == ["west straight", "east straight"]
    # Where only the left lane from the south is fed, its turn carries the coordination.
    assert coordinated_groups(place, demand, [6]) == (6,)
    assert coordinated_groups(place, demand, []) == ()


def test_offsets_stay_in_their_rooms() -> None:
    junctions, links = pair()
    free = coordinate(junctions, links)
    held = coordinate(junctions, links, {"first": (0, 0), "second": (40, 45)})
    assert held.offset_s["first"] == 0
    assert 40 <= held.offset_s["second"] <= 45
    assert held.delay_veh > free.delay_veh
    wrapped = coordinate(junctions, links, {"first": (0, 0), "second": (-5, 30)})
    assert wrapped.delay_veh == pytest.approx(free.delay_veh)


@given(seed=st.integers(0, 1000))
def test_the_chosen_offsets_have_the_least_sum_over_a_ring(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names, cells = ("a", "b", "c"), 6
    tables = {way: rng.uniform(0, 10, cells).round(2) for way in (("a", "b"), ("b", "c"), ("c", "a"))}

    def cost(offset: dict[str, int]) -> float:
        return float(sum(table[(offset[x] - offset[y]) % cells] for (x, y), table in tables.items()))

    best = min(cost(dict(zip(names, (0, *rest), strict=True))) for rest in itertools.product(range(cells), repeat=2))
    assert cost(_chosen(names, tables, cells, None, {})) == pytest.approx(best)


def test_junctions_with_different_cycles_are_refused() -> None:
    junctions, links = pair()
    other = CoordinatedJunction(
        junctions["second"].problem, SignalPlan("junction", 70, 0, junctions["second"].plan.greens), junctions["second"].demand
    )
    with pytest.raises(DesignError, match="one common cycle"):
        coordinate(junctions | {"second": other}, links)


@given(
    start=st.floats(0, 60),
    length=st.floats(15, 50),
    wait=st.floats(0, 10),
    other_start=st.floats(0, 60),
    other_wait=st.floats(0, 10),
    share=st.floats(0, 1),
)
def test_a_signal_shifted_within_its_room_leaves_both_bands_open(
    start: float, length: float, wait: float, other_start: float, other_wait: float, share: float
) -> None:
    width = length - max(wait, other_wait)
    green, other_green = (start, length), (other_start, length)
    band, other_band = ((start + wait) % 60, width), ((other_start + other_wait) % 60, width)
    earliest, latest = offset_room(green, band, other_green, other_band, 60)
    assert earliest <= 0 <= latest
    shift = earliest + share * (latest - earliest)
    for (begin, long), (front, wide) in ((green, band), (other_green, other_band)):
        # The band as a signal of its own: red but for its width. What both leave open is the whole band.
        centers = [((begin + shift + long + (60 - long) / 2) % 60) / 60, ((front + wide + (60 - wide) / 2) % 60) / 60]
        assert through_band(centers, [1 - long / 60, 1 - wide / 60], [0.0], [0.0, 0.0])[1] * 60 >= wide - 1e-6


def test_a_signal_without_room_is_not_shifted() -> None:
    assert offset_room((0, 20), (0, 20), (30, 20), (30, 20), 60) == (0, 0)
    assert offset_room((0, 20), (5, 10), (30, 20), (32, 18), 60) == (0, 2)
    assert math.isclose(offset_room((50, 20), (55, 5), (0, 60), (0, 10), 60)[1], 0)
