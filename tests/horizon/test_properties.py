"""Properties that every answer has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.horizon import cp_sat, search
from optimizer.horizon.problem import RED, HorizonProblem
from optimizer.horizon.simulation import evaluate
from tests.horizon.problems import random_problem, random_signals, unserved_cost

seeds = st.integers(0, 2**32 - 1)


def problem_of(seed: int, *, horizon_s: float = 40.0) -> HorizonProblem:
    rng = np.random.default_rng(seed)
    signals = random_signals(rng, groups=int(rng.integers(1, 6)), stages=int(rng.integers(1, 5)), horizon_s=horizon_s)
    return random_problem(rng, signals, lanes=int(rng.integers(1, 6)), vehicles=int(rng.integers(0, 16)))


def with_vehicle_at_the_end(problem: HorizonProblem, lane: int, group: int) -> HorizonProblem:
    """Add a vehicle at the end of a lane; one that nobody has to give way to, so it can only stand in the way of those behind it: none."""
    at = int(problem.lane_start[lane + 1])
    arrival = max([int(v) for v in problem.arrival_ds[problem.lane_start[lane] : at]] + [0])
    weight = np.insert(problem.weight, at, 10)
    arrivals = np.insert(problem.arrival_ds, at, arrival)
    extra = unserved_cost(problem.signals, arrivals, weight)[at]
    return replace(
        problem,
        lane_start=problem.lane_start + (np.arange(len(problem.lane_start)) > lane),
        arrival_ds=arrivals,
        release_ds=np.insert(problem.release_ds, at, arrival),
        group=np.insert(problem.group, at, group),
        weight=weight,
        moving=np.insert(problem.moving, at, False),
        unserved_cost=np.insert(problem.unserved_cost, at, extra, axis=0),
    )


@given(seeds, st.integers(0, 10), st.integers(0, 10))
def test_adding_a_vehicle_never_lowers_the_optimal_cost(seed: int, lane: int, group: int) -> None:
    problem = problem_of(seed)
    more = with_vehicle_at_the_end(problem, lane % len(problem.lane_free_ds), group % problem.signals.service.shape[1])
    assert search.solve(more).cost >= search.solve(problem).cost


@given(seeds)
def test_the_search_costs_what_the_simulator_says(seed: int) -> None:
    problem = problem_of(seed, horizon_s=30.0)
    solution = search.solve(problem)
    seen = evaluate(problem, solution.plan)
    assert (seen.cost, seen.departure_ds.tolist()) == (solution.cost, solution.departure_ds.tolist())


@given(seeds)
def test_bounds_lie_below_costs_and_the_beam_above_the_optimum(seed: int) -> None:
    problem = problem_of(seed)
    exact = search.solve(problem)
    beam = search.solve(problem, beam_width=1, node_limit=0)
    assert cp_sat.free_flow_cost(problem) <= exact.cost <= beam.cost
    assert beam.bound <= exact.cost == exact.bound


@given(seeds)
def test_vehicles_of_a_lane_leave_in_order_a_headway_apart_and_only_at_green(seed: int) -> None:
    problem = problem_of(seed)
    solution = search.solve(problem)
    signals = problem.signals
    for lane in range(len(problem.lane_free_ds)):
        own = solution.departure_ds[problem.lane_start[lane] : problem.lane_start[lane + 1]]
        served = own[own >= 0]
        assert (own[len(served) :] < 0).all()
        assert (np.diff(served) >= problem.headway_ds[lane]).all()
    served = solution.departure_ds >= 0
    assert (solution.departure_ds[served] >= problem.release_ds[served]).all()
    assert (solution.departure_ds < signals.horizon_ds).all()
    for i in np.flatnonzero(served):
        serving = [p.stage for p in solution.plan if signals.service[p.stage, problem.group[i]] != RED]
        assert serving


@settings(max_examples=30)
@given(seeds)
def test_a_vehicle_that_is_cheaper_to_leave_than_to_serve_does_not_mislead_the_search(seed: int) -> None:
    problem = problem_of(seed, horizon_s=16.0)
    cheap = replace(problem, unserved_cost=problem.unserved_cost // 8)
    searched = search.solve(cheap)
    assert searched.bound == searched.cost == evaluate(cheap, searched.plan).cost
    worst = search.replay(cheap, searched.plan[:1]) if cheap.latest_change_ds >= cheap.signals.horizon_ds else searched
    assert searched.cost <= worst.cost
