"""The service without its HTTP: descriptions, workers, storage, and what runs in the background."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from optimizer.service.description import JunctionDescription
from optimizer.service.metrics import Metrics
from optimizer.service.plan_jobs import PlanJobs
from optimizer.service.pool import Pool
from optimizer.service.problems import UNKNOWN_JUNCTION, ProblemError, contradiction, from_validation, unknown_junction
from optimizer.service.storage import StorageError, StoredJunction
from optimizer.service.watch import Watch

if TYPE_CHECKING:
    from optimizer.service.answered import Reply
    from optimizer.service.links import WorkerSource
    from optimizer.service.storage import Storage

_log = logging.getLogger(__name__)

SNAPSHOT_EVERY_S: Final = 0.1
"""So often a few junctions are kept, so that each is within `SNAPSHOT_ROUND_S` and no call waits behind many."""

SNAPSHOT_ROUND_S: Final = 8.0
MOST_JUNCTIONS: Final = 100_000


class Core:
    """One service.

    Parameters
    ----------
    storage
        Its database.
    source
        Where workers come from.
    workers
        Processes that share the junctions.
    """

    def __init__(self, storage: Storage, source: WorkerSource, workers: int) -> None:
        self.storage = storage
        self.metrics = Metrics()
        self.pool = Pool(source, workers, self._refill)
        self.plans = PlanJobs(self.metrics)
        self.descriptions: dict[str, StoredJunction] = {}
        self.storage_fails = False
        self._watch = Watch()
        self._kept: dict[str, bytes] = {}
        self._changing = asyncio.Lock()
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Load what was kept, and start the workers."""
        stored = await asyncio.to_thread(self.storage.junctions)
        self.descriptions = {junction.id: junction for junction in stored}
        self._kept = await asyncio.to_thread(self.storage.snapshots)
        await self.pool.open()
        self.plans.open()
        self.metrics.junctions.set(len(self.descriptions))
        self._keeping = asyncio.create_task(self._keep_learnt())
        _log.info("ready", extra={"junctions": len(self.descriptions), "restored": len(self._kept), "workers": len(self.pool.shares)})

    async def close(self) -> None:
        """Keep what was learnt, and end the workers."""
        await self.plans.close()
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
            await self._keep_share(1.0)
        await self.pool.close()
        self.storage.close()

    async def put(self, name: str, body: bytes, expected: str | None, *, must_be_new: bool) -> tuple[StoredJunction, bool]:
        """Describe a junction; return what is kept and whether it is new. Nothing is changed where it raises.

        Raises
        ------
        ProblemError
            If the description is wrong, is not the one that was to be replaced, or cannot be kept.
        """
        try:
            description = JunctionDescription.model_validate_json(body)
        except ValidationError as error:
            raise from_validation(error) from None
        if description.id != name:
            raise contradiction(
                "/id", f"the description is of {description.id[:200]!r}, but the path names {name[:200]!r}; name one junction"
            )
        text = description.model_dump_json()
        digest = await self.pool.ask_spare("check", text.encode())
        async with self._changing:
            present = self.descriptions.get(name)
            _check_version(present, expected, must_be_new=must_be_new)
            if present is None and len(self.descriptions) >= MOST_JUNCTIONS:
                raise ProblemError(409, "full", "No room", f"The service holds {MOST_JUNCTIONS} junctions; start another one.")
            junction = StoredJunction(name, digest, text)
            if present != junction:
                await self._stored(self.storage.put_junction, junction)
                self.descriptions[name] = junction
                self._kept.pop(name, None)
            # Always: where the worker was being replaced when the same call came before, it may not know of it.
            await self.pool.ask(name, "put", text.encode(), None)
            await self.pool.ask(name, "prepare", name)
            self.metrics.junctions.set(len(self.descriptions))
            return junction, present is None

    async def delete(self, name: str, expected: str | None) -> None:
        """Forget a junction.

        Raises
        ------
        ProblemError
            If there is none, it is not the one that was meant, or the database refuses.
        """
        async with self._changing:
            self.description(name)
            _check_version(self.descriptions[name], expected, must_be_new=False)
            await self._stored(self.storage.delete_junction, name)
            del self.descriptions[name]
            self._kept.pop(name, None)
            self._watch.forget(name)
            await self.pool.ask(name, "delete", name)
            self.metrics.junctions.set(len(self.descriptions))

    def description(self, name: str) -> StoredJunction:
        """Return a junction's description, or raise `ProblemError`."""
        found = self.descriptions.get(name)
        if found is None:
            raise unknown_junction(name)
        return found

    async def answer(self, name: str, body: bytes, received_s: float, request_id: str) -> Reply:
        """Answer a call of a junction that came in at `received_s` (`time.monotonic`), count it, and log what a person should look at."""
        reply = await self._decide(name, body, received_s)
        self.metrics.count_reply(reply, time.monotonic() - received_s)
        self._watch.note(name, reply, request_id)
        return reply

    async def _decide(self, name: str, body: bytes, received_s: float) -> Reply:
        if name not in self.descriptions:
            raise unknown_junction(name)
        try:
            reply: Reply = await self.pool.ask(name, "decide", name, body, received_s)
        except ProblemError as problem:
            if problem.kind != UNKNOWN_JUNCTION:
                raise
            await self._give(name)  # its worker is new and does not hold it yet
            reply = await self.pool.ask(name, "decide", name, body, received_s)
        return reply

    async def board(self) -> list[dict[str, Any]]:
        """Return what the live page shows, in the order of the ids."""
        entries = [entry for share in await self.pool.ask_all("board") for entry in share]
        return sorted(entries, key=lambda entry: str(entry["id"]))

    async def _refill(self, share: int) -> None:
        for name in list(self.descriptions):
            if self.pool.share_of(name) == share:
                await self._give(name)

    async def _give(self, name: str) -> None:
        """Give a junction and what it had learnt to its worker, if the worker does not hold it."""
        junction = self.descriptions.get(name)
        if junction is None:
            return  # deleted meanwhile
        complaint = await self.pool.ask(name, "put", junction.description.encode(), self._kept.get(name))
        if complaint:
            _log.warning("what was learnt cannot be taken up", extra={"junction": name, "reason": complaint})

    async def _keep_learnt(self) -> None:
        while True:
            await asyncio.sleep(SNAPSHOT_EVERY_S)
            self.metrics.workers_replaced.set(self.pool.replaced)
            await self._keep_share(SNAPSHOT_EVERY_S / SNAPSHOT_ROUND_S)

    async def _keep_share(self, part: float) -> None:
        """Keep what a part of the junctions has learnt; where the database refuses, they stay due and the service goes on."""
        taken = [row for share in await self.pool.ask_all("snapshots", part) for row in share]
        taken = [row for row in taken if row[0] in self.descriptions and self.descriptions[row[0]].hash == row[1]]
        self._kept.update({name: state for name, _, state in taken})
        try:
            await asyncio.to_thread(self.storage.put_snapshots, taken)
        except StorageError as error:
            self._note_failure(error)
            for name, _, _ in taken:
                with contextlib.suppress(ProblemError):
                    await self.pool.ask(name, "unsaved", [name])
        else:
            if self.storage_fails and taken:
                _log.warning("the database can be written again")
                self.storage_fails = False

    async def _stored(self, write: Any, *arguments: object) -> None:  # noqa: ANN401 - a method of the storage
        try:
            await asyncio.to_thread(write, *arguments)
        except StorageError as error:
            self._note_failure(error)
            detail = "The description cannot be kept at the moment, and nothing was changed; try again later."
            raise ProblemError(503, "storage", "The database cannot be written", detail, headers={"Retry-After": "5"}) from error

    def _note_failure(self, error: StorageError) -> None:
        self.metrics.storage_failures.inc()
        if not self.storage_fails:
            _log.error("the database cannot be written; decisions go on: %s", error)
        self.storage_fails = True


def is_named(digest: str, header: str, *, weakly: bool = False) -> bool:
    """Return whether If-Match or (weakly) If-None-Match names a description: a list of ETags, or `*` for any."""
    tags = [tag.strip() for tag in header.split(",")]
    return "*" in tags or f'"{digest}"' in ([tag.removeprefix("W/") for tag in tags] if weakly else tags)


def _check_version(present: StoredJunction | None, expected: str | None, *, must_be_new: bool) -> None:
    if must_be_new and present is not None:
        detail = "There is a description already; leave out If-None-Match, or send If-Match with its ETag, to replace it."
        raise ProblemError(412, "precondition", "The description exists", detail)
    if expected is not None and (present is None or not is_named(present.hash, expected)):
        detail = "The description is not the one that If-Match names; get it, look what has changed, and send its ETag."
        raise ProblemError(412, "precondition", "The description has changed", detail)
