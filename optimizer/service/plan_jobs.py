"""Plan jobs: they wait in a bounded queue, run in processes of their own, and are kept for a while when they have ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import sys
import time
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from optimizer.service.plan_messages import JobState, Progress
from optimizer.service.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.service.metrics import Metrics

_log = logging.getLogger(__name__)

MOST_WAITING: Final = 20
"""Jobs that wait; further ones are told to come back."""

AT_ONCE: Final = 1
"""Jobs that run at the same time: decisions need the processors more than plans do."""

KEPT_S: Final = 3600.0
"""So long an ended job can be asked for."""

MOST_ENDED: Final = 200
"""Ended jobs that are kept, the latest ones."""

LONGEST_LINE: Final = 2**24
"""Bytes of a result; fifty large junctions take a hundredth of it."""

Kind = Literal["waves", "junctions"]
_ENDED: Final = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


@dataclass(slots=True)
class Job:
    """One job.

    Attributes
    ----------
    order
        What its process is told.
    """

    id: str
    kind: Kind
    order: bytes
    made_at: float
    state: JobState = JobState.WAITING
    started_at: float | None = None
    ended_at: float | None = None
    progress: Progress = field(default_factory=Progress)
    result: dict[str, Any] | None = None
    problem: Problem | None = None
    process: Process | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in _ENDED

    def content(self) -> dict[str, Any]:
        """Return the fields of `PlanJob`."""
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state.value,
            "made_at": self.made_at,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "progress": self.progress.model_dump(),
            "result": self.result,
            "problem": None if self.problem is None else self.problem.model_dump(exclude_none=True),
        }


class PlanJobs:
    """All plan jobs of a service.

    Parameters
    ----------
    metrics
        Told of ended jobs.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._jobs: dict[str, Job] = {}
        self._submitted = asyncio.Event()
        self._runners: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin to run jobs."""
        self._runners = [asyncio.create_task(self._run()) for _ in range(AT_ONCE)]

    async def close(self) -> None:
        """End all jobs."""
        for runner in self._runners:
            runner.cancel()
        for job in self._jobs.values():
            _kill(job)
        await asyncio.gather(*self._runners, return_exceptions=True)

    def submit(self, kind: Kind, request: bytes, descriptions: Sequence[str] = ()) -> Job:
        """Take on a job.

        Raises
        ------
        ProblemError
            If too many wait already.
        """
        self._forget()
        if sum(job.state is JobState.WAITING for job in self._jobs.values()) >= MOST_WAITING:
            detail = f"{MOST_WAITING} plan jobs wait already; come back when some have ended, or cancel some."
            raise ProblemError(429, "too-many-jobs", "Too many plan jobs", detail, headers={"Retry-After": "30"})
        order = json.dumps({"kind": kind, "request": request.decode(), "descriptions": list(descriptions)}).encode() + b"\n"
        job = Job(secrets.token_hex(8), kind, order, time.time())
        self._jobs[job.id] = job
        self._submitted.set()
        return job

    def job(self, name: str) -> Job:
        """Return a job, or raise `ProblemError`."""
        self._forget()
        job = self._jobs.get(name)
        if job is None:
            detail = f"There is no job {name[:100]!r}; ended jobs are kept for {KEPT_S / 60:.0f} minutes, and none outlives the service."
            raise ProblemError(404, "unknown-job", "Unknown job", detail)
        return job

    def all(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        self._forget()
        return list(self._jobs.values())

    def cancel(self, name: str) -> None:
        """Cancel a job that is not over; forget one that is. Raise `ProblemError` where there is none."""
        job = self.job(name)
        if job.is_over:
            del self._jobs[name]
            return
        self._end(job, JobState.CANCELLED)
        _kill(job)

    async def _run(self) -> None:
        while True:
            job = next((job for job in self._jobs.values() if job.state is JobState.WAITING), None)
            if job is None:
                self._submitted.clear()
                await self._submitted.wait()
                continue
            job.state, job.started_at = JobState.RUNNING, time.time()
            try:
                await self._work(job)
            except (OSError, ValueError) as error:
                _log.error("a plan job's process cannot be started or understood: %s", error)
            if not job.is_over:
                detail = "The job's process has ended without a result; the service's log tells more."
                self._end(job, JobState.FAILED, Problem(type="/problems/fault", title="A fault of the service", status=500, detail=detail))

    async def _work(self, job: Job) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        command = [sys.executable, "-m", "optimizer.service.plan_work"]
        environment = {**os.environ, "PYTHONPATH": paths}
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=environment, limit=LONGEST_LINE)
        job.process = process
        if job.is_over:
            _kill(job)  # cancelled while the process started
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                process.stdin.write(job.order)
                await process.stdin.drain()
            while (line := await process.stdout.readline()) and not job.is_over:
                self._hear(job, json.loads(line))
        finally:
            _kill(job)
            await process.wait()
            process.stdin.close()

    def _hear(self, job: Job, told: dict[str, Any]) -> None:
        if "progress" in told:
            job.progress = Progress(**told["progress"])
        elif "failure" in told:
            problem = Problem(type="/problems/no-plan", title="There is no such plan", status=422, detail=told["failure"])
            self._end(job, JobState.FAILED, problem)
        elif "fault" in told:
            _log.error("a plan job failed: %s", told["fault"], extra={"job": job.id})
        else:
            job.result = told["result"]
            job.progress = Progress(steps_done=job.progress.steps, steps=job.progress.steps)
            self._end(job, JobState.DONE)

    def _end(self, job: Job, state: JobState, problem: Problem | None = None) -> None:
        job.state, job.problem, job.ended_at, job.order = state, problem, time.time(), b""
        self._metrics.plan_jobs.labels(job.kind, state.value).inc()

    def _forget(self) -> None:
        """Drop the jobs that ended long ago, and the earliest of too many."""
        ended = sorted((job for job in self._jobs.values() if job.is_over), key=lambda job: job.ended_at or 0.0)
        late = time.time() - KEPT_S
        for index, job in enumerate(ended):
            if (job.ended_at or 0.0) < late or index < len(ended) - MOST_ENDED:
                del self._jobs[job.id]


def _kill(job: Job) -> None:
    if job.process is not None and job.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            job.process.kill()
