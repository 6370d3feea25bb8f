"""Holds a signal plan against its junction, second by second of what it shows: written independently of whatever designed it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optimizer.monitor import TOLERANCE_S, Rule, Violation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.design.plan import SignalPlan
    from optimizer.intersection import Intersection


def plan_violations(
    plan: SignalPlan, junction: Intersection, maximum_green_s: Sequence[float] | None = None, left_out: frozenset[int] = frozenset()
) -> tuple[Violation, ...]:
    """Return what a plan breaks; empty where it may be shown.

    Checked are conflicting greens, intergreens between each end and each start of conflicting groups, minimum and maximum greens, and
    groups that never get green although they are not left out. `Violation.time_s` is the second of the cycle.

    Parameters
    ----------
    plan
        The plan.
    junction
        What it is for.
    maximum_green_s
        Longest green of each group; none where None.
    left_out
        Groups that may stay red.
    """
    if len(plan.greens) != len(junction.groups):
        sentence = f"the plan has {len(plan.greens)} groups for the {len(junction.groups)} of junction {junction.id!r}"
        return (Violation(Rule.UNKNOWN_SIGNAL, 0.0, (), sentence),)
    found: list[Violation] = []
    for g, group in enumerate(junction.groups):
        most_s = math.inf if maximum_green_s is None else maximum_green_s[g]
        if not plan.greens[g] and g not in left_out:
            found.append(Violation(Rule.MAXIMUM_RED, 0.0, (g,), f"group {group.id!r} never gets green"))
        for window in plan.greens[g]:
            if window.length_s >= plan.cycle_s:
                continue
            if window.length_s < group.minimum_green_s - TOLERANCE_S:
                sentence = f"group {group.id!r} is green for {window.length_s:g} s of its minimum of {group.minimum_green_s:g} s"
                found.append(Violation(Rule.MINIMUM_GREEN, window.start_s, (g,), sentence))
            if window.length_s > most_s + TOLERANCE_S:
                sentence = f"group {group.id!r} is green for {window.length_s:g} s of at most {most_s:g} s"
                found.append(Violation(Rule.MAXIMUM_GREEN, window.start_s, (g,), sentence))
    for g in range(len(junction.groups)):
        for h in junction.conflicts[g]:
            found += _between(plan, junction, g, h)
    return tuple(found)


def _between(plan: SignalPlan, junction: Intersection, ending: int, starting: int) -> list[Violation]:
    """Return what the ends of one group and the starts of another break; conflicts are told once per pair."""
    found = []
    names = f"{junction.groups[ending].id!r} and {junction.groups[starting].id!r}"
    needed_s = junction.intergreen_s[ending][starting]
    for window in plan.greens[ending]:
        for other in plan.greens[starting]:
            since_s = (other.start_s - window.start_s) % plan.cycle_s
            gap_s = since_s - window.length_s
            if since_s < window.length_s - TOLERANCE_S or window.length_s >= plan.cycle_s:
                found.append(Violation(Rule.CONFLICT, other.start_s, (ending, starting), f"the groups {names} conflict but are green"))
            elif gap_s < needed_s - TOLERANCE_S:
                sentence = f"between the groups {names} lie {gap_s:g} s of an intergreen of {needed_s:g} s"
                found.append(Violation(Rule.INTERGREEN, other.start_s, (ending, starting), sentence))
    return found
