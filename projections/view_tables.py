"""The tables of the views in SQL: builds, what they hold, and what was ordered of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    and_,
)

VIEWS = MetaData()

BUILDS = Table(
    "kaoji_view_builds",
    VIEWS,
    Column("projection", String(64), primary_key=True),
    Column("build", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("format", Integer, nullable=False, server_default="1"),
)


def _view(name: str, *columns: Column[Any]) -> Table:
    return Table(
        name,
        VIEWS,
        Column("projection", String(64), primary_key=True),
        Column("build", Integer, primary_key=True, autoincrement=False),
        *columns,
        ForeignKeyConstraint(["projection", "build"], [BUILDS.c.projection, BUILDS.c.build]),
    )


PARTS = _view(
    "kaoji_history_parts",
    Column("first_position", BigInteger, primary_key=True, autoincrement=False),
    Column("part", String(16), primary_key=True),
    Column("last_position", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
)
DIRECTORY = _view(
    "kaoji_directory_actions",
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("type", String(32), nullable=False),
    Column("subject", Text, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("facts", LargeBinary, nullable=False),
)
BLOCKS = _view(
    "kaoji_integrity_blocks",
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("leaves", LargeBinary, nullable=False),
)
RULES = _view(
    "kaoji_adopted_rules",
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("topic", String(64), nullable=False),
    Column("state", LargeBinary, nullable=False),
)


PAUSES = Table(
    "kaoji_view_pauses",
    VIEWS,
    Column("projection", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("paused_at", BigInteger, nullable=False),
)
SKIPS = Table(
    "kaoji_view_skips",
    VIEWS,
    Column("projection", String(64), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("skipped_at", BigInteger, nullable=False),
)
UNSKIPS = Table(
    "kaoji_view_unskips",
    VIEWS,
    Column("projection", String(64), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("build", Integer),  # the one that is to take it in; none once that is live
    Column("reason", Text, nullable=False),
    Column("unskipped_at", BigInteger, nullable=False),
    Column("skip_reason", Text, nullable=False),
    Column("skipped_at", BigInteger, nullable=False),
)
REBUILDS = Table(
    "kaoji_view_rebuilds",
    VIEWS,
    Column("projection", String(64), primary_key=True),
    Column("build", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far one build of a projection has come: every position up to and including this one is in it."""

    projection: str
    build: int
    position: int
    live: bool
    format: int = 1
    """In which form its rows are written: a projection that writes another one builds its view anew."""


def of_build(table: Table, build: Checkpoint) -> ColumnElement[bool]:
    """Rows of a build."""
    return and_(table.c.projection == build.projection, table.c.build == build.build)
