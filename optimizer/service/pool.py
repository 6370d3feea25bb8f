"""The worker processes, seen from the front: junctions are spread over them by their ids, and a dead worker is replaced."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import pickle
import signal
import time
import zlib
from typing import TYPE_CHECKING, Any, Final

from optimizer.service.framing import LENGTH, framed
from optimizer.service.problems import ProblemError

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from optimizer.service.forking import Nursery

_log = logging.getLogger(__name__)

STUCK_AFTER_S: Final = 15.0
"""A worker that has not answered for this long is replaced."""

MOST_WAITING: Final = 2000
"""Calls that wait for one worker; further ones are told to come back (the client has its own plan)."""


class WorkerLink:
    """The front's end of one worker."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self._numbers = itertools.count()
        self._waiting: dict[int, tuple[float, asyncio.Future[Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Calls without an answer yet."""
        return len(self._waiting)

    async def open(self, connection: socket.socket, on_end: Callable[[WorkerLink], Awaitable[None]]) -> None:
        """Take up the connection to a new worker; `on_end` is called when it is gone."""
        reader, self._writer = await asyncio.open_unix_connection(sock=connection)
        self._reading = asyncio.create_task(self._read(reader, on_end))
        self.pid = await self.ask("pid")

    async def ask(self, name: str, *arguments: object) -> Any:  # noqa: ANN401 - each call has its own result
        """Call a method of `Worker` and return its result.

        Raises
        ------
        ProblemError
            If the worker says so, is overloaded, or is gone.
        """
        if self._writer is None or self._writer.is_closing():
            raise _busy("The junction's worker process is starting")
        if len(self._waiting) >= MOST_WAITING:
            raise _busy("The service is overloaded")
        number = next(self._numbers)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (time.monotonic(), future)
        self._writer.write(framed((number, name, arguments)))
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

    async def _read(self, reader: asyncio.StreamReader, on_end: Callable[[WorkerLink], Awaitable[None]]) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
            while True:
                (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
                number, result = pickle.loads(await reader.readexactly(length))  # noqa: S301 - our own worker's
                waiting = self._waiting.get(number)
                if waiting is not None and not waiting[1].done():
                    waiting[1].set_result(result)
        assert self._writer is not None
        self._writer.close()
        for _, future in self._waiting.values():
            if not future.done():
                future.set_result(_busy("The junction's worker process has ended and is being replaced"))
        await on_end(self)


class Pool:
    """All workers.

    Parameters
    ----------
    nursery
        Where workers come from.
    workers
        How many share the junctions; one more does what belongs to none of them.
    refill
        Called with a worker's number after it was replaced, to give it its junctions back.
    """

    def __init__(self, nursery: Nursery, workers: int, refill: Callable[[int], Awaitable[None]]) -> None:
        self._nursery = nursery
        self._refill = refill
        self._links = [WorkerLink(number) for number in range(workers + 1)]
        self._filled = [False] * workers
        self._closing = False
        self._watching: asyncio.Task[None] | None = None
        self.replaced = 0

    @property
    def is_ready(self) -> bool:
        """Whether each worker holds its junctions."""
        return all(self._filled)

    @property
    def shares(self) -> range:
        """Numbers of the workers that hold junctions."""
        return range(len(self._filled))

    def share_of(self, name: str) -> int:
        """Return the worker that holds a junction: the same for the same id, whoever asks."""
        return zlib.crc32(name.encode()) % len(self._filled)

    async def open(self) -> None:
        """Wait for the nursery, and open all workers and give them their junctions."""
        await asyncio.to_thread(self._nursery.await_ready)
        await asyncio.gather(*(self._open(link) for link in self._links))
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """End all workers."""
        self._closing = True
        if self._watching is not None:
            self._watching.cancel()
        for link in self._links:
            await link.close()
        await asyncio.to_thread(self._nursery.close)

    async def ask(self, junction: str, name: str, *arguments: object) -> Any:  # noqa: ANN401 - each call has its own result
        """Call the worker that holds a junction."""
        share = self.share_of(junction)
        if not self._filled[share]:
            raise _busy("The junction's worker process is starting")
        return await self._links[share].ask(name, *arguments)

    async def ask_share(self, share: int, name: str, *arguments: object) -> Any:  # noqa: ANN401
        """Call a worker by its number, be it filled or not."""
        return await self._links[share].ask(name, *arguments)

    async def ask_all(self, name: str, *arguments: object) -> list[Any]:
        """Call all workers that hold junctions; those that are being replaced are left out."""
        results = await asyncio.gather(*(self._links[share].ask(name, *arguments) for share in self.shares), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, ProblemError):
                raise result
        return [result for result in results if not isinstance(result, ProblemError)]

    async def ask_spare(self, name: str, *arguments: object) -> Any:  # noqa: ANN401
        """Call the worker without junctions: what it does delays no decision."""
        return await self._links[-1].ask(name, *arguments)

    async def _open(self, link: WorkerLink) -> None:
        await link.open(self._nursery.fork(), self._on_end)
        if link.number < len(self._filled):
            await self._refill(link.number)
            self._filled[link.number] = True

    async def _on_end(self, link: WorkerLink) -> None:
        if self._closing:
            return
        self.replaced += 1
        if link.number < len(self._filled):
            self._filled[link.number] = False
        _log.error("a worker process ended and is replaced", extra={"worker": link.number, "pid": link.pid})
        try:
            await self._open(link)
        except ProblemError as error:
            _log.error("the new worker process ended at once: %s", error.detail)
        except OSError:
            _log.critical("the workers cannot be replaced; the service ends")
            os.kill(os.getpid(), signal.SIGTERM)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for link in self._links:
                if link.is_stuck():
                    _log.error("a worker process does not answer and is replaced", extra={"worker": link.number, "pid": link.pid})
                    link.kill()


def _busy(what: str) -> ProblemError:
    detail = f"{what}; ask again in a second and follow the junction's own plan meanwhile."
    return ProblemError(503, "busy", "No answer at the moment", detail, headers={"Retry-After": "1"})
