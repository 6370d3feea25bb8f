"""Plans by time of day: which periods the day has, found from its counts.

Two steps, both exact:

1. The day's intervals are parted into 1, 2, ... periods so that the flows within each differ least (least sum of squared deviations; W. D.
   Fisher, "On grouping for maximum homogeneity", JASA 53 (1958), by dynamic programming). A plan is designed for each period that occurs.
2. Each interval is run with one of these plans: the sequence with the least delay plus the cost of each change, no period too short
   (dynamic programming over intervals and plans). For each plan in use a new one is designed for just the intervals that it runs, and the
   second step is repeated while that saves anything.

What a plan is does not matter here: one junction's, or those of a corridor that change together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import numpy as np

from optimizer.design.errors import DesignError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

P = TypeVar("P")
Q = TypeVar("Q")

ROUNDS: Final = 3
"""Redesigns of the plans in use."""


@dataclass(frozen=True, slots=True)
class DayLimits:
    """What a day's periods are held to.

    Attributes
    ----------
    most_periods
        Most periods of the day.
    shortest_period_s
        Least length of a period.
    change_veh_h
        Cost of each change, vehicle-hours: what the transition between two plans disturbs.
    """

    most_periods: int = 6
    shortest_period_s: float = 3600.0
    change_veh_h: float = 0.2


@dataclass(frozen=True, slots=True)
class Period:
    """A part of the day with one plan.

    Attributes
    ----------
    begin_s, end_s
        Switching times.
    plan
        Index into `DayPlan.plans`.
    """

    begin_s: float
    end_s: float
    plan: int


@dataclass(frozen=True, slots=True)
class DayPlan(Generic[P]):
    """Plans and their switching times.

    Attributes
    ----------
    periods
        The day in its order, without a gap; neighbours have different plans.
    plans
        The plans in the order of their first use.
    delay_veh_h
        Delay over the day, vehicle-hours.
    """

    periods: tuple[Period, ...]
    plans: tuple[P, ...]
    delay_veh_h: float


def plan_day(
    edges_s: Sequence[float],
    flows_h: NDArray[np.float64],
    design: Callable[[tuple[int, ...]], P],
    delayed_veh: Callable[[P, int], float],
    limits: DayLimits,
) -> DayPlan[P]:
    """Find a day's periods and their plans.

    Parameters
    ----------
    edges_s
        Begin of each counted interval and end of the last one.
    flows_h
        Counts, vehicles per hour, shape ``(intervals, movements)``.
    design
        Gives a plan for the mean flows of some intervals.
    delayed_veh
        Mean number of delayed vehicles while a plan runs in an interval.
    limits
        How many periods, how short, at which cost.

    Raises
    ------
    DesignError
        If a count is missing, the intervals do not follow each other, or the day is shorter than a period.
    """
    lengths_s = np.diff(np.asarray(edges_s, dtype=np.float64))
    _check(lengths_s, flows_h, limits)
    ranges = {
        part
        for count in range(1, limits.most_periods + 1)
        for part in pairwise(_alike(flows_h, lengths_s, count, limits.shortest_period_s))
    }
    candidates = _Candidates(design, delayed_veh, lengths_s / 3600)
    for first, last in sorted(ranges):
        candidates.add(tuple(range(first, last)))
    best = _sequence(candidates.costs(), lengths_s, limits)
    for _ in range(ROUNDS):
        for plan in sorted(set(best[1])):
            candidates.add(tuple(i for i, used in enumerate(best[1]) if used == plan))
        better = _sequence(candidates.costs(), lengths_s, limits)
        if not better[0] < best[0]:
            break
        best = better
    return _day(edges_s, best[1], candidates)


def mean_flows(values: Sequence[Sequence[float]], weights: Sequence[float]) -> tuple[float, ...]:
    """Return the mean of several intervals' flows, weighted by their lengths."""
    return tuple(float(mean) for mean in np.average(np.asarray(values, dtype=np.float64), axis=0, weights=np.asarray(weights)))


class _Candidates(Generic[Q]):
    """Plans to choose among, and the delay of each in each interval."""

    def __init__(
        self, design: Callable[[tuple[int, ...]], Q], delayed_veh: Callable[[Q, int], float], lengths_h: NDArray[np.float64]
    ) -> None:
        self._design, self._delayed_veh, self._lengths_h = design, delayed_veh, lengths_h
        self._known: set[tuple[int, ...]] = set()
        self.plans: list[Q] = []
        self._rows: list[NDArray[np.float64]] = []

    def add(self, intervals: tuple[int, ...]) -> None:
        """Design a plan for some intervals, unless that was done before."""
        if intervals in self._known:
            return
        self._known.add(intervals)
        plan = self._design(intervals)
        self.plans.append(plan)
        self._rows.append(np.array([self._delayed_veh(plan, i) * hours for i, hours in enumerate(self._lengths_h)]))

    def costs(self) -> NDArray[np.float64]:
        """Return the delay of each plan in each interval, vehicle-hours, shape ``(plans, intervals)``."""
        return np.array(self._rows)


def _check(lengths_s: NDArray[np.float64], flows_h: NDArray[np.float64], limits: DayLimits) -> None:
    if len(lengths_s) != len(flows_h) or not len(lengths_s):
        raise DesignError(f"the day has {len(lengths_s)} intervals but {len(flows_h)} rows of counts; give one row for each interval.")
    if not (lengths_s > 0).all():
        raise DesignError(f"the counted interval {int(np.argmin(lengths_s)) + 1} does not end after its begin; put them in order.")
    missing = np.argwhere(~np.isfinite(flows_h))
    if missing.size:
        raise DesignError(f"the counted interval {missing[0][0] + 1} has no count of movement {missing[0][1] + 1}; give it, 0 for none.")
    if limits.most_periods < 1:
        raise DesignError(f"a day of at most {limits.most_periods} periods has no plan; allow one at least.")
    if lengths_s.sum() < limits.shortest_period_s:
        raise DesignError(
            f"the counts cover {lengths_s.sum():g} s, less than the shortest period of {limits.shortest_period_s:g} s; "
            "shorten it or count longer."
        )


def _alike(flows_h: NDArray[np.float64], lengths_s: NDArray[np.float64], count: int, shortest_s: float) -> tuple[int, ...]:
    """Return the edges of at most so many periods within which the flows differ least."""
    weight = np.concatenate([[0.0], np.cumsum(lengths_s)])
    first = np.vstack([np.zeros(flows_h.shape[1]), np.cumsum(flows_h * lengths_s[:, None], axis=0)])
    second = np.concatenate([[0.0], np.cumsum((flows_h**2).sum(axis=1) * lengths_s)])
    n = len(lengths_s)
    best = np.full((count + 1, n + 1), math.inf)
    before = np.zeros((count + 1, n + 1), dtype=np.int64)
    best[0, 0] = 0.0
    for k in range(1, count + 1):
        for end in range(1, n + 1):
            spans = weight[end] - weight[:end]
            spread = second[end] - second[:end] - ((first[end] - first[:end]) ** 2).sum(axis=1) / spans
            total = np.where(spans >= shortest_s, best[k - 1, :end] + spread, math.inf)
            before[k, end] = int(np.argmin(total))
            best[k, end] = total[before[k, end]]
    k = int(np.argmin(best[:, n]))
    edges = [n]
    while k > 0:
        edges.append(int(before[k, edges[-1]]))
        k -= 1
    return tuple(reversed(edges))


def _sequence(costs: NDArray[np.float64], lengths_s: NDArray[np.float64], limits: DayLimits) -> tuple[float, tuple[int, ...]]:
    """Return the least cost of a day, and the plan that each interval is run with."""
    n = len(lengths_s)
    clock = np.concatenate([[0.0], np.cumsum(lengths_s)])
    run = np.concatenate([np.zeros((len(costs), 1)), np.cumsum(costs, axis=1)], axis=1)
    best = np.full((limits.most_periods + 1, n + 1), math.inf)
    best[0, 0] = -limits.change_veh_h  # the day's first plan is no change
    before = np.zeros((limits.most_periods + 1, n + 1, 2), dtype=np.int64)
    for k in range(1, limits.most_periods + 1):
        for end in range(1, n + 1):
            long_enough = clock[end] - clock[:end] >= limits.shortest_period_s
            total = np.where(long_enough, best[k - 1, :end] + run[:, end, None] - run[:, :end], math.inf)
            place = np.unravel_index(int(np.argmin(total)), total.shape)
            before[k, end] = place
            best[k, end] = total[place] + limits.change_veh_h
    k, end = int(np.argmin(best[:, n])), n
    cost, used = float(best[k, n]), [0] * n
    while k > 0:
        plan, begin = (int(value) for value in before[k, end])
        used[begin:end] = [plan] * (end - begin)
        k, end = k - 1, begin
    return cost, tuple(used)


def _day(edges_s: Sequence[float], used: tuple[int, ...], candidates: _Candidates[P]) -> DayPlan[P]:
    order = list(dict.fromkeys(used))
    changes = [0, *(i for i in range(1, len(used)) if used[i] != used[i - 1]), len(used)]
    periods = tuple(Period(edges_s[a], edges_s[b], order.index(used[a])) for a, b in pairwise(changes))
    costs = candidates.costs()
    return DayPlan(periods, tuple(candidates.plans[i] for i in order), float(sum(costs[plan, i] for i, plan in enumerate(used))))
