"""Plans of several junctions with one common cycle, as coordination needs it: least delay of all together.

The same search over cycles as for one junction (`optimizer.design.cycle_search`) with the sum of the junctions' costs and bounds.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from optimizer.design.costs import UNIT_VEH
from optimizer.design.cycle_search import JunctionSearch, SharpenedBounds
from optimizer.design.designing import (
    AGREED,
    PASSES,
    Way,
    first_saturation_h,
    saturation_left_h,
    scheduled_plan,
    status_of,
    timing_of,
)
from optimizer.design.errors import DesignError
from optimizer.design.performance import capacity_factor, performance, weighted_delay_veh
from optimizer.design.result import DesignResult, Objective
from optimizer.design.schedule import Frame, Schedule, frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.design.problem import DesignProblem
    from optimizer.horizon.solution import SolutionStatus


@dataclass(frozen=True, slots=True)
class CommonDesign:
    """Plans with a common cycle.

    Attributes
    ----------
    results
        One for each problem, in their order; their costs are those at the common cycle, and each one's bound is that of its own cost there.
    cost, bound
        Weighted delay of all junctions, vehicle-hours per hour, and what no common cycle can stay below.
    status
        Whether they agree.
    solve_s
        Time spent.
    """

    results: tuple[DesignResult, ...]
    cost: float
    bound: float
    status: SolutionStatus
    solve_s: float

    @property
    def cycle_s(self) -> float:
        """The common cycle."""
        return self.results[0].plan.cycle_s


def design_together(
    problems: Sequence[DesignProblem], way: Way = "groups", *, relative_gap: float = 1e-3, time_limit_s: float = 300.0
) -> CommonDesign:
    """Design plans with one common cycle and least delay.

    Where a common cycle lets every stream stay within its capacity, the plans do; otherwise delay alone decides.

    Parameters
    ----------
    problems
        The junctions; the common cycle lies within the bounds of all of them.
    way, relative_gap, time_limit_s
        See `optimizer.design.designing.design`.

    Raises
    ------
    DesignError
        If there is no junction, no cycle within the bounds of all, or no plan of one of them (see `design`).
    """
    began = time.perf_counter()
    deadline_s = began + time_limit_s
    frames = [frame(problem) for problem in problems]
    if not frames:
        raise DesignError("there is no junction to design a plan for; name one.")
    least_s = max(max(data.least_cycle_s, data.problem.shortest_cycle_s) for data in frames)
    most_s = min(data.problem.longest_cycle_s for data in frames)
    if least_s > most_s:
        slow = max(frames, key=lambda data: max(data.least_cycle_s, data.problem.shortest_cycle_s)).problem.junction.id
        fast = min(frames, key=lambda data: data.problem.longest_cycle_s).problem.junction.id
        raise DesignError(
            f"junction {slow!r} needs a cycle of {least_s} s at least, but junction {fast!r} allows {most_s} s at most; "
            "widen the bounds or take one of them out of the corridor."
        )
    timings = [timing_of(data, way, relative_gap) for data in frames]
    saturations = [first_saturation_h(data.problem) for data in frames]
    best: CommonDesign | None = None
    for _ in range(PASSES):
        searches = [
            JunctionSearch(data, timing, saturation_h, relative_gap, deadline_s)
            for data, timing, saturation_h in zip(frames, timings, saturations, strict=True)
        ]
        found = _best(searches, range(least_s, most_s + 1), 1.0, relative_gap) or _best(
            searches, range(least_s, most_s + 1), 0.0, relative_gap
        )
        if found is None:
            break
        common = _common(frames, found, relative_gap)
        if best is None or _delayed(common) < _delayed(best):
            best = common
        following = [
            saturation_left_h(result.problem, result.plan, before) for result, before in zip(common.results, saturations, strict=True)
        ]
        pairs = [pair for old, new in zip(saturations, following, strict=True) for pair in zip(old, new, strict=True)]
        if all(math.isclose(old, new, rel_tol=AGREED) for old, new in pairs):
            break
        saturations = following
    if best is None:
        raise DesignError(f"no common cycle was found within {time_limit_s:g} s; allow more time or a longer cycle.")
    return replace(best, solve_s=time.perf_counter() - began)


def _best(searches: Sequence[JunctionSearch], cycles: range, factor: float, relative_gap: float) -> tuple[list[Schedule], float] | None:
    """Return the schedules with the least sum of costs that carry so many times the flows, and the bound of all cycles."""
    least = {cycle_s: [search.at_least_s(cycle_s, factor) for search in searches] for cycle_s in cycles}
    costs = {cycle_s: [search.costs(cycle_s) for search in searches] for cycle_s in cycles}
    bounds = SharpenedBounds(
        {c: [s.bound(c, table, wanted) for s, table, wanted in zip(searches, costs[c], least[c], strict=True)] for c in cycles}
    )
    best: list[Schedule] | None = None
    total, proven = math.inf, math.inf
    for cycle_s, bound in bounds.rising():
        if math.isinf(bound) or (best is not None and bound >= total * (1 - relative_gap)):
            proven = min(proven, bound)
            break
        schedules: list[Schedule] = []
        for search, table, wanted in zip(searches, costs[cycle_s], least[cycle_s], strict=True):
            schedule = search.solve(cycle_s, table, wanted, math.inf)
            if schedule is None:
                break
            schedules.append(schedule)
        if len(schedules) < len(searches):
            proven = min(proven, bound)  # without a schedule the bound still holds
            if searches[0].is_over:
                break
            continue
        proven = min(proven, sum(schedule.bound for schedule in schedules))
        if sum(schedule.cost for schedule in schedules) < total:
            best, total = schedules, sum(schedule.cost for schedule in schedules)
    return None if best is None else (best, min(proven, total))


def _common(frames: Sequence[Frame], found: tuple[list[Schedule], float], relative_gap: float) -> CommonDesign:
    schedules, bound = found
    results = []
    for data, schedule in zip(frames, schedules, strict=True):
        plan = scheduled_plan(data, schedule)
        rows = performance(plan, data.problem)
        results.append(
            DesignResult(
                problem=data.problem,
                plan=plan,
                stages=schedule.stages,
                objective=Objective.DELAY,
                cost=schedule.cost * UNIT_VEH,
                bound=schedule.bound * UNIT_VEH,
                status=status_of(schedule.cost, schedule.bound, relative_gap),
                capacity_factor=capacity_factor(rows),
                performance=rows,
                solve_s=0.0,
            )
        )
    cost = sum(result.cost for result in results)
    return CommonDesign(tuple(results), cost, bound * UNIT_VEH, status_of(cost, bound * UNIT_VEH, relative_gap), 0.0)


def _delayed(design: CommonDesign) -> float:
    return sum(weighted_delay_veh(result.performance) for result in design.results)
