"""Find the entries of a growing column that name some key, at a cost that does not depend on its length."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled

Rows = NDArray[np.int64]
Numbers = NDArray[np.int32]

FIRST_ROOM: Final = 1_024
NONE: Final = -1


class Entries:
    """Leads from each key to the last entry that names it, and from each entry to the one before that does."""

    def __init__(self) -> None:
        self.size = 0
        self._before = np.empty(FIRST_ROOM, np.int32)
        self._last = np.full(FIRST_ROOM, NONE, np.int32)

    def grow(self, keys: NDArray[np.integer[Any]]) -> None:
        """Append entries that name these keys; below 0: none."""
        begin, self.size = self.size, self.size + keys.size
        self._before = with_room(self._before, self.size)
        self._last = with_room(self._last, int(keys.max(initial=NONE)) + 1)
        append(keys, begin, self._before, self._last)

    def of(self, keys: NDArray[np.integer[Any]]) -> Rows:
        """The numbers of the entries that name these keys, key by key, the newest first."""
        found = np.empty(FIRST_ROOM, np.int64)
        while (filled := find(keys, self._before, self._last, found)) < 0:
            found = np.empty(-filled * 2, np.int64)
        return found[:filled]


def with_room(values: Numbers, size: int) -> Numbers:
    """The same values with room for so many; the rest is NONE."""
    if size <= values.size:
        return values
    grown = np.full(max(size, 2 * values.size), NONE, np.int32)
    grown[: values.size] = values
    return grown


@compiled
def append(keys: NDArray[Any], begin: int, before: Numbers, last: Numbers) -> None:
    """Append entries from `begin` on."""
    for number in range(keys.size):
        key = keys[number]
        if key >= 0:
            before[begin + number] = last[key]
            last[key] = begin + number


@compiled
def find(keys: NDArray[Any], before: Numbers, last: Numbers, found: Rows) -> int:
    """Write the entries that name the keys; returns how many, or less than 0: minus the room it takes at least."""
    filled = 0
    for number in range(keys.size):
        entry = last[keys[number]] if keys[number] < last.size else NONE
        while entry >= 0:
            if filled < found.size:
                found[filled] = entry
            filled += 1
            entry = before[entry]
    return filled if filled <= found.size else -filled
