"""What is seen of a running study: a bar with the time left, and the table of means as far as they are known."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from experiments.statistics import two_groups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from experiments.study.planning import PlannedRun, StudyPlan
    from experiments.study.running import Progress as StudyProgress


def time_left_s(waiting: Sequence[PlannedRun], ended: Sequence[tuple[PlannedRun, float]], elapsed_s: float) -> float | None:
    """Return about how long the waiting runs will take, or None before anything has ended.

    A run takes as much work as the others of the same scenario and controller did, or else of the same scenario, or else on average; the
    work gets on as fast as it did so far, whatever the number of workers and whoever else uses the machine.

    Parameters
    ----------
    waiting
        Runs still to be made.
    ended
        Runs that were made, each with its work, s of CPU.
    elapsed_s
        In which time.
    """
    done_s = sum(work_s for _, work_s in ended)
    if not done_s:
        return None
    works: dict[Any, list[float]] = defaultdict(list)
    for run, work_s in ended:
        for alike in _alike(run):
            works[alike].append(work_s)
    total_s = sum(statistics.fmean(works[next(alike for alike in _alike(run) if alike in works)]) for run in waiting)
    return elapsed_s * total_s / done_s


def _alike(run: PlannedRun) -> tuple[Any, ...]:
    return (run.case.scenario, run.case.controller), run.case.scenario, None


def means_table(plan: StudyPlan, records: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the first metric's mean so far: scenarios downwards, controllers across; two groups are shown as two means."""
    study = plan.study
    metric = study.metrics[0]
    several = len(study.demand_scales) > 1 or len(study.loops) > 1
    drawn = Table(title=f"{study.full_name}: {metric}", caption="mean over the seeds finished so far; a | b: the runs fall into two groups")
    drawn.add_column("scenario")
    for variant in study.controllers:
        drawn.add_column(variant.label.replace("@", "\n@"), justify="right", no_wrap=True)
    values: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in plan.rows:
        kpis = records.get(row.key, {}).get("kpis")
        if kpis is not None and kpis.get(metric) is not None:
            values[row.case.scenario, row.case.demand_scale, row.case.loops, row.case.controller].append(kpis[metric])
    for scenario in study.scenarios:
        for scale in study.demand_scales:
            for state in study.loops:
                name = f"{scenario}, demand {scale:g}, loops {state.label}" if several else scenario
                cells = (shown_mean(values[scenario, scale, state.label, variant.label]) for variant in study.controllers)
                drawn.add_row(name, *cells)
    return drawn


def shown_mean(values: Sequence[float]) -> str:
    """Return the mean of values, or of each of their two groups."""
    if not values:
        return "-"
    groups = two_groups(values)
    if groups is None:
        return f"{statistics.fmean(values):.1f}"
    return " | ".join(f"{statistics.fmean(part):.1f} ({len(part)}/{len(values)})" for part in (groups.lower, groups.upper))


class StudyDisplay:
    """Draws the progress while its context lasts; nothing where the console is no terminal.

    Parameters
    ----------
    plan
        The study.
    console
        Where to draw.
    """

    def __init__(self, plan: StudyPlan, console: Console) -> None:
        self._plan = plan
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._bar = Progress(*columns, console=console)
        self._task = self._bar.add_task(plan.study.full_name, total=len(plan.runs()), left="")
        self._live = Live(self._drawn({}), console=console, transient=True, refresh_per_second=4) if console.is_terminal else None
        self._ended: list[tuple[PlannedRun, float]] = []
        self._started_s = time.monotonic()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, progress: StudyProgress) -> None:
        """Draw how far the study is."""
        run, record = progress.run, progress.record
        if run is not None and record is not None:
            self._ended.append((run, record.get("timing", {}).get("process_s", 0.0)))
        waiting = [one for key, one in self._plan.runs().items() if key not in progress.records]
        left_s = time_left_s(waiting, self._ended, time.monotonic() - self._started_s)
        left = "" if left_s is None else f"about {left_s // 60:.0f}:{left_s % 60:02.0f} left"
        said = "" if run is None else f"{run.case.scenario}, {run.case.controller}, seed {run.seed}"
        failed = " failed" if record is not None and "error" in record else ""
        self._bar.update(self._task, completed=len(progress.records), left=left, description=f"{said}{failed}"[:60])
        if self._live is not None:
            self._live.update(self._drawn(progress.records))

    def _drawn(self, records: Mapping[str, Mapping[str, Any]]) -> Group:
        return Group(means_table(self._plan, records), self._bar)
