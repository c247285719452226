"""JSON as evidence: read it so that no two readers can understand it differently, and compare it by value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from pydantic_core import from_json

from domain.actions.refusals import RefusedError

_quick_encode: Final = msgspec.json.Encoder().encode
_strict_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

_TOO_DEEP: Final = "recursion limit exceeded", "nested more than 200 deep"


def read_json(received: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises RefusedError (malformed-json): also for NaN, Infinity, lone
    surrogates, a key that stands twice in one object, numbers of more than 4,300 digits, and 200 levels.
    """
    try:
        value = from_json(received, allow_inf_nan=False)
    except ValueError as error:
        raise _malformed(str(error).replace(*_TOO_DEEP)) from error
    if not keys_are_unique(received, value):
        raise _malformed(f"the key {_first_repeated_key(received)!r} stands twice in one object")
    return value


def write_json(value: Any) -> bytes:
    """Compact JSON of a value in memory. Raises RefusedError (malformed-json) for what JSON has no text for."""
    try:
        return _strict_encode(value).encode()
    except RecursionError as error:
        raise _malformed("it is nested too deep, or within itself") from error
    except (TypeError, ValueError) as error:
        raise _malformed(str(error)) from error


def keys_are_unique(received: bytes, value: Any) -> bool:
    """Whether no object of the text that was read as `value` has one key twice.

    Parsers keep the last one, so what they dropped would stand in the ledger unread. A text that was dropped lacks
    its two quotation marks when the value is written again.
    """
    try:
        again = _quick_encode(value)
    except (TypeError, ValueError, OverflowError):
        return _first_repeated_key(received) is None
    if b"\\" not in received:
        return received.count(b'"') == again.count(b'"')
    if b"\\\\" in received or b"\\\\" in again:
        return _first_repeated_key(received) is None  # Which quotation marks are escaped takes a reader to tell.
    return received.count(b'"') - received.count(b'\\"') == again.count(b'"') - again.count(b'\\"')


def holds_nul(value: Any) -> bool:
    """Whether U+0000 stands in any text or key of a JSON value."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any("\0" in key or holds_nul(inner) for key, inner in value.items())
    return isinstance(value, list) and any(map(holds_nul, value))


def equal_json(one: Any, other: Any) -> bool:
    """Equality of JSON values: 1 and 1.0 are equal, `true` and 1 are not; the order of keys does not count."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal_json, one, other))
    return bool(one == other)


class _RepeatedKeyError(Exception):
    """Carries the first key that stands twice in one object out of the reader."""


def _first_repeated_key(received: bytes) -> str | None:
    try:
        json.loads(received, object_pairs_hook=_unique, parse_int=_unread, parse_float=_unread)
    except _RepeatedKeyError as found:
        return str(found)
    return None


def _unique(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _RepeatedKeyError(key)
        seen.add(key)


def _unread(digits: str) -> None:
    """Numbers do not matter here, and long ones are slow."""


def _malformed(why: str) -> RefusedError:
    return RefusedError(
        "malformed-json",
        f"The record is no JSON that can be read in one way only: {why}; "
        "send one JSON object in UTF-8, each key once.",
    )
