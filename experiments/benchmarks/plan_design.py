"""How long plan design takes on one core, and how much of it is proven.

Random four-arm junctions and corridors are solved one after the other in this process, each solver on one thread. Times are wall-clock
times, so the machine should have nothing else to do. The first solution of each kind is left out.
"""

from __future__ import annotations

import sys
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
    from collections.abc import Callable, Iterable

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
    results = [design(four_arm_problem(seed, crossings=crossings), objective, way) for seed in range(count + 1)]
    return _line(results[1:], 0.0)


def wave_times(count: int, solve: Callable[[int], Wave], gap: float) -> str:
    """Return a line about so many waves, solved to a relative gap."""
    return _line([solve(seed) for seed in range(count + 1)][1:], gap)


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


def _line(results: Iterable[DesignResult | Wave], gap: float) -> str:
    kept = list(results)
    times_s = np.array([result.solve_s for result in kept])
    proven = sum(result.status is SolutionStatus.OPTIMAL for result in kept)
    median_s, longest_s = np.median(times_s), times_s.max()
    how = f"to {gap:.0%}" if gap > PROVEN_GAP else "optimal"
    return f"median {median_s:.2f} s, longest {longest_s:.2f} s, {proven} of {len(kept)} proven {how}"


if __name__ == "__main__":
    typer.run(main)
