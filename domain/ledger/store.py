"""What a database must do to carry a ledger: one atomic write, reads by position and by key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

from eventsourcing.persistence import StoredEvent, Tracking

from domain.ledger.records import Head, Recorded, Sealed

# One event to write: 16 bytes of stream id, version in the stream, topic, state. A bare tuple, for there are many.
EventRow: TypeAlias = tuple[bytes, int, str, bytes]


class EntryRow(NamedTuple):
    """One refused record to quarantine, with how often it came in this batch."""

    place: str
    sha256: bytes
    raw: bytes
    code: str
    remedy: str
    source: str | None
    action_id: str | None
    type: str | None
    subject: str | None
    times: int
    key: bytes | None
    form: str


class RefusedAgain(NamedTuple):
    """An open entry that was tried again, and why it is still refused."""

    entry_id: int
    code: str
    remedy: str


class CountRow(NamedTuple):
    """What a batch brought of one source beside new actions, for the sender's receipt."""

    source_sha256: bytes
    source: str | None
    duplicates: int
    refused: int
    retried: int


@dataclass(frozen=True, slots=True)
class Batch:
    """All that one transaction writes; `sealed` maps an index into `events` to its sealed part."""

    events: Sequence[EventRow] = ()
    sealed: Sequence[tuple[int, Sealed]] = ()
    entries: Sequence[EntryRow] = ()
    retried: Sequence[int] = ()
    refused_again: Sequence[RefusedAgain] = ()
    counts: Sequence[CountRow] = ()
    tracking: Sequence[Tracking] = field(default=())


class Found(NamedTuple):
    """What is recorded under a key."""

    position: int
    facts: bytes
    sealed: Sealed | None


class Store(Protocol):
    """A database that carries a ledger. Keys are the 16 bytes of an action's UUID."""

    def write(self, batch: Batch) -> int:
        """Write all of the batch or nothing; return the position of its first event.

        Raises eventsourcing's IntegrityError when a key is taken, StaleTrackingError when a tracking does
        not rise, EntryMovedError when an entry that was tried again is not open any more.
        """

    def head(self) -> Head:
        """Return the last position and its time."""

    def position_at(self, recorded_at: int) -> int:
        """Return the last position recorded at or before that instant."""

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Found]:
        """Return what is recorded under these keys."""

    def positions_of(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Return the positions of those keys that are recorded."""

    def read(self, *, after: int, limit: int) -> list[Recorded]:
        """Return up to `limit` events with positions above `after`, in order."""

    def read_positions(self, positions: Sequence[int]) -> list[Recorded]:
        """Return the events at these positions in ascending order; unknown positions are left out."""

    def sealed_at(self, position: int) -> tuple[bytes, Sealed] | None:
        """Return the key of the action at this position and its sealed part, if it has one."""

    def about(self) -> dict[str, str]:
        """Return what the ledger says about itself: ledger_id, format."""

    def upgrade(self) -> None:
        """Add what a ledger of an earlier format lacks, and say so; another process may be faster."""

    def max_tracking_id(self, application_name: str) -> int | None:
        """Return the last tracking recorded under this name."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Read with plain SQL; `?` stands for a parameter."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Write with plain SQL in a transaction of its own; return the number of rows changed."""

    def close(self) -> None:
        """Let go of the database."""


def event_row(event: StoredEvent) -> EventRow:
    """Return the row of an event that the library hands over (an aggregate's, for instance)."""
    originator_id = event.originator_id
    assert not isinstance(originator_id, str), "streams of the ledger are named by UUIDs"
    return originator_id.bytes, event.originator_version, event.topic, event.state
