"""The quarantine: what was refused, where it came from, why, and what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, NamedTuple

import msgspec

from domain.actions.refusals import RECORD_BYTES_MAX
from domain.ledger.errors import UnknownEntryError, store_errors_told
from domain.ledger.records import Arrival, Form
from domain.ledger.store import EntryRow, Store

State = Literal["open", "retried", "dropped"]

_COLUMNS = (
    "entry_id, place, sha256, {raw}, code, remedy, source, action_id, type, subject, "
    "times_seen, refused_at, seen_at, state, resolved_at, record_key, form, reason, length(raw)"
)
_WITH_RAW, _WITHOUT_RAW = _COLUMNS.format(raw="raw"), _COLUMNS.format(raw="NULL")
# Neither database holds a larger number.
_ENTRY_MAX = 2**63 - 1
_GUESSED_BYTES_MAX = 1 << 20
# An index entry of PostgreSQL holds 2,700 bytes; the end of a place (line, offset) tells more than its start.
_PLACE_CHARACTERS_MAX = 500
_PAGE = 1_000
# What a chunk of bytes to be tried again may hold, so that memory stays flat however many there are.
_CHUNK_ENTRIES_MAX = 500
_CHUNK_BYTES_MAX = 16 * 1024 * 1024


class Entry(NamedTuple):
    """One quarantined record. Times in microseconds.

    `raw` is None where it was not asked for, and gone for good once `size_bytes` is None: the entry was dropped.
    `source`, `action_id`, `type` and `subject` are what the record seems to say, as far as it can be read;
    `form` says how `raw` is to be read (None: a ledger of the first format did not say).
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
    key: bytes | None
    form: Form | None
    reason: str | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are meant; all that is given must hold. `state` None means any.

    `since` and `until` bound the first refusal, in microseconds; a `place` that ends in `*` means its beginning.
    """

    code: str | None = None
    source: str | None = None
    case: str | None = None
    place: str | None = None
    since: int | None = None
    until: int | None = None
    state: State | None = "open"

    def conditions(self) -> list[tuple[str, Any]]:
        """SQL conditions with their parameters."""
        found: list[tuple[str, Any]] = [
            ("code = ?", self.code),
            ("source = ?", self.source),
            ("subject = ?", self.case),
            ("refused_at >= ?", self.since),
            ("refused_at <= ?", self.until),
            ("state = ?", self.state),
        ]
        if self.place is not None and self.place.endswith("*"):
            beginning = self.place[:-1]
            found.append((f"substr(place, 1, {len(beginning)}) = ?", beginning))
        else:
            found.append(("place = ?", self.place))
        return [(condition, value) for condition, value in found if value is not None]


OPEN = EntryFilter()
ANY = EntryFilter(state=None)


class Group(NamedTuple):
    """The open entries of one code and source: how many, and when the first and the last were seen."""

    code: str
    source: str | None
    entries: int
    refused_at: int
    seen_at: int


class Quarantine:
    """Lists, shows and drops entries. They are added, and marked retried, by `Ledger.append` only."""

    def __init__(self, store: Store, *, clock: Callable[[], int], place: str) -> None:
        self._store, self._clock, self._place = store, clock, place

    def list(
        self,
        wanted: EntryFilter = OPEN,
        *,
        after: int = 0,
        upto: int = _ENTRY_MAX,
        limit: int | None = None,
        raw: bool = False,
    ) -> list[Entry]:
        """Return entries by number, those above `after` and up to `upto`; their bytes only with `raw`."""
        given = [("entry_id > ?", after), ("entry_id <= ?", upto), *wanted.conditions()]
        where = " AND ".join(condition for condition, _ in given)
        columns = _WITH_RAW if raw else _WITHOUT_RAW
        statement = f"SELECT {columns} FROM ledger_quarantine WHERE {where} ORDER BY entry_id"
        parameters = [value for _, value in given]
        if limit is not None:
            statement += " LIMIT ?"
            parameters.append(limit)
        with store_errors_told(self._place):
            return [Entry._make(row) for row in self._store.query(statement, parameters)]

    def each(self, wanted: EntryFilter = OPEN, *, after: int = 0, limit: int | None = None) -> Iterator[Entry]:
        """Go through entries by number without their bytes, page by page; what is added meanwhile is left out."""
        last = self.last_entry()
        while limit is None or limit > 0:
            page = self.list(wanted, after=after, upto=last, limit=_PAGE if limit is None else min(_PAGE, limit))
            yield from page
            if limit is not None:
                limit -= len(page)
            if not page:
                break
            after = page[-1].entry_id

    def chunks(
        self, wanted: EntryFilter = OPEN, *, after: int = 0, upto: int | None = None, limit: int | None = None
    ) -> Iterator[Sequence[Entry]]:
        """Go through entries by number with their bytes: some hundred at once, or 16 MiB of bytes."""
        last = self.last_entry() if upto is None else upto
        while limit is None or limit > 0:
            size_max = _CHUNK_ENTRIES_MAX if limit is None else min(_CHUNK_ENTRIES_MAX, limit)
            page = self.list(wanted, after=after, upto=last, limit=size_max)
            if not page:
                return
            sizes = accumulate(entry.size_bytes or 0 for entry in page)
            number = next((at for at, size in enumerate(sizes, 1) if size >= _CHUNK_BYTES_MAX), len(page))
            end = page[number - 1].entry_id
            chunk = self.list(wanted, after=after, upto=end, raw=True)
            if chunk:
                yield chunk
            after = end
            if limit is not None:
                limit -= number

    def last_entry(self) -> int:
        """Return the highest number of an entry so far, 0 when there is none."""
        with store_errors_told(self._place):
            ((last,),) = self._store.query("SELECT max(entry_id) FROM ledger_quarantine")
        return int(last or 0)

    def get(self, entry_id: int) -> Entry:
        """Return one entry. Raises UnknownEntryError."""
        if not 0 < entry_id <= _ENTRY_MAX:
            raise UnknownEntryError(entry_id)
        with store_errors_told(self._place):
            rows = self._store.query(f"SELECT {_WITH_RAW} FROM ledger_quarantine WHERE entry_id = ?", (entry_id,))
        if not rows:
            raise UnknownEntryError(entry_id)
        return Entry._make(rows[0])

    def drop(self, entry_id: int, *, reason: str | None = None) -> Entry:
        """Give up an open entry: the raw bytes go; place, hash and code stay. Others are left as they are."""
        with store_errors_told(self._place):
            self._store.execute(
                "UPDATE ledger_quarantine SET state = 'dropped', raw = NULL, resolved_at = ?, reason = ? "
                "WHERE entry_id = ? AND state = 'open'",
                (self._clock(), reason and storable(reason), entry_id),
            )
        return self.get(entry_id)

    def counts(self) -> dict[str, int]:
        """Return how many entries are open, by code."""
        with store_errors_told(self._place):
            rows = self._store.query(
                "SELECT code, count(*) FROM ledger_quarantine WHERE state = 'open' GROUP BY code ORDER BY code"
            )
        return {code: int(number) for code, number in rows}

    def groups(self) -> Sequence[Group]:
        """Return the open entries summed up by code and source, in this order."""
        with store_errors_told(self._place):
            rows = self._store.query(
                "SELECT code, source, count(*), min(refused_at), max(seen_at) FROM ledger_quarantine "
                "WHERE state = 'open' GROUP BY code, source"
            )
        # Sorted here: databases differ in how they order texts.
        return sorted(map(Group._make, rows), key=lambda group: (group.code, group.source or ""))


def entry_rows(refused: Sequence[tuple[Arrival, str, str]]) -> list[EntryRow]:
    """Return the rows for refused arrivals (each with code and remedy); one row for each (place, bytes)."""
    rows: dict[tuple[str, bytes], EntryRow] = {}
    for arrival, code, remedy in refused:
        raw = bytes(arrival.kept()[:RECORD_BYTES_MAX])
        sha256 = hashlib.sha256(raw).digest()
        place = storable(arrival.place)[-_PLACE_CHARACTERS_MAX:]
        same = rows.get((place, sha256))
        if same is not None:
            rows[place, sha256] = same._replace(code=code, remedy=storable(remedy), times=same.times + 1)
            continue
        source, action_id, type_, subject = map(_text_or_none, _names(arrival))
        rows[place, sha256] = EntryRow(
            place, sha256, raw, code, storable(remedy), source, action_id, type_, subject,
            times=1, key=arrival.key, form=arrival.form,
        )  # fmt: skip
    return list(rows.values())


def claimed_source(arrival: Arrival) -> str | None:
    """The `source` that a record bears, refused or not; None where it cannot be read."""
    source = _names(arrival)[0]
    return source if isinstance(source, str) else None


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
    nothing = arrival.source, None, None, None
    if arrival.form == "row" or len(arrival.received) > _GUESSED_BYTES_MAX:
        return nothing
    try:
        envelope = _decode_envelope(arrival.received)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return nothing
    return envelope.source, envelope.id, envelope.type, envelope.subject


def _text_or_none(value: Any) -> str | None:
    return storable(value) if isinstance(value, str) else None


def storable(text: str) -> str:
    """The text as both databases take it."""
    # PostgreSQL's text holds no NUL, and neither database a lone surrogate; the raw bytes keep what was sent.
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
