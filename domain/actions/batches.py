"""Check many records at once: the usual ones by a quick way that accepts only what is certain, others one by one.

The quick way never refuses and never explains: whatever it is not sure of goes through `check_action`, so that
verdicts, codes and remedies are those of the one contract. It is sure of records that hold nothing but facts,
of the newest version, each key once; a test holds it to `check_action` over anything that can be sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
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
    sha256: str | UnsetType = UNSET


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
    sequence: str | UnsetType = UNSET
    data: QuickData = _NO_DATA


_read: Final = msgspec.json.Decoder(_QuickEvent).decode
_write_into: Final = msgspec.json.Encoder().encode_into
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
# Escapes that are, or stand for, quotation marks, backslashes or U+0000: what is counted must not hide there.
_unclear_escape: Final = re.compile(rb'\\(?:u00|["\\])').search
_is_due: Final = re.compile(rf"(?:{DATE_PATTERN[1:-1]})|(?:{INSTANT_PATTERN[1:-1]})").fullmatch
_is_sha256: Final = re.compile("[0-9a-fA-F]{64}").fullmatch
_REVIEW_OUTCOMES: Final = frozenset(get_args(ReviewOutcome))
_INSPECTION_OUTCOMES: Final = frozenset(get_args(InspectionOutcome))
# Types that ask for more than that each field is valid.
_DEMANDING: Final = frozenset(
    name
    for name, kind in ACTION_TYPES.items()
    if kind.required or kind.family in ("review", "inspection", "record")
)
_BYTES: Final = np.dtype(">u8")


def check_actions(received: Sequence[bytes], *, now: int) -> list[Action | RefusedError]:
    """`check_action` of each record, at the instant `now`: the action, or why it is refused."""
    found: list[Action | RefusedError | None] = [None] * len(received)
    events: list[_QuickEvent] = []
    places: list[int] = []
    again = bytearray()
    for place, one in enumerate(received):
        try:
            event = _read(one)
        except _UNREADABLE:
            continue
        _write_into(event, again)
        if _keys_stand_once(event, one, again) and _is_certain(event, one):
            events.append(event)
            places.append(place)
    instants, sure = sure_instants([event.time for event in events])
    sure &= instants <= now + AHEAD_MICROSECONDS_MAX
    rows = zip(events, places, _keys(events), instants.tolist(), sure.tolist(), strict=True)
    for event, place, key, occurred_at, is_sure in rows:
        if is_sure:
            sequence = event.sequence
            found[place] = Action(
                event.source,
                event.id,
                event.type,
                event.subject,
                event.time,
                occurred_at,
                None if sequence is UNSET else whole_number(sequence),
                None,
                received[place],
                None,
                key,
            )
    return [_one_by_one(received[place], now) if each is None else each for place, each in enumerate(found)]


def _one_by_one(received: bytes, now: int) -> Action | RefusedError:
    try:
        return check_action(received, now=now)
    except RefusedError as refusal:
        return refusal


def _is_certain(event: _QuickEvent, received: bytes) -> bool:
    """Whether a record that was read, each key of it once, is an action for certain, but for its time."""
    if len(received) > RECORD_BYTES_MAX or not event.time.isascii():
        return False
    if (UPCASTS or event.dataschema is not UNSET) and version_of(event.dataschema) != newest_version():
        return False
    sequence = event.sequence
    if sequence is not UNSET and not (sequence.isascii() and sequence.isdigit()):
        return False
    data = event.data
    if data.due is not UNSET and not _is_day(data.due):
        return False
    if data.participants is not UNSET and not _are_participants(data):
        return False
    if data.evidence is not UNSET and not all(
        each.sha256 is UNSET or _is_sha256(each.sha256) for each in data.evidence
    ):
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


def _keys(events: Sequence[_QuickEvent]) -> list[bytes]:
    """The 16 bytes of `action_key` of each, put together as arrays."""
    sha256 = hashlib.sha256
    digests = b"".join([sha256(f"{event.source}\0{event.id}".encode()).digest() for event in events])
    first, second = np.frombuffer(digests, _BYTES).astype(np.uint64).reshape(-1, 4)[:, :2].T
    bits = {source: source_bits(source) for source in {event.source for event in events}}
    numbers = np.array(id_numbers([event.id for event in events]), np.uint64)
    upper = np.array([bits[event.source] for event in events], np.uint64) << np.uint64(32) | numbers
    keys = np.empty((len(events), 2), _BYTES)
    # Version 8 and the first 12 bits of the digest; variant 2 and the next 62.
    keys[:, 0] = upper << np.uint64(16) | np.uint64(0x8000) | first >> np.uint64(52)
    keys[:, 1] = np.uint64(1 << 63) | (first << np.uint64(12) | second >> np.uint64(52)) >> np.uint64(2)
    text = keys.tobytes()
    return [text[place : place + 16] for place in range(0, len(text), 16)]
