"""Remember which actions a dry run has met, in a few bytes each, to tell repeats within its own input."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from domain.actions import Action

_ENTRY: Final = np.dtype([("key", "S16"), ("content", "<u8")])
Answer = Literal["new", "equal", "other"]
_ANSWERS: Final[tuple[Answer, ...]] = ("new", "equal", "other")


class SeenActions:
    """A set of (key, content) at 24 bytes an action, kept in sorted runs that are merged as they grow."""

    def __init__(self) -> None:
        self._runs: list[NDArray[np.void]] = []

    def compare(self, actions: Sequence[Action]) -> list[Answer]:
        """Say for each whether its key is new, or was remembered with equal or with other content."""
        met = _entries(actions)
        answers = np.zeros(len(met), np.int8)
        for run in self._runs:
            at = np.searchsorted(run["key"], met["key"])
            at[at == len(run)] = 0
            found = run["key"][at] == met["key"]
            answers[found] = np.where(run["content"][at] == met["content"], 1, 2)[found]
        return [_ANSWERS[answer] for answer in answers.tolist()]

    def remember(self, actions: Sequence[Action]) -> None:
        """Remember actions with new keys, none of which stands twice."""
        if not actions:
            return
        run = np.sort(_entries(actions), order="key")
        # Runs at least double from one to the next, so that each entry is merged a few times only.
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), order="key", kind="stable")
        self._runs.append(run)


def _entries(actions: Sequence[Action]) -> NDArray[np.void]:
    return np.array([(action.key.bytes, _content(action)) for action in actions], dtype=_ENTRY)


def _content(action: Action) -> int:
    """64 bits over what the contract compares: type, subject, instant, sequence, and data as JSON values."""
    parts = [action.type, action.subject, action.occurred_at, _sequence(action), _plain(action.data)]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _plain(value: Any) -> Any:
    """1 and 1.0 are one JSON value; `true` is another."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _sequence(action: Action) -> str | None:
    # In base 16: Python does not write decimals of more than 4,300 digits.
    return None if action.sequence is None else f"{action.sequence:x}"
