"""What survives the service: descriptions, what was learnt, and keys, in SQLite or PostgreSQL."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa

from optimizer.service.tables import API_KEYS, JUNCTIONS, REVISION, SNAPSHOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    T = TypeVar("T")

LOCKED_AFTER_S: Final = 2.0
"""A database that stays locked for longer counts as a failure of the moment."""

_VERSION = sa.table("alembic_version", sa.column("version_num", sa.String))


class StorageError(RuntimeError):
    """The database cannot be used at the moment; the message is one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class StoredJunction:
    """A description as it was put, and its content hash."""

    id: str
    hash: str
    description: str


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key: the digest of its secret, what it may do, and until when."""

    name: str
    digest: str
    scopes: frozenset[str]
    made_at: float
    expires_at: float | None


class Storage:
    """The database. Every method is one transaction and may be called from any thread.

    Parameters
    ----------
    url
        As SQLAlchemy takes it: ``sqlite:///state.db``, ``postgresql+psycopg://user@host/name``.

    Attributes
    ----------
    name
        The URL without its password.
    file
        The file that SQLite keeps it in; None for any other database.

    Raises
    ------
    StorageError
        If the URL names no database that can be used.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sa.make_url(url)
            self._engine = sa.create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite", connect_args=_arguments(parsed))
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError, ValueError) as error:
            raise StorageError(f"--database is no URL of a database that can be used ({error}); write sqlite:///FILE.") from error
        self.name = parsed.render_as_string(hide_password=True)
        self.file = _file_of(parsed)
        if parsed.get_backend_name() == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare_sqlite)

    def prepare(self) -> None:
        """Bring the tables up to date.

        Raises
        ------
        StorageError
            If the database cannot be reached or written, or belongs to a newer version.
        """
        found = self._run(_version_of)
        if found == REVISION:
            return
        if found is not None and found > REVISION:
            raise StorageError(
                f"the database {self.name} was made by a newer version (revision {found}); upgrade the service or restore a backup."
            )
        self._run(_migrate)

    def close(self) -> None:
        """Let the connections go."""
        self._engine.dispose()

    def junctions(self) -> list[StoredJunction]:
        """Return all descriptions."""
        columns = JUNCTIONS.c.id, JUNCTIONS.c.hash, JUNCTIONS.c.description
        return self._run(lambda c: [StoredJunction(*row) for row in c.execute(sa.select(*columns).order_by(JUNCTIONS.c.id))])

    def snapshots(self) -> dict[str, bytes]:
        """Return what was learnt about the junctions whose description is still the same."""
        matching = sa.and_(SNAPSHOTS.c.junction == JUNCTIONS.c.id, SNAPSHOTS.c.hash == JUNCTIONS.c.hash)
        query = sa.select(SNAPSHOTS.c.junction, SNAPSHOTS.c.state).join(JUNCTIONS, matching)
        return self._run(lambda c: {row[0]: row[1] for row in c.execute(query)})

    def put_junction(self, junction: StoredJunction) -> None:
        """Keep a description in place of the one before."""

        def write(connection: sa.Connection) -> None:
            connection.execute(sa.delete(JUNCTIONS).where(JUNCTIONS.c.id == junction.id))
            values = {"id": junction.id, "hash": junction.hash, "description": junction.description, "changed_at": time.time()}
            connection.execute(sa.insert(JUNCTIONS).values(values))

        self._run(write)

    def delete_junction(self, name: str) -> None:
        """Forget a junction and what was learnt about it."""

        def write(connection: sa.Connection) -> None:
            connection.execute(sa.delete(SNAPSHOTS).where(SNAPSHOTS.c.junction == name))
            connection.execute(sa.delete(JUNCTIONS).where(JUNCTIONS.c.id == name))

        self._run(write)

    def put_snapshots(self, snapshots: Sequence[tuple[str, str, bytes]]) -> None:
        """Keep what was learnt: junction, content hash of its description, state."""
        now = time.time()
        rows = [{"junction": name, "hash": digest, "taken_at": now, "state": state} for name, digest, state in snapshots]

        def write(connection: sa.Connection) -> None:
            connection.execute(
                sa.delete(SNAPSHOTS).where(SNAPSHOTS.c.junction == sa.bindparam("gone")), [{"gone": r["junction"]} for r in rows]
            )
            connection.execute(sa.insert(SNAPSHOTS), rows)

        if rows:
            self._run(write)

    def api_keys(self) -> list[StoredKey]:
        """Return all API keys that have not expired."""
        columns = API_KEYS.c.name, API_KEYS.c.digest, API_KEYS.c.scopes, API_KEYS.c.made_at, API_KEYS.c.expires_at
        rows = self._run(lambda c: c.execute(sa.select(*columns).order_by(API_KEYS.c.name)).all())
        now = time.time()
        return [StoredKey(row[0], row[1], frozenset(row[2].split(",")), row[3], row[4]) for row in rows if row[4] is None or row[4] > now]

    def put_key(self, key: StoredKey) -> None:
        """Keep a key in place of one of the same name."""
        values = {
            "name": key.name,
            "digest": key.digest,
            "scopes": ",".join(sorted(key.scopes)),
            "made_at": key.made_at,
            "expires_at": key.expires_at,
        }

        def write(connection: sa.Connection) -> None:
            connection.execute(sa.delete(API_KEYS).where(API_KEYS.c.name == key.name))
            connection.execute(sa.insert(API_KEYS).values(values))

        self._run(write)

    def delete_key(self, name: str) -> bool:
        """Forget a key; return whether there was one."""
        return bool(self._run(lambda c: c.execute(sa.delete(API_KEYS).where(API_KEYS.c.name == name)).rowcount))

    def _run(self, action: Callable[[sa.Connection], T]) -> T:
        try:
            with self._engine.begin() as connection:
                return action(connection)
        except sa.exc.SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            remedy = "check its address, your rights and the room on the disk"
            raise StorageError(f"the database {self.name} cannot be used ({cause}); {remedy}.") from error


def _file_of(url: sa.URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":", "file:")):
        return None
    return Path(url.database).resolve()


def _arguments(url: sa.URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": LOCKED_AFTER_S}
    if url.get_backend_name() == "postgresql":
        return {"connect_timeout": 3}
    return {}


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _version_of(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    found: str | None = connection.execute(sa.select(_VERSION.c.version_num)).scalar()
    return found


def _migrate(connection: sa.Connection) -> None:
    from alembic import command  # noqa: PLC0415 - loading it takes longer than all else here, and is hardly ever needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
