"""Records that must be refused: what goes wrong on the way between sending systems and a ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from api.demo.dice import Dice
from api.demo.drafts import Data, Draft, Writer, encode
from api.demo.office_days import DAY

# Systems whose records get spoiled; those of plans and personnel are few and left alone.
_SPOILED_TYPES: Final = (
    "licensing.received",
    "licensing.accepted",
    "enforcement.inspected",
    "complaint.accepted",
    "service.rated",
)


class Letter(NamedTuple):
    """One line with what is to become of it: recorded, duplicate, or a quarantine code."""

    arrived: int
    line: bytes
    fate: str


Spoil = Callable[[Data, bytes], bytes]


def broken_letters(drafts: Iterable[Draft], dice: Dice, writer: Writer) -> list[Letter]:
    """Each kind of broken record, several times; every second one is sent again, mended, under the same id.

    A conflict arrives after the record with which it conflicts, any other before the mended one.
    """
    candidates = [
        draft for draft in drafts if draft.type in _SPOILED_TYPES and draft.of is None and draft.sequence is None
    ]
    by_type = {name: [draft for draft in candidates if draft.type == name] for name in _SPOILED_TYPES}
    letters = []
    for number, (fate, type_, spoil) in enumerate(_SPOILS * 2):
        draft = dice.pick(by_type[type_])
        event = writer.event(draft)
        event["data"] = dict(event["data"])
        mended = number % 2 == 0 or fate == "conflict"
        if not mended:
            event["id"] = f"{draft.wire_id[:5]}-9{number:06d}"
        late = dice.between(1, 20 * DAY) if fate == "conflict" else -dice.between(1, 900)
        letters.append(Letter(draft.arrived + late, spoil(event, encode(event)), fate))
    return letters


def repeated_letters(drafts: list[Draft], dice: Dice, writer: Writer, *, count: int) -> list[Letter]:
    """Records sent again after a lost answer: the same bytes, or the same content written another way."""
    letters = []
    for draft in dice.sample(drafts, count):
        line = writer.line(draft)
        if dice.happens(0.12):
            line = json.dumps(dict(reversed(json.loads(line).items())), ensure_ascii=False).encode()
        letters.append(Letter(draft.arrived + dice.between(1, 2 * DAY), line, "duplicate"))
    return letters


def _without(name: str) -> Spoil:
    return lambda event, _: encode({key: value for key, value in event.items() if key != name})


def _with(**changes: object) -> Spoil:
    return lambda event, _: encode(event | changes)


def _with_data(**changes: object) -> Spoil:
    return lambda event, _: encode(event | {"data": event["data"] | changes})


def _without_rating(event: Data, _: bytes) -> bytes:
    return encode(event | {"data": {}})


def _in_a_hundred_years(event: Data, _: bytes) -> bytes:
    # 2011 keyed in as 2111.
    time = str(event["time"])
    return encode(event | {"time": f"{time[0]}1{time[2:]}"})


def _changed(event: Data, _: bytes) -> bytes:
    return encode(event | {"data": event["data"] | {"unit": "ho-01"}})


_RECEIVED, _ACCEPTED, _INSPECTED, _COMPLAINT, _RATED = _SPOILED_TYPES
_SPOILS: Final[tuple[tuple[str, str, Spoil], ...]] = (
    ("malformed-json", _RECEIVED, lambda _, line: line[: len(line) * 2 // 3]),
    ("malformed-json", _INSPECTED, lambda _, line: line.replace(b'"', b"'")),
    ("malformed-json", _RATED, lambda _, line: line.replace(b'"rating":', b'"rating":NaN,"was":')),
    ("malformed-json", _COMPLAINT, lambda _, line: b"\xff\xfe" + line),
    ("not-a-cloudevent", _RECEIVED, _with(specversion="0.3")),
    ("not-a-cloudevent", _ACCEPTED, _without("id")),
    ("not-a-cloudevent", _INSPECTED, _without("source")),
    ("not-a-cloudevent", _RATED, lambda _, line: b"[" + line + b"]"),
    ("unknown-type", _ACCEPTED, _with(type="licensing.approved")),
    ("unknown-type", _INSPECTED, _with(type="penalty.imposed")),
    ("missing-field", _RECEIVED, _without("subject")),
    ("missing-field", _COMPLAINT, _without("time")),
    ("missing-field", _RATED, _without_rating),
    ("bad-value", _RATED, _with_data(rating=6)),
    ("bad-value", _RATED, _with_data(rating="5")),
    ("bad-value", _RECEIVED, _with(time="2011-06-31 09:00")),
    ("bad-value", _ACCEPTED, _with_data(due="31.12.2011")),
    ("bad-value", _ACCEPTED, _with_data(owner="gx-0007", participants=[{"staff": "gx-0008", "share": 1.5}])),
    ("conflict", _RECEIVED, _changed),
    ("conflict", _RATED, _changed),
    ("future-time", _INSPECTED, _in_a_hundred_years),
    ("future-time", _ACCEPTED, _in_a_hundred_years),
)
