"""What no schedule at a given cycle can beat: bounds that need little time, so that most cycles need not be solved at all.

The greens of a clique (groups that all conflict) and the least time lost between them fill the cycle at most. Asking for no more leaves
a linear program: share out the seconds of the cycle, each clique's between its groups, where they save most. Its prices of a clique's
second bound the cost at *any* cycle (Lagrangian relaxation): with prices π_K >= 0,

    cost >= Σ_g min_φ (cost_g(φ) + φ Σ_{K with g} π_K) - Σ_K π_K (C - L_K).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from ortools.linear_solver import pywraplp

from optimizer.design.costs import lower_envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from optimizer.design.schedule import Frame


class CliqueBound:
    """Bounds the cost of all schedules at one cycle.

    Parameters
    ----------
    frame
        The problem.
    cycle_s
        The cycle.
    costs
        Cost of each service for each length of green, shape ``(services, cycle + 1)``.
    at_least_s
        Least green of each service.
    """

    def __init__(self, frame: Frame, cycle_s: int, costs: NDArray[np.float64], at_least_s: Sequence[int]) -> None:
        self._groups = sorted(frame.timed)
        least = {g: frame.shortest_s[g] for g in self._groups}
        most = {g: frame.longest_green_s(g, cycle_s) for g in self._groups}
        totals = {g: np.zeros(cycle_s + 1) for g in self._groups}
        for service, row, wanted_s in zip(frame.services, costs, at_least_s, strict=True):
            # A service lasts no longer than the green of any of its groups: its cost is that group's at least.
            owner = service.groups[0]
            first = max(wanted_s, int(np.flatnonzero(np.isfinite(row))[0]))
            totals[owner] = totals[owner] + np.where(np.isfinite(row), row, row[first])
            for g in service.groups:
                least[g] = max(least[g], first)
        self._room_s = np.array([cycle_s - lost_s for _, lost_s in frame.cliques], dtype=np.float64)
        self._member = np.array([[g in clique for g in self._groups] for clique, _ in frame.cliques], dtype=np.float64)
        self._least = [least[g] for g in self._groups]
        fits = all(least[g] <= most[g] for g in self._groups) and not (self._member @ np.array(self._least) > self._room_s).any()
        self._rows = [_convex(totals[g], least[g], most[g]) for g in self._groups] if fits else []

    def at_prices(self, prices: NDArray[np.float64]) -> float:
        """Return the bound at given prices of a second of each clique; infinite where there is no schedule."""
        if not self._rows:
            return math.inf
        per_group = prices @ self._member
        total = -float(prices @ self._room_s)
        for row, least, price in zip(self._rows, self._least, per_group, strict=True):
            total += float((row + price * np.arange(least, least + len(row))).min())
        return total

    def best_prices(self) -> NDArray[np.float64]:
        """Return the prices that give the best bound: the dual values of the linear program."""
        if not self._rows:
            return np.zeros(len(self._room_s))
        solver = pywraplp.Solver.CreateSolver("GLOP")
        spare = self._room_s - self._member @ np.array(self._least)
        rows = [solver.Constraint(-solver.infinity(), float(room)) for room in spare]
        objective = solver.Objective()
        for index, row in enumerate(self._rows):
            mine = [rows[k] for k in np.flatnonzero(self._member[:, index])]
            # Seconds that save the same are one column.
            slopes, counts = np.unique(np.round(np.diff(row), 3), return_counts=True)
            for slope, count in zip(slopes, counts, strict=True):
                if slope < 0:
                    column = solver.NumVar(0.0, float(count), "")
                    objective.SetCoefficient(column, float(slope))
                    for constraint in mine:
                        constraint.SetCoefficient(column, 1.0)
        objective.SetMinimization()
        if solver.Solve() != pywraplp.Solver.OPTIMAL:
            return np.zeros(len(self._room_s))
        return np.array([max(0.0, -row.dual_value()) for row in rows])


def reserve_bound(frame: Frame, cycle_s: int, reserve_per_s: Sequence[float]) -> float:
    """Return a factor on all flows that no schedule at this cycle can exceed; minus infinity where there is no schedule.

    Parameters
    ----------
    frame
        The problem.
    cycle_s
        The cycle.
    reserve_per_s
        Factor that each second of effective green of a service carries; infinite where it carries no vehicles.
    """
    wanted: dict[int, float] = {}
    best = math.inf
    for service, per_s in zip(frame.services, reserve_per_s, strict=True):
        for g in service.groups:
            wanted[g] = min(wanted.get(g, math.inf), per_s)
            best = min(best, per_s * (frame.longest_green_s(g, cycle_s) + frame.gain_s))
    for clique, lost_s in frame.cliques:
        best = min(best, _clique_reserve(frame, clique, cycle_s - lost_s, wanted))
    return best


def _clique_reserve(frame: Frame, clique: Sequence[int], room_s: int, per_s: dict[int, float]) -> float:
    """Return the greatest factor at which the greens that a clique needs still fit: linear between the kinks at minimum greens."""
    free = [g for g in clique if math.isfinite(per_s[g])]
    need_s = float(sum(frame.shortest_s[g] for g in clique))
    if need_s > room_s:
        return -math.inf
    # At the factor f a group needs max(shortest, f / per_s - gain); groups join one after the other as f grows.
    free.sort(key=lambda g: per_s[g] * (frame.shortest_s[g] + frame.gain_s))
    slope, constant_s, best = 0.0, need_s, math.inf
    for i, g in enumerate(free):
        slope += 1 / per_s[g]
        constant_s -= frame.shortest_s[g] + frame.gain_s
        following = per_s[free[i + 1]] * (frame.shortest_s[free[i + 1]] + frame.gain_s) if i + 1 < len(free) else math.inf
        best = (room_s - constant_s) / slope
        if best <= following:
            break
    return best


def _convex(row: NDArray[np.float64], first: int, last: int) -> NDArray[np.float64]:
    """Return the greatest convex function below a table at the indices from `first` to `last`."""
    whole = row[: last + 1].astype(np.int64)
    second = np.diff(whole[first:], 2)
    if (second >= 0).all():
        return whole[first:].astype(np.float64)
    index = np.arange(first, last + 1)
    convex: NDArray[np.float64] = np.max([(rise * index + base) / run for run, rise, base in lower_envelope(whole, first)], axis=0)
    return convex
