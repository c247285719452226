"""The tables that the ledger keeps beside the library's, and the statements that both databases share.

`?` stands for a parameter; PostgreSQL's own marks are put in by its store. Numbers of microseconds are bigint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

from domain.ledger.records import Recorded

FORMAT = 2


class Dialect(NamedTuple):
    """The words in which the two databases differ."""

    integer: str
    blob: str
    entry_id: str


SQLITE = Dialect("INTEGER", "BLOB", "INTEGER PRIMARY KEY AUTOINCREMENT")
POSTGRES = Dialect("bigint", "bytea", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY")


def tables(words: Dialect) -> list[str]:
    """Return the CREATE statements: batches, sealed parts, quarantine, what the ledger says about itself."""
    script = _TABLES.format(integer=words.integer, blob=words.blob, entry_id=words.entry_id)
    return [statement.strip() for statement in script.split(";") if statement.strip()]


# The last batch is the head: a row for the head itself would be rewritten with every append.
_TABLES = """
CREATE TABLE IF NOT EXISTS ledger_batches (
    first_position {integer} PRIMARY KEY,
    last_position {integer} NOT NULL,
    recorded_at {integer} NOT NULL
);
CREATE INDEX IF NOT EXISTS ledger_batches_recorded_at ON ledger_batches (recorded_at, last_position);
CREATE TABLE IF NOT EXISTS ledger_sealed (
    position {integer} PRIMARY KEY,
    key_id {blob} NOT NULL,
    nonce {blob} NOT NULL,
    ciphertext {blob} NOT NULL,
    commitment {blob} NOT NULL
);
CREATE TABLE IF NOT EXISTS ledger_quarantine (
    entry_id {entry_id},
    place text NOT NULL,
    sha256 {blob} NOT NULL,
    raw {blob},
    code text NOT NULL,
    remedy text NOT NULL,
    source text,
    action_id text,
    type text,
    subject text,
    times_seen {integer} NOT NULL,
    refused_at {integer} NOT NULL,
    seen_at {integer} NOT NULL,
    state text NOT NULL DEFAULT 'open',
    resolved_at {integer},
    record_key {blob},
    form text,
    reason text,
    UNIQUE (place, sha256)
);
CREATE INDEX IF NOT EXISTS ledger_quarantine_open ON ledger_quarantine (state, code);
CREATE TABLE IF NOT EXISTS ledger_receipts (
    quarter {integer} NOT NULL,
    source_sha256 {blob} NOT NULL,
    source text,
    duplicates {integer} NOT NULL,
    refused {integer} NOT NULL,
    retried {integer} NOT NULL,
    PRIMARY KEY (quarter, source_sha256)
);
CREATE TABLE IF NOT EXISTS ledger_about (
    name text PRIMARY KEY,
    value text NOT NULL
);
"""


_ADDED_IN_FORMAT_2 = """
ALTER TABLE ledger_quarantine ADD COLUMN record_key {blob};
ALTER TABLE ledger_quarantine ADD COLUMN form text;
ALTER TABLE ledger_quarantine ADD COLUMN reason text;
"""
_ADDED: Mapping[int, str] = {2: _ADDED_IN_FORMAT_2}
UPDATE_FORMAT = "UPDATE ledger_about SET value = ? WHERE name = 'format'"


def upgrades(words: Dialect, made_by: int) -> list[str]:
    """Return what a ledger of an earlier format lacks. Only what lies beside the events is ever changed."""
    script = "".join(_ADDED[number] for number in range(made_by + 1, FORMAT + 1))
    added = script.format(integer=words.integer, blob=words.blob)
    return [*(each.strip() for each in added.split(";") if each.strip()), *tables(words)]


INSERT_ABOUT = "INSERT INTO ledger_about (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
SELECT_ABOUT = "SELECT name, value FROM ledger_about"
INSERT_BATCH = "INSERT INTO ledger_batches (first_position, last_position, recorded_at) VALUES (?, ?, ?)"
INSERT_SEALED = (
    "INSERT INTO ledger_sealed (position, key_id, nonce, ciphertext, commitment) VALUES (?, ?, ?, ?, ?)"
)
# A record that is refused again at the same place is the same entry, seen once more. One that somebody has
# dealt with stays as they left it.
ENTRY_COLUMNS = (
    "place, sha256, raw, code, remedy, source, action_id, type, subject, times_seen, record_key, form, "
    "refused_at, seen_at"
)
ON_ENTRY_SEEN_AGAIN = (
    "ON CONFLICT (place, sha256) DO UPDATE SET "
    "times_seen = ledger_quarantine.times_seen + excluded.times_seen, seen_at = excluded.seen_at, "
    "code = CASE WHEN ledger_quarantine.state = 'open' THEN excluded.code ELSE ledger_quarantine.code END, "
    "remedy = CASE WHEN ledger_quarantine.state = 'open' THEN excluded.remedy ELSE ledger_quarantine.remedy END"
)
UPSERT_ENTRY = (
    f"INSERT INTO ledger_quarantine ({ENTRY_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) {ON_ENTRY_SEEN_AGAIN}"
)
MARK_RETRIED = (
    "UPDATE ledger_quarantine SET state = 'retried', resolved_at = ? WHERE entry_id = ? AND state = 'open'"
)
MARK_REFUSED_AGAIN = (
    "UPDATE ledger_quarantine SET code = ?, remedy = ?, times_seen = times_seen + 1, seen_at = ? "
    "WHERE entry_id = ? AND state = 'open'"
)
QUARTER_MICROSECONDS = 900_000_000
"""Every zone is a whole number of quarter hours off UTC, so that the day of any zone is made up of quarters."""
RECEIPT_COLUMNS = "source_sha256, source, duplicates, refused, retried"
ON_COUNTED_BEFORE = (
    "ON CONFLICT (quarter, source_sha256) DO UPDATE SET "
    "duplicates = ledger_receipts.duplicates + excluded.duplicates, "
    "refused = ledger_receipts.refused + excluded.refused, retried = ledger_receipts.retried + excluded.retried"
)
UPSERT_COUNT = f"INSERT INTO ledger_receipts (quarter, {RECEIPT_COLUMNS}) VALUES (?,?,?,?,?,?) {ON_COUNTED_BEFORE}"
SELECT_HEAD = "SELECT last_position, recorded_at FROM ledger_batches ORDER BY first_position DESC LIMIT 1"
SELECT_POSITION_AT = (
    "SELECT last_position FROM ledger_batches WHERE recorded_at <= ? "
    "ORDER BY recorded_at DESC, last_position DESC LIMIT 1"
)
SELECT_BATCHES = (
    "SELECT first_position, recorded_at FROM ledger_batches WHERE first_position >= "
    "(SELECT max(first_position) FROM ledger_batches WHERE first_position <= ?) AND first_position <= ? "
    "ORDER BY first_position"
)
SELECT_COMMITMENTS = "SELECT position, commitment FROM ledger_sealed WHERE position BETWEEN ? AND ?"
_RECORDED_AT = (
    "(SELECT b.recorded_at FROM ledger_batches b WHERE b.first_position <= {position} "
    "ORDER BY b.first_position DESC LIMIT 1)"
)


def find(events: str, condition: str) -> str:
    """Return SQLite's look-up by key of facts and sealed part."""
    return (
        "SELECT e.originator_id, e.rowid, e.state, s.key_id, s.nonce, s.ciphertext, s.commitment "
        f"FROM {events} e LEFT JOIN ledger_sealed s ON s.position = e.rowid "
        f"WHERE e.originator_version = 1 AND {condition}"
    )


def read_positions(events: str, position: str, condition: str, *, facts: str = "e.state") -> str:
    """Return the look-up of whole events by position."""
    recorded_at = _RECORDED_AT.format(position=f"e.{position}")
    return (
        f"SELECT e.{position}, {recorded_at}, e.topic, {facts}, "
        f"(SELECT s.commitment FROM ledger_sealed s WHERE s.position = e.{position}) "
        f"FROM {events} e WHERE {condition} ORDER BY e.{position}"
    )


def sealed_at(events: str, position: str) -> str:
    """Return the look-up of one sealed part with the key of its action."""
    return (
        "SELECT e.originator_id, s.key_id, s.nonce, s.ciphertext, s.commitment "
        f"FROM ledger_sealed s JOIN {events} e ON e.{position} = s.position WHERE s.position = ?"
    )


def recorded(
    rows: Sequence[tuple[int, str, bytes]],
    batches: Sequence[tuple[int, int]],
    commitments: Mapping[int, bytes],
) -> list[Recorded]:
    """Join events in position order with the batches (first position, time) that cover them."""
    out: list[Recorded] = []
    start, commitment = 0, commitments.get
    for number, (_, recorded_at) in enumerate(batches):
        last = number + 1 == len(batches)
        # Positions are gapless: the rows of a batch are those up to the next batch's first position.
        stop = len(rows) if last else batches[number + 1][0] - rows[0][0]
        if start < stop:
            positions, topics, facts = zip(*rows[start:stop], strict=True)
            columns = zip(positions, repeat(recorded_at), topics, facts, map(commitment, positions), strict=False)
            out += map(Recorded._make, columns)
        start = stop
    assert len(out) == len(rows), "every event belongs to a batch"
    return out
