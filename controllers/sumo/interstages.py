"""Yellow, red-yellow, intergreens and minimum greens: from the shipped program, else from the guideline."""

from __future__ import annotations

import heapq
import math
import statistics
from typing import TYPE_CHECKING, Final

from controllers.sumo.programs import GREEN, KNOWN, OFF, RED_YELLOW, TURN_ON_RED, YELLOW, is_green_phase, lit_states
from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from controllers.sumo.groups import LinkGroup
    from controllers.sumo.programs import ShippedPhase, ShippedProgram

WALKING_M_S: Final = 1.2
"""Clearing speed of pedestrians (RiLSA 2015, 2.5)."""

MINIMUM_GREEN_S: Final = 5.0
_BICYCLE_YELLOW_S: Final = 2.0

LONGEST_ALL_RED_S: Final = 10.0
"""A longer red of all signals is no clearance: it serves somebody whom the network does not show."""


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
    """Return the longest yellow that the program shows the group after green, or the guideline's where it shows none."""
    ends = [after for phase, letter in enumerate(group.column) if letter in GREEN for after in program.followers(phase)]
    return _longest_run_s(group.column, ends, YELLOW, program) or guideline_yellow_s(group.kind, speed_m_s)


def red_yellow_s(group: LinkGroup, program: ShippedProgram) -> float:
    """Return the longest red-yellow that the program shows the group before green; 0 where it shows none."""
    return _longest_run_s(group.column, range(len(group.column)), frozenset(RED_YELLOW), program)


def longest_red_s(group: LinkGroup, program: ShippedProgram) -> float:
    """Return the longest time for which the program shows the group no green between two greens; 0 where it shows none."""
    ends = [after for phase, letter in enumerate(group.column) if letter in GREEN for after in program.followers(phase)]
    return _longest_run_s(group.column, ends, KNOWN - GREEN, program)


def _longest_run_s(column: str, starts: Iterable[int], letters: frozenset[str], program: ShippedProgram) -> float:
    longest_s = 0.0
    trails = [(start, 0.0, frozenset[int]()) for start in starts]
    while trails:
        phase, run_s, seen = trails.pop()
        longest_s = max(longest_s, run_s)
        if column[phase] in letters and phase not in seen:
            run_s += program.phases[phase].duration_s
            trails += [(after, run_s, seen | {phase}) for after in program.followers(phase)]
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
    lit = [group for group in groups if not OFF.issuperset(group.column)]
    parted = [
        _is_parting("".join(group.column[p] for group in lit), state, program.phases[p]) for p, state in enumerate(lit_states(program))
    ]
    pairs = [(g, h) for g, row in enumerate(foes) for h in row]
    direct = {(g, h): _shortest_s(groups[g].column, groups[h].column, program, parted) for g, h in pairs}
    on_foot = [group.kind is GroupKind.PEDESTRIAN for group in groups]
    all_reds_s = [max(0.0, time_s - yellows_s[g]) for (g, _), time_s in direct.items() if time_s is not None and not on_foot[g]]
    all_red_s = statistics.median(all_reds_s) if all_reds_s else 0.0

    def least_s(g: int, h: int) -> float:
        time_s = direct[g, h]
        if time_s is None and on_foot[g]:
            # Pedestrians often end one phase before the vehicles beside them: that phase is part of their clearance.
            around_s = _shortest_s(groups[g].column, groups[h].column, program, [False] * len(parted))
            time_s = min(crossings_m[g] / WALKING_M_S, math.inf if around_s is None else around_s)
        elif time_s is None:
            time_s = yellows_s[g] + all_red_s
        return max(time_s, yellows_s[g])

    return tuple(tuple(least_s(g, h) if (g, h) in direct else 0.0 for h in range(len(groups))) for g in range(len(groups)))


def _is_parting(letters: str, state: str, phase: ShippedPhase) -> bool:
    """Whether a phase, in which the groups show these letters, is more than a part of an interstage.

    It is a stage; or a stage for signals that lead nowhere in this net; or so long a red that it serves somebody whom the net
    does not show.
    """
    if is_green_phase(letters) or is_green_phase(state):
        return True
    return set(state) <= {"r", TURN_ON_RED} and phase.duration_s > LONGEST_ALL_RED_S


def _shortest_s(ending: str, starting: str, program: ShippedProgram, parting: Sequence[bool]) -> float | None:
    """Return the least time from the end of the one column's green to the start of the other's, None where no way leads there.

    The way must not pass through a phase that is `parting`, nor through one in which the ending group is green again.
    """
    starts = {after for phase, letter in enumerate(ending) if letter in GREEN for after in program.followers(phase)}
    queue = [(0.0, phase) for phase in sorted(starts) if ending[phase] not in GREEN]
    done: set[int] = set()
    while queue:
        time_s, phase = heapq.heappop(queue)
        if starting[phase] in GREEN:
            return time_s
        if parting[phase] or phase in done or ending[phase] in GREEN:
            continue
        done.add(phase)
        for after in program.followers(phase):
            heapq.heappush(queue, (time_s + program.phases[phase].duration_s, after))
    return None
