"""How much CPU time a controller adds to a simulation.

The ratio of two CPU times, taken in turns on the same machine: that of the step loop of a whole run under the controller, and that
of a bare libsumo loop over *the very same traffic*. The bare loop repeats, from the run's ``signals.csv``, every signal state that the
controller showed, so that every vehicle moves as it did in the run (which is checked, trip by trip); it has no detectors, no
observation, no controller and no monitor. SUMO's own options and outputs are those of the run. Loading the network and compiling are
outside of both.
"""

from __future__ import annotations

import csv
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import starmap
from operator import truediv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import libsumo
import typer

from experiments.comparison import run_command
from experiments.errors import ExperimentError
from experiments.folders import read_record
from experiments.processes import module_command, our_environment
from experiments.requests import RunRequest, controller_choice
from sumo_networks import scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

SCENARIOS = ("resco/cologne8", "resco/ingolstadt7", "resco/ingolstadt21")
TRIP = re.compile(r'<tripinfo id="[^"]*" depart="[^"]*".*? arrival="[^"]*"')


def measure(name: str, controller: str, repeats: int, seed: int) -> tuple[list[float], list[float]]:
    """Return the CPU times of the controlled and of the bare loops, s; controlled and bare runs take turns.

    Raises
    ------
    ExperimentError
        If a run fails, or the bare loop does not repeat the run's traffic.
    """
    request = RunRequest(name, controller_choice(controller), seed)
    with tempfile.TemporaryDirectory(prefix="ampelwerk-") as place:
        pairs = [measure_pair(request, Path(place) / str(repeat)) for repeat in range(repeats + 1)]
    del pairs[0]  # it compiled, and filled the disk's cache
    return [controlled_s for controlled_s, _ in pairs], [bare_s for _, bare_s in pairs]


def measure_pair(request: RunRequest, folder: Path) -> tuple[float, float]:
    """Make one run and repeat its traffic in a bare loop; return the CPU times of both loops, s.

    Raises
    ------
    ExperimentError
        If one of the two fails, or the bare loop does not repeat the run's traffic.
    """
    _do(run_command(request, folder, None))
    record = read_record(folder)
    if record is None:
        raise ExperimentError(f"the run in {folder} left no result; see its run.log.")
    bare = folder / "bare"
    bare.mkdir()
    options = bare_options(record["provenance"]["sumo_options"], bare, scenario(request.scenario).additional_files)
    (bare / "options.json").write_text(json.dumps(options), encoding="utf-8")
    _do(module_command("experiments.benchmarks.closed_loop", "--bare", str(folder)))
    if _trips(folder / "tripinfo.xml") != _trips(bare / "tripinfo.xml"):
        raise ExperimentError(f"the bare loop of {request.scenario} does not repeat the traffic of the run; its time would tell nothing.")
    return record["timing"]["loop_cpu_s"], float((bare / "cpu_s").read_text(encoding="utf-8"))


def bare_options(options: Mapping[str, str], folder: Path, additional: tuple[Path, ...]) -> list[str]:
    """Return a run's SUMO options for the bare loop: other output files, and without the loops that the coupling placed."""
    kept = {**options, "tripinfo-output": str(folder / "tripinfo.xml"), "statistic-output": str(folder / "statistics.xml")}
    kept["additional-files"] = ",".join(map(str, additional))
    return [part for name, value in kept.items() if value for part in (f"--{name}", value)]


def repeat_signals(folder: Path) -> float:
    """Simulate a run's traffic once more without any controller, and return the CPU time of the step loop, s."""
    states: dict[float, list[tuple[str, str]]] = defaultdict(list)
    with (folder / "signals.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["event"] in {"stage", "interstage"}:
                states[float(row["time_s"])].append((row["junction"], row["state"]))
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    libsumo.start(["sumo", *json.loads((folder / "bare" / "options.json").read_text(encoding="utf-8"))])
    end_s = record["simulated"]["end_s"]
    now_s = float(libsumo.simulation.getTime())
    started_s = time.process_time()
    while now_s < end_s:
        for junction, state in states.get(now_s, ()):
            libsumo.trafficlight.setRedYellowGreenState(junction, state)
        libsumo.simulationStep()
        now_s = float(libsumo.simulation.getTime())
    cpu_s = time.process_time() - started_s
    libsumo.close()
    return cpu_s


def _do(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=our_environment())
    if done.returncode:
        raise ExperimentError(f"{' '.join(command)} failed: {done.stderr.strip()}")


def _trips(path: Path) -> list[str]:
    return TRIP.findall(path.read_text(encoding="utf-8"))


def main(
    scenarios: Annotated[str, typer.Option(help="Scenarios, separated by commas.")] = ",".join(SCENARIOS),
    controller: Annotated[str, typer.Option(help="Controller, as in `ampelwerk compare`.")] = "rolling_horizon@loops",
    repeats: Annotated[int, typer.Option(help="Pairs of runs.")] = 3,
    seed: Annotated[int, typer.Option(help="SUMO's seed.")] = 0,
    bare: Annotated[Path | None, typer.Option(hidden=True, help="Only the bare loop of this run's folder.")] = None,
) -> None:
    """Print the CPU time of runs under a controller as a multiple of bare libsumo's."""
    if bare is not None:
        (bare / "bare" / "cpu_s").write_text(repr(repeat_signals(bare)), encoding="utf-8")
        return
    for name in scenarios.split(","):
        controlled_s, bare_s = measure(name, controller, repeats, seed)
        ratios = list(starmap(truediv, zip(controlled_s, bare_s, strict=True)))
        sys.stdout.write(
            f"{name}, {controller}: ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f} in {repeats} pairs; "
            f"controlled {statistics.median(controlled_s):.2f} s, bare {statistics.median(bare_s):.2f} s)\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    try:
        typer.run(main)
    except ExperimentError as error:
        sys.exit(str(error))
