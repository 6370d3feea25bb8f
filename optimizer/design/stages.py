"""The stages of a junction whose signals are designed: what its plan shows together, and what its conflicts would allow besides.

A fixed-time plan that is designed group by group passes through many sets of compatible groups in a cycle: a group opens early beside one
that still clears for another, or closes late. Each such set that lasts long enough is a stage for whoever decides second by second.

Sources: K. E. Stoffers, "Scheduling of traffic lights - a new approach", Transportation Research 2 (1968), for maximal sets; R. T. van
Katwijk and B. De Schutter, "Multi-agent look-ahead traffic-adaptive control" (2008), for the gain of movement-based control.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from optimizer.design.compatibility import compatible_sets
from optimizer.design.requests import with_requests
from optimizer.intersection import Aspect, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.design.plan import SignalPlan
    from optimizer.design.result import DesignResult
    from optimizer.intersection import Intersection

MOST_STAGES: Final = 16
"""More stages than this are not added to those of the plan."""


def stage_of(junction: Intersection, groups: frozenset[int], name: str) -> Stage:
    """Return the stage that serves some groups: permissively those that must give way to another one of them."""
    return Stage(
        name,
        tuple(
            Aspect.RED if g not in groups else Aspect.PERMISSIVE if junction.yields_to[g] & groups else Aspect.PROTECTED
            for g in range(len(junction.groups))
        ),
    )


def planned_sets(plan: SignalPlan, junction: Intersection) -> list[frozenset[int]]:
    """Return the sets of groups that a plan shows green together, in the order of their seconds in the cycle, each once."""
    seconds = (frozenset(g for g in range(len(junction.groups)) if plan.is_green(g, t + 0.5)) for t in range(round(plan.cycle_s)))
    return [groups for groups in dict.fromkeys(seconds) if groups]


def designed_stages(result: DesignResult) -> tuple[Stage, ...]:
    """Return the stages of a designed junction: those of its plan, and the maximal sets that serve most of its traffic.

    Parameters
    ----------
    result
        The junction's design.
    """
    problem = result.problem
    junction = problem.junction
    sets = planned_sets(with_requests(result.plan, junction, result.requests), junction)
    served = frozenset(g for g in range(len(junction.groups)) if any(g in groups for groups in sets))
    for groups in _by_traffic(result, map(frozenset, compatible_sets(junction, served))):
        if len(sets) < MOST_STAGES and groups not in sets:
            sets.append(groups)
    return tuple(stage_of(junction, groups, f"stage {number}") for number, groups in enumerate(sets, start=1))


def _by_traffic(result: DesignResult, sets: Iterable[frozenset[int]]) -> list[frozenset[int]]:
    """Return sets of groups, those first that serve the greatest sum of flow ratios."""
    ratio = [0.0] * len(result.problem.junction.groups)
    for stream in result.problem.streams:
        for g, share in zip(stream.groups, stream.shares, strict=True):
            ratio[g] = max(ratio[g], share * stream.flow_h / stream.saturation_h)
    return sorted(sets, key=lambda groups: (-sum(ratio[g] for g in groups), sorted(groups)))
