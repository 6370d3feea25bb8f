"""Yellow, red-yellow, intergreens and minimum greens: from the shipped program, else from the guideline."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

from controllers.sumo.programs import GREEN, RED_YELLOW, YELLOW
from controllers.sumo.stages import is_green_phase
from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controllers.sumo.groups import LinkGroup
    from controllers.sumo.programs import ShippedProgram

WALKING_M_S: Final = 1.2
"""Clearing speed of pedestrians (RiLSA 2015, 2.5)."""

MINIMUM_GREEN_S: Final = 5.0
MAXIMUM_RED_S: Final = {
    GroupKind.VEHICLE: 300.0,
    GroupKind.TRAM: 300.0,
    GroupKind.BICYCLE: 120.0,
    GroupKind.PEDESTRIAN: 120.0,
}
_BICYCLE_YELLOW_S: Final = 2.0


def minimum_green_s(kind: GroupKind, crossing_m: float) -> float:
    """Return the least green of a group: pedestrians must be able to reach the middle of their crossing."""
    return max(MINIMUM_GREEN_S, crossing_m / 2 / WALKING_M_S) if kind is GroupKind.PEDESTRIAN else MINIMUM_GREEN_S


def guideline_yellow_s(kind: GroupKind, speed_m_s: float) -> float:
    """Return the yellow of a group whose program has none: 3 s up to 50 km/h, 4 s up to 60, 5 s above (RiLSA 2015, 2.4)."""
    if kind is GroupKind.PEDESTRIAN:
        return 0.0
    if kind is GroupKind.BICYCLE:
        return _BICYCLE_YELLOW_S
    speed_km_h = round(speed_m_s * 3.6)
    return 3.0 if speed_km_h <= 50 else 4.0 if speed_km_h <= 60 else 5.0


def yellow_s(group: LinkGroup, program: ShippedProgram, speed_m_s: float) -> float:
    """Return the longest yellow that the program shows the group, or the guideline's where it shows none."""
    return _longest_run_s(group.column, YELLOW, program) or guideline_yellow_s(group.kind, speed_m_s)


def red_yellow_s(group: LinkGroup, program: ShippedProgram) -> float:
    """Return the longest red-yellow that the program shows the group; 0 where it shows none."""
    return _longest_run_s(group.column, frozenset(RED_YELLOW), program)


def _longest_run_s(column: str, letters: frozenset[str], program: ShippedProgram) -> float:
    if letters.issuperset(column):
        return 0.0
    longest_s = 0.0
    for start, letter in enumerate(column):
        if letter in letters and column[start - 1] not in letters:
            run_s, phase = 0.0, start
            while column[phase % len(column)] in letters:
                run_s += program.phases[phase % len(column)].duration_s
                phase += 1
            longest_s = max(longest_s, run_s)
    return longest_s


def intergreens_s(
    groups: Sequence[LinkGroup],
    program: ShippedProgram,
    foes: Sequence[frozenset[int]],
    yellows_s: Sequence[float],
    crossings_m: Sequence[float],
) -> tuple[tuple[float, ...], ...]:
    """Return the least time from the end of green of each group to the start of green of each of its foes.

    Where the program lets the one follow the other with no stage between them, its own time counts (the least one). Else: for
    pedestrians the time they need to clear the crossing, for others their yellow and the program's typical all-red.
    Foes that the program lets go together count as well: they wait for each other where one ends and the other starts.

    Parameters
    ----------
    groups, program
        The groups and the program they were read from.
    foes
        For each group, the groups whose paths cross or join its own.
    yellows_s, crossings_m
        Yellow and (longest) path across the junction of each group.
    """
    realised = {(g, h): _realised_s(groups[g].column, groups[h].column, program, groups) for g, row in enumerate(foes) for h in row}
    vehicle_all_reds = [
        max(0.0, time_s - yellows_s[g]) for (g, _), time_s in realised.items() if time_s is not None and groups[g].kind is not GroupKind.PEDESTRIAN
    ]
    all_red_s = statistics.median(vehicle_all_reds) if vehicle_all_reds else 0.0

    def least_s(g: int, h: int) -> float:
        if h not in foes[g]:
            return 0.0
        time_s = realised[g, h]
        if time_s is None:
            time_s = crossings_m[g] / WALKING_M_S if groups[g].kind is GroupKind.PEDESTRIAN else yellows_s[g] + all_red_s
        return max(time_s, yellows_s[g])

    return tuple(tuple(least_s(g, h) for h in range(len(groups))) for g in range(len(groups)))


def _realised_s(ending: str, starting: str, program: ShippedProgram, groups: Sequence[LinkGroup]) -> float | None:
    """Return the least time from the end of the one column's green to the other's start with no stage in between, None where there is none."""
    stage = [is_green_phase("".join(group.column[phase] for group in groups)) for phase in range(len(program.phases))]
    best: float | None = None
    for last in range(len(program.phases)):
        if ending[last] not in GREEN:
            continue
        # Each entry: a phase in which the ending group is no longer green, and the time since it was.
        trail = [(phase, 0.0) for phase in program.followers(last) if ending[phase] not in GREEN]
        seen = set()
        while trail:
            phase, time_s = trail.pop()
            if starting[phase] in GREEN:
                best = time_s if best is None else min(best, time_s)
                continue
            if stage[phase] or phase in seen or ending[phase] in GREEN:
                continue
            seen.add(phase)
            trail += [(after, time_s + program.phases[phase].duration_s) for after in program.followers(phase)]
    return best
