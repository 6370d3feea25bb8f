"""The service's tables; `migrations` make and change them."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

METADATA: Final = sa.MetaData()


def _by_junction(name: str, key: str, *columns: sa.Column[Any]) -> sa.Table:
    """Return a table of one row per junction, each with the content hash of its description."""
    return sa.Table(
        name, METADATA, sa.Column(key, sa.String(1000), primary_key=True), sa.Column("hash", sa.String(64), nullable=False), *columns
    )


JUNCTIONS: Final = _by_junction(
    "junctions", "id", sa.Column("description", sa.Text, nullable=False), sa.Column("changed_at", sa.Float, nullable=False)
)

SNAPSHOTS: Final = _by_junction(
    "snapshots", "junction", sa.Column("taken_at", sa.Float, nullable=False), sa.Column("state", sa.LargeBinary, nullable=False)
)

API_KEYS: Final = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("scopes", sa.String(100), nullable=False),
    sa.Column("made_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=True),
)

REVISION: Final = "0001"
"""The newest migration: where the database says the same, Alembic need not be loaded."""
