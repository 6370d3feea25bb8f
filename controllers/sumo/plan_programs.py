"""Signal plans as SUMO programs, and SUMO programs read back as signal plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from controllers.sumo.programs import GREEN, NetworkError, ShippedPhase, ShippedProgram
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.intersection import Aspect

if TYPE_CHECKING:
    from optimizer.intersection import Intersection

TICK_S: Final = 1e-6
"""Times that differ by less are the same: they come from sums of seconds."""


def plan_program(plan: SignalPlan, junction: Intersection, program_id: str) -> ShippedProgram:
    """Return the program that shows a plan: greens, and the yellows and red-yellows that the junction's description gives each group.

    A group shows a permissive green while a group that it must give way to is green, is about to be (red-yellow), or still clears (its
    yellow and intergreen). A group that may turn on red shows so in its red wherever the junction's stages permit it beside those who
    have the way then.

    Parameters
    ----------
    plan
        The plan.
    junction
        The junction it is for.
    program_id
        Name of the program.
    """
    marks = {0.0}
    for g, windows in enumerate(plan.greens):
        group = junction.groups[g]
        for window in windows:
            end_s = window.start_s + window.length_s
            times_s = [window.start_s, window.start_s - group.red_yellow_s, end_s, end_s + group.yellow_s]
            times_s += [
                end_s + junction.intergreen_s[g][h]
                for h, others in enumerate(junction.yields_to)
                if g in others or junction.turns_on_red(h)
            ]
            marks.update(time_s % plan.cycle_s for time_s in times_s)
    edges = _distinct(sorted(marks), plan.cycle_s)
    phases: list[ShippedPhase] = []
    for begin_s, end_s in zip(edges, [*edges[1:], plan.cycle_s], strict=True):
        state = _state(plan, junction, (begin_s + end_s) / 2)
        if phases and phases[-1].state == state:
            phases[-1] = ShippedPhase(state, phases[-1].duration_s + end_s - begin_s)
        else:
            phases.append(ShippedPhase(state, end_s - begin_s))
    return ShippedProgram(plan.junction, program_id, "static", plan.offset_s, tuple(phases))


def program_plan(program: ShippedProgram, junction: Intersection) -> SignalPlan:
    """Read a fixed-time program as a plan: the greens of each group.

    Raises
    ------
    NetworkError
        If the program has no fixed cycle: another type than ``static``, or phases that name their successors.
    """
    if program.type != "static" or any(phase.following for phase in program.phases):
        raise NetworkError(
            f"program {program.program_id!r} of {program.id!r} has no fixed cycle (it is {program.type}); compare fixed-time programs only."
        )
    cycle_s = sum(phase.duration_s for phase in program.phases)
    greens = []
    for group in junction.groups:
        column = program.column(group.links[0]) if group.links else ""
        greens.append(_windows([letter in GREEN for letter in column], program, cycle_s))
    return SignalPlan(junction.id, cycle_s, program.offset_s % cycle_s, tuple(greens))


def _windows(green: list[bool], program: ShippedProgram, cycle_s: float) -> tuple[GreenWindow, ...]:
    if all(green):
        return (GreenWindow(0.0, cycle_s),) if green else ()
    starts_s = [0.0]
    for phase in program.phases:
        starts_s.append(starts_s[-1] + phase.duration_s)
    count, found = len(green), []
    for p in range(count):
        if green[p] and not green[p - 1]:
            length_s, q = 0.0, p
            while green[q % count]:
                length_s += program.phases[q % count].duration_s
                q += 1
            found.append(GreenWindow(starts_s[p], length_s))
    return tuple(found)


def _state(plan: SignalPlan, junction: Intersection, second: float) -> str:
    letters = [Aspect.RED.value] * junction.signal_count
    for g, group in enumerate(junction.groups):
        letter = _letter(plan, junction, g, second)
        for link in group.links:
            letters[link] = letter
    return "".join(letters)


def _letter(plan: SignalPlan, junction: Intersection, g: int, second: float) -> str:
    group = junction.groups[g]
    if plan.is_green(g, second):
        waits = any(_occupies(plan, junction, h, g, second) for h in junction.yields_to[g])
        return Aspect.PERMISSIVE.value if waits else Aspect.PROTECTED.value
    for window in plan.greens[g]:
        since_end_s = (second - window.start_s - window.length_s) % plan.cycle_s
        if since_end_s < group.yellow_s:
            return "y"
    for window in plan.greens[g]:
        until_start_s = (window.start_s - second) % plan.cycle_s
        if until_start_s < group.red_yellow_s:
            return "u"
    occupying = [h for h in range(len(plan.greens)) if h != g and _occupies(plan, junction, h, g, second)]
    return junction.red_aspect(g, occupying).value


def _occupies(plan: SignalPlan, junction: Intersection, h: int, g: int, second: float) -> bool:
    """Whether group h has the way before group g: from its red-yellow until it has cleared."""
    before_s = junction.groups[h].red_yellow_s
    after_s = max(junction.groups[h].yellow_s, junction.intergreen_s[h][g])
    return any((second - window.start_s + before_s) % plan.cycle_s < before_s + window.length_s + after_s for window in plan.greens[h])


def _distinct(times_s: list[float], cycle_s: float) -> list[float]:
    kept: list[float] = []
    for time_s in times_s:
        if cycle_s - time_s > TICK_S and (not kept or time_s - kept[-1] > TICK_S):
            kept.append(time_s)
    return kept
