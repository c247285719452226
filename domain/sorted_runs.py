"""Keep millions of small records by key in arrays: no object for any of them, and eight bytes beside each."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

Keys = NDArray[np.uint64]
_GROWTH: Final = 4
_RUN_MIN: Final = 1_024


class _Run(NamedTuple):
    keys: Keys
    """They rise."""
    records: NDArray[Any]


class SortedRuns:
    """Records of one kind by 64-bit keys, in sorted runs that are merged as they grow. Several may share a key."""

    def __init__(self, kind: DTypeLike) -> None:
        self._kind = np.dtype(kind)
        self._runs: list[_Run] = []

    def find(self, keys: Keys) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Each record under one of these keys, behind the index of that key; those of a key as they were added."""
        asked, found = [np.empty(0, np.int64)], [np.empty(0, self._kind)]
        order = np.argsort(keys)
        wanted = keys[order]  # Neighbours are looked for one after the other: that spares many a way to memory.
        for run in self._runs:
            first = np.searchsorted(run.keys, wanted)
            there = np.flatnonzero(run.keys[np.minimum(first, run.keys.size - 1)] == wanted)
            if not there.size:
                continue
            first = first[there]
            many = np.searchsorted(run.keys, wanted[there], side="right") - first
            within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
            asked.append(order[np.repeat(there, many)])
            found.append(run.records[np.repeat(first, many) + within])
        return np.concatenate(asked), np.concatenate(found)

    def add(self, keys: Keys, records: NDArray[Any]) -> None:
        """Keep a record under each of these keys."""
        if not keys.size:
            return
        run = _sorted(keys, records.astype(self._kind, copy=False))
        # Each run is several times as long as the next one, so that there are few of them, and each record is
        # moved a few times only. Short ones cost more to look through than to merge.
        while self._runs and self._runs[-1].keys.size < max(_RUN_MIN, _GROWTH * run.keys.size):
            before = self._runs.pop()
            run = _sorted(np.concatenate([before.keys, run.keys]), np.concatenate([before.records, run.records]))
        self._runs.append(run)


def _sorted(keys: Keys, records: NDArray[Any]) -> _Run:
    order = np.argsort(keys, kind="stable")
    return _Run(keys[order], records[order])
