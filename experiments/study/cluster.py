"""The runs of a study on a Ray cluster (extra ``cluster``): the same processes, on other machines.

Each task starts the very process that a run has on one machine, in a folder of its own, and sends that folder back. So the results are
the same to the byte. Where a worker of Ray dies, Ray makes its run again elsewhere; the process of the first one ends with it.
"""

from __future__ import annotations

import io
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import ExperimentError
from experiments.processes import Ended, watching_environment
from experiments.study.keys import deciding_versions
from experiments.study.running import Task, run_command
from optimizer.clusters import ClusterError, connect, ray_module

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from experiments.requests import RunRequest
    from experiments.study.planning import PlannedRun

RETRIES = 5
"""So many workers may die under one run before it counts as failed."""


class RayCluster:
    """Makes runs on a Ray cluster, as many at a time as it has CPUs.

    Parameters
    ----------
    address
        Of the cluster, as ``ray.init`` takes it.

    Raises
    ------
    ExperimentError
        If Ray is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            self._ray = ray_module()
        except ClusterError as error:
            raise ExperimentError(str(error)) from error
        self._address = address

    def do(self, waiting: deque[PlannedRun], folder_of: Callable[[PlannedRun], Path], on_end: Callable[[Task, Ended], None]) -> None:
        """Make all runs.

        Raises
        ------
        ExperimentError
            If the cluster cannot be reached, or has other versions than this machine.
        """
        if not waiting:
            return
        ray = self._ray
        try:
            # controllers of the user's own are found from where the study was started, as they are on one machine
            connect(self._address, str(Path.cwd()))
        except ClusterError as error:
            raise ExperimentError(str(error)) from error
        try:
            self._check_versions()
            # a fresh process for every run is the task's own doing; the worker itself may serve again
            make = ray.remote(num_cpus=1, max_retries=RETRIES)(make_on_worker)
            pending: dict[Any, PlannedRun] = {}
            while waiting or pending:
                while waiting:
                    run = waiting.popleft()
                    pending[make.remote(run.key, run.request)] = run
                done, _ = ray.wait(list(pending), num_returns=1, timeout=1.0)  # not for ever: Ctrl-C must come through
                for reference in done:
                    run = pending.pop(reference)
                    folder = folder_of(run)
                    on_end(Task(run, folder), self._take(reference, folder))
        finally:
            ray.shutdown()

    def _check_versions(self) -> None:
        ray = self._ray
        try:
            there = ray.get(ray.remote(num_cpus=0)(versions_there).remote())
        except ray.exceptions.RayError as error:
            raise ExperimentError(
                f"The Ray cluster {self._address} cannot run Ampelwerk ({str(error).strip().splitlines()[-1]}); install it on its machines."
            ) from error
        for name, version in deciding_versions().items():
            if there.get(name) != version:
                raise ExperimentError(
                    f"The Ray cluster {self._address} has another {name} ({there.get(name, 'none')[:12]}, not {version[:12]}), "
                    "so its results would differ; install the same there."
                )

    def _take(self, reference: Any, folder: Path) -> Ended:  # noqa: ANN401 - Ray's own
        try:
            code, said, packed = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Ended(1, str(error).strip().splitlines()[-1])
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            archive.extractall(folder)
        return Ended(code, said)


def versions_there() -> dict[str, str]:
    """Return what decides the outcome of runs on the machine that this is called on."""
    return deciding_versions()


def make_on_worker(key: str, request: RunRequest) -> tuple[int, str, bytes]:
    """Make a run in a process of its own; return its code, its last words and its folder, packed."""
    with tempfile.TemporaryDirectory(prefix="ampelwerk-") as place:
        folder = Path(place) / key
        folder.mkdir()
        # the pipe is the process's sign that we live; see experiments.processes.end_with_starter
        with subprocess.Popen(
            run_command(key, folder, request),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=watching_environment(),
            text=True,
        ) as process:
            assert process.stderr is not None
            said = process.stderr.read().strip().splitlines()
            code = process.wait()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
        return code, said[-1] if said else "", packed.getvalue()
