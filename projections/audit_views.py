"""Rows as an audit looks at them: as they were recorded, or as corrections leave them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from projections.history.columns import Columns, History
from projections.postings import Rows

Mask = NDArray[np.bool_]
At = slice | Rows
"""Rows of a view: a stretch, or their numbers."""


class RecordedRows:
    """The history's rows as they were recorded: row r stands for position r + 1."""

    def __init__(self, history: History) -> None:
        self.columns: Columns = history.rows
        self._shares = history.shares

    def with_share(self, staff: int, at: At) -> Mask:
        """Rows in which that person has a share."""
        positions, of = self._shares["position"], self._shares["staff"]
        if isinstance(at, slice):
            first, stop = np.searchsorted(positions, [at.start + 1, at.stop + 1])
            found = np.zeros(at.stop - at.start, np.bool_)
            found[positions[first:stop][of[first:stop] == staff] - 1 - at.start] = True
            return found
        return _among_shares(at + 1, positions, of, staff)


class AmendedRows:
    """The history's amended rows, in the order in which they became known."""

    def __init__(self, history: History) -> None:
        self.columns: Columns = history.amended
        self._shares = history.amended_shares

    def with_share(self, staff: int, at: At) -> Mask:
        """Rows in which that person has a share."""
        return _among_shares(self._keys[at], self._share_keys, self._shares["staff"], staff)

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


def _among_shares(keys: Rows, share_keys: Rows, staff_of: NDArray[np.int32], staff: int) -> Mask:
    """For each key whether one of its shares is that person's. A row has few shares, and most have none."""
    start, stop = np.searchsorted(share_keys, keys, "left"), np.searchsorted(share_keys, keys, "right")
    found = np.zeros(keys.size, np.bool_)
    for number in range(int((stop - start).max(initial=0))):
        more = np.flatnonzero(start + number < stop)
        found[more] |= staff_of[start[more] + number] == staff
    return found
