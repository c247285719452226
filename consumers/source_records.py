"""What a log or table says, before a mapping turns it into actions."""

from __future__ import annotations

from dataclasses import dataclass, field

Attributes = dict[str, str]


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A case (`event` is None) or one event of a case, every attribute as text.

    `index` counts the events of one case from 1; it is 0 for the case itself, and for rows of a table, which
    know no such count. In a table the row is both: `case` and `event` are the same.
    """

    place: str
    case: Attributes
    event: Attributes | None = None
    index: int = 0


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """What could not even be read as a record: its bytes, a quarantine code and what to mend."""

    place: str
    received: bytes
    code: str
    remedy: str = field(default="")
