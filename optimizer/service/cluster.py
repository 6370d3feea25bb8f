"""Workers on a Ray cluster (extra ``cluster``): each is an actor, and with it the one place of its junctions.

Actors are spread over the nodes. Where one dies, with its node or alone, the front has another one started, wherever there is a node, and
gives it its junctions and what they had learnt.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Final

from optimizer.clusters import connect, ray_module
from optimizer.service.links import Link
from optimizer.service.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BEAT_S: Final = 2.0
START_LIMIT_S: Final = 900.0
"""An actor that is not there by then is given up; where the code is not compiled yet, a busy node takes minutes."""

REPLACED_AFTER_S: Final = 1.0
"""An actor that dies sooner than this is not replaced at once: something is wrong with the cluster."""


class Place:
    """The actor: a worker that has loaded its compiled code."""

    def __init__(self) -> None:
        # Loaded here and not above: the front knows this class, but has no use for what a worker needs.
        from optimizer.service import worker  # noqa: PLC0415
        from optimizer.service.rehearsal import rehearse  # noqa: PLC0415

        rehearse()
        self._worker, self._called = worker.Worker(), worker.called

    def call(self, name: str, arguments: tuple[Any, ...]) -> object:
        """Return what `optimizer.service.worker.called` returns."""
        if name == "decide":
            arguments = (*arguments[:-1], time.monotonic())  # each machine has its own clock: deadlines count from here
        return self._called(self._worker, name, arguments)


class RayWorkers:
    """Workers on a cluster.

    Parameters
    ----------
    address
        Of the cluster, as ``ray.init`` takes it.

    Raises
    ------
    ClusterError
        If Ray is not installed or the cluster cannot be reached.
    """

    def __init__(self, address: str) -> None:
        connect(address)
        self._ray = ray_module()

    def await_ready(self) -> None:
        """Do nothing: an actor loads when it is started."""

    def link(self, number: int) -> Link:
        """Return an end for an actor that is yet to be started."""
        return ActorLink(number, self._ray)

    def close(self) -> None:
        """Leave the cluster; the actors end with it."""
        self._ray.shutdown()


class ActorLink(Link):
    """The end of an actor."""

    def __init__(self, number: int, ray: Any) -> None:  # noqa: ANN401 - the module
        super().__init__(number)
        self._ray = ray
        # No CPU is reserved: where nodes are lost, few places with all junctions are better than junctions without a place.
        self._place = ray.remote(num_cpus=0, scheduling_strategy="SPREAD")(Place)
        self._actor: Any = None
        self._starts = 0
        self._started = 0.0
        self._on_end: Callable[[Link], Awaitable[None]] | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def open(self, on_end: Callable[[Link], Awaitable[None]]) -> None:
        """Start an actor; `on_end` is called when it is gone."""
        self._on_end, self._started, self.pid = on_end, time.monotonic(), 0
        self._starts += 1
        self._actor = self._place.options(name=f"junctions-{self.number}.{self._starts}").remote()
        self.pid = await self.ask("pid")
        self._keep(asyncio.create_task(self._beat(self._actor)))

    def is_stuck(self) -> bool:
        """Whether the oldest call has waited for too long."""
        return super().is_stuck() if self.pid else time.monotonic() - self._started > START_LIMIT_S

    def kill(self) -> None:
        """End the actor at once; the calls that wait for it tell the rest."""
        if self._actor is not None:
            self._ray.kill(self._actor)

    async def close(self) -> None:
        """Let the actor go."""
        self._on_end = None
        self.kill()

    def _is_open(self) -> bool:
        return self._actor is not None

    def _send(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
        self._keep(asyncio.create_task(self._call(self._actor, number, name, arguments)))

    async def _call(self, actor: Any, number: int, name: str, arguments: tuple[object, ...]) -> None:  # noqa: ANN401 - Ray's own
        try:
            self._answered(number, await actor.call.remote(name, arguments))
        except self._ray.exceptions.RayError:
            if actor is not self._actor:
                return  # another call has told already
            self._actor = None
            self._fail_waiting()
            if self._on_end is not None:
                await asyncio.sleep(max(0.0, self._started + REPLACED_AFTER_S - time.monotonic()))
                await self._on_end(self)

    async def _beat(self, actor: Any) -> None:  # noqa: ANN401 - Ray's own
        """Call now and then, so that the death of an actor is noticed before somebody needs it."""
        while actor is self._actor:
            await asyncio.sleep(BEAT_S)
            with contextlib.suppress(ProblemError):
                await self.ask("pid")

    def _keep(self, call: asyncio.Task[None]) -> None:
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
