"""The stages of a junction whose signals are designed: maximal sets of compatible groups, as far as its plan needs them.

A fixed-time plan that is designed group by group passes through many sets of compatible groups in a cycle, for groups open early and close
late. Each of these lies within a maximal set. Of all maximal sets those are kept that the plan needs: they say which stages the demand
asks for. People on foot take long to clear, so each stage with crossings has a twin without them.

Sources: K. E. Stoffers, "Scheduling of traffic lights - a new approach", Transportation Research 2 (1968), for maximal sets as stages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.design.compatibility import compatible_sets
from optimizer.intersection import Aspect, GroupKind, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.design.plan import SignalPlan
    from optimizer.intersection import Intersection


def designed_stages(plan: SignalPlan, junction: Intersection) -> tuple[Stage, ...]:
    """Return the stages of a designed junction.

    Parameters
    ----------
    plan
        The junction's plan, with the greens of all groups on request.
    junction
        The junction.
    """
    sets = needed_sets(plan, junction)
    on_foot = frozenset(g for g, group in enumerate(junction.groups) if group.kind is GroupKind.PEDESTRIAN)
    twins = [groups - on_foot for groups in sets if groups - on_foot]
    return tuple(_stage(junction, groups, f"stage {number}") for number, groups in enumerate(dict.fromkeys([*sets, *twins]), start=1))


def needed_sets(plan: SignalPlan, junction: Intersection) -> list[frozenset[int]]:
    """Return the maximal sets of compatible groups that a plan needs, in the order of its cycle.

    What is shown at a second of the plan may lie within several maximal sets. Needed is a set where it is the only one; elsewhere one that
    is needed anyway, or else the one that holds most of the plan's seconds.
    """
    seconds = [frozenset(g for g in range(len(junction.groups)) if plan.is_green(g, t + 0.5)) for t in range(round(plan.cycle_s))]
    shown = [groups for groups in dict.fromkeys(seconds) if groups]
    maximal = [frozenset(groups) for groups in compatible_sets(junction, frozenset[int]().union(*shown))]
    holding = {groups: [candidate for candidate in maximal if groups <= candidate] for groups in shown}
    needed = {candidates[0] for candidates in holding.values() if len(candidates) == 1}
    for candidates in holding.values():
        if needed.isdisjoint(candidates):
            needed.add(max(candidates, key=lambda candidate: _seconds(candidate, seconds)))
    first = {candidate: next(t for t, groups in enumerate(seconds) if groups and groups <= candidate) for candidate in needed}
    return sorted(needed, key=lambda candidate: (first[candidate], sorted(candidate)))


def _seconds(candidate: frozenset[int], seconds: Sequence[frozenset[int]]) -> int:
    return sum(bool(groups) and groups <= candidate for groups in seconds)


def _stage(junction: Intersection, groups: frozenset[int], name: str) -> Stage:
    """Return the stage that serves some groups: permissively those that must give way to another one of them."""
    return Stage(
        name,
        tuple(
            Aspect.RED if g not in groups else Aspect.PERMISSIVE if junction.yields_to[g] & groups else Aspect.PROTECTED
            for g in range(len(junction.groups))
        ),
    )
