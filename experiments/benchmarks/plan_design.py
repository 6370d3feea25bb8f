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
    from optimizer.design.wave import Wave

JUNCTION_VEH_H = 2200.0
WAVE_GAP = 0.01


def four_arm_problem(seed: int, *, crossings: bool) -> DesignProblem:
    """Return the design of a four-arm junction with random flows: 8 signal groups, or 16 with crossings."""
    place = four_arms(crossings=crossings)
    return design_problem(place, demand(place, random_flows(seed, total_h=JUNCTION_VEH_H)))


def design_times(count: int, objective: Objective, way: Way, *, crossings: bool) -> str:
    """Return a line about the design of so many junctions."""
    results = [design(four_arm_problem(seed, crossings=crossings), objective, way) for seed in range(count + 1)]
    return _line(results[1:], 0.0)


def wave_times(count: int, solve: Callable[[int], Wave]) -> str:
    """Return a line about so many waves."""
    return _line([solve(seed) for seed in range(count + 1)][1:], WAVE_GAP)


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
    waves: dict[str, Callable[[int], Wave]] = {
        "MAXBAND, 10 signals, two-way, fixed speed": lambda seed: widest_band(fixed_corridor(seed, 10)),
        "MAXBAND, 10 signals, variable speed and cycle, free left turns": lambda seed: widest_band(free_corridor(seed, 10)),
        "MAXBAND, 20 signals, fixed speed, to 1 %": lambda seed: widest_band(fixed_corridor(seed, 20), relative_gap=WAVE_GAP),
        "MAXBAND, 20 signals, variable speed and cycle, free left turns, to 1 %": lambda seed: widest_band(
            free_corridor(seed, 20), relative_gap=WAVE_GAP
        ),
        "MULTIBAND, 10 signals, variable speed and cycle, free left turns, to 1 %": lambda seed: widest_bands(
            free_corridor(seed, 10), relative_gap=WAVE_GAP
        ),
    }
    for name, solve in waves.items():
        sys.stdout.write(f"{name}: {wave_times(corridors, solve)}\n")


def _line(results: Iterable[DesignResult | Wave], gap: float) -> str:
    kept = list(results)
    times_s = np.array([result.solve_s for result in kept])
    proven = sum(result.status is SolutionStatus.OPTIMAL for result in kept)
    median_s, longest_s = np.median(times_s), times_s.max()
    return f"median {median_s:.2f} s, longest {longest_s:.2f} s, {proven} of {len(kept)} proven{f' to {gap:.0%}' if gap else ' optimal'}"


if __name__ == "__main__":
    typer.run(main)
