"""Ctrl-C while a solver computes."""

from __future__ import annotations

import functools
import os
import signal
import sys
from typing import TYPE_CHECKING, ParamSpec

from experiments.exits import INTERRUPTED_CODE, complain, ended_with_code
from experiments.processes import end_with

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")


def interruptible(command: Callable[P, int | None]) -> Callable[P, int]:
    """Make a command that Ctrl-C ends at once, whatever is computed.

    CP-SAT and SCIP take the signal for themselves: they give their best answer so far, and a command that solves many models would go on
    with the next. So a copy of the process does the work, and the process waits for it or ends it. On Windows nothing is changed.

    Parameters
    ----------
    command
        It writes files and prints, and may return an exit code; nothing that it changes in memory is kept.

    Returns
    -------
    Callable
        The command; it returns the exit code.
    """

    @functools.wraps(command)
    def ended(*arguments: P.args, **options: P.kwargs) -> int:
        try:
            return _in_a_copy(lambda: ended_with_code(lambda: command(*arguments, **options)))
        except KeyboardInterrupt:
            complain("Interrupted: the folder of the result holds none, and may be used again.")
            return INTERRUPTED_CODE

    return ended


def _in_a_copy(work: Callable[[], int]) -> int:
    if sys.platform == "win32":
        return work()
    _flush()
    lifeline, ours = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        end_with(lifeline)  # also where who waits is gone by kill -9
        code = work()
        _flush()
        os._exit(code)
    os.close(lifeline)
    try:
        _, status = os.waitpid(child, 0)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(ours)
    code = os.waitstatus_to_exitcode(status)
    if code in {INTERRUPTED_CODE, -signal.SIGINT}:
        raise KeyboardInterrupt
    return code


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
