"""Several controllers on the same traffic: a fresh process for each run, some at a time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from controllers.registry import controller
from experiments.errors import ExperimentError
from experiments.folders import read_record, write_whole
from experiments.provenance import scenario_hash, versions
from experiments.requests import loop_faults_text
from experiments.runs import check_scenario_window
from experiments.tables import ComparisonTable, comparison_csv, comparison_table, runs_csv
from sumo_networks import Scenario, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from experiments.requests import ControllerChoice, RunRequest

PLAN = "comparison.json"
TABLE = "comparison.csv"
RUNS = "runs.csv"
POLL_S = 0.05
INTERRUPTED_CODES = {130, -2}
PATIENCE_S = 5.0  # a process that was asked to end is given this long


@dataclass(frozen=True, slots=True)
class ComparisonRequest:
    """Controllers to compare on one scenario.

    Attributes
    ----------
    common
        What all runs share; its controller and seed are replaced.
    controllers, seeds
        Each controller runs with each seed.
    parameters_file
        Where the controllers' parameters were read from; None where all are at their defaults.

    Raises
    ------
    ExperimentError
        If a controller is named twice.
    """

    common: RunRequest
    controllers: tuple[ControllerChoice, ...]
    seeds: tuple[int, ...]
    parameters_file: Path | None = None

    def __post_init__(self) -> None:
        names = [str(choice) for choice in self.controllers]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise ExperimentError(f"--controllers names {repeated!r} twice; name each once.")

    def runs(self) -> Iterator[RunRequest]:
        """Yield the runs, seed by seed, so that an interrupted comparison has as many of one controller as of the other."""
        for seed in self.seeds:
            for choice in self.controllers:
                yield replace(self.common, controller=choice, seed=seed)


@dataclass(slots=True)
class ComparisonResult:
    """What came of a comparison.

    Attributes
    ----------
    place
        The scenario.
    records
        Records of the finished runs by controller.
    failures
        What was wrong with each failed run, and the exit code of its process.
    interrupted
        Whether it was stopped before every run had ended.
    reused
        How many of the finished runs stood in the folder already.
    """

    place: Scenario
    planned: int
    records: dict[str, list[dict[str, Any]]]
    failures: list[tuple[str, int]] = field(default_factory=list)
    interrupted: bool = False
    reused: int = 0

    def table(self) -> ComparisonTable:
        """Return the table over the finished runs."""
        return comparison_table(self.place.name, self.place.label, self.planned, self.records)


def compare(request: ComparisonRequest, out: Path, workers: int, on_end: Callable[[RunRequest, str], None]) -> ComparisonResult:
    """Do the runs of a comparison, each in a process of its own, and write ``runs.csv`` and ``comparison.csv``.

    Runs that the folder holds already, made by the same request on the same scenario content and versions, are not made again: an
    interrupted comparison goes on where it stopped. Ctrl-C stops the running processes and keeps what is finished; ``comparison.csv`` is
    then not written.

    Parameters
    ----------
    request
        What to compare.
    out
        Result folder; one folder per run is made in it.
    workers
        Processes at a time.
    on_end
        Called at each run's end with the run and ``"finished"``, ``"reused"`` or what was wrong.

    Raises
    ------
    ExperimentError, ScenarioError, ControllerError
        If something in the request cannot be used; nothing has run by then.
    """
    if workers < 1:
        raise ExperimentError(f"--workers {workers} runs nothing; give 1 or more.")
    place = scenario(request.common.scenario)
    check_scenario_window(request.common, place)
    for choice in request.controllers:
        controller(choice.name, **choice.arguments())
    out = out.absolute()
    _claim(out, request)
    result = ComparisonResult(place, len(request.seeds), {str(choice): [] for choice in request.controllers})
    same = {"sha256": scenario_hash(place), "versions": versions()}
    waiting: list[tuple[RunRequest, Path]] = []
    for run in request.runs():
        folder = run_folder(out, run)
        record = read_record(folder)
        if record is not None and _is_same(record, run, same):
            result.records[str(run.controller)].append(record)
            result.reused += 1
            on_end(run, "reused")
        else:
            waiting.append((run, folder))
    try:
        _do(waiting, request, workers, result, on_end)
    except KeyboardInterrupt:
        result.interrupted = True
    for records in result.records.values():
        records.sort(key=lambda record: record["request"]["seed"])
    write_whole(out / RUNS, runs_csv(result.records))
    if not result.interrupted:
        write_whole(out / TABLE, comparison_csv(result.table()))
    return result


def run_folder(out: Path, run: RunRequest) -> Path:
    """Return the folder of one run within a comparison's folder."""
    return out / re.sub(r"[^\w.@-]", "_", str(run.controller)) / f"seed_{run.seed}"


def run_command(run: RunRequest, folder: Path, parameters_file: Path | None) -> list[str]:
    """Return the command line that makes one run."""
    options = ["--controller", str(run.controller), "--seed", str(run.seed), "--demand-scale", repr(run.demand_scale)]
    options += ["--step-length", repr(run.step_length_s), "--backend", run.backend, "--out", str(folder)]
    for name, value in (("--begin", run.begin_s), ("--end", run.end_s)):
        options += [] if value is None else [name, repr(value)]
    options += [] if parameters_file is None else ["--parameters", str(parameters_file)]
    options += ["--gui"] if run.gui else []
    options += [] if run.loop_faults is None else ["--loop-faults", loop_faults_text(run.loop_faults)]
    # -P: a folder of the user's that happens to be named like one of our packages must not take its place.
    return [sys.executable, "-P", "-m", "experiments", "run", run.scenario, *options]


@dataclass(slots=True)
class _Running:
    run: RunRequest
    folder: Path
    process: subprocess.Popen[bytes]
    said: IO[bytes]


def _do(
    waiting: list[tuple[RunRequest, Path]],
    request: ComparisonRequest,
    workers: int,
    result: ComparisonResult,
    on_end: Callable[[RunRequest, str], None],
) -> None:
    waiting.reverse()  # taken from the end
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(_start(*waiting.pop(), request.parameters_file))
            ended = [one for one in running if one.process.poll() is not None]
            if not ended:
                time.sleep(POLL_S)
            for one in ended:
                running.remove(one)
                on_end(one.run, _outcome(one, result))
    finally:
        _stop(running)
        for one in running:  # one may have come to its end while we were interrupted
            _take_up(one, result)


def _start(run: RunRequest, folder: Path, parameters_file: Path | None) -> _Running:
    said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = run_command(run, folder, parameters_file)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, env=run_environment())
    return _Running(run, folder, process, said)


def _outcome(one: _Running, result: ComparisonResult) -> str:
    """Take up the result of a process that has ended; return what became of it."""
    code = one.process.returncode
    if code in INTERRUPTED_CODES:  # Ctrl-C in a terminal reaches every process, perhaps that one before us
        raise KeyboardInterrupt
    if code == 0 and _take_up(one, result):
        return "finished"
    one.said.seek(0)
    lines = one.said.read().decode("utf-8", errors="replace").strip().splitlines()
    default = (
        f"its process was ended by signal {-code}; see {one.folder}."
        if code < 0
        else f"its process ended with code {code}; see {one.folder}."
    )
    sentence = f"{one.run.controller}, seed {one.run.seed}: {lines[-1] if lines and code > 0 else default}"
    result.failures.append((sentence, code))
    return sentence


def _take_up(one: _Running, result: ComparisonResult) -> bool:
    """Add the record of a run to the result; return whether there is one."""
    record = read_record(one.folder)
    if record is not None:
        result.records[str(one.run.controller)].append(record)
    return record is not None


def _stop(running: list[_Running]) -> None:
    for one in running:
        one.process.terminate()
    for one in running:
        try:
            one.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()


def run_environment() -> dict[str, str]:
    """Return the environment of the process of a `run_command`: ours, and where our packages lie if they are not installed."""
    source = Path(__file__).resolve().parents[1]
    if source == Path(sysconfig.get_path("purelib")).resolve():
        return dict(os.environ)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(source), os.environ.get("PYTHONPATH"))))}


def _claim(out: Path, request: ComparisonRequest) -> None:
    """Make the folder ours, or take up the same comparison again."""
    plan = {
        "common": {
            key: value
            for key, value in request.common.as_dict().items()
            if key not in {"controller", "information", "engine", "parameters", "seed"}
        },
        "controllers": {str(choice): dict(choice.parameters) for choice in request.controllers},
        "seeds": list(request.seeds),
    }
    try:
        if out.exists() and not out.is_dir():
            raise ExperimentError(f"--out {out} is a file; name a folder.")
        content = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
        if PLAN in content:
            if json.loads((out / PLAN).read_text(encoding="utf-8")) != json.loads(json.dumps(plan)):
                raise ExperimentError(f"--out {out} holds another comparison (see {PLAN} in it); name a new folder.")
            (out / TABLE).unlink(missing_ok=True)
            return
        if content:
            raise ExperimentError(f"--out {out} already holds {content[0]}; name a new folder or remove this one.")
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / PLAN, json.dumps(plan, indent=1, ensure_ascii=False) + "\n")
    except (OSError, json.JSONDecodeError) as error:
        raise ExperimentError(f"--out {out} cannot be used ({error}); name a folder with room that you may write to.") from error


def _is_same(record: dict[str, Any], run: RunRequest, same: dict[str, Any]) -> bool:
    return (
        record["request"] == json.loads(json.dumps(run.as_dict()))
        and record["scenario"]["sha256"] == same["sha256"]
        and record["provenance"]["versions"] == same["versions"]
    )
