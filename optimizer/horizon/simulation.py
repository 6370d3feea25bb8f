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


@dataclass(slots=True)
class _Queued:
    """A vehicle at a stop line: one of the problem's, or one that drove on from another stop line."""

    vehicle: int
    group: int
    arrival_ds: int
    release_ds: int
    moving: bool
    drove_on: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a plan comes to.

    Attributes
    ----------
    departure_ds, onward_ds
        As in `HorizonSolution`.
    cost
        Weight units times deciseconds.
    """

    departure_ds: NDArray[np.int64]
    onward_ds: NDArray[np.int64]
    cost: int


def evaluate(problem: HorizonProblem, plan: Sequence[PlannedStage]) -> Evaluation:
    """Simulate a plan.

    Parameters
    ----------
    problem
        The junction's decision.
    plan
        The current stage first, then those commanded later.

    Raises
    ------
    IllegalPlanError
        If the plan breaks a rule of the model.
    """
    check_plan(problem, plan)
    simulated = _Simulation(problem, plan)
    simulated.run()
    return Evaluation(simulated.departure, simulated.onward, simulated.cost)


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


class _Simulation:
    """One plan, one decisecond at a time."""

    def __init__(self, problem: HorizonProblem, plan: Sequence[PlannedStage]) -> None:
        self.problem, self.plan = problem, plan
        self.signals = problem.signals
        lanes, groups = len(problem.lane_free_ds), problem.signals.service.shape[1]
        self.greens = [_greens(problem, plan, g) for g in range(groups)]
        self.departure = np.full(len(problem.arrival_ds), -1, dtype=np.int64)
        self.onward = np.full((len(problem.arrival_ds), 2), -1, dtype=np.int64)
        self.cost = self.signals.change_penalty_ds * WEIGHT_UNIT * (len(plan) - 1)
        self.line_free = [int(v) for v in problem.lane_free_ds]
        self.waiting: list[list[_Queued]] = []
        self.left: list[list[tuple[int, int]]] = [[] for _ in range(lanes)]  # time and group of those who left each lane
        for lane in range(lanes):
            first, last = int(problem.lane_start[lane]), int(problem.lane_start[lane + 1])
            self.waiting.append(
                [
                    _Queued(
                        i,
                        int(problem.group[i]),
                        int(problem.arrival_ds[i]),
                        int(problem.release_ds[i]),
                        bool(problem.moving[i]),
                        drove_on=False,
                    )
                    for i in range(first, last)
                ]
            )

    def run(self) -> None:
        """Let all vehicles leave that may, and add up what they cost."""
        for d in range(self.signals.horizon_ds):
            for lane, queue in enumerate(self.waiting):
                if queue and self._leaves(queue[0], lane, d):
                    self._depart(queue.pop(0), lane, d)
        last_stage = self.plan[-1].stage
        for lane, queue in enumerate(self.waiting):
            for who in queue:
                served = int(self.signals.service[last_stage, who.group] != RED)
                if who.drove_on:
                    waited = max(0, self.signals.horizon_ds - who.arrival_ds)
                    self.cost += int(self.problem.weight[who.vehicle]) * int(
                        waited + self._stop_ds(who, self.signals.horizon_ds) + self.problem.tandem.terminal_ds[lane, served]
                    )
                else:
                    self.cost += int(self.problem.unserved_cost[who.vehicle, served])

    def _depart(self, who: _Queued, lane: int, d: int) -> None:
        self.cost += int(self.problem.weight[who.vehicle]) * (d - who.arrival_ds + self._stop_ds(who, d))
        self.line_free[lane] = d + int(self.problem.headway_ds[lane])
        self.left[lane].append((d, who.group))
        if who.drove_on:
            self.onward[who.vehicle] = d, lane
        else:
            self.departure[who.vehicle] = d
        onto = self._onward(lane, who.group)
        if onto >= 0:
            arrival = d + int(self.problem.tandem.travel_ds[lane, who.group])
            behind = _Queued(who.vehicle, int(self.problem.tandem.group[onto]), arrival, arrival, moving=True, drove_on=True)
            self.waiting[onto].append(behind)

    def _stop_ds(self, who: _Queued, d: int) -> int:
        return self.signals.stop_penalty_ds if who.moving and d - who.arrival_ds > self.signals.stop_tolerance_ds else 0

    def _onward(self, lane: int, group: int) -> int:
        onward = self.problem.tandem.onward
        return int(onward[lane, group]) if onward.size else -1

    def _has_room(self, lane: int, d: int) -> bool:
        """Whether an inner lane takes one more vehicle at d."""
        moving_up = self.line_free[lane] > d
        return len(self.waiting[lane]) + moving_up < int(self.problem.tandem.room_veh[lane])

    def _gaps_allow(self, group: int, own: int, d: int, stage: int) -> bool:
        """Whether every vehicle with priority has left or comes late enough."""
        signals = self.signals
        for lane, queue in enumerate(self.waiting):
            if lane == own:
                continue
            over = [h for h in range(len(signals.yields)) if signals.yields[group, h] and signals.service[stage, h] != RED]
            if any(h in over and left > d - signals.clear_ds for left, h in self.left[lane]):
                return False
            if any(who.group in over and who.release_ds < d + signals.gap_ds for who in queue):
                return False
        return True

    def _leaves(self, who: _Queued, lane: int, d: int) -> bool:
        """Whether the first vehicle of its lane departs at d."""
        signals, plan, g = self.signals, self.plan, who.group
        if d < self.line_free[lane] or d < who.release_ds:
            return False
        onto = self._onward(lane, g)
        if onto >= 0 and not self._has_room(onto, d):
            return False
        for green in self.greens[g]:
            if green.start_ds + signals.startup_ds <= d < green.end_ds + signals.yellow_used_ds:
                started = [p for p in range(green.last_position + 1) if p == 0 or plan[p].start_ds <= d]
                stage = plan[started[-1]].stage
                aspect = signals.service[stage, g]
                if aspect == RED_THEN_GO and d < who.release_ds + signals.stop_then_go_ds:
                    return False
                return bool(aspect == PROTECTED or self._gaps_allow(g, lane, d, stage))
            if d == green.end_ds + signals.yellow_used_ds and signals.service[plan[green.last_position].stage, g] == PERMISSIVE:
                return who.release_ds <= green.end_ds  # a sneaker
        return False
