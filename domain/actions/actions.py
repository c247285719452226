"""An administrative action: checked as it comes in, read back as it was stored, compared and ordered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
from pydantic_core import ValidationError, from_json

from domain.actions.facts import facts_text, holds_only_facts
from domain.actions.faults import fault_in, fault_in_time, too_far_ahead, too_large
from domain.actions.json_text import equal_json, holds_nul, keys_are_unique, read_json, write_json
from domain.actions.refusals import AHEAD_MICROSECONDS_MAX, RECORD_BYTES_MAX
from domain.actions.rules import data_validator, event_validator, instant_validator
from domain.actions.types import ACTION_TYPES
from domain.actions.upcasts import UPCASTS, is_older, newest, upcast

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DIGITS_AT_ONCE: Final = 4_000
_NOT_A_DIGIT: Final = {code: None for code in range(128) if not 48 <= code <= 57}
_NO_DIGIT_IN_A_LINE: Final = {code: None for code in _NOT_A_DIGIT if code != ord("\n")}


class Action(msgspec.Struct, frozen=True, gc=False):
    """One administrative action: a fact from the system where it happened.

    There are very many of them, and they hold no circles: they are built at little cost, and the garbage collector
    need not look at them.
    """

    source: str
    id: str
    type: str
    subject: str
    time: str
    """As it was sent."""
    occurred_at: int
    """Whole microseconds since 1970-01-01T00:00Z."""
    sequence: int | None
    data_read: dict[str, Any] | None
    """`data`, where it was read already."""
    facts: bytes
    """JSON of the envelope and the known fields of data: no `note`, no unknown field or attribute."""
    received: bytes | None
    """Where the record held more than facts: its JSON as one structured CloudEvent, to be sealed."""
    key_known: bytes | None = None
    """The bytes of `key`, where they were computed already."""

    @property
    def key(self) -> UUID:
        """The identity of the action in the ledger."""
        return action_key(self.source, self.id) if self.key_known is None else UUID(bytes=self.key_known)

    @property
    def key_bytes(self) -> bytes:
        """The sixteen bytes of `key`."""
        return action_key(self.source, self.id).bytes if self.key_known is None else self.key_known

    @property
    def data(self) -> dict[str, Any]:
        """All of `data`: unknown fields are included where they could be read."""
        if self.data_read is not None:
            return self.data_read
        return facts_action(self.facts).data


def check_action(received: bytes, *, now: int) -> Action:
    """The action in a structured CloudEvent as it was received, at the instant `now` in microseconds.

    Raises RefusedError, with the first code that applies.
    """
    if len(received) > RECORD_BYTES_MAX:
        raise too_large(len(received))
    event, sent = _checked(received, sent_as_text=True)
    data = sent.get("data", {})
    if holds_only_facts(sent, data):
        return _action(event, facts=received, received=None, now=now)
    return _action(event, facts=facts_text(sent, data), received=received, now=now)


def check_event(event: Mapping[str, Any], *, received: bytes, now: int) -> Action:
    """The action in an event that is already parsed (binary mode, mappings); `received` is what it came in.

    Raises RefusedError. Where the event holds more than facts, the action's `received` is the whole event as one
    structured CloudEvent, so that every sealed part can be read back in the same way.
    """
    if len(received) > RECORD_BYTES_MAX:
        raise too_large(len(received))
    whole = write_json(dict(event) if isinstance(event, Mapping) else event)
    checked, sent = _checked(whole, sent_as_text=False)
    data = sent.get("data", {})
    facts = facts_text(sent, data)
    sealed = None if holds_only_facts(sent, data) else whole
    return _action(checked, facts=facts, received=sealed, now=now)


def facts_action(facts: bytes) -> Action:
    """A stored action read back without a check, from its facts or from its unsealed `received`.

    Of whatever version of the contract: `type` and `data` are in the words of the newest.
    """
    try:
        stored = _read_stored(newest(facts))
    except msgspec.ValidationError:  # A number that only the checking parser takes, as 1e999.
        stored = msgspec.convert(upcast(from_json(facts)), _Stored)
    data = stored.data
    if isinstance(data.get("rating"), float):
        data["rating"] = int(data["rating"])
    return Action(
        stored.source,
        stored.id,
        stored.type,
        stored.subject,
        stored.time,
        _microseconds(stored.time),
        None if stored.sequence is None else whole_number(stored.sequence),
        data,
        facts,
        None,
    )


def same_action(one: Action, other: Action) -> bool:
    """Whether two records of one key say the same: type, subject, instant, sequence, and data as JSON values."""
    return (
        one.type == other.type
        and one.subject == other.subject
        and one.occurred_at == other.occurred_at
        and one.sequence == other.sequence
        and equal_json(one.data, other.data)
    )


def order_key(source: str, id: str, occurred_at: int, sequence: int | None) -> tuple[int, int, int, str, str]:
    """The place of an action among all others; texts compare by code points."""
    if sequence is None:
        return (occurred_at, 0, 0, source, id)
    return (occurred_at, 1, sequence, source, id)


def action_key(source: str, id: str) -> UUID:
    """The 128-bit identity of (source, id), a UUID of version 8.

    16 bits of SHA-256(source), 32 bits of the number that the digits of the id make, 74 bits of
    SHA-256(source NUL id): numbered ids lie side by side in an index, and no two pairs meet.
    """
    digest = int.from_bytes(hashlib.sha256(f"{source}\0{id}".encode()).digest()[:10], "big") >> 6
    upper = source_bits(source) << 32 | id_number(id)
    return UUID(int=upper << 80 | 0x8 << 76 | (digest >> 62) << 64 | 0b10 << 62 | (digest & (1 << 62) - 1))


def id_number(id: str) -> int:
    """32 bits of the number that the digits of an id make."""
    digits = id.translate(_NOT_A_DIGIT) if id.isascii() else "".join(filter(str.isascii, filter(str.isdigit, id)))
    # 10**32 is a multiple of 2**32: earlier digits do not count.
    return int(digits[-32:] or "0") & 0xFFFF_FFFF


def id_numbers(ids: Sequence[str]) -> list[int]:
    """`id_number` of each."""
    text = "\n".join(ids)
    if not text.isascii() or text.count("\n") != len(ids) - 1:
        return [id_number(each) for each in ids]
    return [int(digits[-32:] or "0") & 0xFFFF_FFFF for digits in text.translate(_NO_DIGIT_IN_A_LINE).split("\n")]


@lru_cache(maxsize=1024)
def source_bits(source: str) -> int:
    """16 bits of a source's hash: what one system sends lies together."""
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:2], "big")


def parse_instant(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 date-time with offset. Raises ValueError.

    Capital T and Z, ASCII digits, no second 60, a day that exists; digits after the sixth are cut.
    """
    try:
        instant_validator().validate_python(text)
    except ValidationError as error:
        raise ValueError(f"{text!r} is no RFC 3339 date-time with an offset") from error
    return _microseconds(text)


def correct_data(
    action_type: str, data: Mapping[str, Any], time: str, changes: Mapping[str, Any], *, corrected_at: int
) -> tuple[dict[str, Any], str, int] | None:
    """`data`, `time` and instant of an action after one `record.corrected` that happened at `corrected_at`.

    None where the correction is without effect: it means a record or a review, or its `of` or `type`; its result
    is invalid as a whole; or it moves the action to more than 24 h after itself.
    """
    family = ACTION_TYPES[action_type].family
    if family in ("record", "review") or "of" in changes or "type" in changes:
        return None
    corrected = {**data, **changes}
    corrected = {name: value for name, value in corrected.items() if value is not None or name not in changes}
    if "time" in changes:
        corrected.pop("time", None)
        if "time" in data:
            corrected["time"] = data["time"]  # An unknown field of that name, not the envelope's.
        time = changes["time"]
    try:
        occurred_at = parse_instant(time)
        corrected = data_validator(action_type).validate_python(corrected)
    except (ValidationError, ValueError):
        return None
    if _participants_lack_an_owner(corrected):
        return None
    if "time" in changes and occurred_at > corrected_at + AHEAD_MICROSECONDS_MAX:
        return None
    return corrected, time, occurred_at


class _Stored(msgspec.Struct):
    source: str
    id: str
    type: str
    subject: str
    time: str
    sequence: str | None = None
    data: dict[str, Any] = {}


_read_stored: Final = msgspec.json.Decoder(_Stored).decode


def _checked(received: bytes, *, sent_as_text: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The event in a JSON text, valid in all that can be said without a clock, and the same as it was sent.

    The two differ where it is of an older version of the contract. Raises RefusedError.
    """
    if UPCASTS:
        sent = read_json(received)
        if isinstance(sent, dict) and is_older(sent):
            return _checked_older(sent), sent
    try:
        event: dict[str, Any] = event_validator().validate_json(received)
    except ValidationError:
        raise fault_in(read_json(received)) from None
    # What the validator's parser is lax about: these, and keys that stand twice. A text we wrote has neither.
    if sent_as_text and (b"NaN" in received or b"Infinity" in received or not keys_are_unique(received, event)):
        read_json(received)
    if b"\\u0000" in received and holds_nul(event):
        raise fault_in(event)
    if "participants" in event.get("data", ()) and _participants_lack_an_owner(event["data"]):
        raise fault_in(event)
    return event, event


def _checked_older(sent: dict[str, Any]) -> dict[str, Any]:
    """An event of an older version as one of the newest, whose rules it must keep."""
    if holds_nul(sent):
        raise fault_in(sent)
    event = upcast(sent)
    try:
        checked: dict[str, Any] = event_validator().validate_python(event)
    except ValidationError:
        raise fault_in(event) from None
    if _participants_lack_an_owner(checked.get("data", {})):
        raise fault_in(checked)
    return checked


def _participants_lack_an_owner(data: Mapping[str, Any]) -> bool:
    return bool(data.get("participants")) and "owner" not in data


def _action(event: Mapping[str, Any], *, facts: bytes, received: bytes | None, now: int) -> Action:
    time = event["time"]
    try:
        occurred_at = _microseconds(time)
    except ValueError:
        raise fault_in_time(time) from None
    if occurred_at > now + AHEAD_MICROSECONDS_MAX:
        raise too_far_ahead(time)
    sequence = event.get("sequence")
    return Action(
        event["source"],
        event["id"],
        event["type"],
        event["subject"],
        time,
        occurred_at,
        None if sequence is None else whole_number(sequence),
        event.get("data", {}),
        facts,
        received,
    )


def _microseconds(time: str) -> int:
    return (datetime.fromisoformat(time) - _EPOCH) // _MICROSECOND


def whole_number(digits: str) -> int:
    """The number that ASCII digits make, however many there are."""
    # int() refuses texts of more than 4,300 digits, and takes a time that grows with the square of their number.
    if len(digits) <= _DIGITS_AT_ONCE:
        return int(digits)
    low = len(digits) // 2
    power: int = 10**low
    return whole_number(digits[:-low]) * power + whole_number(digits[-low:])
