"""Designs the fixed-time plan of one junction: the cycle, and at each cycle the greens.

The cycle is a whole number of seconds between its bounds. Cycles are taken in the order of their bounds (`optimizer.design.bounds`), and
each is solved exactly until no bound is left that could beat the best plan: what comes out is proven for the whole range.

A permissive stream discharges less than its saturation flow, by how much depends on the plan. The design therefore runs again with the
saturation flows that the last plan left (`PASSES` times at most) and keeps the plan under which the streams fare best.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, Literal

from optimizer.design.costs import effective_green_s
from optimizer.design.cycle_search import Found, JunctionSearch
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
    from collections.abc import Sequence

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
        What to strive for (see `Objective`).
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
    timing = timing_of(data, way, relative_gap)
    saturation_h = first_saturation_h(problem)
    best: tuple[tuple[float, float], SignalPlan, Found, tuple[StreamPerformance, ...]] | None = None
    for _ in range(PASSES):
        found = JunctionSearch(data, timing, saturation_h, relative_gap, deadline_s).run(objective)
        if found is None:
            break
        plan = scheduled_plan(data, found.schedule)
        rows = performance(plan, problem)
        merit = _merit(rows, objective)
        if best is None or merit < best[0]:
            best = merit, plan, found, rows
        following_h = saturation_left_h(problem, plan, saturation_h)
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
        objective=found.objective,
        cost=found.cost,
        bound=found.bound,
        status=status_of(found.cost, found.bound, relative_gap),
        capacity_factor=capacity_factor(rows),
        performance=rows,
        solve_s=time.perf_counter() - began,
    )


def timing_of(data: Frame, way: Way, relative_gap: float) -> Timing:
    """Return the way of timing a junction."""
    return GroupBased(data, relative_gap) if way == "groups" else StageBased(data, relative_gap)


def status_of(cost: float, bound: float, relative_gap: float) -> SolutionStatus:
    """Say whether cost and bound agree to a relative gap."""
    return SolutionStatus.OPTIMAL if cost - bound <= max(relative_gap, 1e-9) * abs(cost) else SolutionStatus.FEASIBLE


def scheduled_plan(data: Frame, schedule: Schedule) -> SignalPlan:
    """Return the plan of a schedule.

    Each green is stretched into whatever time the schedule leaves over, the busiest group's first: it ends as late and begins as early as
    intergreens and maximum greens allow. Groups without conflicts stay green, those that are left out stay red.
    """
    problem = data.problem
    starts, lengths = dict(schedule.starts_s), dict(schedule.lengths_s)
    flow_h = dict.fromkeys(data.timed, 0.0)
    for stream in problem.streams:
        for g in data.timed.intersection(stream.groups):
            flow_h[g] += stream.flow_h
    for g in sorted(data.timed, key=lambda g: (-flow_h[g], g)):
        others = problem.junction.conflicts[g] & data.timed
        after_s = min((starts[h] - starts[g]) % schedule.cycle_s - lengths[g] - data.intergreen_s[g][h] for h in others)
        lengths[g] += max(0, min(after_s, data.longest_s[g] - lengths[g]))
        before_s = min((starts[g] - starts[h]) % schedule.cycle_s - lengths[h] - data.intergreen_s[h][g] for h in others)
        earlier_s = max(0, min(before_s, data.longest_s[g] - lengths[g]))
        starts[g], lengths[g] = (starts[g] - earlier_s) % schedule.cycle_s, lengths[g] + earlier_s
    greens: list[tuple[GreenWindow, ...]] = []
    for g in range(len(problem.junction.groups)):
        if g in data.timed:
            greens.append((GreenWindow(float(starts[g]), float(lengths[g])),))
        else:
            greens.append(() if g in problem.left_out else (GreenWindow(0.0, float(schedule.cycle_s)),))
    return SignalPlan(problem.junction.id, float(schedule.cycle_s), 0.0, tuple(greens))


def _merit(rows: tuple[StreamPerformance, ...], objective: Objective) -> tuple[float, float]:
    """Return what the passes are compared by, the smaller the better."""
    delayed, overload = weighted_delay_veh(rows), 1 / capacity_factor(rows)
    if objective is Objective.DELAY:
        return delayed, overload
    return (max(1.0, overload) if objective is Objective.WITHIN_CAPACITY else overload), delayed


def _yields(problem: DesignProblem, index: int) -> bool:
    return any(problem.junction.yields_to[g] for g in problem.streams[index].groups)


def _is_short(problem: DesignProblem, index: int) -> bool:
    return problem.streams[index].fed_h < problem.streams[index].saturation_h


def first_saturation_h(problem: DesignProblem) -> list[float]:
    """Return the saturation flow of each stream before there is a plan."""
    return [stream.saturation_h * (FIRST_SHARE if _yields(problem, i) else 1.0) for i, stream in enumerate(problem.streams)]


def saturation_left_h(problem: DesignProblem, plan: SignalPlan, before_h: Sequence[float]) -> list[float]:
    """Return the saturation flow that each stream has under a plan: what it can discharge over the effective green that it is shown."""
    passing = discharge_veh(plan, problem).sum(axis=1)
    left_h = []
    for index, stream in enumerate(problem.streams):
        shown_s = min(plan.green_s(g) for g in stream.groups)
        effective_s = effective_green_s(problem, plan.cycle_s, shown_s)
        depends = _yields(problem, index) or _is_short(problem, index)
        usable = depends and math.isfinite(stream.saturation_h) and effective_s > 0
        left_h.append(max(float(passing[index]) * 3600 / effective_s, 1.0) if usable else before_h[index])
    return left_h
