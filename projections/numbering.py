"""Find the numbers that are missing where a source numbers its actions, whatever the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain.compiled import compiled
from projections.history.columns import History

ROWS_AT_ONCE: Final = 1_000_000
DIGITS_MAX: Final = 18
"""Longer numbers are not looked at: they are no count of anything."""
SPARSE: Final = 10
"""Of the numbers of a stretch one in so many is there, and a count has so many numbers to each jump."""


@dataclass(frozen=True)
class Numbered:
    """What the actions of one source bear as `sequence`."""

    actions: int = 0
    """All of the source, with a number or without."""
    numbers: int = 0
    """Those with a number."""
    runs: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    """(first, last) of each unbroken run of numbers, ascending."""

    @property
    def present(self) -> int:
        """How many different numbers there are."""
        return int((self.runs[:, 1] - self.runs[:, 0] + 1).sum())

    @property
    def repeated(self) -> int:
        """How many actions bear a number that another one bears too."""
        return self.numbers - self.present

    @property
    def counts_on(self) -> bool:
        """Whether this looks like a count: half of the actions bear the next number, and one in ten at most jumps.

        The first reckons with repeats, so times are no count however thick they come: where they are few most
        steps are longer than one, where they are many most are none. Of times that come at random, at whatever
        rate, at most 41 in 100 are the next one: with r of them to a unit of time, (1 - exp(-r))² / r. The second
        keeps out times that come in bursts of a few.
        """
        if not len(self.runs):
            return False
        return 2 * (self.present - len(self.runs) + 1) >= self.numbers and SPARSE * self.jumps <= self.present

    @property
    def jumps(self) -> int:
        """How often the numbers go on somewhere else, with nothing missing in between."""
        return int(np.count_nonzero(self._jumps_behind))

    @property
    def missing(self) -> int:
        """How many numbers are missing."""
        gaps = self.gaps()
        return int((gaps[:, 1] - gaps[:, 0] + 1).sum())

    def gaps(self) -> NDArray[np.int64]:
        """(first, last) of each run of numbers that are missing between two of one stretch, ascending."""
        return self._between[~self._jumps_behind]

    def jumped(self) -> NDArray[np.int64]:
        """(first, last) of each run of numbers between two stretches, ascending."""
        return self._between[self._jumps_behind]

    @property
    def _between(self) -> NDArray[np.int64]:
        """(first, last) of what lies behind each run but the last one."""
        return np.column_stack((self.runs[:-1, 1] + 1, self.runs[1:, 0] - 1))

    @cached_property
    def _jumps_behind(self) -> NDArray[np.bool_]:
        """Whether another stretch begins behind each run but the last one."""
        jumps = np.zeros(max(len(self.runs) - 1, 0), np.bool_)
        mark_jumps(self.runs, jumps)
        return jumps


@compiled
def mark_jumps(runs: NDArray[np.int64], jumps: NDArray[np.bool_]) -> None:
    """Set `jumps[i]` where run i + 1 is too far from the stretch of run i to be of it.

    A stretch takes in the next run as long as one in ten numbers from its first to that run's last is there.
    """
    begun = present = 0
    for i in range(len(runs)):
        first, last = runs[i, 0], runs[i, 1]
        if i == 0:
            begun = first
        elif SPARSE * (present + last - first + 1) < last - begun + 1:
            jumps[i - 1] = True
            begun, present = first, 0
        present += last - first + 1


class Numbering:
    """The numbers of every source, read on as the history grows; runs are kept, not numbers."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._build, self._position = -1, 0
        self._sources: dict[str, Numbered] = {}

    def upto(self, history: History) -> dict[str, Numbered]:
        """What each source bears as numbers up to the history's position, by its name in order of code points."""
        with self._lock:
            if history.build != self._build or history.position < self._position:
                self._build, self._position, self._sources = history.build, 0, {}
            while self._position < history.position:
                end = min(history.position, self._position + ROWS_AT_ONCE)
                self._read(history, self._position, end)
                self._position = end
            return dict(sorted(self._sources.items()))

    def _read(self, history: History, begin: int, end: int) -> None:
        codes = history.rows["source"][begin:end]
        words = history.words_of("source")
        for code, actions in zip(*np.unique(codes[codes >= 0], return_counts=True), strict=True):
            source = self._sources.get(words[code], Numbered())
            self._sources[words[code]] = replace(source, actions=source.actions + int(actions))
        texts = history.ids.take(np.arange(begin, end))["sequence"]
        lengths = pc.fill_null(pc.utf8_length(texts), DIGITS_MAX + 1).to_numpy()
        kept = np.flatnonzero((lengths <= DIGITS_MAX) & (codes >= 0))
        if not len(kept):
            return
        numbers = texts.take(pa.array(kept, pa.int64())).cast(pa.int64()).to_numpy()
        codes = codes[kept]
        order = np.lexsort((numbers, codes))
        codes, numbers = codes[order], numbers[order]
        for at in np.split(np.arange(len(codes)), np.flatnonzero(np.diff(codes)) + 1):
            name, found = words[codes[at[0]]], numbers[at]
            source = self._sources[name]
            runs = _joined(np.concatenate((source.runs, np.column_stack((found, found)))))
            self._sources[name] = replace(source, numbers=source.numbers + len(found), runs=runs)


def _joined(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Runs in any order as ascending runs of which no two overlap or touch."""
    runs = runs[np.argsort(runs[:, 0], kind="stable")]
    reached = np.maximum.accumulate(runs[:, 1])
    begins = np.concatenate(([0], np.flatnonzero(runs[1:, 0] > reached[:-1] + 1) + 1))
    ends = np.concatenate((begins[1:], [len(runs)])) - 1
    return np.column_stack((runs[begins, 0], reached[ends]))
