"""Several controllers on the same traffic: a fresh process for each run, some at a time."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from controllers.registry import controller
from experiments.errors import ExperimentError
from experiments.folders import read_record, write_whole
from experiments.processes import in_fresh_processes, module_command
from experiments.provenance import parameter_files, scenario_hash, versions
from experiments.requests import SHIPPED, SIGNALS, loop_faults_text
from experiments.runs import check_scenario, check_screen
from experiments.tables import ComparisonTable, comparison_csv, comparison_table, runs_csv
from sumo_networks import Scenario, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from experiments.processes import Ended
    from experiments.requests import ControllerChoice, RunRequest

PLAN = "comparison.json"
TABLE = "comparison.csv"
RUNS = "runs.csv"


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
    ExperimentError, ScenarioError, ControllerError, SignalsError
        If something in the request cannot be used; nothing has run by then.
    """
    if workers < 1:
        raise ExperimentError(f"--workers {workers} runs nothing; give 1 or more.")
    place = scenario(request.common.scenario)
    check_scenario(request.common, place)
    check_screen(request.common)
    for choice in request.controllers:
        controller(choice.name, **choice.arguments())
    _prepare_signals(place, {choice.signals for choice in request.controllers})
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
        for run, folder in waiting:  # one may have written its result just before it was stopped
            record = read_record(folder)
            known = result.records[str(run.controller)]
            seeds = {other["request"]["seed"] for other in known}
            if record is not None and run.seed not in seeds and _is_same(record, run, same):
                known.append(record)
    for records in result.records.values():
        records.sort(key=lambda record: record["request"]["seed"])
    write_whole(out / RUNS, runs_csv(result.records))
    if not result.interrupted:
        write_whole(out / TABLE, comparison_csv(result.table()))
    return result


def _prepare_signals(place: Scenario, wanted: Collection[str]) -> None:
    """Design signals once, where any are to be designed, and look at each file before anything runs."""
    if set(wanted) <= {SHIPPED}:
        return
    # it brings the solvers of OR-Tools, which take longer to load than many a comparison lasts
    from experiments.design.signals import signals_for  # noqa: PLC0415

    for signals in sorted(wanted):
        signals_for(place, signals)


def run_folder(out: Path, run: RunRequest) -> Path:
    """Return the folder of one run within a comparison's folder."""
    return out / re.sub(r"[^\w.@-]", "_", str(run.controller)) / f"seed_{run.seed}"


def run_command(run: RunRequest, folder: Path, parameters_file: Path | None) -> list[str]:
    """Return the command line that makes one run."""
    options = ["--controller", str(run.controller), "--demand-scale", repr(run.demand_scale), "--backend", run.backend]
    options += ["--out", str(folder)]
    for name, value in (("--seed", run.seed), ("--begin", run.begin_s), ("--end", run.end_s), ("--step-length", run.step_length_s)):
        options += [] if value is None else [name, repr(value)]
    options += [] if parameters_file is None else ["--parameters", str(parameters_file)]
    options += ["--background", run.controller.parameters["background"]] if "background" in run.controller.parameters else []
    options += [] if run.controller.signals in SIGNALS else ["--signals", run.controller.signals]
    options += ["--gui"] if run.gui else []
    options += ["--longest-red", f"{run.accepted.vehicles_s!r}:{run.accepted.people_s!r}"]
    options += [] if run.loop_faults is None else ["--loop-faults", loop_faults_text(run.loop_faults)]
    return module_command("experiments", "run", run.scenario, *options)


def _do(
    waiting: list[tuple[RunRequest, Path]],
    request: ComparisonRequest,
    workers: int,
    result: ComparisonResult,
    on_end: Callable[[RunRequest, str], None],
) -> None:
    def command_of(one: tuple[RunRequest, Path]) -> list[str]:
        run, folder = one
        folder.parent.mkdir(parents=True, exist_ok=True)
        return run_command(run, folder, request.parameters_file)

    def take_up(one: tuple[RunRequest, Path], ended: Ended) -> None:
        """Add the record of a run to the result, or what was wrong."""
        run, folder = one
        record = read_record(folder)
        if ended.code == 0 and record is not None:
            result.records[str(run.controller)].append(record)
            on_end(run, "finished")
            return
        remedy = "" if ended.code > 0 and ended.said else f"; see {folder}."
        sentence = f"{run.controller}, seed {run.seed}: {ended.sentence()}{remedy}"
        result.failures.append((sentence, ended.code))
        on_end(run, sentence)

    in_fresh_processes(deque(waiting), command_of, workers, take_up)


def _claim(out: Path, request: ComparisonRequest) -> None:
    """Make the folder ours, or take up the same comparison again."""
    plan = {
        "common": {
            key: value
            for key, value in request.common.as_dict().items()
            if key not in {"controller", "information", "engine", "parameters", "signals", "seed"}
        },
        "controllers": {str(choice): {**choice.parameters, "signals": choice.signals} for choice in request.controllers},
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
        and record["provenance"].get("parameter_files", {}) == parameter_files(run.controller.named())
    )
