from __future__ import annotations

import itertools
import math
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.benchmarks.design_instances import demand, four_arms, junction, random_flows
from optimizer.design import delay
from optimizer.design.compatibility import least_lost_s, maximal_cliques
from optimizer.design.cycle_search import JunctionSearch
from optimizer.design.designing import design
from optimizer.design.errors import DesignError
from optimizer.design.group_based import GroupBased
from optimizer.design.performance import weighted_delay_veh
from optimizer.design.plan_check import plan_violations
from optimizer.design.result import Objective
from optimizer.design.schedule import frame
from optimizer.horizon.solution import SolutionStatus
from optimizer.intersection import Direction, GroupKind, SignalGroup
from tests.design.hcm import design_problem
from tests.design.junctions import crossing

SATURATION_H = 1900.0


def delayed_veh(cycle_s: int, greens_s: tuple[int, ...], flows_h: tuple[float, ...]) -> float:
    """Delay by the HCM, vehicle-hours per hour; shown and effective greens are equal with the HCM's parameters."""
    return (
        sum(flow * delay.control_delay_s(cycle_s, green, flow, SATURATION_H) for green, flow in zip(greens_s, flows_h, strict=True)) / 3600
    )


@pytest.mark.parametrize("flows_h", [(700.0, 500.0), (900.0, 150.0), (300.0, 300.0)])
@pytest.mark.parametrize("way", ["groups", "stages"])
def test_a_crossing_gets_the_best_of_all_cycles_and_greens(flows_h: tuple[float, float], way: str) -> None:
    place = crossing()
    result = design(design_problem(place, demand(place, flows_h), cycle_s=(30, 90)), way=way)
    # All plans: whole cycles of 30 to 90 s, 2 · 5 s lost, the rest shared out.
    best = min(delayed_veh(cycle, (g, cycle - 10 - g), flows_h) for cycle in range(30, 91) for g in range(5, cycle - 14))
    assert result.status is SolutionStatus.OPTIMAL
    assert result.cost == pytest.approx(best, abs=1e-4)
    assert result.bound <= result.cost


def test_the_order_of_three_streams_is_the_one_that_loses_least_time() -> None:
    groups = [SignalGroup(name, GroupKind.VEHICLE, (i,)) for i, name in enumerate("abc")]
    # a → b → c → a loses 4 + 4 + 4 = 12 s, the other way round a → c → b → a 9 + 9 + 9 = 27 s.
    gaps = {(0, 1): 4, (1, 2): 4, (2, 0): 4, (0, 2): 9, (2, 1): 9, (1, 0): 9}
    place = junction(groups, [(0, 1), (1, 2), (0, 2)], [(f"{i}", {i: Direction.STRAIGHT}) for i in range(3)], gaps)
    flows_h = (400.0, 300.0, 350.0)
    result = design(design_problem(place, demand(place, flows_h), cycle_s=(60, 60)))
    best = min(delayed_veh(60, (a, b, 48 - a - b), flows_h) for a in range(5, 39) for b in range(5, 44 - a))
    assert result.cost == pytest.approx(best, abs=1e-4)
    starts = [windows[0].start_s for windows in result.plan.greens]
    assert (starts[1] - starts[0]) % 60 < (starts[2] - starts[0]) % 60


@given(seed=st.integers(0, 10_000), total_h=st.floats(500, 4500), crossings=st.booleans(), permissive=st.booleans())
@settings(max_examples=12, deadline=None)
def test_every_designed_plan_may_be_shown(seed: int, total_h: float, crossings: bool, permissive: bool) -> None:  # noqa: FBT001
    place = four_arms(crossings=crossings, permissive_left=permissive)
    problem = design_problem(
        place, demand(place, random_flows(seed, total_h=total_h)), cycle_s=(50, 110), maximum_green_s=[60.0] * len(place.groups)
    )
    result = design(problem, relative_gap=1e-3)
    assert plan_violations(result.plan, place, problem.maximum_green_s) == ()
    assert result.bound <= result.cost


@pytest.mark.parametrize("objective", list(Objective))
def test_four_arms_are_proven_optimal_and_stages_are_never_better_than_groups(objective: Objective) -> None:
    place = four_arms()
    problem = design_problem(place, demand(place, random_flows(3)), cycle_s=(80, 90))
    free, staged = design(problem, objective), design(problem, objective, "stages")
    for result in (free, staged):
        assert result.status is SolutionStatus.OPTIMAL
        assert plan_violations(result.plan, place) == ()
    assert free.cost <= staged.cost * (1 + 1e-6)
    assert staged.stages
    assert not free.stages


def test_the_delay_that_was_minimised_is_the_delay_of_the_table() -> None:
    place = four_arms()
    result = design(design_problem(place, demand(place, random_flows(1))))
    assert weighted_delay_veh(result.performance) == pytest.approx(result.cost, abs=2e-3)


def test_the_greatest_reserve_of_a_crossing_is_that_of_the_longest_cycle() -> None:
    place = crossing()
    result = design(design_problem(place, demand(place, (600, 400)), cycle_s=(30, 100)), Objective.RESERVE)
    # 90 s of green for a flow ratio of 1000/1900: the factor is at most 0.9 · 1.9 = 1.71, at 54 and 36 s of green.
    assert result.plan.cycle_s == 100
    assert result.capacity_factor == pytest.approx(1.71)
    assert result.cost == pytest.approx(1 / 1.71, rel=1e-5)
    assert [windows[0].length_s for windows in result.plan.greens] == [54, 36]
    assert not result.overload_sentence


def test_demand_above_capacity_gets_the_least_overload_and_is_told_by_how_much() -> None:
    place = crossing()
    result = design(design_problem(place, demand(place, (1500, 1000)), cycle_s=(30, 100)), Objective.RESERVE)
    assert result.capacity_factor == pytest.approx(1.71 / 2.5)
    assert result.overloaded
    assert "by 46 %" in result.overload_sentence  # 1500 veh/h of 0.54 · 1900 = 1026


def test_a_plan_within_capacity_carries_the_small_stream_that_least_delay_would_overload() -> None:
    place = crossing()
    problem = design_problem(place, demand(place, (1582, 118)), cycle_s=(60, 100))
    free, carrying = design(problem, Objective.DELAY), design(problem, Objective.WITHIN_CAPACITY)
    assert free.overloaded
    assert not carrying.overloaded
    assert carrying.objective is Objective.DELAY
    assert free.cost < carrying.cost < 1.05 * free.cost


def test_a_plan_within_capacity_is_the_least_overload_where_nothing_carries_the_demand() -> None:
    place = crossing()
    problem = design_problem(place, demand(place, (1500, 1000)), cycle_s=(30, 100))
    result = design(problem, Objective.WITHIN_CAPACITY)
    assert result.objective is Objective.RESERVE
    assert result.capacity_factor == pytest.approx(1.71 / 2.5)


def test_doubling_the_demand_halves_the_reserve() -> None:
    place = four_arms()
    once, twice = (
        design(design_problem(place, demand(place, random_flows(2, total_h=total_h)), cycle_s=(120, 120)), Objective.RESERVE)
        for total_h in (2000, 4000)
    )
    assert once.capacity_factor == pytest.approx(2 * twice.capacity_factor, rel=1e-4)


def test_a_lane_shared_by_two_groups_goes_while_both_are_green() -> None:
    groups = [SignalGroup(name, GroupKind.VEHICLE, (i,)) for i, name in enumerate(("straight", "left", "side"))]
    lanes = [("shared", {0: Direction.STRAIGHT, 1: Direction.LEFT}), ("side_0", {2: Direction.STRAIGHT})]
    place = junction(groups, [(0, 2), (1, 2)], lanes)
    result = design(design_problem(place, demand(place, (300, 100, 300))))
    row = result.performance[0]
    both = sum(result.plan.is_green(0, s + 0.5) and result.plan.is_green(1, s + 0.5) for s in range(int(result.plan.cycle_s)))
    assert row.green_s == both > 5
    assert weighted_delay_veh(result.performance) == pytest.approx(result.cost, abs=2e-3)


def test_groups_without_conflicts_stay_green_and_those_on_request_stay_red() -> None:
    names = ("main", "side", "slip", "tram")
    groups = [SignalGroup(name, GroupKind.TRAM if name == "tram" else GroupKind.VEHICLE, (i,)) for i, name in enumerate(names)]
    lanes = [(name, {i: Direction.STRAIGHT}) for i, name in enumerate(names)]
    place = junction(groups, [(0, 1), (0, 3), (1, 3)], lanes)
    plan = design(design_problem(place, demand(place, (500, 400, 300, 0)), left_out=frozenset({3}))).plan
    assert plan.green_s(2) == plan.cycle_s
    assert plan.greens[3] == ()
    assert plan_violations(plan, place, left_out=frozenset({3})) == ()


def test_minimum_greens_that_fit_into_no_cycle_are_named() -> None:
    place = crossing(minimum_green_s=40, intergreen_s=6)
    with pytest.raises(
        DesignError, match=r"minimum greens \(80 s\) and intergreens \(12 s\) of the groups 'main', 'side' need 92 s.* 90 s at most"
    ):
        design(design_problem(place, demand(place, (500, 400)), cycle_s=(30, 90)))


def test_a_junction_without_conflicts_needs_no_plan() -> None:
    groups = [SignalGroup(name, GroupKind.VEHICLE, (i,)) for i, name in enumerate("ab")]
    place = junction(groups, [], [(name, {i: Direction.STRAIGHT}) for i, name in enumerate("ab")])
    with pytest.raises(DesignError, match="no conflicting signal groups"):
        design(design_problem(place, demand(place, (500, 400))))


def test_a_missing_count_is_named_by_its_lanes() -> None:
    place = crossing()
    with pytest.raises(DesignError, match="no count for the movement from lane 'side_0' to lane 'away'"):
        design_problem(place, demand(place, (500, float("nan"))))
    with pytest.raises(DesignError, match="-5 is no flow"):
        design_problem(place, demand(place, (500, -5)))
    with pytest.raises(DesignError, match="2 movements and 2 groups, but the demand gives 1 and 2"):
        design_problem(place, demand(place, (500,)))


def test_bounds_that_contradict_each_other_are_refused() -> None:
    place = crossing()
    with pytest.raises(DesignError, match="0 < shortest <= longest"):
        design_problem(place, demand(place, (5, 5)), cycle_s=(90, 60))
    with pytest.raises(DesignError, match="maximum green of group 'main', 4 s, is below its minimum of 5 s"):
        design_problem(place, demand(place, (5, 5)), maximum_green_s=[4, 50])
    with pytest.raises(DesignError, match="left out of the plan but has traffic on 'side_0'"):
        design_problem(place, demand(place, (5, 5)), left_out=frozenset({1}))
    with pytest.raises(DesignError, match="no saturation flow of lane 'main_0'"):
        design_problem(place, demand(place, (5, 5)), saturation_h={"main_0": 0})


def test_the_check_finds_each_kind_of_mistake() -> None:
    place = crossing()
    plan = design(design_problem(place, demand(place, (500, 400)), cycle_s=(60, 60))).plan
    main, side = (windows[0] for windows in plan.greens)
    spoilt = {
        "conflict": (replace(side, start_s=(main.start_s + 3) % 60), main),
        "intergreen": (replace(side, start_s=(side.start_s - 1) % 60), main),
        "minimum green": (replace(side, length_s=4.0), main),
        "maximum red": (None, main),
        "maximum green": (side, main),
    }
    for rule, (window, other) in spoilt.items():
        broken = replace(plan, greens=((other,), () if window is None else (window,)))
        longest_s = [main.length_s - 1, 60.0] if rule == "maximum green" else None
        assert {str(violation.rule) for violation in plan_violations(broken, place, longest_s)} == {rule}
    assert plan_violations(replace(plan, greens=plan.greens[:1]), place)


@pytest.mark.parametrize("seed", range(2))
def test_sixteen_groups_are_proven_optimal(seed: int) -> None:
    place = four_arms(crossings=True)
    result = design(design_problem(place, demand(place, random_flows(seed, total_h=2200))))
    assert result.status is SolutionStatus.OPTIMAL
    assert plan_violations(result.plan, place) == ()


def test_every_order_of_a_clique_is_weighed_for_its_least_lost_time() -> None:
    lost = ((0, 3, 7, 2), (5, 0, 4, 6), (1, 8, 0, 3), (4, 2, 6, 0))
    every = (sum(lost[a][b] for a, b in itertools.pairwise((0, *order, 0))) for order in itertools.permutations((1, 2, 3)))
    assert least_lost_s(lost, (0, 1, 2, 3)) == min(every)
    triangle = [frozenset({1, 2}), frozenset({0, 2}), frozenset({0, 1, 3}), frozenset({2})]
    assert maximal_cliques(triangle, frozenset(range(4))) == [(0, 1, 2), (2, 3)]


@given(seed=st.integers(0, 10_000), cycle_s=st.integers(45, 110), factor=st.sampled_from([0.0, 0.8]))
@settings(max_examples=15, deadline=None)
def test_no_schedule_beats_its_bound_at_any_prices(seed: int, cycle_s: int, factor: float) -> None:
    groups = [SignalGroup(name, GroupKind.VEHICLE, (i,)) for i, name in enumerate(("ahead", "left", "side", "walk", "back"))]
    lanes = [
        ("shared", {0: Direction.STRAIGHT, 1: Direction.LEFT}),
        ("side_0", {2: Direction.STRAIGHT}),
        ("back_0", {4: Direction.STRAIGHT}),
    ]
    # The shared lane conflicts with all that either of its groups conflicts with.
    place = junction(groups, [(0, 2), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4)], lanes, 4)
    rng = np.random.default_rng(seed)
    problem = design_problem(place, demand(place, [float(flow) for flow in rng.uniform(50, 500, 4)]), cycle_s=(cycle_s, cycle_s))
    data = frame(problem)
    search = JunctionSearch(data, GroupBased(data), [stream.saturation_h for stream in problem.streams], 0.0, time.perf_counter() + 60)
    costs, least = search.costs(cycle_s), search.at_least_s(cycle_s, factor)
    bound = search.bound(cycle_s, costs, least)
    sharp = bound.at_prices(bound.best_prices())
    schedule = search.solve(cycle_s, costs, least, math.inf)
    assert schedule is None or math.isfinite(sharp)
    for prices in (bound.best_prices(), rng.uniform(0, 1e5, len(data.cliques))):
        assert schedule is None or bound.at_prices(prices) <= schedule.cost + 1e-3
