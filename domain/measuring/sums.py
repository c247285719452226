"""What was counted for each subject of one kind: the sums that scoring starts from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.measuring.populations import CELLS, FIRST_CELL, VALUED, Population, cell


class Values(NamedTuple):
    """How often each value occurred, as a histogram by subject.

    Rows are sorted by (subject, value), unique in both, and none is zero. `subject` indexes `Sums.subjects`,
    `part` is in millionths of a member.
    """

    subject: NDArray[np.int32]
    value: NDArray[np.int32]
    part: NDArray[np.int64]

    def of(self, subject: int) -> list[tuple[int, int]]:
        """The (value, part) of one subject, values rising."""
        first, stop = np.searchsorted(self.subject, [subject, subject + 1]).tolist()
        return list(zip(self.value[first:stop].tolist(), self.part[first:stop].tolist(), strict=True))

    @staticmethod
    def none() -> Values:
        """No value of anybody."""
        return Values(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64))


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over a period. `cells` has a row for each subject and a column for each cell, in millionths.

    Subjects are in order of code points, each once. Flows count on the days of the period; stocks as they stand
    on its last day. `values` holds the histograms of the populations whose values were asked for.
    """

    subjects: Sequence[str]
    cells: NDArray[np.int64]
    values: Mapping[Population, Values]

    def __post_init__(self) -> None:
        assert self.cells.dtype == np.int64, f"cells are {self.cells.dtype}, not int64"
        assert self.cells.shape == (len(self.subjects), CELLS), f"cells have the shape {self.cells.shape}"

    def __len__(self) -> int:
        return len(self.subjects)

    @cached_property
    def by_cell(self) -> NDArray[np.int64]:
        """The cells turned round, a row for each cell: sums over some cells run through memory in order."""
        return np.ascontiguousarray(self.cells.T)

    @cached_property
    def largest(self) -> int:
        """No sum over some cells of a subject is larger than this."""
        total = np.zeros(len(self), np.int64)
        for cell_sums in self.by_cell:  # one after the other, so that they stay in the processor's caches
            total += np.abs(cell_sums)
        return int(total.max(initial=0))

    def row(self, subject: str) -> NDArray[np.int64]:
        """The cells of one subject; all zero where nothing was counted for it."""
        at = bisect_left(self.subjects, subject)
        row = np.zeros(CELLS, np.int64)
        if at < len(self.subjects) and self.subjects[at] == subject:
            row += self.cells[at]
        return row

    @staticmethod
    def of(
        rows: Mapping[str, Mapping[tuple[Population, int], int]],
        values: Mapping[str, Mapping[Population, Mapping[int, int]]] | None = None,
    ) -> Sums:
        """Sums from texts: subject -> (population, pattern) -> millionths, and subject -> population -> value ->
        millionths; the slow door, for tests and references."""
        told = values or {}
        subjects = sorted({*rows, *told})
        cells = np.zeros((len(subjects), CELLS), np.int64)
        for number, subject in enumerate(subjects):
            for (population, pattern), part in rows.get(subject, {}).items():
                assert FIRST_CELL[population] + pattern < FIRST_CELL[population + 1], (
                    "a pattern of that population"
                )
                cells[number, cell(population, pattern)] += part
        asked = {population for of_subject in told.values() for population in of_subject}
        assert asked <= VALUED, "only some populations have values"
        return Sums(subjects, cells, {each: _histogram(subjects, told, each) for each in sorted(asked)})


def _histogram(
    subjects: Sequence[str], told: Mapping[str, Mapping[Population, Mapping[int, int]]], population: Population
) -> Values:
    rows = [
        (number, value, part)
        for number, subject in enumerate(subjects)
        for value, part in sorted(told.get(subject, {}).get(population, {}).items())
        if part
    ]
    return Values(
        np.array([row[0] for row in rows], np.int32),
        np.array([row[1] for row in rows], np.int32),
        np.array([row[2] for row in rows], np.int64),
    )
