"""Switching between fixed-time programs by the time of day: SUMO's WAUTs with moments at which the change is safe.

SUMO's procedure ``GSP`` waits until the running program reaches its favourable moment (German *günstiger Schaltpunkt*), goes on with the
new program at that one's moment, and holds the phase shown there until the new program is in step with its offset. A change is safe if
nobody has yellow or red-yellow at these moments, no green that ends with yellow is cut off, and what ends before and starts after keeps
the intergreens and minimum greens.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from optimizer.design.errors import DesignError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from controllers.sumo.programs import ShippedProgram
    from optimizer.design.plan import SignalPlan
    from optimizer.intersection import Intersection

MOMENT: Final = "GSP"
SETTLED_S: Final = 1.0
"""What is shown at the moment must have been shown for so long before, and stay for so long after."""


def switching_moments(plans: Sequence[SignalPlan], changes: Iterable[tuple[int, int]], junction: Intersection) -> tuple[int, ...]:
    """Return for each plan a second of its cycle at which all given changes are safe.

    Parameters
    ----------
    plans
        The junction's plans of the day.
    changes
        Pairs ``(old, new)`` of indices of plans.
    junction
        Intergreens, minimum greens, yellows.

    Raises
    ------
    DesignError
        If there are no such moments.
    """
    pairs = sorted(set(changes))
    calm = [[second for second in range(round(plan.cycle_s)) if _is_calm(plan, junction, second)] for plan in plans]
    chosen: list[int] = []

    def fits(second: int) -> bool:
        moments = [*chosen, second]
        last = len(chosen)
        due = [(a, b) for a, b in pairs if max(a, b) == last]
        return all(is_safe_change(plans[a], moments[a], plans[b], moments[b], junction) for a, b in due)

    def search() -> bool:
        if len(chosen) == len(plans):
            return True
        for second in calm[len(chosen)]:
            if fits(second):
                chosen.append(second)
                if search():
                    return True
                chosen.pop()
        return False

    if not search():
        raise DesignError(
            f"junction {junction.id!r}: its plans of the day have no moment in common at which a change between them is safe; "
            "design fewer periods, or with --way stages."
        )
    return tuple(chosen)


def is_safe_change(old: SignalPlan, leaving_s: float, new: SignalPlan, entering_s: float, junction: Intersection) -> bool:
    """Whether the one plan may be left at one second of its cycle to go on with the other at a second of its cycle.

    Both moments are calm: nobody has yellow or red-yellow. Greens without yellow (pedestrians') may end with the change, and greens without
    red-yellow may start with it.
    """
    groups = range(len(junction.groups))
    ends_s, starts_s = [], []
    for g in groups:
        group, before, after = junction.groups[g], old.is_green(g, leaving_s), new.is_green(g, entering_s)
        if (before and not after and group.yellow_s > 0) or (after and not before and group.red_yellow_s > 0):
            return False
        shown_s = (_since_start_s(old, g, leaving_s) if before else 0.0) + (_until_end_s(new, g, entering_s) if after else 0.0)
        if (before or after) and shown_s < group.minimum_green_s:
            return False
        ends_s.append(math.inf if before and after else 0.0 if before else _since_end_s(old, g, leaving_s))
        starts_s.append(math.inf if before and after else 0.0 if after else _until_start_s(new, g, entering_s))
    return all(ends_s[g] + starts_s[h] >= junction.intergreen_s[g][h] for g in groups for h in junction.conflicts[g])


def with_moment(program: ShippedProgram, second: float) -> ShippedProgram:
    """Return a program that tells SUMO its favourable moment."""
    return replace(program, parameters={**program.parameters, MOMENT: f"{second:g}"})


def append_wauts(path: Path, switches: Mapping[str, Sequence[tuple[float, str]]], begin_s: float) -> None:
    """Add the day's switches to a file of programs.

    Parameters
    ----------
    path
        The additional file with the programs.
    switches
        For each junction the times of the day and the programs from then on; the first is the one to begin with.
    begin_s
        Time to which the switches are related.
    """
    root = ET.parse(path).getroot()
    for junction, rows in switches.items():
        waut = ET.SubElement(root, "WAUT", {"id": f"day_{junction}", "refTime": f"{begin_s:g}", "startProg": rows[0][1]})
        for time_s, program in rows[1:]:
            ET.SubElement(waut, "wautSwitch", {"time": f"{time_s - begin_s:g}", "to": program})
    for junction in switches:
        ET.SubElement(root, "wautJunction", {"wautID": f"day_{junction}", "junctionID": junction, "procedure": MOMENT, "synchron": "true"})
    ET.indent(root)
    draft = path.with_name(f".{path.name}.draft")
    ET.ElementTree(root).write(draft, encoding="utf-8", xml_declaration=True)
    draft.replace(path)


def _is_calm(plan: SignalPlan, junction: Intersection, second: float) -> bool:
    """Whether nothing but green and red is shown around a second, and none of it changes."""
    for g, group in enumerate(junction.groups):
        if any(plan.is_green(g, second + around) != plan.is_green(g, second) for around in (-SETTLED_S, SETTLED_S)):
            return False
        if not plan.is_green(g, second):
            if _since_end_s(plan, g, second) < group.yellow_s + SETTLED_S:
                return False
            if _until_start_s(plan, g, second) < group.red_yellow_s + SETTLED_S:
                return False
    return True


def _since_start_s(plan: SignalPlan, g: int, second: float) -> float:
    """Return how long a green group has been green."""
    if plan.green_s(g) >= plan.cycle_s:
        return float("inf")
    return min((second - w.start_s) % plan.cycle_s for w in plan.greens[g] if (second - w.start_s) % plan.cycle_s < w.length_s)


def _until_end_s(plan: SignalPlan, g: int, second: float) -> float:
    if plan.green_s(g) >= plan.cycle_s:
        return float("inf")
    return min(w.length_s - (second - w.start_s) % plan.cycle_s for w in plan.greens[g] if (second - w.start_s) % plan.cycle_s < w.length_s)


def _since_end_s(plan: SignalPlan, g: int, second: float) -> float:
    """Return how long ago a group's last green ended; infinite while it is green or where it never is."""
    if plan.is_green(g, second) or not plan.greens[g]:
        return float("inf")
    return min((second - w.start_s - w.length_s) % plan.cycle_s for w in plan.greens[g])


def _until_start_s(plan: SignalPlan, g: int, second: float) -> float:
    if plan.is_green(g, second) or not plan.greens[g]:
        return float("inf")
    return min((w.start_s - second) % plan.cycle_s for w in plan.greens[g])
