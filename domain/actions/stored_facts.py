"""Read stored facts back: they were checked on the way in, so only what is asked for is decoded.

Facts hold no circles, so the garbage collector need not look at them: it took more time than decoding did.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec

from domain.actions.actions import parse_instant
from domain.actions.upcasts import all_newest, newest

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
DUE_DAY, DUE_INSTANT = 1, 2
"""Kinds of dues: a date, by its days since 1970-01-01, or an instant in microseconds. 0 is none."""
DAY_LENGTH = len("2024-03-29")


class Participant(msgspec.Struct, gc=False):
    """Somebody who shares in a case, and by how much."""

    staff: str
    share: float

    @property
    def millionths(self) -> int:
        """The share as a whole number: it has at most six decimals."""
        return round(self.share * 1_000_000)


class Reference(msgspec.Struct, gc=False):
    """The action (or, for reviews, the case) that an action speaks of."""

    source: str | None = None
    id: str | None = None
    case: str | None = None


class FactsData(msgspec.Struct, gc=False):
    """The fields of `data` that views and measures read."""

    procedure: str | None = None
    step: str | None = None
    unit: str | None = None
    owner: str | None = None
    actor: str | None = None
    participants: list[Participant] | None = None
    supervisor: str | None = None
    basis: list[str] | None = None
    evidence: list[Any] | None = None
    outcome: str | None = None
    due: str | None = None
    rating: float | None = None
    reason: str | None = None
    of: Reference | None = None
    recorded_by: str | None = None
    to_unit: str | None = None


class Facts(msgspec.Struct, gc=False):
    """A stored action: its envelope and what views read of its data."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    sequence: str | None = None
    data: FactsData = msgspec.field(default_factory=FactsData)

    @property
    def occurred_at(self) -> int:
        """Microseconds since 1970-01-01T00:00Z."""
        return parse_instant(self.time)


_decoder = msgspec.json.Decoder(Facts)
_list_decoder = msgspec.json.Decoder(list[Facts])


def read_facts(facts: bytes) -> Facts:
    """Decode a stored action, of whatever version of the contract."""
    return _decoder.decode(newest(facts))


def read_all_facts(stored: Sequence[bytes]) -> list[Facts]:
    """Decode stored actions at once. Raises msgspec.MsgspecError if one of them cannot be read."""
    stored = all_newest(stored)
    found = _list_decoder.decode(b"[%b]" % b",".join(stored))
    if len(found) != len(stored):  # Two damaged texts can make one, or one can make two.
        return [read_facts(each) for each in stored]
    return found


def due_value(due: str | None) -> tuple[int, int]:
    """(kind, value) of a due: (0, 0) none; (1, days since 1970-01-01) a date; (2, microseconds) an instant."""
    if due is None:
        return 0, 0
    if len(due) == DAY_LENGTH:
        return DUE_DAY, date.fromisoformat(due).toordinal() - EPOCH_ORDINAL
    return DUE_INSTANT, parse_instant(due)
