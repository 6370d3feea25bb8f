from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from experiments.benchmarks.design_instances import demand, four_arms, random_flows
from optimizer.design.common_cycle import design_together
from optimizer.design.designing import design
from optimizer.design.errors import DesignError
from optimizer.design.plan_check import plan_violations
from optimizer.design.result import Objective
from optimizer.horizon.solution import SolutionStatus
from tests.design.hcm import design_problem
from tests.design.junctions import crossing

if TYPE_CHECKING:
    from optimizer.design.problem import DesignProblem


def busy_and_quiet() -> list[DesignProblem]:
    busy, quiet = four_arms(), crossing()
    return [
        design_problem(busy, demand(busy, random_flows(0, total_h=2200)), cycle_s=(40, 100)),
        design_problem(quiet, demand(quiet, (400, 200)), cycle_s=(30, 120)),
    ]


def test_the_common_cycle_is_the_best_of_all_that_each_junction_could_be_given() -> None:
    problems = busy_and_quiet()
    common = design_together(problems, relative_gap=0.0)
    alone = {
        cycle: sum(design(replace(p, shortest_cycle_s=cycle, longest_cycle_s=cycle), Objective.DELAY).cost for p in problems)
        for cycle in (int(common.cycle_s) + step for step in (-20, -5, -1, 0, 1, 5, 10))
    }
    assert alone[int(common.cycle_s)] == min(alone.values()) == pytest.approx(common.cost)
    assert common.status is SolutionStatus.OPTIMAL
    assert len({result.plan.cycle_s for result in common.results}) == 1
    assert all(plan_violations(result.plan, result.problem.junction) == () for result in common.results)


def test_a_common_cycle_is_never_better_than_each_its_own() -> None:
    problems = busy_and_quiet()
    assert design_together(problems).cost >= sum(design(problem).cost for problem in problems) * (1 - 1e-6)


def test_the_common_cycle_lets_every_junction_carry_its_demand_where_one_can() -> None:
    busy, quiet = four_arms(), crossing()
    problems = [
        design_problem(busy, demand(busy, random_flows(0, total_h=2600)), cycle_s=(50, 120)),
        design_problem(quiet, demand(quiet, (1200, 350)), cycle_s=(50, 120)),
    ]
    common = design_together(problems)
    assert min(result.capacity_factor for result in common.results) >= 1


def test_junctions_whose_cycles_do_not_meet_are_named() -> None:
    busy, quiet = busy_and_quiet()
    slow = replace(busy, shortest_cycle_s=90)
    fast = replace(quiet, longest_cycle_s=60, junction=replace(quiet.junction, id="corner"))
    with pytest.raises(DesignError, match="'junction' needs a cycle of 90 s at least, but junction 'corner' allows 60 s at most"):
        design_together([slow, fast])
    with pytest.raises(DesignError, match="no junction"):
        design_together([])
