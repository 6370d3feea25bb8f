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
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

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
        self._messages: _Messages | None = None
        self._ending: asyncio.Task[None] | None = None

    async def open(self, on_end: Callable[[Link], Awaitable[None]]) -> None:
        """Fork a worker; `on_end` is called when it is gone."""
        messages = self._messages = _Messages(self._answered)
        await asyncio.get_running_loop().create_unix_connection(lambda: messages, sock=self._nursery.fork())
        self._ending = asyncio.create_task(self._end(messages, on_end))
        self.pid = await self.ask("pid")

    def kill(self) -> None:
        """End the worker at once; its connection tells the rest."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def close(self) -> None:
        """Let the worker go."""
        if self._ending is not None:
            self._ending.cancel()
        if self._messages is not None and self._messages.transport is not None:
            self._messages.transport.close()

    def _is_open(self) -> bool:
        return self._messages is not None and self._messages.is_open

    def _send(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
        assert self._messages is not None
        assert self._messages.transport is not None
        self._messages.transport.write(framed((number, name, arguments)))

    async def _end(self, messages: _Messages, on_end: Callable[[Link], Awaitable[None]]) -> None:
        await messages.ended.wait()
        self._fail_waiting()
        await on_end(self)


class _Messages(asyncio.Protocol):
    """The connection to a worker; passes on each message as soon as all of it is there (streams would take two tasks' turns for each)."""

    def __init__(self, answered: Callable[[int, object], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.ended = asyncio.Event()
        self._answered = answered
        self._rest = bytearray()

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own is none by its type

    def data_received(self, data: bytes) -> None:
        self._rest += data
        begin = 0
        while begin + LENGTH.size <= len(self._rest):
            (length,) = LENGTH.unpack_from(self._rest, begin)
            content = begin + LENGTH.size
            if content + length > len(self._rest):
                break
            begin = content + length
            number, result = pickle.loads(memoryview(self._rest)[content:begin])  # noqa: S301 - our own worker's
            self._answered(number, result)
        del self._rest[:begin]

    def connection_lost(self, _exc: Exception | None) -> None:
        self.ended.set()


def busy(what: str) -> ProblemError:
    """Return the problem of a call that finds no worker."""
    detail = f"{what}; ask again in a second and follow the junction's own plan meanwhile."
    return ProblemError(503, "busy", "No answer at the moment", detail, headers={"Retry-After": "1"})
