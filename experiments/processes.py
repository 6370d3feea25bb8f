"""Fresh processes, some at a time: what comparisons and studies make their runs in.

Libsumo holds one simulation per process, and a second start in the same process is not fully reproducible.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

Name = TypeVar("Name")

POLL_S = 0.02
PATIENCE_S = 5.0  # a process that was asked to end is given this long
INTERRUPTED_CODES = {130, -2}
ABANDONED_CODE = 3
"""Exit code beside those of `experiments.exits`: nobody waits for the result any more."""
ENDS_WITH_INPUT = "AMPELWERK_ENDS_WITH_ITS_INPUT"
"""Variable that tells a process of `in_fresh_processes` from the same command typed by a user, whose input may be empty."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process came to its end.

    Attributes
    ----------
    code
        Its exit code; the negative number of the signal that ended it.
    said
        The last line it wrote to its standard error; empty where it wrote none.
    """

    code: int
    said: str

    def sentence(self) -> str:
        """Return why the process failed."""
        if self.code < 0:
            return f"its process was ended by signal {-self.code}"
        return self.said or f"its process ended with code {self.code}"


@dataclass(slots=True)
class _Running(Generic[Name]):
    name: Name
    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    def ended(self) -> Ended:
        self.errors.seek(0)
        lines = self.errors.read().decode("utf-8", errors="replace").strip().splitlines()
        self.errors.close()
        if self.process.stdin is not None:
            self.process.stdin.close()
        return Ended(self.process.returncode, lines[-1] if lines else "")


def in_fresh_processes(
    waiting: deque[Name], command_of: Callable[[Name], list[str]], workers: int, on_end: Callable[[Name, Ended], None]
) -> None:
    """Do commands, each in a process of its own, some at a time and in their order.

    The standard input of each process is a pipe that nobody writes to; its end tells the process that we are gone, however we went
    (see `end_with_starter`).

    Parameters
    ----------
    waiting
        What is to be done, by names; it is emptied, and `on_end` may put something back.
    command_of
        Returns the command line of one, asked for when its process is started.
    workers
        Processes at a time.
    on_end
        Called at each end; not for those that were stopped when we were interrupted.

    Raises
    ------
    KeyboardInterrupt
        If we, or one of the processes, were interrupted; those that still ran have been stopped.
    """
    running: list[_Running[Name]] = []
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                name = waiting.popleft()
                running.append(_start(name, command_of(name)))
            ended = [one for one in running if one.process.poll() is not None]
            if not ended:
                time.sleep(POLL_S)
            for one in ended:
                if one.process.returncode in INTERRUPTED_CODES:  # Ctrl-C in a terminal reaches every process, perhaps that one before us
                    raise KeyboardInterrupt
                running.remove(one)
                on_end(one.name, one.ended())
    finally:
        _stop(running)


def _start(name: Name, command: list[str]) -> _Running[Name]:
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, env=watching_environment())
    return _Running(name, process, errors)


def _stop(running: list[_Running[Name]]) -> None:
    for one in running:
        one.process.terminate()
    for one in running:
        try:
            one.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()
        one.ended()


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs one of our modules."""
    # -P: a folder of the user's that happens to be named like one of our packages must not take its place.
    return [sys.executable, "-P", "-m", module, *arguments]


def our_environment() -> dict[str, str]:
    """Return the environment of a `module_command`: ours, and where our packages lie if they are not installed."""
    source = Path(__file__).resolve().parents[1]
    if source == Path(sysconfig.get_path("purelib")).resolve():
        return dict(os.environ)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(source), os.environ.get("PYTHONPATH"))))}


def watching_environment() -> dict[str, str]:
    """Return the environment of a process whose standard input is a pipe of ours and which is to end with us."""
    return {**our_environment(), ENDS_WITH_INPUT: "1"}


def end_with_starter() -> None:
    """End this process as soon as the one that started it is gone, even by ``kill -9``: nobody will take the result.

    Does nothing in a process that was not started with a `watching_environment`.
    """
    if os.environ.pop(ENDS_WITH_INPUT, None) is None:
        return
    end_with(sys.stdin.fileno())


def end_with(pipe: int) -> None:
    """End this process as soon as nobody holds the other end of a pipe (a file descriptor) any more."""

    def watch() -> None:
        while os.read(pipe, 1024):
            pass
        os._exit(ABANDONED_CODE)

    threading.Thread(target=watch, daemon=True).start()
