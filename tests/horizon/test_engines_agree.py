"""The engines against each other, against enumeration, and against the independent simulator."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ortools.sat.python import cp_model as ortools_cp

from optimizer.horizon import cp_sat, search
from optimizer.horizon.cp_model import build_model
from optimizer.horizon.simulation import evaluate
from optimizer.horizon.solution import SolutionStatus
from tests.horizon.junctions import four_arm_problem, four_arm_signals
from tests.horizon.problems import all_plans, random_problem, random_signals

if TYPE_CHECKING:
    from optimizer.horizon.problem import HorizonProblem, SignalModel
    from optimizer.horizon.solution import HorizonSolution

ENUMERABLE = 300
AMPLE_S = 60.0


def small_signals(rng: np.random.Generator, longest_s: int) -> SignalModel:
    return random_signals(
        rng,
        groups=int(rng.integers(1, 5)),
        stages=int(rng.integers(1, 4)),
        horizon_s=float(rng.integers(8, longest_s)),
        fine_grid_until_s=float(rng.integers(2, 6)),
    )


def small_problem(seed: int, longest_s: int) -> HorizonProblem:
    rng = np.random.default_rng(seed)
    signals = small_signals(rng, longest_s)
    return random_problem(rng, signals, lanes=int(rng.integers(1, 5)), vehicles=int(rng.integers(0, 13)))


def assert_simulates(problem: HorizonProblem, solution: HorizonSolution) -> None:
    seen = evaluate(problem, solution.plan)
    assert seen.cost == solution.cost
    np.testing.assert_array_equal(seen.departure_ds, solution.departure_ds)
    np.testing.assert_array_equal(seen.onward_ds, solution.onward_ds)
    assert solution.bound <= solution.cost
    assert (solution.status is SolutionStatus.OPTIMAL) == (solution.bound == solution.cost)


def test_search_finds_the_best_of_all_plans() -> None:
    compared = 0
    for seed in range(250):
        problem = small_problem(seed, 15)
        plans = list(islice(all_plans(problem), ENUMERABLE))
        if len(plans) == ENUMERABLE:
            continue
        solution = search.solve(problem)
        assert_simulates(problem, solution)
        assert solution.status is SolutionStatus.OPTIMAL
        assert solution.cost == min(evaluate(problem, plan).cost for plan in plans), seed
        compared += 1
    assert compared >= 200


def test_cp_sat_proves_the_search_on_small_problems() -> None:
    for seed in range(1000, 1200):
        problem = small_problem(seed, 25)
        searched = search.solve(problem)
        proven = cp_sat.solve(problem, time_limit_s=AMPLE_S, slots=cp_sat.most_slots(problem))
        assert_simulates(problem, searched)
        assert_simulates(problem, proven)
        assert searched.status is proven.status is SolutionStatus.OPTIMAL
        assert searched.cost == proven.cost, seed


def test_cp_sat_proves_a_searched_hint() -> None:
    for seed in range(2000, 2100):
        problem = small_problem(seed, 25)
        searched = search.solve(problem)
        proven = cp_sat.solve(problem, hint=searched, time_limit_s=AMPLE_S, slots=cp_sat.most_slots(problem))
        assert (proven.cost, proven.bound) == (searched.cost, searched.cost), seed


@pytest.mark.parametrize("free_slots", [3, 99])
def test_a_hint_fulfils_the_whole_constraint_model_at_its_own_cost(free_slots: int) -> None:
    for seed in range(3000, 3060):
        problem = small_problem(seed, 30)
        hint = search.solve(problem, beam_width=1, node_limit=0)
        model, _ = build_model(problem, hint, len(hint.plan) + 1, free_slots)
        solver = ortools_cp.CpSolver()
        solver.parameters.fix_variables_to_their_hinted_value = True
        assert solver.solve(model) == ortools_cp.OPTIMAL, seed
        assert solver.objective_value == hint.cost, seed


def test_cp_sat_agrees_on_real_junctions_when_the_hint_is_the_optimum() -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        problem = four_arm_problem(rng, four_arm_signals(rng))
        searched = search.solve(problem)
        answer = cp_sat.solve(problem, hint=searched)
        assert answer.cost == searched.cost
        assert answer.bound <= searched.cost


def test_the_search_simulates_and_is_proven_on_real_junctions() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        problem = four_arm_problem(rng, four_arm_signals(rng))
        beam = search.solve(problem, node_limit=0)
        solution = search.solve(problem, node_limit=50_000)
        if seed < 10:
            assert_simulates(problem, beam)
            assert_simulates(problem, solution)
        assert solution.status is SolutionStatus.OPTIMAL
        assert beam.bound <= solution.cost <= beam.cost


def test_a_node_limit_leaves_an_honest_bound() -> None:
    cut = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        problem = four_arm_problem(rng, four_arm_signals(rng))
        best = search.solve(problem, node_limit=50_000)
        limited = search.solve(problem, beam_width=1, node_limit=60)
        assert limited.bound <= best.cost <= limited.cost
        cut += limited.status is SolutionStatus.FEASIBLE
    assert cut > 0


def test_equal_problems_get_equal_answers() -> None:
    rng = np.random.default_rng(5)
    problem = four_arm_problem(rng, four_arm_signals(rng))
    first, second = search.solve(problem), search.solve(problem)
    assert (first.plan, first.cost, first.bound) == (second.plan, second.cost, second.bound)


def test_a_hint_longer_than_the_slots_is_refused() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        problem = four_arm_problem(rng, four_arm_signals(rng))
        hint = search.solve(problem)
        if len(hint.plan) > 2:
            with pytest.raises(ValueError, match="only 2 slots"):
                cp_sat.solve(problem, hint=hint, slots=2)
            return
    pytest.fail("no plan of more than two stages")


def test_no_time_at_all_still_gives_the_hint() -> None:
    rng = np.random.default_rng(3)
    problem = four_arm_problem(rng, four_arm_signals(rng))
    hint = search.solve(problem)
    answer = cp_sat.solve(problem, hint=hint, time_limit_s=0.0)
    assert (answer.plan, answer.cost, answer.engine) == (hint.plan, hint.cost, "cp-sat")
    assert answer.bound <= hint.cost
