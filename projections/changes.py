"""What a batch changes in a view: worked out beside the ledger's writer, then written in one short transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from projections.store import Checkpoint, Connection, Table, ViewStore


class Change(NamedTuple):
    """Rows of one table that come, once those are gone in which the columns of `gone` have these values."""

    table: Table
    rows: Sequence[dict[str, object]] = ()
    gone: Mapping[str, object] | None = None


def nothing_more() -> None:
    """Nothing is to be done once changes are written."""


class Changes(NamedTuple):
    """All that one batch changes in a build, in order; `written` is called once that is committed."""

    changes: Sequence[Change]
    written: Callable[[], None] = nothing_more


def write_changes(store: ViewStore, connection: Connection, build: Checkpoint, changes: Sequence[Change]) -> None:
    """Write them, inside the caller's transaction, in which the checkpoint moves too."""
    for change in changes:
        if change.gone is not None:
            store.remove(connection, change.table, build, **change.gone)
        store.add(connection, change.table, build, change.rows)
