"""How long one decision of the rolling horizon takes, and how often it is proven.

A closed-loop run gives the problems: every so many-th problem that the controller solved, from junctions with the wanted number of
stages. Each engine then solves all of them, with its default limits, one after the other in the order of the run, in this process.
The first solution, which may compile, is left out. Times are wall-clock times around the engine's call, so the machine should have
nothing else to do.
"""

from __future__ import annotations

import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from controllers.rolling_horizon import RollingHorizon
from controllers.sumo.coupling import simulate
from experiments.errors import ExperimentError
from experiments.requests import controller_choice
from experiments.simulations import settings_of
from optimizer.horizon import cp_sat, search
from optimizer.horizon.assembly import ProblemAssembler
from optimizer.horizon.solution import SolutionStatus
from sumo_networks import scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.horizon.engines import Change
    from optimizer.horizon.engines import Engine as JunctionEngine
    from optimizer.horizon.problem import HorizonProblem
    from optimizer.horizon.solution import HorizonSolution
    from optimizer.intersection import Intersection
    from optimizer.observation import SignalStatus

    Engine = Callable[[HorizonProblem], HorizonSolution]

ENGINES: dict[str, Engine] = {"search": search.solve, "cp-sat": partial(cp_sat.solve, effort=cp_sat.IN_THE_LOOP)}


class _Noting:
    """Passes everything on to a junction's engine and notes the problems."""

    def __init__(self, inner: JunctionEngine, assembler: ProblemAssembler, problems: list[HorizonProblem]) -> None:
        self._inner, self._assembler, self._problems = inner, assembler, problems
        self.departures = inner.departures

    def choose(
        self, time_s: float, status: SignalStatus, green_since_s: np.ndarray, red_since_s: np.ndarray, traffic: ExpectedTraffic
    ) -> Change | None:
        self._problems.append(self._assembler.assemble(time_s, status, green_since_s, red_since_s, traffic))
        change = self._inner.choose(time_s, status, green_since_s, red_since_s, traffic)
        self.departures = self._inner.departures
        return change


class _NotingController(RollingHorizon):
    """The rolling horizon that keeps the problems of junctions with the wanted number of stages."""

    def __init__(self, stages: range, **arguments: Any) -> None:  # noqa: ANN401 - those of the rolling horizon
        super().__init__(**arguments)
        self._stages = stages
        self.problems: list[HorizonProblem] = []

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        super().start(junctions)
        self.problems.clear()

    def make_engine(self, junction: Intersection) -> JunctionEngine:
        engine = super().make_engine(junction)
        if len(junction.stages) not in self._stages:
            return engine
        return _Noting(engine, ProblemAssembler(junction, self.parameters), self.problems)


def record_problems(name: str, controller_name: str, end_s: float | None, every: int, stages: range) -> list[HorizonProblem]:
    """Return every so many-th problem that the rolling horizon solves in a closed-loop run of a scenario.

    Raises
    ------
    ExperimentError
        If no problem of the wanted size comes up.
    """
    place, choice = scenario(name), controller_choice(controller_name)
    if choice.name != RollingHorizon.name:
        raise ExperimentError(f"{controller_name} solves no horizon problems; name {RollingHorizon.name}, @loops or @zone.")
    noting = _NotingController(stages, **choice.arguments())
    with tempfile.TemporaryDirectory(prefix="ampelwerk-") as folder:
        simulate(settings_of(place, Path(folder), end_s=end_s), noting)
    problems = [problem for problem in noting.problems if problem.arrival_ds.size][::every]
    if not problems:
        raise ExperimentError(f"{name} has no controlled junction with {stages[0]} to {stages[-1]} stages; choose another scenario.")
    return problems


def solve_all(engine: Engine, problems: Sequence[HorizonProblem]) -> tuple[np.ndarray, list[HorizonSolution]]:
    """Return the time that each problem took, s, and the solutions."""
    engine(problems[0])
    times_s, solutions = [], []
    for problem in problems:
        started_s = time.perf_counter()
        solutions.append(engine(problem))
        times_s.append(time.perf_counter() - started_s)
    return np.array(times_s), solutions


def main(
    scenario_name: Annotated[str, typer.Option("--scenario", help="Where the problems come from.")] = "resco/cologne8",
    controller_name: Annotated[str, typer.Option("--controller", help="As in `ampelwerk compare`.")] = "rolling_horizon@loops",
    end: Annotated[float | None, typer.Option(help="End of the simulated time, s [the scenario's own].")] = None,
    every: Annotated[int, typer.Option(help="Keep every so many-th problem.")] = 10,
    least: Annotated[int, typer.Option("--least-stages", help="Only problems with as many stages or more.")] = 4,
    most: Annotated[int, typer.Option("--most-stages", help="Only problems with as many stages or fewer.")] = 8,
) -> None:
    """Print the decision times of the engines, the share proven optimal, and where the engines differ."""
    problems = record_problems(scenario_name, controller_name, end, every, range(least, most + 1))
    sizes = [len(problem.arrival_ds) for problem in problems]
    sys.stdout.write(
        f"{scenario_name}, {controller_name}: {len(problems)} problems, {np.mean(sizes):.1f} vehicles on average, at most {max(sizes)}\n"
    )
    proven_costs: dict[int, int] = {}
    for name, engine in ENGINES.items():
        times_s, solutions = solve_all(engine, problems)
        proven = {i: solution.cost for i, solution in enumerate(solutions) if solution.status is SolutionStatus.OPTIMAL}
        differing = sum(proven_costs.get(i, cost) != cost for i, cost in proven.items())
        proven_costs |= proven
        median_ms, high_ms, longest_ms = 1000 * np.percentile(times_s, [50, 99, 100])
        sys.stdout.write(
            f"{name}: median {median_ms:.2f} ms, 99th percentile {high_ms:.2f} ms, longest {longest_ms:.2f} ms, "
            f"proven {100 * len(proven) / len(problems):.2f} %, other proven cost than before in {differing}\n"
        )


if __name__ == "__main__":
    try:
        typer.run(main)
    except ExperimentError as error:
        sys.exit(str(error))
