"""API keys: shown once when they are made, kept as digests, found again by their digest."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from optimizer.service.storage import StoredKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.service.storage import Storage

PREFIX: Final = "ampelwerk_"
"""Lets a scanner of secrets find a key that was published by mistake."""


class Scope(StrEnum):
    """What a key allows."""

    READ = "read"
    DECIDE = "decide"
    CONFIGURE = "configure"


class KeyRequestError(ValueError):
    """A key cannot be made or changed; the message is one sentence with the remedy."""


def digest_of(secret: str) -> str:
    """Return what is kept of a key. It has 256 random bits, so a plain hash cannot be guessed back and no salt is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def make_key(storage: Storage, name: str, scopes: Iterable[str], days: float | None = None) -> str:
    """Make a key and return its secret, which nobody can see again.

    Raises
    ------
    KeyRequestError
        If the name is taken or unusable, or a scope is unknown.
    """
    if not re.fullmatch(r"[\w.-]{1,100}", name):
        raise KeyRequestError(f"the name {name!r} cannot be used; write letters, digits, dots and dashes.")
    if any(key.name == name for key in storage.api_keys()):
        raise KeyRequestError(f"there is a key {name!r} already; rotate it or choose another name.")
    wanted = frozenset(scope.strip() for scope in scopes)
    unknown = sorted(wanted - set(Scope))
    if unknown or not wanted:
        raise KeyRequestError(f"there is no scope {', '.join(unknown) or 'named'}; choose from {', '.join(Scope)}.")
    if days is not None and not 0 < days < 36_500:
        raise KeyRequestError(f"a key cannot be good for {days:g} days; give more than 0 and less than 36500.")
    return _keep(storage, name, wanted, None if days is None else time.time() + days * 86_400)


def rotate_key(storage: Storage, name: str, grace_hours: float = 0.0) -> str:
    """Give a key a new secret and return it; the old one works on for a while as ``NAME.old``.

    Raises
    ------
    KeyRequestError
        If there is no such key.
    """
    old = next((key for key in storage.api_keys() if key.name == name), None)
    if old is None:
        raise KeyRequestError(f"there is no key {name!r}; `ampelwerk keys list` shows them.")
    secret = _keep(storage, name, old.scopes, old.expires_at)
    if grace_hours > 0:
        storage.put_key(StoredKey(_before(name), old.digest, old.scopes, old.made_at, time.time() + grace_hours * 3600))
    return secret


def revoke_key(storage: Storage, name: str) -> None:
    """Make a key useless, and with it the secret that it had before it was rotated.

    Raises
    ------
    KeyRequestError
        If there is no such key.
    """
    storage.delete_key(_before(name))
    if not storage.delete_key(name):
        raise KeyRequestError(f"there is no key {name!r}; `ampelwerk keys list` shows them.")


def _before(name: str) -> str:
    """Return the name under which the former secret of a rotated key works on."""
    return f"{name[:96]}.old"


def _keep(storage: Storage, name: str, scopes: frozenset[str], expires_at: float | None) -> str:
    secret = PREFIX + secrets.token_urlsafe(32)
    storage.put_key(StoredKey(name, digest_of(secret), scopes, time.time(), expires_at))
    return secret


def key_lines(storage: Storage) -> str:
    """Return a line for each key: name, scopes, and until when it is good."""
    lines = []
    for key in storage.api_keys():
        until = "for ever" if key.expires_at is None else datetime.fromtimestamp(key.expires_at, UTC).isoformat(timespec="minutes")
        lines.append(f"{key.name}\t{','.join(sorted(key.scopes))}\t{until}")
    return "\n".join(lines)
