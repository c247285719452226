"""What a receipt proves: a digest of each action that its sender can compute too, and one of all of a day."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from domain.actions.data import FIELDS
from domain.actions.facts import facts_text
from domain.actions.rules import ENVELOPE

DIGEST_BYTES: Final = 32
_ATTRIBUTES: Final = tuple(name for name in ENVELOPE if name not in ("data", "data_base64"))
# A number with a point or an exponent; in a text too, which costs time and changes nothing.
_MAY_HOLD_FLOATS: Final = re.compile(rb"[0-9][.eE]")
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class Receipted(NamedTuple):
    """An action as a receipt names it."""

    source: str
    id: str
    digest: bytes
    """SHA-256 of the canonical text of its facts."""


def receipted(facts: bytes) -> Receipted:
    """What a receipt says of an action, from its stored facts."""
    event: dict[str, Any] = _decode(facts)
    return Receipted(event["source"], event["id"], hashlib.sha256(_canonical(event, facts)).digest())


def sent(event: dict[str, Any]) -> Receipted:
    """The same from an event as a sender has it, with whatever it holds beyond facts. It must be a valid one."""
    data = event.get("data") or {}
    return receipted(facts_text(event, {name: data[name] for name in FIELDS if name in data}))


def _canonical(event: dict[str, Any], text: bytes) -> bytes:
    """The facts by RFC 8785 (JCS): keys in order, no spaces, numbers in their shortest form; no null attribute."""
    facts = {name: event[name] for name in _ATTRIBUTES if event.get(name) is not None}
    facts["data"] = event.get("data", {})
    return _encode(_plain(facts) if _MAY_HOLD_FLOATS.search(text) else facts)


def _plain(value: Any) -> Any:
    # The numbers of facts have at most six decimals and are at most 5 (a rating; a share).
    if isinstance(value, float):
        if value.is_integer():
            return int(value)
        return msgspec.Raw(f"{value:.6f}".rstrip("0").encode())
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def digest_of_all(digests: bytes | bytearray) -> bytes:
    """SHA-256 over digests laid end to end, sorted: so it depends on the set of actions, not on their order."""
    each = np.frombuffer(digests, dtype=f"S{DIGEST_BYTES}")
    return hashlib.sha256(np.sort(each).tobytes()).digest()
