"""The quarantine: what was refused, where it came from, why, and what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from domain.ledger.errors import UnknownEntryError, store_errors_told
from domain.ledger.records import Arrival
from domain.ledger.store import EntryRow, Store

State = Literal["open", "retried", "dropped"]

_COLUMNS = (
    "entry_id, place, sha256, raw, code, remedy, source, action_id, type, subject, "
    "times_seen, refused_at, seen_at, state, resolved_at"
)
# Neither database holds a larger number.
_ENTRY_MAX = 2**63 - 1
_GUESSED_BYTES_MAX = 1 << 20
# An index entry of PostgreSQL holds 2,700 bytes; the end of a place (line, offset) tells more than its start.
_PLACE_CHARACTERS_MAX = 500


class Entry(NamedTuple):
    """One quarantined record. Times in microseconds; `raw` is gone (None) once it is dropped.

    `source`, `action_id`, `type` and `subject` are what the record seems to say, as far as it can be read.
    """

    entry_id: int
    place: str
    sha256: bytes
    raw: bytes | None
    code: str
    remedy: str
    source: str | None
    action_id: str | None
    type: str | None
    subject: str | None
    times_seen: int
    refused_at: int
    seen_at: int
    state: State
    resolved_at: int | None


class Quarantine:
    """Lists, shows and drops entries. They are added, and marked retried, by `Ledger.append` only."""

    def __init__(self, store: Store, *, clock: Callable[[], int], place: str) -> None:
        self._store, self._clock, self._place = store, clock, place

    def list(
        self,
        *,
        code: str | None = None,
        source: str | None = None,
        since: int | None = None,
        until: int | None = None,
        state: State | None = "open",
        after: int = 0,
        limit: int | None = None,
    ) -> list[Entry]:
        """Return entries by number, those above `after`; `since` and `until` bound the first refusal."""
        conditions: list[tuple[str, Any]] = [
            ("entry_id > ?", after),
            ("code = ?", code),
            ("source = ?", source),
            ("refused_at >= ?", since),
            ("refused_at <= ?", until),
            ("state = ?", state),
        ]
        given = [(condition, value) for condition, value in conditions if value is not None]
        where = " AND ".join(condition for condition, _ in given)
        statement = f"SELECT {_COLUMNS} FROM ledger_quarantine WHERE {where} ORDER BY entry_id"
        parameters = [value for _, value in given]
        if limit is not None:
            statement += " LIMIT ?"
            parameters.append(limit)
        with store_errors_told(self._place):
            return [Entry._make(row) for row in self._store.query(statement, parameters)]

    def get(self, entry_id: int) -> Entry:
        """Return one entry. Raises UnknownEntryError."""
        if not 0 < entry_id <= _ENTRY_MAX:
            raise UnknownEntryError(entry_id)
        with store_errors_told(self._place):
            rows = self._store.query(f"SELECT {_COLUMNS} FROM ledger_quarantine WHERE entry_id = ?", (entry_id,))
        if not rows:
            raise UnknownEntryError(entry_id)
        return Entry._make(rows[0])

    def drop(self, entry_id: int) -> Entry:
        """Give up an open entry: the raw bytes go; place, hash and code stay. Others are left as they are."""
        with store_errors_told(self._place):
            self._store.execute(
                "UPDATE ledger_quarantine SET state = 'dropped', raw = NULL, resolved_at = ? "
                "WHERE entry_id = ? AND state = 'open'",
                (self._clock(), entry_id),
            )
        return self.get(entry_id)

    def counts(self) -> dict[str, int]:
        """Return how many entries are open, by code."""
        with store_errors_told(self._place):
            rows = self._store.query(
                "SELECT code, count(*) FROM ledger_quarantine WHERE state = 'open' GROUP BY code ORDER BY code"
            )
        return {code: int(number) for code, number in rows}


def entry_rows(refused: Sequence[tuple[Arrival, str, str]]) -> list[EntryRow]:
    """Return the rows for refused arrivals (each with code and remedy); one row for each (place, bytes)."""
    rows: dict[tuple[str, bytes], EntryRow] = {}
    for arrival, code, remedy in refused:
        sha256 = hashlib.sha256(arrival.received).digest()
        place = _storable(arrival.place)[-_PLACE_CHARACTERS_MAX:]
        same = rows.get((place, sha256))
        if same is not None:
            rows[place, sha256] = same._replace(code=code, remedy=_storable(remedy), times=same.times + 1)
            continue
        source, action_id, type_, subject = map(_text_or_none, _names(arrival))
        raw, remedy = bytes(arrival.received), _storable(remedy)
        rows[place, sha256] = EntryRow(
            place, sha256, raw, code, remedy, source, action_id, type_, subject, times=1
        )
    return list(rows.values())


class _Envelope(msgspec.Struct):
    source: Any = None
    id: Any = None
    type: Any = None
    subject: Any = None


_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def _names(arrival: Arrival) -> tuple[Any, Any, Any, Any]:
    action = arrival.action
    if action is not None:
        return action.source, action.id, action.type, action.subject
    if len(arrival.received) > _GUESSED_BYTES_MAX:
        return None, None, None, None
    try:
        envelope = _decode_envelope(arrival.received)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, None, None, None
    return envelope.source, envelope.id, envelope.type, envelope.subject


def _text_or_none(value: Any) -> str | None:
    return _storable(value) if isinstance(value, str) else None


def _storable(text: str) -> str:
    # PostgreSQL's text holds no NUL, and neither database a lone surrogate; the raw bytes keep what was sent.
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
