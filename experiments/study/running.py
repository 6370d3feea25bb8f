"""Doing the runs of a study: what is there already counts, what fails is recorded, the tables come last."""

from __future__ import annotations

import json
import shutil
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from experiments.errors import ExperimentError, ResultError
from experiments.folders import read_record
from experiments.processes import Ended, in_fresh_processes, module_command
from experiments.study.condensing import condense
from experiments.study.one_run import UNWRITTEN_CODE
from experiments.study.store import ROOM_IN_FLIGHT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from experiments.requests import RunRequest
    from experiments.study.planning import PlannedRun, StudyPlan
    from experiments.study.store import StudyStore

TRIES_AFTER_SIGNALS = 2
"""A run whose process is ended by a signal (by a full memory, for instance) is tried so often before it counts as failed."""


@dataclass(frozen=True, slots=True)
class Task:
    """A run with the folder that it is to be made in."""

    run: PlannedRun
    folder: Path


class Executor(Protocol):
    """Whoever makes runs, each in a fresh process."""

    def do(self, waiting: deque[PlannedRun], folder_of: Callable[[PlannedRun], Path], on_end: Callable[[Task, Ended], None]) -> None:
        """Make all runs; `on_end` is told of each in this process, and may put one back into `waiting`."""


@dataclass(frozen=True, slots=True)
class LocalProcesses:
    """Makes runs on this machine, `workers` at a time.

    Raises
    ------
    ExperimentError
        If that is nobody.
    """

    workers: int = 2

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ExperimentError(f"--workers {self.workers} runs nothing; give 1 or more.")

    def do(self, waiting: deque[PlannedRun], folder_of: Callable[[PlannedRun], Path], on_end: Callable[[Task, Ended], None]) -> None:
        """Make all runs."""
        folders: dict[str, Path] = {}

        def command_of(run: PlannedRun) -> list[str]:
            folders[run.key] = folder_of(run)
            return run_command(run.key, folders[run.key], run.request)

        in_fresh_processes(waiting, command_of, self.workers, lambda run, ended: on_end(Task(run, folders[run.key]), ended))


def run_command(key: str, folder: Path, request: RunRequest) -> list[str]:
    """Return the command line of the process that makes one run."""
    return module_command("experiments.study.one_run", key, str(folder), json.dumps(request.as_dict()))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a study is, told after each run.

    Attributes
    ----------
    run, record
        The run that ended, and its record; None before the first.
    records
        Of all runs that have ended, by key.
    waiting
        How many have not.
    """

    run: PlannedRun | None
    record: Mapping[str, Any] | None
    records: Mapping[str, Mapping[str, Any]]
    waiting: int


def do_runs(
    plan: StudyPlan, store: StudyStore, executor: Executor, on_progress: Callable[[Progress], None], *, retry_failed: bool
) -> dict[str, dict[str, Any]]:
    """Do what is left to do of a study and return the records of its runs, by key.

    Parameters
    ----------
    plan
        The study's runs.
    store
        Its opened results folder.
    executor
        Who makes them.
    on_progress
        Told once before the first run and after each.
    retry_failed
        Whether runs that failed before are made again.

    Raises
    ------
    ExperimentError
        If there is no room for the runs, or no more in mid-study.
    KeyboardInterrupt
        If the study was interrupted; what is finished is kept.
    """
    runs = plan.runs()
    records = {key: record for key in runs if (record := store.finished(key)) is not None and not (retry_failed and "error" in record)}
    waiting = deque(run for key, run in runs.items() if key not in records)
    store.check_room(len(waiting))
    on_progress(Progress(None, None, records, len(waiting)))
    tries: dict[str, int] = {}

    def take_up(task: Task, ended: Ended) -> None:
        key, record = task.run.key, read_record(task.folder)
        tries[key] = tries.get(key, 0) + 1
        if ended.code < 0 and tries[key] < TRIES_AFTER_SIGNALS:
            waiting.append(task.run)
            return
        if ended.code == 0 and record is not None:
            try:
                condense(record, task.folder)
            except ResultError as error:
                ended = Ended(UNWRITTEN_CODE, str(error))
        if ended.code == 0 and record is not None:
            store.publish(key, task.folder)
        else:
            if ended.code == UNWRITTEN_CODE and shutil.disk_usage(store.folder).free < ROOM_IN_FLIGHT_BYTES:
                raise ExperimentError(f"There is no room left in {store.folder} ({ended.sentence()}); free some and resume the study.")
            record = failure_record(task.run, ended)
            store.publish_failure(key, task.folder, record)
        records[key] = record
        on_progress(Progress(task.run, record, records, len(runs) - len(records)))

    executor.do(waiting, lambda run: store.attempt(run.key), take_up)
    return records


def failure_record(run: PlannedRun, ended: Ended) -> dict[str, Any]:
    """Return the record of a run that failed."""
    sentence = ended.sentence().removeprefix("ampelwerk: ")
    return {"key": run.key, "request": run.request.as_dict(), "error": sentence, "exit_code": ended.code}
