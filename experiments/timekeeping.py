"""How far a simulation is and how long it will still take, for people at a terminal."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPORT_EVERY_S = 10
"""Simulated time between two reports."""


@contextlib.contextmanager
def shown_progress(title: str, stream: TextIO) -> Iterator[Callable[[float, float, float], None] | None]:
    """Yield what is to be called with begin, now and end of the simulated time, s; None where nobody watches a terminal.

    A run sends the process's own outputs into its log; what is shown goes to a copy that was made before.
    """
    if not stream.isatty():
        yield None
        return
    with os.fdopen(os.dup(stream.fileno()), "w", encoding="utf-8") as screen:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(file=screen), transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
            task = progress.add_task(title, total=None, told="")

            def on_time(begin_s: float, now_s: float, end_s: float) -> None:
                if int(now_s) % REPORT_EVERY_S == 0 or now_s >= end_s:
                    total_s = end_s - begin_s if end_s > begin_s else None
                    progress.update(task, completed=now_s - begin_s, total=total_s, told=f"{now_s:.0f} s")

            yield on_time
