"""What no schedule at a given cycle can beat: bounds that need little time, so that most cycles need not be solved at all.

The greens of a clique (services that all conflict) and the least time lost between them fill the cycle at most. Asking for no more leaves
a linear program: share out the seconds of the cycle, each clique's between its services, where they save most. Its prices of a clique's
second bound the cost at *any* cycle (Lagrangian relaxation): with prices π_K >= 0,

    cost >= Σ_i min_φ (cost_i(φ) + φ Σ_{K with i} π_K) - Σ_K π_K (C - L_K).
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
        count = len(frame.services)
        finite = [int(np.flatnonzero(np.isfinite(row))[0]) for row in costs]
        self._least = [max(frame.shortest_service_s(i), at_least_s[i], finite[i]) for i in range(count)]
        most = [min(frame.longest_green_s(g, cycle_s) for g in service.groups) for service in frame.services]
        self._room_s = np.array([cycle_s - lost_s for _, lost_s in frame.cliques], dtype=np.float64)
        self._member = np.array([[i in clique for i in range(count)] for clique, _ in frame.cliques], dtype=np.float64)
        needed_s = self._member @ np.array(self._least)
        fits = all(a <= b for a, b in zip(self._least, most, strict=True)) and bool((needed_s <= self._room_s).all())
        self._rows = [_convex(costs[i], self._least[i], most[i]) for i in range(count)] if fits else []

    def at_prices(self, prices: NDArray[np.float64]) -> float:
        """Return the bound at given prices of a second of each clique; infinite where there is no schedule."""
        if not self._rows:
            return math.inf
        per_service = prices @ self._member
        total = -float(prices @ self._room_s)
        for row, least, price in zip(self._rows, self._least, per_service, strict=True):
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
    best = math.inf
    for service, per_s in zip(frame.services, reserve_per_s, strict=True):
        best = min(best, per_s * (min(frame.longest_green_s(g, cycle_s) for g in service.groups) + frame.gain_s))
    for clique, lost_s in frame.cliques:
        best = min(best, _clique_reserve(frame, clique, cycle_s - lost_s, reserve_per_s))
    return best


def _clique_reserve(frame: Frame, clique: Sequence[int], room_s: int, per_s: Sequence[float]) -> float:
    """Return the greatest factor at which the greens that a clique needs still fit: linear between the kinks at minimum greens."""
    least = {i: frame.shortest_service_s(i) for i in clique}
    if sum(least.values()) > room_s:
        return -math.inf
    # At the factor f a service needs max(least, f / per_s - gain); services join one after the other as f grows.
    joins = sorted((per_s[i] * (least[i] + frame.gain_s), i) for i in clique if math.isfinite(per_s[i]))
    slope, constant_s, best = 0.0, float(sum(least.values())), math.inf
    for place, (_, i) in enumerate(joins):
        slope += 1 / per_s[i]
        constant_s -= least[i] + frame.gain_s
        best = (room_s - constant_s) / slope
        if place + 1 == len(joins) or best <= joins[place + 1][0]:
            break
    return best


def _convex(row: NDArray[np.float64], first: int, last: int) -> NDArray[np.float64]:
    """Return the greatest convex function below a table at the indices from `first` to `last`."""
    whole = np.where(np.isfinite(row), row, 0)[: last + 1].astype(np.int64)
    second = np.diff(whole[first:], 2)
    if (second >= 0).all():
        return whole[first:].astype(np.float64)
    index = np.arange(first, last + 1)
    convex: NDArray[np.float64] = np.max([(rise * index + base) / run for run, rise, base in lower_envelope(whole, first)], axis=0)
    return convex
