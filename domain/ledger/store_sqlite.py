"""The ledger in an SQLite file: the library's process recorder, with gapless positions under one write lock."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any
from uuid import UUID

from eventsourcing.persistence import InterfaceError, OperationalError, StoredEvent, Tracking
from eventsourcing.sqlite import (
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteProcessRecorder,
    SQLiteTransaction,
)

from domain.ledger import sql
from domain.ledger.errors import EntryMovedError, StaleTrackingError
from domain.ledger.records import Head, Recorded, Sealed
from domain.ledger.store import Batch, Found, event_row

LOCK_TIMEOUT_SECONDS = 30
# "KAOJ": tells a ledger from any other SQLite file.
APPLICATION_ID = 0x4B414F4A
_CHUNK = 500
# Rows that one statement inserts: executemany() would let go of the interpreter's lock, and wait for it, with each
# row, while other threads fetch and check. A few sizes only, for each is compiled once and kept; five values a row
# stay below the 32,766 that SQLite takes.
_ROWS_AT_ONCE = (4_096, 512, 64, 8, 1)


class SQLiteLedgerRecorder(SQLiteProcessRecorder):
    """Keeps the library's contract for process recorders and the Store protocol of the ledger.

    Stream ids are 16-byte blobs. The notification id is a real column, for SQLite renumbers bare rowids on
    VACUUM; it bears the name `rowid` because the library's statements ask for that.
    """

    def __init__(
        self,
        datastore: LedgerDatastore,
        *,
        clock: Callable[[], int],
        new_ledger_id: Callable[[], UUID],
        events_table_name: str = "stored_events",
    ) -> None:
        self._clock, self._new_ledger_id = clock, new_ledger_id
        super().__init__(datastore, events_table_name=events_table_name)
        self._insert_rows = {many: _insert_rows(events_table_name, many) for many in _ROWS_AT_ONCE}

    # What the library asks for.

    def construct_create_table_statements(self) -> list[str]:
        """Return the library's tracking table, our own events table, and what the ledger keeps beside them."""
        events = (
            f"CREATE TABLE IF NOT EXISTS {self.events_table_name} (rowid INTEGER PRIMARY KEY, "
            "originator_id BLOB NOT NULL, originator_version INTEGER NOT NULL, topic TEXT NOT NULL, "
            "state BLOB NOT NULL, UNIQUE (originator_id, originator_version))"
        )
        theirs = super().construct_create_table_statements()
        tracking = [statement for statement in theirs if "tracking" in statement]
        return [events, *tracking, *sql.tables(sql.SQLITE), f"PRAGMA application_id = {APPLICATION_ID}"]

    def _create_table(self, c: SQLiteCursor) -> None:
        # Asked again behind the lock: another process may have made them since the library looked.
        c.execute("SELECT 1 FROM sqlite_master WHERE name = 'ledger_about'")
        if c.fetchone() is not None:
            return
        super()._create_table(c)
        c.execute(sql.INSERT_ABOUT, ("ledger_id", str(self._new_ledger_id())))
        c.execute(sql.INSERT_ABOUT, ("format", str(sql.FORMAT)))

    def convert_originator_id(self, originator_id: bytes) -> UUID:  # type: ignore[override]
        """Return the UUID that the blob stands for (the library hands us its own column back)."""
        return UUID(bytes=originator_id)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Return the events of one stream."""
        where, parameters = ["originator_id = ?"], [_uuid(originator_id).bytes]
        bounds = [("originator_version > ?", gt), ("originator_version <= ?", lte)]
        where += [condition for condition, bound in bounds if bound is not None]
        statement = (
            f"SELECT originator_version, topic, state FROM {self.events_table_name} WHERE {' AND '.join(where)} "
            f"ORDER BY originator_version {'DESC' if desc else 'ASC'} LIMIT ?"
        )
        numbers = [bound for _, bound in bounds if bound is not None]
        rows = self.query(statement, [*parameters, *numbers, -1 if limit is None else limit])
        return [StoredEvent(originator_id, version, topic, state) for version, topic, state in rows]

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        tracking: Tracking | None = kwargs.get("tracking")
        batch = Batch(
            events=[event_row(event) for event in stored_events],
            tracking=() if tracking is None else (tracking,),
        )
        first = self._write(c.sqlite_cursor, batch)
        return list(range(first, first + len(stored_events)))

    # What the ledger asks for.

    def write(self, batch: Batch) -> int:
        """Write all of the batch or nothing; return the position of its first event."""
        with self.datastore.transaction(commit=True) as c:
            return self._write(c.sqlite_cursor, batch)

    def _write(self, cursor: sqlite3.Cursor, batch: Batch) -> int:
        for tracking in batch.tracking:
            name, tracking_id = tracking.application_name, tracking.notification_id
            cursor.execute(self.insert_tracking_statement, _tracking_parameters(tracking))
            if cursor.fetchone() is None:
                raise StaleTrackingError(name, tracking_id)
        cursor.row_factory = None
        head = _head(cursor)
        first = head.position + 1
        now = max(self._clock(), head.recorded_at)
        if batch.events:
            for begin, many in _pieces(len(batch.events)):
                columns = zip(*batch.events[begin : begin + many], strict=True)
                rows = zip(range(first + begin, first + begin + many), *columns, strict=True)
                cursor.execute(self._insert_rows[many], list(chain.from_iterable(rows)))
            cursor.execute(sql.INSERT_BATCH, (first, first + len(batch.events) - 1, now))
        if batch.sealed:
            cursor.executemany(sql.INSERT_SEALED, [(first + index, *part) for index, part in batch.sealed])
        if batch.entries:
            cursor.executemany(sql.UPSERT_ENTRY, [(*entry, now, now) for entry in batch.entries])
        if batch.retried:
            cursor.executemany(sql.MARK_RETRIED, [(now, entry_id) for entry_id in batch.retried])
            _check_open(cursor, batch.retried)
        if batch.refused_again:
            again = [(each.code, each.remedy, now, each.entry_id) for each in batch.refused_again]
            cursor.executemany(sql.MARK_REFUSED_AGAIN, again)
            _check_open(cursor, again)
        if batch.counts:
            quarter = now // sql.QUARTER_MICROSECONDS
            cursor.executemany(sql.UPSERT_COUNT, [(quarter, *each) for each in batch.counts])
        return first

    def head(self) -> Head:
        """Return the last position and its time."""
        with self._reading() as cursor:
            return _head(cursor)

    def position_at(self, recorded_at: int) -> int:
        """Return the last position recorded at or before that instant."""
        rows = self.query(sql.SELECT_POSITION_AT, (recorded_at,))
        return int(rows[0][0]) if rows else 0

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Found]:
        """Return what is recorded under these keys."""
        found: dict[bytes, Found] = {}
        with self._reading() as cursor:
            for part, marks in _chunks(keys):
                cursor.execute(sql.find(self.events_table_name, f"e.originator_id IN ({marks})"), part)
                for key, position, facts, key_id, *rest in cursor:
                    found[key] = Found(position, facts, None if key_id is None else Sealed(key_id, *rest))
        return found

    def positions_of(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Return the positions of those keys that are recorded."""
        found: dict[bytes, int] = {}
        with self._reading() as cursor:
            for part, marks in _chunks(keys):
                found.update(
                    cursor.execute(
                        f"SELECT originator_id, rowid FROM {self.events_table_name} "
                        f"WHERE originator_version = 1 AND originator_id IN ({marks})",
                        part,
                    )
                )
        return found

    def read(self, *, after: int, limit: int) -> list[Recorded]:
        """Return up to `limit` events with positions above `after`, in order."""
        with self._reading() as cursor:
            rows = cursor.execute(
                # Other tools may have put text where bytes were: verifying must be able to say so.
                f"SELECT rowid, topic, CAST(state AS BLOB) FROM {self.events_table_name} WHERE rowid > ? "
                "ORDER BY rowid LIMIT ?",
                (after, limit),
            ).fetchall()
            if not rows:
                return []
            bounds = (rows[0][0], rows[-1][0])
            batches = cursor.execute(sql.SELECT_BATCHES, bounds).fetchall()
            commitments = dict(cursor.execute(sql.SELECT_COMMITMENTS, bounds))
        return sql.recorded(rows, batches, commitments)

    def read_positions(self, positions: Sequence[int]) -> list[Recorded]:
        """Return the events at these positions in ascending order; unknown positions are left out."""
        found: list[Recorded] = []
        with self._reading() as cursor:
            for part, marks in _chunks(sorted(set(positions))):
                statement = sql.read_positions(
                    self.events_table_name, "rowid", f"e.rowid IN ({marks})", facts="CAST(e.state AS BLOB)"
                )
                cursor.execute(statement, part)
                found.extend(map(Recorded._make, cursor))
        return found

    def sealed_at(self, position: int) -> tuple[bytes, Sealed] | None:
        """Return the key of the action at this position and its sealed part, if it has one."""
        rows = self.query(sql.sealed_at(self.events_table_name, "rowid"), (position,))
        return (rows[0][0], Sealed._make(rows[0][1:])) if rows else None

    def about(self) -> dict[str, str]:
        """Return what the ledger says about itself."""
        return dict(self.query(sql.SELECT_ABOUT))

    def upgrade(self) -> None:
        """Add what a ledger of an earlier format lacks."""
        with self.datastore.transaction(commit=True) as c:
            cursor = c.sqlite_cursor
            cursor.row_factory = None
            made_by = int(dict(cursor.execute(sql.SELECT_ABOUT).fetchall())["format"])
            if made_by < sql.FORMAT:
                for statement in sql.upgrades(sql.SQLITE, made_by):
                    cursor.execute(statement)
                cursor.execute(sql.UPDATE_FORMAT, (str(sql.FORMAT),))

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Read with plain SQL."""
        with self._reading() as cursor:
            return cursor.execute(statement, parameters).fetchall()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Write with plain SQL in a transaction of its own; return the number of rows changed."""
        with self.datastore.transaction(commit=True) as c:
            return c.sqlite_cursor.execute(statement, parameters).rowcount

    def close(self) -> None:
        """Let go of the file."""
        self.datastore.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Cursor]:
        with self.datastore.transaction(commit=False) as c:
            cursor = c.sqlite_cursor
            cursor.row_factory = None
            yield cursor


class LedgerDatastore(SQLiteDatastore):
    """The library's datastore with write transactions that take the lock at once and commits that are durable.

    `db_name` is an SQLite URI (`file:…?mode=rw`).
    """

    def __init__(self, db_name: str, *, lock_timeout: int = LOCK_TIMEOUT_SECONDS) -> None:
        super().__init__(db_name, lock_timeout=lock_timeout, pool_timeout=lock_timeout)
        self.pool = _LedgerConnectionPool(db_name=db_name, lock_timeout=lock_timeout, pool_timeout=lock_timeout)


class _LedgerConnectionPool(SQLiteConnectionPool):
    def _create_connection(self) -> SQLiteConnection:
        try:
            connection = sqlite3.connect(
                self.db_name,
                uri=True,
                check_same_thread=False,
                isolation_level=None,
                timeout=self.lock_timeout or LOCK_TIMEOUT_SECONDS,
            )
            # Readers go on beside the writer (WAL), and what was acknowledged survives a power cut (FULL).
            if "mode=ro" not in self.db_name:
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -65536")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error
        except sqlite3.Error as error:
            raise InterfaceError(error) from error
        connection.row_factory = sqlite3.Row
        return _LedgerConnection(connection, max_age=self.max_age)


class _LedgerConnection(SQLiteConnection):
    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        with _LedgerTransaction(self, commit=commit) as curs, curs:
            yield curs


class _LedgerTransaction(SQLiteTransaction):
    def __enter__(self) -> SQLiteCursor:
        cursor = self.connection.cursor()
        try:
            # A deferred transaction that turns into a writer fails at once when another one is writing.
            cursor.execute("BEGIN IMMEDIATE" if self.commit else "BEGIN")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error
        return cursor


def _insert_rows(events_table_name: str, many: int) -> str:
    return f"INSERT INTO {events_table_name} VALUES {','.join(repeat('(?,?,?,?,?)', many))}"


def _pieces(rows: int) -> Iterator[tuple[int, int]]:
    """Where each piece begins and how many rows it has, each a size that there is a statement for."""
    begin = 0
    for many in _ROWS_AT_ONCE:
        while rows - begin >= many:
            yield begin, many
            begin += many


def _check_open(cursor: sqlite3.Cursor, entries: Sequence[object]) -> None:
    # After executemany() the number of all rows changed.
    if cursor.rowcount != len(entries):
        raise EntryMovedError


def _head(cursor: sqlite3.Cursor) -> Head:
    row = cursor.execute(sql.SELECT_HEAD).fetchone()
    return Head(0, 0) if row is None else Head(*row)


def _tracking_parameters(tracking: Tracking) -> dict[str, Any]:
    return {"application_name": tracking.application_name, "notification_id": tracking.notification_id}


def _uuid(originator_id: UUID | str) -> UUID:
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)


def _chunks(items: Sequence[Any]) -> Iterator[tuple[Sequence[Any], str]]:
    # Sorted, so that neighbours in the index are looked up one after the other.
    ordered = sorted(items)
    for start in range(0, len(ordered), _CHUNK):
        part = ordered[start : start + _CHUNK]
        yield part, ",".join(repeat("?", len(part)))
