"""How long plan design takes on one core, and how much of it is proven.

Random four-arm junctions and corridors are solved one after the other in this process, each solver on one thread. Times are processor times
of this process, which are those of the clock on a machine that has nothing else to do. The first solution of each kind is left out.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from experiments.benchmarks.design_instances import demand, fixed_corridor, four_arms, free_corridor, random_flows
from optimizer.design.bands import widest_band, widest_bands
from optimizer.design.designing import Way, design
from optimizer.design.problem import DesignProblem, design_problem
from optimizer.design.result import Objective
from optimizer.horizon.solution import SolutionStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from optimizer.design.result import DesignResult
    from optimizer.design.wave import Wave, WaveInstance

JUNCTION_VEH_H = 2200.0
WAVE_GAP = 0.01
PROVEN_GAP = 1e-6


def four_arm_problem(seed: int, *, crossings: bool) -> DesignProblem:
    """Return the design of a four-arm junction with random flows: 8 signal groups, or 16 with crossings."""
    place = four_arms(crossings=crossings)
    return design_problem(place, demand(place, random_flows(seed, total_h=JUNCTION_VEH_H)))


def design_times(count: int, objective: Objective, way: Way, *, crossings: bool) -> str:
    """Return a line about the design of so many junctions."""
    return _line(count, lambda seed: design(four_arm_problem(seed, crossings=crossings), objective, way), PROVEN_GAP)


def wave_times(count: int, solve: Callable[[int], Wave], gap: float) -> str:
    """Return a line about so many waves, solved to a relative gap."""
    return _line(count, solve, gap)


def main(
    junctions: Annotated[int, typer.Option(help="Junctions of each kind.")] = 10,
    corridors: Annotated[int, typer.Option(help="Corridors of each kind.")] = 10,
) -> None:
    """Print median and longest times, and the share that is proven."""
    for crossings, groups in ((False, 8), (True, 16)):
        for objective in (Objective.DELAY, Objective.RESERVE):
            text = design_times(junctions, objective, "groups", crossings=crossings)
            sys.stdout.write(f"group-based plan, {groups} groups, {objective}: {text}\n")
    text = design_times(junctions, Objective.DELAY, "stages", crossings=False)
    sys.stdout.write(f"stage-based plan, 8 groups, delay: {text}\n")
    waves: tuple[tuple[str, Callable[..., Wave], Callable[[int, int], WaveInstance], int, float], ...] = (
        ("MAXBAND, 10 signals, two-way, fixed speed", widest_band, fixed_corridor, 10, PROVEN_GAP),
        ("MAXBAND, 10 signals, variable speed and cycle, free left turns", widest_band, free_corridor, 10, PROVEN_GAP),
        ("MAXBAND, 20 signals, two-way, fixed speed", widest_band, fixed_corridor, 20, WAVE_GAP),
        ("MAXBAND, 20 signals, variable speed and cycle, free left turns", widest_band, free_corridor, 20, WAVE_GAP),
        ("MULTIBAND, 10 signals, variable speed and cycle, free left turns", widest_bands, free_corridor, 10, WAVE_GAP),
    )
    for name, solve, corridor, signals, gap in waves:
        text = wave_times(corridors, lambda seed: solve(corridor(seed, signals), relative_gap=gap), gap)  # noqa: B023 - called at once
        sys.stdout.write(f"{name}: {text}\n")


def _line(count: int, solve: Callable[[int], DesignResult | Wave], gap: float) -> str:
    solve(0)
    times_s, proven = [], 0
    for seed in range(1, count + 1):
        started_s = time.process_time()
        proven += solve(seed).status is SolutionStatus.OPTIMAL
        times_s.append(time.process_time() - started_s)
    how = f"to {gap:.0%}" if gap > PROVEN_GAP else "optimal"
    return f"median {np.median(times_s):.2f} s, longest {max(times_s):.2f} s, {proven} of {count} proven {how}"


if __name__ == "__main__":
    typer.run(main)
