"""Rows as an audit looks at them: as they were recorded, or as corrections leave them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from projections.audit.postings import Rows
from projections.history.columns import Columns, History

Mask = NDArray[np.bool_]
At = slice | Rows
"""Rows of a view: a stretch, or their numbers."""


class RecordedRows:
    """The history's rows as they were recorded: row r stands for position r + 1."""

    def __init__(self, history: History) -> None:
        self.columns: Columns = history.rows
        self._positions: Rows = history.shares["position"]
        self._staff: NDArray[np.int32] = history.shares["staff"]

    def shares(self, begin: int, stop: int) -> tuple[NDArray[np.int32], Rows]:
        """(person, row counted from `begin`) of all shares in some rows."""
        first, behind = np.searchsorted(self._positions, [begin + 1, stop + 1])
        return self._staff[first:behind], self._positions[first:behind] - 1 - begin

    def with_share(self, staff: int, at: At) -> Mask:
        """Rows in which that person has a share."""
        if isinstance(at, slice):
            people, rows = self.shares(at.start, at.stop)
            found = np.zeros(at.stop - at.start, np.bool_)
            found[rows[people == staff]] = True
            return found
        return _with_share(at + 1, self._positions, self._staff, staff)


class AmendedRows:
    """The history's amended rows, in the order in which they became known."""

    def __init__(self, amended: Columns, shares: Columns) -> None:
        self.columns = amended
        self.size = int(amended["target"].size)
        self._shares = shares

    def shares(self, begin: int, stop: int) -> tuple[NDArray[np.int32], Rows]:
        """(person, row counted from `begin`) of all shares in some rows."""
        keys = self._keys[begin:stop]
        first = np.searchsorted(self._share_keys, keys[0], "left")
        behind = np.searchsorted(self._share_keys, keys[-1], "right")
        return self._shares["staff"][first:behind], np.searchsorted(keys, self._share_keys[first:behind])

    def with_share(self, staff: int, at: At) -> Mask:
        """Rows in which that person has a share."""
        return _with_share(self._keys[at], self._share_keys, self._shares["staff"], staff)

    @cached_property
    def _keys(self) -> Rows:
        return _keys(self.columns)

    @cached_property
    def _share_keys(self) -> Rows:
        return _keys(self._shares)


View = RecordedRows | AmendedRows


def _keys(columns: Columns) -> Rows:
    """One number for (known_at, target), in which amended rows and their shares are sorted."""
    return np.asarray((columns["known_at"] << np.int64(32)) + columns["target"])


def _with_share(keys: Rows, share_keys: Rows, staff_of: NDArray[np.int32], staff: int) -> Mask:
    """For each key whether one of its shares is that person's. A row has few shares, and most have none."""
    start, stop = np.searchsorted(share_keys, keys, "left"), np.searchsorted(share_keys, keys, "right")
    found = np.zeros(keys.size, np.bool_)
    for number in range(int((stop - start).max(initial=0))):
        more = np.flatnonzero(start + number < stop)
        found[more] |= staff_of[start[more] + number] == staff
    return found
