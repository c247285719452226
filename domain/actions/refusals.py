"""Why a record is refused: the quarantine codes, their order, and the error that carries the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.errors import WrongInputError

RECORD_BYTES_MAX: Final = 1_048_576
AHEAD_MICROSECONDS_MAX: Final = 24 * 3600 * 1_000_000

QUARANTINE_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "malformed-json": "The record is no JSON text in UTF-8: send one JSON object, each key once, "
        "numbers written out (no NaN, no Infinity), nested at most 200 deep.",
        "not-a-cloudevent": "The record is no CloudEvents 1.0 event: send an object with `specversion` "
        '"1.0" and texts for `id`, `source` and `type`.',
        "unknown-type": "No action has this `type`: send one of the types in this reference.",
        "missing-field": "`subject`, `time` or a field that the type requires is absent: add it.",
        "bad-value": "A field that is given holds something else than its rule allows: "
        "send a valid value, or leave an optional field out.",
        "conflict": "Another action with the same `source` and `id` is recorded already: "
        "send this one under an id of its own, or correct the first with `record.corrected`.",
        "future-time": "`time` lies more than 24 hours ahead: send the time when it happened in the office.",
        "forbidden-source": "The sender is not one of those that may send for this `source`: send it as who it is "
        "from, or have the `source` added to the sender's list.",
        "too-large": "The record is larger than 1 MiB: send evidence by reference, not inside the record.",
    }
)
"""Every quarantine code with what it means and how it is mended, in the order in which they are judged.

Where several apply the first in this order is given; but `too-large` is judged before all others, then
`forbidden-source` where the record is JSON, and `conflict`, which takes a look into the ledger, last.
"""


class RefusedError(WrongInputError):
    """A record that cannot be recorded: `code` of QUARANTINE_CODES, `remedy` one sentence on what to mend."""

    def __init__(self, code: str, remedy: str) -> None:
        if code not in QUARANTINE_CODES:
            raise AssertionError(f"no quarantine code {code!r}")
        self.code, self.remedy = code, remedy
        super().__init__(f"{code}: {remedy}")

    def __reduce__(self) -> tuple[type[RefusedError], tuple[str, str]]:
        return RefusedError, (self.code, self.remedy)
