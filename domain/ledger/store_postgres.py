"""The ledger in PostgreSQL: the library's process recorder, with binary COPY and gapless positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from struct import Struct
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder
from psycopg import Cursor
from psycopg.rows import DictRow, tuple_row
from psycopg.sql import SQL, Identifier

from domain.ledger import sql
from domain.ledger.errors import EntryMovedError, StaleTrackingError, WrongStoreError
from domain.ledger.records import Head, Recorded, Sealed
from domain.ledger.store import Batch, EventRow, Found, event_row

POSITION = "notification_id"
_CREATION_LOCK = 0x4B414F4A
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_ENTRY_TYPES = (
    "text",
    "bytea",
    "bytea",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "bigint",
    "bytea",
    "text",
)
_COUNT_TYPES = ("bytea", "text", "bigint", "bigint", "bigint")


class PostgresLedgerRecorder(PostgresProcessRecorder):
    """Keeps the library's contract for process recorders and the Store protocol of the ledger.

    Positions are given by us under the table lock, so the table has no sequence: the library's own recorder
    cannot write into it by mistake.
    """

    def __init__(
        self,
        datastore: PostgresDatastore,
        *,
        clock: Callable[[], int],
        new_ledger_id: Callable[[], UUID],
        events_table_name: str = "stored_events",
        tracking_table_name: str = "notification_tracking",
    ) -> None:
        if datastore.enable_db_functions:
            raise WrongStoreError(
                "POSTGRES_ENABLE_DB_FUNCTIONS=y makes the eventsourcing library write without its lock and drop "
                "the tracking, so records would be lost or doubled. Unset it."
            )
        self._clock, self._new_ledger_id = clock, new_ledger_id
        super().__init__(datastore, events_table_name=events_table_name, tracking_table_name=tracking_table_name)
        theirs = self.sql_create_statements
        names = {"schema": Identifier(datastore.schema), "table": Identifier(events_table_name)}
        self._events = SQL("{schema}.{table}").format(**names).as_string()
        self.sql_create_statements = [
            SQL(
                "CREATE TABLE IF NOT EXISTS {schema}.{table} ("
                "originator_id uuid NOT NULL, originator_version bigint NOT NULL, topic text NOT NULL, "
                "state bytea NOT NULL, notification_id bigint NOT NULL, "
                "PRIMARY KEY (originator_id, originator_version))"
            ).format(**names),
            *(
                statement
                for statement in theirs
                if "UNIQUE INDEX" in statement.as_string() or tracking_table_name in statement.as_string()
            ),
            *(SQL(statement).format() for statement in sql.tables(sql.POSTGRES)),
        ]
        self._copy_events = SQL(
            "COPY {schema}.{table} (originator_id, originator_version, notification_id, topic, state) "
            "FROM STDIN (FORMAT BINARY)"
        ).format(**names)
        self._upsert_trackings = SQL(
            "INSERT INTO {schema}.{table} (application_name, notification_id) "
            "SELECT name, last FROM unnest(%b::text[], %b::bigint[], %b::bigint[]) AS risen (name, first, last) "
            # A batch may begin before where the ledger is, and end behind it: its first must rise too.
            "WHERE NOT EXISTS (SELECT FROM {schema}.{table} "
            "WHERE application_name = name AND notification_id >= first) ON CONFLICT (application_name) DO UPDATE "
            "SET notification_id = excluded.notification_id "
            "WHERE {schema}.{table}.notification_id < excluded.notification_id RETURNING application_name"
        ).format(schema=Identifier(datastore.schema), table=Identifier(tracking_table_name))
        self._prepare_reads()

    def _prepare_reads(self) -> None:
        # uuid_send spares us a UUID object for each row. That these go through the index is for the session to
        # see to (opening_postgres): on a never-analysed table the planner would rather read all of it.
        events = self._events
        self._find = (
            "SELECT uuid_send(k.key), e.notification_id, e.state, s.key_id, s.nonce, s.ciphertext, s.commitment "
            f"FROM unnest(%s::uuid[]) AS k(key) JOIN {events} e ON e.originator_id = k.key "
            "AND e.originator_version = 1 LEFT JOIN ledger_sealed s ON s.position = e.notification_id"
        ).encode()
        self._positions_of = (
            f"SELECT uuid_send(k.key), e.notification_id FROM unnest(%s::uuid[]) AS k(key) JOIN {events} e "
            "ON e.originator_id = k.key AND e.originator_version = 1"
        ).encode()
        self._read = (
            f"SELECT notification_id, topic, state FROM {events} "
            "WHERE notification_id > %s ORDER BY notification_id LIMIT %s"
        ).encode()
        self._read_positions = _marked(
            sql.read_positions(events, POSITION, f"e.{POSITION} IN (SELECT unnest(?::bigint[]))")
        )

    # What the library asks for.

    def create_table(self) -> None:
        """Make what is missing; two processes that do so at once wait for each other."""
        with self.datastore.transaction(commit=True) as guard:
            guard.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATION_LOCK,))
            super().create_table()

    def _create_table(self, curs: Cursor[DictRow]) -> None:
        super()._create_table(curs)
        for name, value in (("ledger_id", str(self._new_ledger_id())), ("format", str(sql.FORMAT))):
            curs.execute(_marked(sql.INSERT_ABOUT), (name, value))

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Record the library's events as one batch; return their positions."""
        tracking: Tracking | None = kwargs.get("tracking")
        first = self.write(
            Batch(
                events=[event_row(event) for event in stored_events],
                tracking=() if tracking is None else (tracking,),
            )
        )
        return list(range(first, first + len(stored_events)))

    def max_tracking_id(self, application_name: str) -> int | None:
        """The last offset; asked once. The library asks ten times, a minute long where the server is away, and
        whoever asks us waits and asks again in a way of its own.
        """
        with self.datastore.get_connection() as connection, connection.cursor() as curs:
            return self._max_tracking_id(application_name, curs)

    # What the ledger asks for.

    def write(self, batch: Batch) -> int:
        """Write all of the batch or nothing; return the position of its first event."""
        with self.datastore.transaction(commit=True) as transaction_cursor, _rows(transaction_cursor) as curs:
            self._lock_table(transaction_cursor)
            self._raise_trackings(curs, batch.tracking)
            head = _head(curs)
            first = head.position + 1
            now = max(self._clock(), head.recorded_at)
            if batch.events:
                self._notify_channel(transaction_cursor)
                with curs.copy(self._copy_events) as copy:
                    copy.write(_copied_events(batch.events, first))
                last = first + len(batch.events) - 1
                curs.execute(_INSERT_BATCH, (first, last, now), prepare=True)
            if batch.sealed:
                with curs.copy(_COPY_SEALED) as copy:
                    copy.write(_copied_sealed(batch.sealed, first))
            if batch.entries:
                columns = list(zip(*batch.entries, strict=True))
                curs.execute(_UPSERT_ENTRIES, [now, now, *map(list, columns)])
            if batch.retried:
                _check_open(curs.execute(_MARK_RETRIED, (now, list(batch.retried))), batch.retried)
            if batch.refused_again:
                columns = list(zip(*batch.refused_again, strict=True))
                curs.execute(_MARK_REFUSED_AGAIN, [now, *map(list, columns)])
                _check_open(curs, batch.refused_again)
            if batch.counts:
                columns = list(zip(*batch.counts, strict=True))
                curs.execute(_UPSERT_COUNTS, [now // sql.QUARTER_MICROSECONDS, *map(list, columns)])
        return first

    def _raise_trackings(self, curs: Cursor[Any], trackings: Sequence[Tracking]) -> None:
        if not trackings:
            return
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        for tracking in trackings:
            if last.get(tracking.application_name, -1) >= tracking.notification_id:
                raise StaleTrackingError(tracking.application_name, tracking.notification_id)
            last[tracking.application_name] = tracking.notification_id
            first.setdefault(tracking.application_name, tracking.notification_id)
        bounds = (list(last), list(first.values()), list(last.values()))
        curs.execute(self._upsert_trackings, bounds, prepare=True)
        risen = {name for (name,) in curs.fetchall()}
        for name, tracking_id in last.items():
            if name not in risen:
                raise StaleTrackingError(name, tracking_id)

    def head(self) -> Head:
        """Return the last position and its time."""
        with self._reading() as curs:
            return _head(curs)

    def position_at(self, recorded_at: int) -> int:
        """Return the last position recorded at or before that instant."""
        rows = self.query(sql.SELECT_POSITION_AT, (recorded_at,))
        return int(rows[0][0]) if rows else 0

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Found]:
        """Return what is recorded under these keys."""
        with self._reading() as curs:
            curs.execute(self._find, (_uuid_array(keys),), binary=True, prepare=True)
            return {
                key: Found(position, facts, None if key_id is None else Sealed(key_id, *rest))
                for key, position, facts, key_id, *rest in curs
            }

    def positions_of(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Return the positions of those keys that are recorded."""
        with self._reading() as curs:
            curs.execute(self._positions_of, (_uuid_array(keys),), binary=True, prepare=True)
            return dict(curs.fetchall())

    def read(self, *, after: int, limit: int) -> list[Recorded]:
        """Return up to `limit` events with positions above `after`, in order."""
        with self._reading() as curs:
            rows = curs.execute(self._read, (after, limit), binary=True, prepare=True).fetchall()
            if not rows:
                return []
            bounds = (rows[0][0], rows[-1][0])
            batches = curs.execute(_SELECT_BATCHES, bounds, binary=True, prepare=True).fetchall()
            commitments = dict(curs.execute(_SELECT_COMMITMENTS, bounds, binary=True, prepare=True).fetchall())
        return sql.recorded(rows, batches, commitments)

    def read_positions(self, positions: Sequence[int]) -> list[Recorded]:
        """Return the events at these positions in ascending order; unknown positions are left out."""
        with self._reading() as curs:
            wanted = sorted(set(positions))
            curs.execute(self._read_positions, (wanted,), binary=True, prepare=True)
            return [Recorded._make(row) for row in curs]

    def sealed_at(self, position: int) -> tuple[bytes, Sealed] | None:
        """Return the key of the action at this position and its sealed part, if it has one."""
        rows = self.query(sql.sealed_at(self._events, POSITION), (position,))
        return (rows[0][0].bytes, Sealed._make(rows[0][1:])) if rows else None

    def about(self) -> dict[str, str]:
        """Return what the ledger says about itself."""
        return dict(self.query(sql.SELECT_ABOUT))

    def upgrade(self) -> None:
        """Add what a ledger of an earlier format lacks."""
        with self.datastore.transaction(commit=True) as transaction_cursor, _rows(transaction_cursor) as curs:
            curs.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATION_LOCK,))
            made_by = int(dict(curs.execute(_marked(sql.SELECT_ABOUT)).fetchall())["format"])
            if made_by < sql.FORMAT:
                for statement in sql.upgrades(sql.POSTGRES, made_by):
                    curs.execute(statement.encode())
                curs.execute(_marked(sql.UPDATE_FORMAT), (str(sql.FORMAT),))

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Read with plain SQL."""
        with self._reading() as curs:
            return curs.execute(_marked(statement), parameters, binary=True).fetchall()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Write with plain SQL in a transaction of its own; return the number of rows changed."""
        with self.datastore.transaction(commit=True) as curs:
            return curs.execute(_marked(statement), parameters).rowcount

    def close(self) -> None:
        """Let go of the connections."""
        self.datastore.close()

    @contextmanager
    def _reading(self) -> Iterator[Cursor[tuple[Any, ...]]]:
        with self.datastore.get_connection() as connection, connection.cursor(row_factory=tuple_row) as curs:
            yield curs


def _marked(statement: str) -> bytes:
    return statement.replace("%", "%%").replace("?", "%s").encode()


_INSERT_BATCH = _marked(sql.INSERT_BATCH)
_SELECT_HEAD = _marked(sql.SELECT_HEAD)
_SELECT_BATCHES = _marked(sql.SELECT_BATCHES)
_SELECT_COMMITMENTS = _marked(sql.SELECT_COMMITMENTS)
_COPY_SEALED = b"COPY ledger_sealed (position, key_id, nonce, ciphertext, commitment) FROM STDIN (FORMAT BINARY)"
# executemany() would use a pipeline, which hangs over unix sockets with some thousands of rows: arrays instead.
_ENTRY_ARRAYS = ", ".join(f"%b::{kind}[]" for kind in _ENTRY_TYPES)
_UPSERT_ENTRIES = (
    f"INSERT INTO ledger_quarantine ({sql.ENTRY_COLUMNS}) "
    f"SELECT u.*, %s, %s FROM unnest({_ENTRY_ARRAYS}) AS u {sql.ON_ENTRY_SEEN_AGAIN}"
).encode()
_MARK_RETRIED = (
    b"UPDATE ledger_quarantine SET state = 'retried', resolved_at = %s "
    b"WHERE entry_id = ANY(%b::bigint[]) AND state = 'open'"
)
_MARK_REFUSED_AGAIN = (
    b"UPDATE ledger_quarantine q SET code = u.code, remedy = u.remedy, times_seen = q.times_seen + 1, "
    b"seen_at = %s FROM unnest(%b::bigint[], %b::text[], %b::text[]) AS u(entry_id, code, remedy) "
    b"WHERE q.entry_id = u.entry_id AND q.state = 'open'"
)
_UPSERT_COUNTS = (
    f"INSERT INTO ledger_receipts (quarter, {sql.RECEIPT_COLUMNS}) SELECT %s, u.* FROM "
    f"unnest({', '.join(f'%b::{kind}[]' for kind in _COUNT_TYPES)}) AS u {sql.ON_COUNTED_BEFORE}"
).encode()


def _check_open(curs: Cursor[Any], entries: Sequence[object]) -> None:
    if curs.rowcount != len(entries):
        raise EntryMovedError


def _head(curs: Cursor[Any]) -> Head:
    row = curs.execute(_SELECT_HEAD, prepare=True).fetchone()
    return Head(0, 0) if row is None else Head(*row)


@contextmanager
def _rows(curs: Cursor[DictRow]) -> Iterator[Cursor[tuple[Any, ...]]]:
    with curs.connection.cursor(row_factory=tuple_row) as plain:
        yield plain


def _uuid_array(keys: Sequence[bytes]) -> str:
    # Sorted, so that neighbours in the index are looked up one after the other; text is built fastest.
    return "{" + ",".join([key.hex() for key in sorted(keys)]) + "}"


# Rows of binary COPY: the number of fields, then each field's length and bytes, all big-endian. Built with one
# call for each row, they cost a third of what the driver's own write_row costs.


def _copied_events(events: Sequence[EventRow], first: int) -> bytes:
    parts: list[bytes] = [_COPY_HEADER]
    packers: dict[str, tuple[Callable[..., bytes], bytes]] = {}
    for position, (key, version, topic, state) in enumerate(events, first):
        if topic not in packers:
            name = topic.encode()
            packers[topic] = Struct(f">hi16siqiqi{len(name)}si").pack, name
        pack, name = packers[topic]
        parts.append(pack(5, 16, key, 8, version, 8, position, len(name), name, len(state)))
        parts.append(state)
    parts.append(_COPY_END)
    return b"".join(parts)


def _copied_sealed(sealed: Sequence[tuple[int, Sealed]], first: int) -> bytes:
    parts: list[bytes] = [_COPY_HEADER]
    start, length = Struct(">hiq").pack, Struct(">i").pack
    for index, part in sealed:
        parts.append(start(5, 8, first + index))
        for value in part:
            parts += (length(len(value)), value)
    parts.append(_COPY_END)
    return b"".join(parts)
