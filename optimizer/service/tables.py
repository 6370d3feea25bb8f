"""The service's tables; `migrations` make and change them."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

METADATA: Final = sa.MetaData()

JUNCTIONS: Final = sa.Table(
    "junctions",
    METADATA,
    sa.Column("id", sa.String(1000), primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("changed_at", sa.Float, nullable=False),
)

SNAPSHOTS: Final = sa.Table(
    "snapshots",
    METADATA,
    sa.Column("junction", sa.String(1000), primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("taken_at", sa.Float, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
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
