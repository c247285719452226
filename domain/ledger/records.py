"""What goes into the ledger and what comes back: arrivals, verdicts, recorded events, the head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from domain.actions.actions import Action
    from domain.actions.refusals import RefusedError

ACTION_TOPIC = "kaoji.Action.v1"
Form = Literal["event", "binary", "mapped", "row"]
"""What is kept of a refused record: the event itself; headers and value of a binary one; what a mapping read; a
row of a table that could not be read."""


class Recorded(NamedTuple):
    """One event at its position; `recorded_at` in microseconds since 1970, `facts` as stored.

    `commitment` is the HMAC-SHA256 of what was received, where the record held more than facts.
    """

    position: int
    recorded_at: int
    topic: str
    facts: bytes
    commitment: bytes | None


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One record as it came in: checked (`action`) or refused (`refusal`), and where it came from."""

    place: str
    received: bytes
    action: Action | None
    refusal: RefusedError | None
    key: bytes | None = None
    """The key of a Kafka record."""
    form: Form = "event"
    envelope: Callable[[], bytes] | None = None
    """Makes what is kept where that is not `received`."""
    source: str | None = None
    """The sending system of a refused record that does not state it itself: its mapping or a header does."""

    def kept(self) -> bytes:
        """What the quarantine keeps of it, so that it can be judged once more."""
        return self.received if self.envelope is None else self.envelope()


class Verdict(NamedTuple):
    """What became of one arrival. A duplicate's position is that of the action recorded first."""

    kind: Literal["recorded", "duplicate", "quarantined"]
    position: int | None
    code: str | None
    remedy: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """The last position and when it was recorded; position 0 when the ledger is empty."""

    position: int
    recorded_at: int


class Sealed(NamedTuple):
    """The encrypted part of a record; who holds the key can open it and check the commitment."""

    key_id: bytes
    nonce: bytes
    ciphertext: bytes
    commitment: bytes
