"""Who may do what: keys and scopes."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from optimizer.service.keys import Scope, digest_of
from optimizer.service.problems import ProblemError
from optimizer.service.storage import StorageError

if TYPE_CHECKING:
    from optimizer.service.storage import Storage

_log = logging.getLogger(__name__)

REFRESH_S: Final = 5.0
"""A new key is known, and a revoked one forgotten, after this time."""

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
        self._clients: dict[str, Client] = {}
        self._until = 0.0
        self._expiry: dict[str, float] = {}
        self._refreshing: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Read the keys from the database."""
        keys = self._storage.api_keys()
        self._clients = {key.digest: Client(key.name, key.scopes) for key in keys}
        self._expiry = {key.digest: key.expires_at for key in keys if key.expires_at is not None}
        self._until = time.monotonic() + REFRESH_S

    async def client(self, authorization: str, peer: str) -> Client:
        """Return who calls.

        Raises
        ------
        ProblemError
            If a key is needed and none, or an unknown one, is given.
        """
        if not self.demanded:
            return Client(peer, EVERYTHING)
        if time.monotonic() > self._until and (self._refreshing is None or self._refreshing.done()):
            self._refreshing = asyncio.create_task(self._refresh())
        scheme, _, secret = authorization.partition(" ")
        digest = digest_of(secret.strip())
        client = self._clients.get(digest) if scheme.lower() == "bearer" else None
        if client is None or self._expiry.get(digest, time.time() + 1) < time.time():
            detail = "This service asks for an API key: send the header Authorization: Bearer KEY; the operator makes keys."
            raise ProblemError(401, "unauthenticated", "No valid API key", detail, headers={"WWW-Authenticate": "Bearer"})
        return client

    async def _refresh(self) -> None:
        try:
            await asyncio.to_thread(self.load)
        except StorageError as error:
            # Those who were let in before may go on: signals must not stop because a database does.
            self._until = time.monotonic() + REFRESH_S
            _log.warning("the API keys cannot be read again: %s", error)


def demand(client: Client, scope: Scope) -> None:
    """Raise `ProblemError` unless a client may do what it wants."""
    if scope not in client.scopes:
        detail = f"The key {client.name!r} lacks the scope {scope.value!r}; ask the operator for one that has it."
        raise ProblemError(403, "forbidden", "The key does not allow this", detail)
