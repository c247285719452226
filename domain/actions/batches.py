"""Check many records at once: the usual ones by a quick way that accepts only what is certain, others one by one.

The quick way never refuses and never explains: whatever it is not sure of goes through `check_action`, so that
verdicts, codes and remedies are those of the one contract. It is sure of records that hold nothing but facts,
of the newest version, each key once; a test holds it to `check_action` over anything that can be sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import compress, repeat
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from domain.actions.actions import Action, check_action, id_numbers, source_bits, whole_number
from domain.actions.data import (
    DATE_PATTERN,
    INSTANT_PATTERN,
    InspectionOutcome,
    ReviewOutcome,
    existing_day,
    participants_fit,
)
from domain.actions.instants import sure_instants
from domain.actions.refusals import AHEAD_MICROSECONDS_MAX, RECORD_BYTES_MAX, RefusedError
from domain.actions.types import ACTION_TYPES
from domain.actions.upcasts import UPCASTS, newest_version, version_of

Text = Annotated[str, Meta(min_length=1)]
MaybeText = Text | UnsetType
_OPTIONS: Final[dict[str, Any]] = {
    "forbid_unknown_fields": True,
    "omit_defaults": True,
    "frozen": True,
    "gc": False,
}


class _Participant(Struct, **_OPTIONS):
    staff: Text
    share: float


class _Evidence(Struct, **_OPTIONS):
    ref: Text
    sha256: Annotated[str, Meta(pattern=r"\A[0-9a-fA-F]{64}\Z")] | UnsetType = UNSET


class _Reference(Struct, **_OPTIONS):
    source: MaybeText = UNSET
    id: MaybeText = UNSET
    case: MaybeText = UNSET


class QuickData(Struct, **_OPTIONS):
    """Known fields of `data` that are facts as a whole: neither `note`, which is sealed, nor `changes`."""

    procedure: MaybeText = UNSET
    step: MaybeText = UNSET
    unit: MaybeText = UNSET
    owner: MaybeText = UNSET
    actor: MaybeText = UNSET
    participants: list[_Participant] | UnsetType = UNSET
    supervisor: MaybeText = UNSET
    basis: list[Text] | UnsetType = UNSET
    evidence: list[_Evidence] | UnsetType = UNSET
    outcome: MaybeText = UNSET
    due: str | UnsetType = UNSET
    rating: Annotated[int, Meta(ge=1, le=5)] | UnsetType = UNSET
    severity: Literal["minor", "major", "critical"] | UnsetType = UNSET
    forum: Literal["reconsideration", "court"] | UnsetType = UNSET
    of: _Reference | UnsetType = UNSET
    target: MaybeText = UNSET
    reason: MaybeText = UNSET
    to_unit: MaybeText = UNSET
    parent: MaybeText = UNSET
    title: MaybeText = UNSET
    post: MaybeText = UNSET
    competence: MaybeText = UNSET
    recorded_by: MaybeText = UNSET


_NO_DATA: Final = QuickData()


class _QuickEvent(Struct, **_OPTIONS):
    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Literal[tuple(ACTION_TYPES)]  # type: ignore[valid-type]  # made from the table
    subject: Text
    time: str
    datacontenttype: MaybeText = UNSET
    dataschema: MaybeText = UNSET
    sequence: Annotated[str, Meta(pattern=r"\A[0-9]+\Z")] | UnsetType = UNSET
    data: QuickData = _NO_DATA


_read: Final = msgspec.json.Decoder(_QuickEvent).decode
_write_into: Final = msgspec.json.Encoder().encode_into
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
# Escapes that are, or stand for, quotation marks, backslashes or U+0000: what is counted must not hide there.
_unclear_escape: Final = re.compile(rb'\\(?:u00|["\\])').search
_is_due: Final = re.compile(rf"(?:{DATE_PATTERN[1:-1]})|(?:{INSTANT_PATTERN[1:-1]})").fullmatch
_REVIEW_OUTCOMES: Final = frozenset(get_args(ReviewOutcome))
_INSPECTION_OUTCOMES: Final = frozenset(get_args(InspectionOutcome))
# Types that ask for more than that each field is valid.
_DEMANDING: Final = frozenset(
    name
    for name, kind in ACTION_TYPES.items()
    if kind.required or kind.family in ("review", "inspection", "record")
)
_BYTES: Final = np.dtype(">u8")
_READ_AT_ONCE: Final = 500
"""What is read of so many records stays in a processor's own cache while it is looked at."""


def check_actions(received: Sequence[bytes], *, now: int) -> list[Action | RefusedError]:
    """`check_action` of each record, at the instant `now`: the action, or why it is refused."""
    found: list[Action | RefusedError | None] = [None] * len(received)
    columns = _Columns()
    for begin in range(0, len(received), _READ_AT_ONCE):
        columns.read(received[begin : begin + _READ_AT_ONCE], begin)
    instants, sure = sure_instants(columns.times)
    sure &= instants <= now + AHEAD_MICROSECONDS_MAX
    actions = map(
        Action,
        columns.sources,
        columns.ids,
        columns.types,
        columns.subjects,
        columns.times,
        instants.tolist(),
        columns.sequences,
        repeat(None),
        columns.facts,
        repeat(None),
        _keys(columns.sources, columns.ids),
    )
    for place, action in compress(zip(columns.places, actions, strict=True), sure.tolist()):
        found[place] = action
    return [_one_by_one(received[place], now) if each is None else each for place, each in enumerate(found)]


class _Columns:
    """What actions are made of, from records that are actions for certain, but for their times."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.facts: list[bytes] = []
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.types: list[str] = []
        self.subjects: list[str] = []
        self.times: list[str] = []
        self.sequences: list[int | None] = []

    def read(self, received: Sequence[bytes], begin: int) -> None:
        """Add those of these records, the first of which is at the place `begin`."""
        events: list[_QuickEvent] = []
        again = bytearray()
        for place, one in enumerate(received, begin):
            try:
                event = _read(one)
            except _UNREADABLE:
                continue
            _write_into(event, again)
            if _keys_stand_once(event, one, again) and _is_certain(event, one):
                events.append(event)
                self.places.append(place)
                self.facts.append(one)
        self.sources += [event.source for event in events]
        self.ids += [event.id for event in events]
        self.types += [event.type for event in events]
        self.subjects += [event.subject for event in events]
        self.times += [event.time for event in events]
        self.sequences += [None if event.sequence is UNSET else whole_number(event.sequence) for event in events]


def _one_by_one(received: bytes, now: int) -> Action | RefusedError:
    try:
        return check_action(received, now=now)
    except RefusedError as refusal:
        return refusal


def _is_certain(event: _QuickEvent, received: bytes) -> bool:
    """Whether a record that was read, each key of it once, is an action for certain, but for its time."""
    if len(received) > RECORD_BYTES_MAX:
        return False
    if (UPCASTS or event.dataschema is not UNSET) and version_of(event.dataschema) != newest_version():
        return False
    data = event.data
    if data.due is not UNSET and not _is_day(data.due):
        return False
    if data.participants is not UNSET and not _are_participants(data):
        return False
    if data.of is not UNSET and not _is_reference(data.of, may_be_case=event.type.startswith("review.")):
        return False
    return event.type not in _DEMANDING or _has_what_its_type_asks(event)


def _keys_stand_once(event: _QuickEvent, received: bytes, again: bytearray) -> bool:
    """Whether writing the event again shows that no key was dropped because it stood twice.

    Without escapes, texts are written as they came, and numbers other than shares never longer than they came: so
    equal length means that all is there. Else quotation marks are counted, as of every text two must be there.
    """
    if b"\\" in received:
        if _unclear_escape(received):
            return False
    elif len(again) == len(received) and event.data.participants is UNSET:
        return True
    return again.count(b'"') == received.count(b'"')


def _is_day(due: str) -> bool:
    if _is_due(due) is None:
        return False
    try:
        existing_day(due)
    except ValueError:
        return False
    return True


def _are_participants(data: QuickData) -> bool:
    assert data.participants is not UNSET
    if data.participants and data.owner is UNSET:
        return False
    return participants_fit([each.share for each in data.participants])


def _is_reference(of: _Reference, *, may_be_case: bool) -> bool:
    if of.case is UNSET:
        return of.source is not UNSET and of.id is not UNSET
    return may_be_case and of.source is UNSET and of.id is UNSET


def _has_what_its_type_asks(event: _QuickEvent) -> bool:
    kind, data = ACTION_TYPES[event.type], event.data
    if kind.family == "record":
        # Corrections hold `changes`; voidings are rare.
        return False
    if any(getattr(data, name) is UNSET for name in kind.required):
        return False
    if kind.family == "inspection":
        return data.outcome is UNSET or data.outcome in _INSPECTION_OUTCOMES
    return event.type != "review.decided" or data.outcome in _REVIEW_OUTCOMES


def _keys(sources: Sequence[str], ids: Sequence[str]) -> list[bytes]:
    """The 16 bytes of `action_key` of each, put together as arrays."""
    sha256 = hashlib.sha256
    texts = zip(sources, ids, strict=True)
    digests = b"".join([sha256(f"{source}\0{id}".encode()).digest() for source, id in texts])
    first, second = np.frombuffer(digests, _BYTES).astype(np.uint64).reshape(-1, 4)[:, :2].T
    bits = {source: source_bits(source) for source in set(sources)}
    upper = np.array([bits[source] for source in sources], np.uint64) << np.uint64(32)
    upper |= np.array(id_numbers(ids), np.uint64)
    keys = np.empty((len(ids), 2), _BYTES)
    # Version 8 and the first 12 bits of the digest; variant 2 and the next 62.
    keys[:, 0] = upper << np.uint64(16) | np.uint64(0x8000) | first >> np.uint64(52)
    keys[:, 1] = np.uint64(1 << 63) | (first << np.uint64(12) | second >> np.uint64(52)) >> np.uint64(2)
    text = keys.tobytes()
    return [text[place : place + 16] for place in range(0, len(text), 16)]
