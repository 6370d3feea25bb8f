"""Stages that follow each other as a SUMO program: for SUMO's own control, for the safety check, and for times without an answer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from controllers.sumo.programs import ShippedPhase, ShippedProgram
from controllers.sumo.signals import JunctionSignals
from optimizer.decision import Decision
from optimizer.monitor import Monitor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.intersection import Intersection


def stage_program(junction: Intersection, order: Sequence[int], greens_s: Sequence[float], program_id: str) -> ShippedProgram:
    """Return the program in which stages follow each other, with the interstages that controllers get.

    The interstages are those between greens of the least length, so that they are long enough whatever the greens are: where an intergreen
    reaches over a short stage, the one behind it waits.

    Parameters
    ----------
    junction
        The junction.
    order
        Its stages; one may come more than once, but not twice in a row.
    greens_s
        Green of each of them.
    program_id
        Name of the program.
    """
    # A long order makes some wait longer than a monitor in service would let them.
    groups = tuple(replace(group, maximum_red_s=math.inf) for group in junction.groups)
    patient = replace(junction, groups=groups)
    signals = JunctionSignals(patient, Monitor(patient), order[0], 0.0)
    least_s = [max(1.0, float(math.ceil(junction.stage_minimum_green_s(stage)))) for stage in range(len(junction.stages))]
    time_s, phases = 0.0, []
    # The second time round the first interstages know what was shown before them.
    for step in range(2 * len(order)):
        place = step % len(order)
        stage, following = order[place], order[(place + 1) % len(order)]
        if step >= len(order):
            phases.append(ShippedPhase(junction.state(stage), max(greens_s[place], least_s[stage])))
        time_s += least_s[stage]
        signals.command(time_s, Decision(following, reason="check"))
        while time_s < signals.status.green_start_s:
            signals.advance(time_s)
            if step >= len(order):
                phases.append(ShippedPhase(signals.state, 1.0))
            time_s += 1.0
        signals.advance(time_s)
    if signals.refused or signals.violations:
        raise RuntimeError(f"junction {junction.id!r}: its stages do not follow each other in the order {order}.")
    return ShippedProgram(junction.id, program_id, "static", 0.0, tuple(_joined(phases)))


def all_changes(stages: int) -> list[int]:
    """Return a closed order of stages in which each follows each other one once (an Euler circuit of the complete directed graph)."""
    left = {stage: [other for other in range(stages) if other != stage] for stage in range(stages)}
    trail, circuit = [0], []
    while trail:
        if left[trail[-1]]:
            trail.append(left[trail[-1]].pop())
        else:
            circuit.append(trail.pop())
    return circuit[:0:-1]


def _joined(phases: list[ShippedPhase]) -> list[ShippedPhase]:
    """Return the phases with equal neighbours as one."""
    joined: list[ShippedPhase] = []
    for phase in phases:
        if joined and joined[-1].state == phase.state:
            joined[-1] = ShippedPhase(phase.state, joined[-1].duration_s + phase.duration_s)
        else:
            joined.append(phase)
    return joined
