"""A junction's own plan, for the times when nobody answers: the stages and greens of the program that the network ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controllers.sumo.programs import without_rings

if TYPE_CHECKING:
    from controllers.sumo.programs import ShippedProgram
    from optimizer.intersection import Intersection

USUAL_GREEN_S = 15.0
"""Green of each stage where the program's phases are not the junction's stages."""

_SIGNS = str.maketrans("oO", "gG")  # switched-off signals: traffic goes by the signs, as in the stages


def fallback_plan(junction: Intersection, shipped: ShippedProgram) -> tuple[tuple[int, float], ...]:
    """Return stages and greens, s, in the order of the program; interstages are the junction's own.

    Parameters
    ----------
    junction
        The junction.
    shipped
        Its program.
    """
    stage_of = {junction.state(stage): stage for stage in reversed(range(len(junction.stages)))}
    steps: list[tuple[int, float]] = []
    for phase in without_rings(shipped).phases:
        stage = stage_of.get(phase.state.translate(_SIGNS))
        if stage is None:
            continue
        if steps and steps[-1][0] == stage:
            steps[-1] = stage, steps[-1][1] + phase.duration_s
        else:
            steps.append((stage, max(phase.duration_s, junction.stage_minimum_green_s(stage))))
    if len({stage for stage, _ in steps}) < 2:
        steps = [(stage, max(USUAL_GREEN_S, junction.stage_minimum_green_s(stage))) for stage in range(len(junction.stages))]
    return tuple(steps)
