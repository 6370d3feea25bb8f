"""Safety check, what lies between and within greens: yellows, intergreens, least greens."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from controllers.sumo.audit_states import FULL
from controllers.sumo.findings import AuditRule, Finding, Severity, by_phases, flat, words
from controllers.sumo.interstages import WALKING_M_S, guideline_yellow_s, minimum_green_s
from controllers.sumo.programs import YELLOW
from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controllers.sumo.audit_states import AuditedLight
    from controllers.sumo.programs import ShippedProgram

GOING: Final = frozenset("GgoO")
"""Green as far as clearing counts: who has an "s" stops first and is no part of a moving stream."""

REACTION_S, BRAKING_M_S2 = 1.0, 3.5
"""What a driver needs to stop at yellow (RiLSA 2015, 2.4)."""

SLACK_S: Final = 0.05
GRAVE_S: Final = 1.0
"""An intergreen that lacks more than this is an error; less is a warning."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """The shortest time between two greens: from the end of the one (after phase `last`) to the start of the other (with phase `first`)."""

    time_s: float
    last: int
    first: int


def yellow_findings(light: AuditedLight, program: ShippedProgram) -> Iterator[Finding]:
    """Find greens of vehicles, buses, trams and bicycles that end without yellow or with too little of it."""
    missing: list[tuple[int, tuple[int, ...]]] = []
    short: dict[tuple[float, float], list[tuple[int, tuple[int, ...]]]] = {}
    for index, link in light.links.items():
        if link.kind is GroupKind.PEDESTRIAN:
            continue
        column = program.column(index)
        speed_m_s = max(c.getFromLane().getSpeed() for c in link.connections)
        needed_s = guideline_yellow_s(link.kind, speed_m_s)
        for p, letter in enumerate(column):
            for after in program.followers(p) if letter in GOING else ():
                if column[after] in YELLOW:
                    shown_s = _run_s(program, after, lambda q, column=column: column[q] in YELLOW)  # type: ignore[misc]
                    if shown_s < needed_s - SLACK_S:
                        short.setdefault((shown_s, speed_m_s), []).append((index, (after,)))
                elif column[after] not in GOING:
                    missing.append((index, (p, after)))
    for places, links in by_phases(missing):
        sentence = f"link {light.name(links[0])}{_more(links)} loses its green without yellow: {words(places)}."
        yield light.finding(program, AuditRule.MISSING_YELLOW, Severity.ERROR, flat(places), links, sentence)
    for shown_s, speed_m_s, places, links in _regrouped(short):
        kind = light.links[links[0]].kind
        # Bicycles and trams brake otherwise; for them only the guideline's number counts.
        grave = kind in {GroupKind.VEHICLE, GroupKind.BUS} and shown_s < REACTION_S + speed_m_s / (2 * BRAKING_M_S2) - SLACK_S
        sentence = (
            f"link {light.name(links[0])}{_more(links)} has {shown_s:g} s of yellow from {words(places)} on; "
            f"{speed_m_s * 3.6:.0f} km/h call for {guideline_yellow_s(kind, speed_m_s):g} s."
        )
        yield light.finding(program, AuditRule.SHORT_YELLOW, Severity.ERROR if grave else Severity.WARNING, flat(places), links, sentence)


def green_findings(light: AuditedLight, program: ShippedProgram) -> Iterator[Finding]:
    """Find greens that are too short to be noticed, and pedestrian greens too short to walk."""
    short: dict[tuple[float, float], list[tuple[int, tuple[int, ...]]]] = {}
    hurried: dict[tuple[float, float], list[tuple[int, tuple[int, ...]]]] = {}
    for index, link in light.links.items():
        column, crossing_m = program.column(index), light.crossing_m(index)
        least_s, whole_s = minimum_green_s(link.kind, crossing_m), crossing_m / WALKING_M_S
        for p, letter in enumerate(column):
            before = [q for q in range(len(column)) if p in program.followers(q)]
            if letter not in GOING or not any(column[q] not in GOING for q in before):
                continue
            shown_s = _run_s(program, p, lambda q, column=column: column[q] in GOING)  # type: ignore[misc]
            if shown_s < least_s - SLACK_S:
                short.setdefault((shown_s, least_s), []).append((index, (p,)))
            elif link.kind is GroupKind.PEDESTRIAN and shown_s < whole_s - SLACK_S:
                hurried.setdefault((shown_s, whole_s), []).append((index, (p,)))
    for shown_s, least_s, places, links in _regrouped(short):
        green = f"is green for {shown_s:g} s from {words(places)} on"
        sentence = f"link {light.name(links[0])}{_more(links)} {green}; {least_s:.1f} s are the least."
        yield light.finding(program, AuditRule.SHORT_GREEN, Severity.ERROR, flat(places), links, sentence)
    for shown_s, whole_s, places, links in _regrouped(hurried):
        sentence = (
            f"link {light.name(links[0])}{_more(links)} is green for {shown_s:g} s from {words(places)} on; "
            f"to walk all the way takes {whole_s:.1f} s, the rest of which must lie in the intergreen."
        )
        yield light.finding(program, AuditRule.SHORT_CROSSING, Severity.NOTE, flat(places), links, sentence)


def intergreen_findings(light: AuditedLight, program: ShippedProgram) -> Iterator[Finding]:
    """Find pairs of streams whose greens follow each other faster than the intergreen allows.

    Changes of phases in which the same pairs lack the same time make one finding.
    """
    found: dict[tuple[int, int], list[tuple[float, float, int, int]]] = {}
    for (i, j), need_s in light.needs_s.items():
        if light.links[i].origins == light.links[j].origins:
            continue
        for gap in _gaps(program, program.column(i), program.column(j)):
            if need_s - gap.time_s > SLACK_S and not _arranged(light, program, gap, i, j):
                found.setdefault((gap.last, gap.first), []).append((need_s - gap.time_s, gap.time_s, i, j))
    alike: dict[tuple[frozenset[tuple[float, float, int, int]], ...], list[tuple[int, int]]] = {}
    for change, rows in sorted(found.items()):
        full = [row for row in rows if row[0] > GRAVE_S and _is_full_start(light, program, change[1], row)]
        alike.setdefault((frozenset(rows), frozenset(full)), []).append(change)
    for (every, full_starts), changes in alike.items():
        rows, grave, (last, first) = sorted(every), sorted(full_starts), changes[0]
        lack_s, shown_s, i, j = max(grave or rows)
        others = f"; {len(rows) - 1} more pair{'s' if len(rows) > 2 else ''} likewise" if len(rows) > 1 else ""
        mild = "the later one has to give way" if lack_s > GRAVE_S else f"less than {GRAVE_S:g} s too few"
        why = "the later one need not give way" if grave else mild
        again = f"; so from {words(changes[1:])}" if len(changes) > 1 else ""
        sentence = (
            f"from the end of green of link {light.name(i)} after phase {last} to the green of link {light.name(j)} in phase {first} "
            f"there are {shown_s:g} s ({why}); {shown_s + lack_s:.1f} s are needed, "
            f"so lengthen the change by {math.ceil(lack_s - SLACK_S)} s{others}{again}."
        )
        severity = Severity.ERROR if grave else Severity.WARNING
        pairs = sorted((i, j, shown_s, round(shown_s + lack_s, 1)) for lack_s, shown_s, i, j in rows)
        links = [link for pair in pairs for link in pair[:2]]
        yield light.finding(program, AuditRule.SHORT_INTERGREEN, severity, flat(changes), links, sentence, pairs)


def _arranged(light: AuditedLight, program: ShippedProgram, gap: _Gap, i: int, j: int) -> bool:
    """Whether the program lets the two streams go together anyway and the one that ends or starts here is the one that waits.

    RiLSA demands intergreens between streams that are not compatible. Who turns permissively across a stream has watched it all along.
    """
    together = any(a in GOING and b in GOING for a, b in zip(program.column(i), program.column(j), strict=True))
    waits_ending = program.phases[gap.last].state[i] not in FULL and light.way.yields[i, j]
    waits_starting = program.phases[gap.first].state[j] not in FULL and light.way.yields[j, i]
    return together and bool(waits_ending or waits_starting)


def _is_full_start(light: AuditedLight, program: ShippedProgram, first: int, row: tuple[float, float, int, int]) -> bool:
    """Whether the starting stream has no duty to wait for the clearing one (who starts permissively does)."""
    _, _, i, j = row
    return program.phases[first].state[j] in FULL or not light.way.yields[j, i]


def least_s(program: ShippedProgram, phase: int) -> float:
    """Return the least time for which a phase is shown."""
    shown = program.phases[phase]
    return shown.duration_s if program.type == "static" or shown.minimum_s is None else shown.minimum_s


def _run_s(program: ShippedProgram, start: int, holds: Callable[[int], bool]) -> float:
    """Return the shortest time from the start of a phase until one is shown for which `holds` is false; infinite where none ever is."""
    queue, done = [(0.0, start)], set[int]()
    while queue:
        time_s, phase = heapq.heappop(queue)
        if not holds(phase):
            return time_s
        if phase not in done:
            done.add(phase)
            for after in program.followers(phase):
                heapq.heappush(queue, (time_s + least_s(program, phase), after))
    return math.inf


def _gaps(program: ShippedProgram, ending: str, starting: str) -> Iterator[_Gap]:
    """Yield for each end of the one green the shortest time to the next start of the other green, before the one is green again."""
    for last, letter in enumerate(ending):
        if letter not in GOING:
            continue
        # (time, phase shown before, phase shown now)
        queue = [(0.0, last, after) for after in program.followers(last) if ending[after] not in GOING]
        done: set[tuple[int, int]] = set()
        while queue:
            time_s, before, phase = heapq.heappop(queue)
            if ending[phase] in GOING or (before, phase) in done:
                continue
            if starting[phase] in GOING and starting[before] not in GOING:
                yield _Gap(time_s, last, phase)
                break
            done.add((before, phase))
            for after in program.followers(phase):
                heapq.heappush(queue, (time_s + least_s(program, phase), phase, after))


def _regrouped(
    found: dict[tuple[float, float], list[tuple[int, tuple[int, ...]]]],
) -> Iterator[tuple[float, float, tuple[tuple[int, ...], ...], list[int]]]:
    """Yield what is shown and needed, with the phases where that begins and the links."""
    for (shown_s, needed_s), seen in found.items():
        for places, links in by_phases(seen):
            yield shown_s, needed_s, places, links


def _more(links: list[int]) -> str:
    return f" (and {len(links) - 1} more)" if len(links) > 1 else ""
