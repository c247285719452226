"""Remember which actions a dry run has met, in a few bytes each, to tell repeats within its own input."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from math import isfinite
from struct import Struct
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.actions.actions import Action
from domain.sorted_runs import SortedRuns

_CONTENT: Final = np.dtype([("rest", "<u8"), ("content", "<u8")])
"""What stands for an action under the first half of its key: the other half, and a digest of its content."""
_ENTRY: Final = np.dtype([("key", "<u8"), *_CONTENT.descr])
Entries = NDArray[np.void]
Answer = Literal["new", "equal", "other"]
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
# A whole number with a point or exponent; infinity is encoded as null.
_MAY_HOLD_FLOATS: Final = re.compile(rb"[0-9]\.0|[0-9][eE]|null|Infinity")
_HALVES: Final = Struct("<QQ")
_ANSWERS: Final[tuple[Answer, ...]] = ("new", "equal", "other")


class SeenActions:
    """A set of (key, content) at 24 bytes an action."""

    def __init__(self) -> None:
        self._known = SortedRuns(_CONTENT)

    def compare(self, met: Entries) -> list[Answer]:
        """Say for each entry whether its key is new, or was remembered with equal or with other content."""
        answers = np.zeros(len(met), np.int8)
        at, known = self._known.find(met["key"])
        same = known["rest"] == met["rest"][at]
        at, known = at[same], known[same]
        answers[at] = np.where(known["content"] == met["content"][at], 1, 2)
        return [_ANSWERS[answer] for answer in answers.tolist()]

    def remember(self, new: Entries) -> None:
        """Remember entries with new keys, none of which stands twice."""
        self._known.add(new["key"], new[["rest", "content"]])


def entries(actions: Sequence[tuple[UUID, Action]]) -> Entries:
    """What is remembered of each action, given with its key."""
    return np.array([(*_HALVES.unpack(key.bytes), _content(action)) for key, action in actions], dtype=_ENTRY)


def _content(action: Action) -> int:
    """64 bits over what the contract compares: type, subject, instant, sequence, and data as JSON values."""
    text = _canonical(action, action.data)
    if _MAY_HOLD_FLOATS.search(text):
        text = _canonical(action, _plain(action.data))
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _canonical(action: Action, data: Any) -> bytes:
    parts = [action.type, action.subject, action.occurred_at, _sequence(action), data]
    try:
        return _encode(parts)
    except (msgspec.MsgspecError, OverflowError):  # Numbers of more than 64 bits.
        return json.dumps(parts, sort_keys=True).encode()


def _plain(value: Any) -> Any:
    """1 and 1.0 are one JSON value; `true` is another."""
    if isinstance(value, float):
        # Beyond the largest double there is only infinity, which JSON has no text for; no text holds U+0000.
        return int(value) if value.is_integer() else value if isfinite(value) else f"\0{value}"
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _sequence(action: Action) -> str | None:
    # In base 16: Python does not write decimals of more than 4,300 digits.
    return None if action.sequence is None else f"{action.sequence:x}"
