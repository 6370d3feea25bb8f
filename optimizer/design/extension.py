"""Lengthens greens where that takes nothing from anybody: a plan of least delay leaves groups without traffic at their minimum green.

What nobody counted may come all the same, and a right turn that is red beside its road's green looks wrong to everyone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optimizer.design.performance import capacity_factor, performance
from optimizer.design.plan import GreenWindow
from optimizer.design.requests import with_free_greens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optimizer.design.plan import SignalPlan
    from optimizer.design.result import DesignResult
    from optimizer.intersection import Intersection


def extended(plan: SignalPlan, junction: Intersection, maximum_green_s: Sequence[float]) -> SignalPlan:
    """Return the plan with each green begun as early and ended as late as the intergreens of the others' greens allow.

    A green is not lengthened beside the designed green of a group that would have to give way to it, nor beyond its maximum. Those who
    give way to fewest others come first; groups with several greens are left as they are.

    Parameters
    ----------
    plan
        A plan that keeps all intergreens.
    junction
        The junction.
    maximum_green_s
        Longest green of each group.
    """
    longer = plan
    for g in sorted(range(len(junction.groups)), key=lambda group: len(junction.yields_to[group])):
        if len(longer.greens[g]) == 1 and longer.greens[g][0].length_s < longer.cycle_s:
            window = _lengthened(longer, plan, junction, g, maximum_green_s[g])
            longer = replace(longer, greens=tuple((window,) if h == g else row for h, row in enumerate(longer.greens)))
    return longer


def with_longer_greens(result: DesignResult) -> DesignResult:
    """Return a design whose plan shows all greens that take nothing from anybody, and how its streams fare then."""
    # Trams take their free greens before anybody's is lengthened for whom nothing was counted.
    plan = with_free_greens(result.plan, result.problem)
    plan = extended(plan, result.problem.junction, result.problem.maximum_green_s)
    rows = performance(plan, result.problem)
    return replace(result, plan=plan, performance=rows, capacity_factor=capacity_factor(rows))


def _lengthened(plan: SignalPlan, designed: SignalPlan, junction: Intersection, g: int, most_s: float) -> GreenWindow:
    window, cycle_s = plan.greens[g][0], plan.cycle_s
    end_s = window.start_s + window.length_s
    before, after = [cycle_s - window.length_s], [cycle_s - window.length_s]
    for h in junction.conflicts[g]:
        for other in plan.greens[h]:
            before.append((window.start_s - other.start_s - other.length_s) % cycle_s - junction.intergreen_s[h][g])
            after.append((other.start_s - end_s) % cycle_s - junction.intergreen_s[g][h])
    for y, others in enumerate(junction.yields_to):
        if g in others:
            before.append(_free_before_s(window.start_s, designed.greens[y], cycle_s))
            after.append(_free_after_s(end_s, designed.greens[y], cycle_s))
    later_s = max(0.0, min(*after, most_s - window.length_s))
    earlier_s = max(0.0, min(*before, most_s - window.length_s - later_s))
    if not any(plan.greens[h] for h in junction.conflicts[g]):
        return window  # nothing bounds it: whoever made the plan has reasons of his own
    return GreenWindow((window.start_s - earlier_s) % cycle_s, window.length_s + earlier_s + later_s)


def _free_before_s(time_s: float, windows: Iterable[GreenWindow], cycle_s: float) -> float:
    """Return how long before a time no green of these has been shown."""
    return min(
        (0.0 if 0 < (time_s - w.start_s) % cycle_s <= w.length_s else (time_s - w.start_s - w.length_s) % cycle_s for w in windows),
        default=cycle_s,
    )


def _free_after_s(time_s: float, windows: Iterable[GreenWindow], cycle_s: float) -> float:
    return min((0.0 if (time_s - w.start_s) % cycle_s < w.length_s else (w.start_s - time_s) % cycle_s for w in windows), default=cycle_s)
