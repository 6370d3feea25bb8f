"""Who may do what: keys and scopes."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from optimizer.service.keys import Scope, digest_of
from optimizer.service.problems import ProblemError
from optimizer.service.storage import LOCKED_AFTER_S, StorageError

if TYPE_CHECKING:
    from optimizer.service.storage import Storage

_log = logging.getLogger(__name__)

REFRESH_S: Final = 5.0
"""Keys that were read longer ago are read again before they let a call in."""

AHEAD_S: Final = REFRESH_S / 2
"""So long before that they are read beside the calls: where calls come all the time, none of them waits."""

PAUSE_S: Final = 0.5
"""The database is not read more often, whoever sends unknown keys."""

PATIENCE_S: Final = LOCKED_AFTER_S + 1.0
"""A call waits no longer for the database; then the keys that were read last count."""

EVERYTHING: Final = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls: a name for the rate limit and the log, and what it may do."""

    name: str
    scopes: frozenset[str]


class Access:
    """Knows the clients.

    Parameters
    ----------
    storage
        Holds the keys.
    demanded
        Whether a key is needed at all.
    """

    def __init__(self, storage: Storage, *, demanded: bool) -> None:
        self.demanded = demanded
        self._storage = storage
        self._clients: dict[str, tuple[Client, float]] = {}
        self._read_s = self._tried_s = self._good_until_s = -math.inf
        self._is_unreadable = False
        self._reading: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Read the keys from the database."""
        began_s = time.monotonic()
        keys = self._storage.api_keys()
        self._clients = {key.digest: (Client(key.name, key.scopes), math.inf if key.expires_at is None else key.expires_at) for key in keys}
        self._read_s, self._good_until_s = began_s, began_s + REFRESH_S  # what was changed since then may be missing

    def known(self, authorization: str, peer: str) -> Client | None:
        """Return who calls by the keys that were read last; None where a key is needed and none of them is given."""
        if not self.demanded:
            return Client(peer, EVERYTHING)
        client, until = self._clients.get(_digest(authorization), (None, 0.0))
        return client if time.time() < until else None

    async def client(self, authorization: str, peer: str) -> Client:
        """Return who calls; keys that were read too long ago, and a key that is unknown, are looked up before.

        Raises
        ------
        ProblemError
            If a key is needed and none, or an unknown one, is given.
        """
        if self.demanded and _digest(authorization):
            now_s = time.monotonic()
            if now_s >= self._good_until_s - AHEAD_S:
                self._begin_reading()
            if now_s >= self._good_until_s:
                await self._await_reading()
            if self.known(authorization, peer) is None and not self._is_unreadable:
                await self._read_since(now_s)
        client = self.known(authorization, peer)
        if client is None:
            detail = "This service asks for an API key: send the header Authorization: Bearer KEY; the operator makes keys."
            raise ProblemError(401, "unauthenticated", "No valid API key", detail, headers={"WWW-Authenticate": "Bearer"})
        return client

    async def _read_since(self, called_s: float) -> None:
        """Read the keys again if they were read before a call came: its unknown key may be new."""
        for _ in range(2):  # the first may be one that is on its way already, begun before the call
            if self._read_s >= called_s:
                return
            self._begin_reading()
            await self._await_reading()

    def _begin_reading(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())

    async def _await_reading(self) -> None:
        if self._reading is None:
            return
        await asyncio.wait({self._reading}, timeout=PATIENCE_S)
        if not self._reading.done():
            self._go_on("it does not answer", math.inf)  # until it does

    async def _read(self) -> None:
        await asyncio.sleep(self._tried_s + PAUSE_S - time.monotonic())
        self._tried_s = time.monotonic()
        try:
            await asyncio.to_thread(self.load)
        except StorageError as error:
            self._go_on(str(error), time.monotonic() + REFRESH_S)
        else:
            if self._is_unreadable:
                _log.warning("the API keys can be read again")
            self._is_unreadable = False

    def _go_on(self, reason: str, until_s: float) -> None:
        """Let the keys that were read last count: signals must not stop because a database does."""
        if not self._is_unreadable:
            _log.warning("the API keys cannot be read; those that were read last count until they can: %s", reason)
        self._is_unreadable, self._good_until_s = True, until_s


def demand(client: Client, scope: Scope) -> None:
    """Raise `ProblemError` unless a client may do what it wants."""
    if scope not in client.scopes:
        detail = f"The key {client.name!r} lacks the scope {scope.value!r}; ask the operator for one that has it."
        raise ProblemError(403, "forbidden", "The key does not allow this", detail)


def _digest(authorization: str) -> str:
    """Return the digest of the key in a header; empty where there is none."""
    scheme, _, secret = authorization.partition(" ")
    return digest_of(secret.strip()) if scheme.lower() == "bearer" and secret.strip() else ""
