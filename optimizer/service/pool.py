"""All workers, seen from the front: junctions are spread over them by their ids, and a dead worker is replaced."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import zlib
from typing import TYPE_CHECKING, Any

from optimizer.service.links import busy
from optimizer.service.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from optimizer.service.links import Link, WorkerSource

_log = logging.getLogger(__name__)


class Pool:
    """All workers.

    Parameters
    ----------
    source
        Where workers come from.
    workers
        How many share the junctions; one more does what belongs to none of them.
    refill
        Called with the number of a new worker, to give it its junctions while it already answers: whoever asks for one that it does not
        hold yet gives that one first.
    """

    def __init__(self, source: WorkerSource, workers: int, refill: Callable[[int], Awaitable[None]]) -> None:
        self._source = source
        self._refill = refill
        self._links = [source.link(number) for number in range(workers + 1)]
        self._running = [False] * workers
        self._filling: dict[int, asyncio.Task[None]] = {}
        self._closing = False
        self._watching: asyncio.Task[None] | None = None
        self.replaced = 0

    @property
    def is_ready(self) -> bool:
        """Whether each worker answers."""
        return all(self._running)

    @property
    def shares(self) -> range:
        """Numbers of the workers that hold junctions."""
        return range(len(self._running))

    def share_of(self, name: str) -> int:
        """Return the worker that holds a junction: the same for the same id, whoever asks."""
        return zlib.crc32(name.encode()) % len(self._running)

    async def open(self) -> None:
        """Wait for their source, open all workers and begin to give them their junctions."""
        await asyncio.to_thread(self._source.await_ready)
        await asyncio.gather(*(self._open(link) for link in self._links))
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """End all workers."""
        self._closing = True
        if self._watching is not None:
            self._watching.cancel()
        for filling in self._filling.values():
            filling.cancel()
        for link in self._links:
            await link.close()
        await asyncio.to_thread(self._source.close)

    async def ask(self, junction: str, name: str, *arguments: object) -> Any:  # noqa: ANN401 - each call has its own result
        """Call the worker that holds a junction."""
        share = self.share_of(junction)
        if not self._running[share]:
            raise busy("The junction's worker process is starting")
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

    async def _open(self, link: Link) -> None:
        await link.open(self._on_end)
        if link.number < len(self._running):
            self._running[link.number] = True
            self._filling[link.number] = asyncio.create_task(self._fill(link.number))

    async def _fill(self, share: int) -> None:
        """Give a worker its junctions; where it ends meanwhile, the next one is given them."""
        with contextlib.suppress(ProblemError):
            await self._refill(share)

    async def _on_end(self, link: Link) -> None:
        if self._closing:
            return
        self.replaced += 1
        if link.number < len(self._running):
            self._running[link.number] = False
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
