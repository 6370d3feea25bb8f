"""The horizon problem solved by OR-Tools CP-SAT: the independent proof of the search, and the place for constraints that it cannot hold."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from optimizer.horizon import search
from optimizer.horizon.problem import HorizonProblem, command_grid_ds, least_green_ds
from optimizer.horizon.solution import HorizonSolution, PlannedStage, SolutionStatus

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

    from optimizer.horizon.cp_model import Slots

FREE_SLOTS = 3
"""Stages of a plan, the current one included, that are chosen anew where the number of slots is not given; the rest keep the hint's
order."""

SPARE_S = 0.015
"""Time kept for what the solver needs to stop, and for what comes after it."""

BUILDING_SHARE = 0.5
"""Share of the time limit for writing the model: with less left, a search would hardly begin, and the model must still be read."""


class Effort(NamedTuple):
    """What the solver may spend at most, counted so that every machine stops at the same place, however busy it is.

    Attributes
    ----------
    lines
        Variables and constraints of the model; where more are needed, the answer is the hint.
    work
        OR-Tools' deterministic time: one unit takes some seconds.
    """

    lines: float = math.inf
    work: float = math.inf


UNLIMITED: Final = Effort()

IN_THE_LOOP: Final = Effort(lines=1500, work=0.003)
"""For one decision: some 15 ms for writing the model and as many for solving it, so that the time limit of 50 ms hardly ever cuts. Of
294 problems of an hour of cologne3 the beam missed the best plan in three; for two of these the solver needs more than this (0.02)."""


def solve(
    problem: HorizonProblem,
    *,
    hint: HorizonSolution | None = None,
    time_limit_s: float = 0.05,
    slots: int | None = None,
    effort: Effort = UNLIMITED,
) -> HorizonSolution:
    """Solve a problem with CP-SAT.

    The solver starts from the hint and looks only for what is no dearer, so that there is an answer whenever time runs out; among plans
    that cost the same the hint is the answer. One worker and a fixed seed: where the solver comes to its end or `effort` stops it, the
    answer is always the same; where the time limit cuts, it may differ from run to run.

    Parameters
    ----------
    problem
        The junction's decision.
    hint
        A known solution; the beam of the forward search where it is None.
    time_limit_s
        For all of it, building the model included. Where it is over before the solver can start, the answer is the hint.
    slots
        Stages that a plan may have. Where it is None, the plan has as many as the hint and only its first `FREE_SLOTS` stages are chosen
        anew (all its times are): quick, but no proof. The answer is proven `OPTIMAL` only where no plan within the horizon can have more
        than `slots` stages (see `most_slots`), otherwise the bound is that of vehicles which meet no red; a hint that reaches that bound
        is the answer.
    effort
        Limits beside the time limit.

    Returns
    -------
    HorizonSolution
        The best plan found, never dearer than the hint.

    Raises
    ------
    ValueError
        If the hint has more stages than there are slots.
    """
    # Loaded by those who ask for it: OR-Tools brings pandas along, and that takes longer than all else that a decision needs.
    from ortools.sat.python import cp_model  # noqa: PLC0415

    from optimizer.horizon.cp_model import OutOfTimeError, TooLongError, build_model  # noqa: PLC0415

    began = time.perf_counter()
    known = search.solve(problem, node_limit=0) if hint is None else hint
    most = most_slots(problem)
    count = min(most, max(len(known.plan), FREE_SLOTS) if slots is None else slots)
    if len(known.plan) > count:
        raise ValueError(f"the hint has {len(known.plan)} stages, but there are only {count} slots; give at least as many.")
    floor = free_flow_cost(problem)
    if problem.tandem.room_veh.any():
        return _answer(known, floor, began)
    if count == 1:
        return _answer(known, known.cost if most == 1 else floor, began)
    if slots is None and known.cost <= floor:
        return _answer(known, floor, began)
    free = FREE_SLOTS if slots is None else count
    try:
        model, variables = build_model(problem, known, count, free, began + BUILDING_SHARE * time_limit_s, effort.lines)
    except (OutOfTimeError, TooLongError):
        return _answer(known, floor, began)
    left = time_limit_s - (time.perf_counter() - began) - SPARE_S
    if left <= 0:
        return _answer(known, floor, began)
    solver = cp_model.CpSolver()
    parameters = solver.parameters
    parameters.max_time_in_seconds = left
    parameters.max_deterministic_time = effort.work
    parameters.num_workers = 1
    parameters.random_seed = 0
    parameters.catch_sigint_signal = False  # Ctrl-C is for the whole run, not for this decision
    parameters.cp_model_presolve = False
    parameters.linearization_level = 0
    status = solver.solve(model)
    bound = floor
    if count == most and slots is not None and status in (cp_model.OPTIMAL, cp_model.FEASIBLE, cp_model.UNKNOWN):
        bound = max(floor, math.ceil(solver.best_objective_bound - 1e-6))
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) and solver.objective_value < known.cost:
        known = search.replay(problem, _plan_of(problem, solver, variables))
    return _answer(known, bound, began)


def most_slots(problem: HorizonProblem) -> int:
    """Return the greatest number of stages that a plan can have within the horizon."""
    signals = problem.signals
    grid = command_grid_ds(signals)
    t = max(0, problem.earliest_change_ds, problem.green_start_ds + signals.startup_ds)
    spans = signals.interstage_ds[signals.interstage_ds >= 0]
    least_green = int(least_green_ds(signals).min())
    if not spans.size:
        return 1
    count = 1
    while (grid >= t).any():
        t = int(grid[grid >= t][0]) + int(spans.min()) + least_green
        count += 1
    return count


def free_flow_cost(problem: HorizonProblem) -> int:
    """Return a lower bound of every plan's cost: each lane's vehicles meet no red and leave first in first out."""
    signals = problem.signals
    total = 0
    for lane in range(len(problem.lane_free_ds)):
        d = max(0, int(problem.lane_free_ds[lane]))
        for i in range(int(problem.lane_start[lane]), int(problem.lane_start[lane + 1])):
            d = max(d, int(problem.release_ds[i]))
            least = int(problem.unserved_cost[i].min())
            if d < signals.horizon_ds:
                delay = d - int(problem.arrival_ds[i])
                stops = bool(problem.moving[i]) and delay > signals.stop_tolerance_ds
                least = min(least, int(problem.weight[i]) * (delay + (signals.stop_penalty_ds if stops else 0)))
            total += least
            d += int(problem.headway_ds[lane])
    return total


def _plan_of(problem: HorizonProblem, solver: cp_model.CpSolver, slots: Slots) -> tuple[PlannedStage, ...]:
    values = solver.response_proto.solution
    plan = [PlannedStage(problem.stage, problem.green_start_ds, problem.green_start_ds)]
    for j in range(1, len(slots.used)):
        if not values[slots.used[j]]:
            break
        stage = next(s for s, literal in enumerate(slots.stage[j]) if values[literal])
        plan.append(PlannedStage(stage, values[slots.command[j]], values[slots.start[j]]))
    return tuple(plan)


def _answer(known: HorizonSolution, bound: int, began: float) -> HorizonSolution:
    bound = min(bound, known.cost)
    status = SolutionStatus.OPTIMAL if bound == known.cost else SolutionStatus.FEASIBLE
    return HorizonSolution(
        known.plan, known.departure_ds, known.onward_ds, known.cost, bound, status, "cp-sat", time.perf_counter() - began
    )
