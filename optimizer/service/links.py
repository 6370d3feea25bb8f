"""The front's ends of the workers, wherever these run."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import pickle
import signal
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Protocol

from optimizer.service.framing import LENGTH, framed
from optimizer.service.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from optimizer.service.forking import Nursery

STUCK_AFTER_S: Final = 15.0
"""A worker that has not answered for this long is replaced."""

MOST_WAITING: Final = 2000
"""Calls that wait for one worker; further ones are told to come back (the client has its own plan)."""


class Link(ABC):
    """The front's end of one worker.

    Attributes
    ----------
    number
        Of the worker.
    pid
        Of its process; 0 before it has started.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self._numbers = itertools.count()
        self._waiting: dict[int, tuple[float, asyncio.Future[Any]]] = {}

    @abstractmethod
    async def open(self, on_end: Callable[[Link], Awaitable[None]]) -> None:
        """Start a worker; `on_end` is called when it is gone."""

    @abstractmethod
    def kill(self) -> None:
        """End the worker at once."""

    @abstractmethod
    async def close(self) -> None:
        """Let the worker go."""

    @abstractmethod
    def _is_open(self) -> bool:
        """Whether there is a worker to call."""

    @abstractmethod
    def _send(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
        """Send a call; its answer comes to `_answered`."""

    async def ask(self, name: str, *arguments: object) -> Any:  # noqa: ANN401 - each call has its own result
        """Call a method of `Worker` and return its result.

        Raises
        ------
        ProblemError
            If the worker says so, is overloaded, or is gone.
        """
        if not self._is_open():
            raise busy("The junction's worker process is starting")
        if len(self._waiting) >= MOST_WAITING:
            raise busy("The service is overloaded")
        number = next(self._numbers)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (time.monotonic(), future)
        self._send(number, name, arguments)
        try:
            result = await future
        finally:
            self._waiting.pop(number, None)
        if isinstance(result, ProblemError):
            raise result
        return result

    def is_stuck(self) -> bool:
        """Whether the oldest call has waited for too long."""
        oldest = min((since for since, _ in self._waiting.values()), default=None)
        return oldest is not None and time.monotonic() - oldest > STUCK_AFTER_S

    def _answered(self, number: int, result: object) -> None:
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting[1].done():
            waiting[1].set_result(result)

    def _fail_waiting(self) -> None:
        for number in list(self._waiting):
            self._answered(number, busy("The junction's worker process has ended and is being replaced"))


class WorkerSource(Protocol):
    """Where workers come from."""

    def await_ready(self) -> None:
        """Wait until workers can be had."""

    def link(self, number: int) -> Link:
        """Return an end for a worker that is yet to be started."""

    def close(self) -> None:
        """End all that was started."""


class LocalWorkers:
    """Workers on this machine.

    Parameters
    ----------
    nursery
        The process that they are forked from.
    """

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery

    def await_ready(self) -> None:
        """Wait until workers can be had."""
        self._nursery.await_ready()

    def link(self, number: int) -> Link:
        """Return an end for a worker that is yet to be started."""
        return ProcessLink(number, self._nursery)

    def close(self) -> None:
        """End the nursery, and with it the workers."""
        self._nursery.close()


class ProcessLink(Link):
    """The end of a process on this machine."""

    def __init__(self, number: int, nursery: Nursery) -> None:
        super().__init__(number)
        self._nursery = nursery
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, on_end: Callable[[Link], Awaitable[None]]) -> None:
        """Fork a worker; `on_end` is called when it is gone."""
        reader, self._writer = await asyncio.open_unix_connection(sock=self._nursery.fork())
        self._reading = asyncio.create_task(self._read(reader, on_end))
        self.pid = await self.ask("pid")

    def kill(self) -> None:
        """End the worker at once; its connection tells the rest."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def close(self) -> None:
        """Let the worker go."""
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()

    def _is_open(self) -> bool:
        return self._writer is not None and not self._writer.is_closing()

    def _send(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
        assert self._writer is not None
        self._writer.write(framed((number, name, arguments)))

    async def _read(self, reader: asyncio.StreamReader, on_end: Callable[[Link], Awaitable[None]]) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
            while True:
                (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
                number, result = pickle.loads(await reader.readexactly(length))  # noqa: S301 - our own worker's
                self._answered(number, result)
        assert self._writer is not None
        self._writer.close()
        self._fail_waiting()
        await on_end(self)


def busy(what: str) -> ProblemError:
    """Return the problem of a call that finds no worker."""
    detail = f"{what}; ask again in a second and follow the junction's own plan meanwhile."
    return ProblemError(503, "busy", "No answer at the moment", detail, headers={"Retry-After": "1"})
