"""Designs the fixed-time plan of one junction: the cycle, and at each cycle the greens.

The cycle is a whole number of seconds between its bounds. Cycles are taken in the order of their bounds (`optimizer.design.bounds`), and
each is solved exactly until no bound is left that could beat the best plan: what comes out is proven for the whole range.

A permissive stream discharges less than its saturation flow, by how much depends on the plan. The design therefore runs again with the
saturation flows that the last plan left (`PASSES` times at most) and keeps the plan under which the streams fare best.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, Protocol

from optimizer.design.bounds import CliqueBound, reserve_bound
from optimizer.design.costs import UNIT_VEH, effective_green_s, green_costs
from optimizer.design.discharge import discharge_veh
from optimizer.design.errors import DesignError
from optimizer.design.group_based import GroupBased
from optimizer.design.performance import capacity_factor, performance, weighted_delay_veh
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.design.result import DesignResult, Objective
from optimizer.design.schedule import Frame, Schedule, Timing, frame
from optimizer.design.stage_based import StageBased
from optimizer.horizon.solution import SolutionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from optimizer.design.problem import DesignProblem
    from optimizer.design.result import StreamPerformance

PASSES: Final = 3
"""Designs of one problem where permissive streams make it depend on its own answer."""

AGREED: Final = 1e-3
"""Relative change of the saturation flows below which another pass would bring nothing."""

FIRST_SHARE: Final = 0.4
"""Share of its saturation flow that a permissive stream is given before there is a plan."""

Way = Literal["groups", "stages"]


def design(
    problem: DesignProblem,
    objective: Objective = Objective.DELAY,
    way: Way = "groups",
    *,
    relative_gap: float = 0.0,
    time_limit_s: float = 60.0,
) -> DesignResult:
    """Design the plan of a junction.

    Parameters
    ----------
    problem
        What is asked.
    objective
        Least delay, or the greatest reserve of capacity. Where the demand exceeds the capacity, the latter is the plan with the least
        overload: the smallest greatest degree of saturation.
    way
        ``"groups"``: start and length of each group free; ``"stages"``: a free choice and order of stages.
    relative_gap
        Gap between cost and bound with which the answer is good enough.
    time_limit_s
        For all of it; the best plan so far is returned when it is over.

    Returns
    -------
    DesignResult
        The plan, how good it is, and how the streams fare.

    Raises
    ------
    DesignError
        If the junction has no conflicts, if minimum greens and intergreens fit into no cycle, or if time ran out before any plan was found.
    """
    began = time.perf_counter()
    deadline_s = began + time_limit_s
    data = frame(problem)
    timing: Timing = GroupBased(data) if way == "groups" else StageBased(data)
    saturation_h = _first_saturation_h(problem)
    best: tuple[float, SignalPlan, _Found, tuple[StreamPerformance, ...]] | None = None
    for _ in range(PASSES):
        found = _Search(data, timing, saturation_h, relative_gap, deadline_s).run(objective)
        if found is None:
            break
        plan = _plan(data, found.schedule)
        rows = performance(plan, problem)
        merit = weighted_delay_veh(rows) if objective is Objective.DELAY else -capacity_factor(rows)
        if best is None or merit < best[0]:
            best = merit, plan, found, rows
        following_h = _saturation_left_h(problem, plan, saturation_h)
        if all(math.isclose(a, b, rel_tol=AGREED) for a, b in zip(saturation_h, following_h, strict=True)):
            break
        saturation_h = following_h
    if best is None:
        raise DesignError(
            f"junction {problem.junction.id!r}: no plan was found within {time_limit_s:g} s; allow more time or a longer cycle."
        )
    _, plan, found, rows = best
    return DesignResult(
        problem=problem,
        plan=plan,
        stages=found.schedule.stages,
        objective=objective,
        cost=found.cost,
        bound=found.bound,
        status=SolutionStatus.OPTIMAL if found.cost - found.bound <= max(relative_gap, 1e-9) * abs(found.cost) else SolutionStatus.FEASIBLE,
        capacity_factor=capacity_factor(rows),
        performance=rows,
        solve_s=time.perf_counter() - began,
    )


class _Found:
    """The best schedule over all cycles, its cost and the bound of all schedules."""

    def __init__(self, schedule: Schedule, cost: float, bound: float) -> None:
        self.schedule, self.cost, self.bound = schedule, cost, bound


class _Search:
    """Looks through the cycles for given saturation flows."""

    def __init__(self, data: Frame, timing: Timing, saturation_h: Sequence[float], relative_gap: float, deadline_s: float) -> None:
        self._data, self._timing, self._saturation_h = data, timing, saturation_h
        self._gap, self._deadline_s = relative_gap, deadline_s
        problem = data.problem
        self._cycles = range(max(problem.shortest_cycle_s, data.least_cycle_s), problem.longest_cycle_s + 1)

    def run(self, objective: Objective) -> _Found | None:
        if objective is Objective.DELAY:
            return self._least_delay(self._cycles, [0] * len(self._data.services))
        reserves = {cycle_s: self._reserve_per_s(cycle_s) for cycle_s in self._cycles}
        if not any(math.isfinite(value) for values in reserves.values() for value in values):
            raise DesignError(
                f"junction {self._data.problem.junction.id!r} has no traffic whose reserve could be maximised; give its flows."
            )
        found = self._best(
            _Fixed({cycle_s: -reserve_bound(self._data, cycle_s, values) for cycle_s, values in reserves.items()}),
            lambda cycle_s, limit: _negative(self._timing.greatest_reserve(cycle_s, reserves[cycle_s], max(0.0, -limit), self._deadline_s)),
        )
        if found is None:
            return None
        cycle_s, factor = found.schedule.cycle_s, -found.cost
        at_least_s = [math.ceil(factor / per_s - self._data.gain_s - 1e-6) if math.isfinite(per_s) else 0 for per_s in reserves[cycle_s]]
        easiest = self._least_delay(range(cycle_s, cycle_s + 1), at_least_s)
        return _Found(easiest.schedule if easiest else found.schedule, 1 / factor, min(1 / factor, -1 / found.bound))

    def _least_delay(self, cycles: range, at_least_s: Sequence[int]) -> _Found | None:
        costs = {cycle_s: green_costs(self._data.problem, self._data.services, self._saturation_h, cycle_s) for cycle_s in cycles}
        bounds = _Sharpened({cycle_s: CliqueBound(self._data, cycle_s, table, at_least_s) for cycle_s, table in costs.items()})
        found = self._best(
            bounds, lambda cycle_s, limit: self._timing.least_delay(cycle_s, costs[cycle_s], at_least_s, limit, self._deadline_s)
        )
        return None if found is None else _Found(found.schedule, found.cost * UNIT_VEH, found.bound * UNIT_VEH)

    def _best(self, bounds: _Bounds, solve: Callable[[int, float], Schedule | None]) -> _Found | None:
        """Return the schedule of least cost over all cycles, solving none whose bound cannot beat what is known."""
        best: Schedule | None = None
        proven = math.inf
        for cycle_s, bound in bounds.rising():
            limit = best.cost if best else math.inf
            if bound >= limit - self._gap * abs(limit):
                proven = min(proven, bound)
                break
            schedule = solve(cycle_s, limit)
            if schedule is not None:
                best, proven = schedule, min(proven, schedule.bound)
            elif time.perf_counter() >= self._deadline_s:
                proven = min(proven, bound)
                break
        return None if best is None else _Found(best, best.cost, min(proven, best.cost))

    def _reserve_per_s(self, cycle_s: int) -> list[float]:
        streams = self._data.problem.streams
        return [
            min(
                (self._saturation_h[i] / cycle_s / streams[i].flow_h for i in service.streams if streams[i].flow_h > 0),
                default=math.inf,
            )
            for service in self._data.services
        ]


class _Bounds(Protocol):
    """Bounds of the cost at each cycle."""

    def rising(self) -> Iterator[tuple[int, float]]:
        """Give cycles and their bounds, the lowest one first."""


class _Fixed:
    """Bounds that are known."""

    def __init__(self, bounds: dict[int, float]) -> None:
        self._bounds = bounds

    def rising(self) -> Iterator[tuple[int, float]]:
        yield from sorted(self._bounds.items(), key=lambda item: (item[1], item[0]))


class _Sharpened:
    """Bounds that are made sharp only where they are lowest: the prices of one cycle are nearly right at the cycles beside it."""

    def __init__(self, cycles: dict[int, CliqueBound]) -> None:
        self._cycles = cycles

    def rising(self) -> Iterator[tuple[int, float]]:
        left = dict.fromkeys(self._cycles, -math.inf)
        sharp: set[int] = set()
        while left:
            lowest = min(left, key=lambda cycle_s: (left[cycle_s], cycle_s))
            if not sharp:
                lowest = sorted(left)[len(left) // 2]
            if lowest in sharp:
                yield lowest, left.pop(lowest)
                continue
            prices = self._cycles[lowest].best_prices()
            sharp.add(lowest)
            for cycle_s, bound in left.items():
                left[cycle_s] = max(bound, math.floor(self._cycles[cycle_s].at_prices(prices)))


def _negative(schedule: Schedule | None) -> Schedule | None:
    return None if schedule is None else replace(schedule, cost=-schedule.cost, bound=-schedule.bound)


def _plan(data: Frame, schedule: Schedule) -> SignalPlan:
    problem = data.problem
    greens: list[tuple[GreenWindow, ...]] = []
    for g in range(len(problem.junction.groups)):
        if g in data.timed:
            greens.append((GreenWindow(float(schedule.starts_s[g]), float(schedule.lengths_s[g])),))
        else:
            greens.append(() if g in problem.left_out else (GreenWindow(0.0, float(schedule.cycle_s)),))
    return SignalPlan(problem.junction.id, float(schedule.cycle_s), 0.0, tuple(greens))


def _yields(problem: DesignProblem, index: int) -> bool:
    return any(problem.junction.yields_to[g] for g in problem.streams[index].groups)


def _first_saturation_h(problem: DesignProblem) -> list[float]:
    return [stream.saturation_h * (FIRST_SHARE if _yields(problem, i) else 1.0) for i, stream in enumerate(problem.streams)]


def _saturation_left_h(problem: DesignProblem, plan: SignalPlan, before_h: Sequence[float]) -> list[float]:
    """Return the saturation flow that each stream has under a plan: what it can discharge over the effective green that it is shown."""
    passing = discharge_veh(plan, problem).sum(axis=1)
    left_h = []
    for index, stream in enumerate(problem.streams):
        shown_s = min(plan.green_s(g) for g in stream.groups)
        effective_s = effective_green_s(problem, plan.cycle_s, shown_s)
        usable = _yields(problem, index) and math.isfinite(stream.saturation_h) and effective_s > 0
        left_h.append(max(float(passing[index]) * 3600 / effective_s, 1.0) if usable else before_h[index])
    return left_h
