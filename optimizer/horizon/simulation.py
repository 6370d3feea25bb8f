"""The independent simulator of the horizon's model: it follows the words of `optimizer.horizon.problem`, one decisecond at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.horizon.problem import PERMISSIVE, PROTECTED, RED, RED_THEN_GO, WEIGHT_UNIT, HorizonProblem, command_grid_ds, least_green_ds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from optimizer.horizon.solution import PlannedStage


class IllegalPlanError(ValueError):
    """A plan breaks a rule of the model; the message names the stage."""


@dataclass(frozen=True, slots=True)
class _Green:
    """One uninterrupted green of a group, from the start of the first stage of the plan that serves it to its end after the last."""

    start_ds: int
    end_ds: float
    last_position: int


def evaluate(problem: HorizonProblem, plan: Sequence[PlannedStage]) -> tuple[NDArray[np.int64], int]:
    """Simulate a plan.

    Parameters
    ----------
    problem
        The junction's decision.
    plan
        The current stage first, then those commanded later.

    Returns
    -------
    departure_ds
        Per vehicle, -1 where it is not served; shape ``(vehicles,)``.
    cost
        Cost of the plan, weight units times deciseconds.

    Raises
    ------
    IllegalPlanError
        If the plan breaks a rule of the model.
    """
    check_plan(problem, plan)
    departure = _simulate(problem, plan)
    return departure, cost_of(problem, plan, departure)


def cost_of(problem: HorizonProblem, plan: Sequence[PlannedStage], departure_ds: NDArray[np.int64]) -> int:
    """Return the cost of a plan whose departures are known, weight units times deciseconds."""
    signals = problem.signals
    last_stage = plan[-1].stage
    cost = signals.change_penalty_ds * WEIGHT_UNIT * (len(plan) - 1)
    for i, d in enumerate(departure_ds):
        if d >= 0:
            delay = int(d - problem.arrival_ds[i])
            stopped = bool(problem.moving[i]) and delay > signals.stop_tolerance_ds
            cost += int(problem.weight[i]) * (delay + (signals.stop_penalty_ds if stopped else 0))
        else:
            served = signals.service[last_stage, problem.group[i]] != RED
            cost += int(problem.unserved_cost[i, 1 if served else 0])
    return cost


def command_window_ds(problem: HorizonProblem, plan: Sequence[PlannedStage], position: int) -> tuple[list[int], bool]:
    """Return when the stage at `position` of a plan may be left, and whether it may be the last.

    Returns
    -------
    commands
        Grid times.
    may_stay
        Whether the plan may end in this stage.
    """
    signals = problem.signals
    now = plan[position]
    if position == 0:
        first = max(0, problem.earliest_change_ds, problem.green_start_ds + signals.startup_ds)
        last = problem.latest_change_ds
    else:
        first = now.start_ds + int(least_green_ds(signals)[now.stage])
        last = now.start_ds + int(signals.maximum_green_ds[now.stage])
    commands = [int(c) for c in command_grid_ds(signals) if c >= first]
    if last >= signals.horizon_ds:
        return commands, True
    in_time = [c for c in commands if c <= last]
    if in_time and (signals.interstage_ds[now.stage] >= 0).any():
        return in_time, False
    return commands, True


def check_plan(problem: HorizonProblem, plan: Sequence[PlannedStage]) -> None:
    """Check that the model allows a plan.

    Raises
    ------
    IllegalPlanError
        If it does not.
    """
    signals = problem.signals
    if not plan or plan[0].stage != problem.stage or plan[0].start_ds != problem.green_start_ds:
        raise IllegalPlanError(f"the plan must begin with the current stage {problem.stage} and its start {problem.green_start_ds} ds.")
    for position, now in enumerate(plan):
        commands, may_stay = command_window_ds(problem, plan, position)
        if position + 1 == len(plan):
            if not may_stay:
                raise IllegalPlanError(f"stage {now.stage} (position {position}) is last, but its maximum green ends before the horizon.")
            return
        after = plan[position + 1]
        interstage = int(signals.interstage_ds[now.stage, after.stage])
        place = f"stage {after.stage} (position {position + 1})"
        if interstage < 0:
            raise IllegalPlanError(f"{place} may not follow stage {now.stage}.")
        if after.command_ds not in commands:
            raise IllegalPlanError(f"{place} may not be commanded at {after.command_ds} ds, but at {commands}.")
        if after.start_ds != after.command_ds + interstage:
            raise IllegalPlanError(f"{place} must start at {after.command_ds + interstage} ds, not {after.start_ds} ds.")


def _greens(problem: HorizonProblem, plan: Sequence[PlannedStage], group: int) -> list[_Green]:
    signals = problem.signals
    greens: list[_Green] = []
    start: int | None = None
    for position, now in enumerate(plan):
        if signals.service[now.stage, group] == RED:
            continue
        if start is None:
            start = int(problem.group_green_since_ds[group]) if position == 0 else now.start_ds
        if position + 1 == len(plan):
            greens.append(_Green(start, float("inf"), position))
        elif signals.service[plan[position + 1].stage, group] == RED:
            after = plan[position + 1]
            end = after.command_ds + int(signals.closing_lead_ds[now.stage, after.stage, group])
            greens.append(_Green(start, end, position))
            start = None
    return greens


def _simulate(problem: HorizonProblem, plan: Sequence[PlannedStage]) -> NDArray[np.int64]:  # noqa: C901 - the model in one piece
    signals = problem.signals
    vehicles = len(problem.arrival_ds)
    lanes = len(problem.lane_free_ds)
    lane_of = np.repeat(np.arange(lanes), np.diff(problem.lane_start))
    greens = {int(g): _greens(problem, plan, int(g)) for g in np.unique(problem.group)}
    departure = np.full(vehicles, -1, dtype=np.int64)
    following = [int(v) for v in problem.lane_start[:-1]]
    line_free = [int(v) for v in problem.lane_free_ds]

    def gaps_allow(i: int, d: int, stage: int) -> bool:
        """Whether every vehicle with priority over i has left or comes late enough."""
        for v in range(vehicles):
            h = problem.group[v]
            if lane_of[v] == lane_of[i] or not signals.yields[problem.group[i], h] or signals.service[stage, h] == RED:
                continue
            has_left = departure[v] >= 0 and departure[v] <= d - signals.clear_ds
            if not has_left and problem.release_ds[v] < d + signals.gap_ds:
                return False
        return True

    def leaves(i: int, lane: int, d: int) -> bool:
        """Whether vehicle i, the first of its lane, departs at d."""
        if d < line_free[lane] or d < problem.release_ds[i]:
            return False
        g = int(problem.group[i])
        for green in greens[g]:
            if green.start_ds + signals.startup_ds <= d < green.end_ds + signals.yellow_used_ds:
                started = [p for p in range(green.last_position + 1) if p == 0 or plan[p].start_ds <= d]
                stage = plan[started[-1]].stage
                aspect = signals.service[stage, g]
                if aspect == RED_THEN_GO and d < problem.release_ds[i] + signals.stop_then_go_ds:
                    return False
                return bool(aspect == PROTECTED or gaps_allow(i, d, stage))
            if d == green.end_ds + signals.yellow_used_ds and signals.service[plan[green.last_position].stage, g] == PERMISSIVE:
                return bool(problem.release_ds[i] <= green.end_ds)  # a sneaker
        return False

    for d in range(signals.horizon_ds):
        for lane in range(lanes):
            i = following[lane]
            if i < problem.lane_start[lane + 1] and leaves(i, lane, d):
                departure[i] = d
                following[lane] += 1
                line_free[lane] = d + int(problem.headway_ds[lane])
    return departure
