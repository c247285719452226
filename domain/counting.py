"""Count cases in one pass: fold each and add what it gives to dense sums by person, unit, procedure and the whole.

The pass is cut by cases over as many threads as there are processors; the sums are integers, so how it is cut
changes no bit of them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.cases import Actions, Cases, Extras, Shares
from domain.compiled import compiled, processors
from domain.fold import (
    CONTRIBUTION_RECORD,
    HEAD,
    ROWS_PER_ACTION,
    Contributions,
    Index,
    buffer_size,
    empty_contributions,
    fold_one,
    sharers_max,
)
from domain.limits import Days, Rules, Versions
from domain.populations import CELLS, FIRST_CELL, STOCKS, VALUED, Population
from domain.spans import Spans, cases_reaching

ROWS_AT_ONCE: Final = 512
"""So many contributions are kept before they are added up: they stay in the processor's nearest cache."""

CASES_AT_ONCE_MIN: Final = 20_000
"""Fewer cases are not worth another thread."""

Grid = NDArray[np.int64]
"""Millionths by subject code and cell."""


def _cells_of_kinds() -> NDArray[np.int16]:
    """Cell of each kind (population << 8 | pattern); -1 where there is none."""
    table = np.full(len(Population) << 8, -1, np.int16)
    for population in Population:
        first, last = int(FIRST_CELL[population]), int(FIRST_CELL[population + 1])
        table[population << 8 : (population << 8) + last - first] = np.arange(first, last)
    return table


CELL_OF_KIND: Final = _cells_of_kinds()
IS_STOCK: Final = np.isin(np.arange(len(Population)), sorted(STOCKS))
IS_VALUED: Final = np.isin(np.arange(len(Population)), sorted(VALUED))


@dataclass(frozen=True)
class Period:
    """Days to count, both inclusive, and the trees of units that stand on them.

    `tree_of_day[d]` is the number of the tree on day `first + d`; a stock counts in that of the last day.
    """

    first: int
    last: int
    tree_of_day: NDArray[np.int32]

    @property
    def trees(self) -> int:
        """How many trees there are."""
        return int(self.tree_of_day[-1]) + 1


@dataclass
class Counts:
    """Sums over a period. `units` has a row for each unit and tree: unit code x trees + tree.

    A grid without rows was not asked for. `valued` holds the contributions that have values, as they are.
    """

    persons: Grid
    units: Grid
    procedures: Grid
    valued: NDArray[Any]

    def add(self, other: Counts, *, sign: int = 1) -> None:
        """Add what others counted; `sign=-1` takes it away."""
        for name in ("persons", "units", "procedures"):
            mine = getattr(self, name)
            mine += sign * getattr(other, name)
        theirs = other.valued.copy()
        theirs["part"] *= sign
        self.valued = np.concatenate([self.valued, theirs])


@dataclass(frozen=True)
class Sizes:
    """For how many subject codes there is to be room; 0 leaves a grid out. Persons, units, procedures: the last
    row of each is for what names none."""

    persons: int = 0
    units: int = 0
    procedures: int = 0

    def counts(self, trees: int) -> Counts:
        """Empty sums."""
        return Counts(
            persons=_grid(self.persons),
            units=_grid(self.units and (self.units - 1) * trees + 1),
            procedures=_grid(self.procedures),
            valued=np.empty(0, CONTRIBUTION_RECORD),
        )


def _grid(rows: int) -> Grid:
    return np.zeros((rows, CELLS), np.int64)


def count_cases(
    cases: Cases, spans: Spans, rules: Rules, period: Period, sizes: Sizes,
    *, asked: int, upto: int = HEAD, with_values: bool = False, threads: int | None = None,
) -> Counts:  # fmt: skip
    """Count all cases, which have these spans, over a period, as of position `upto`."""
    chosen = cases_reaching(spans, from_day=period.first, to_day=period.last, upto=upto)
    threads = threads or max(1, min(processors(), chosen.size // CASES_AT_ONCE_MIN))
    one = _Pass(cases, rules, period, sizes, asked, upto, with_values)
    if threads == 1:
        return one.over(chosen)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(one.over, np.array_split(chosen, threads)))
    total = parts[0]
    for part in parts[1:]:
        total.add(part)
    return total


def count_tally(rows: NDArray[Any], period: Period, sizes: Sizes, *, with_values: bool = False) -> Counts:
    """Add up the rows of a tally over a period."""
    counts = sizes.counts(period.trees)
    valued = np.empty(rows.size if with_values else 0, rows.dtype).view(np.recarray)
    kept = add_up(
        rows.view(np.recarray), rows.size, valued, 0, period.first, period.last, period.tree_of_day,
        counts.persons, counts.units, counts.procedures,
    )  # fmt: skip
    counts.valued = np.asarray(valued[:kept])
    return counts


@dataclass(frozen=True)
class _Pass:
    cases: Cases
    rules: Rules
    period: Period
    sizes: Sizes
    asked: int
    upto: int
    with_values: bool

    def over(self, chosen: NDArray[np.int32]) -> Counts:
        """Count the chosen cases on this thread."""
        cases, period = self.cases, self.period
        counts = self.sizes.counts(period.trees)
        buffer = empty_contributions(buffer_size(cases, rows=2 * ROWS_AT_ONCE))
        room = max(1 << 16, 2 * buffer.size) if self.with_values else 0
        valued = empty_contributions(room)
        sharers, chunks, begin = sharers_max(cases), [], 0
        while begin < chosen.size:
            begin, filled = count_chosen(
                chosen, cases.starts, cases.actions, cases.extras, cases.shares, *self.rules,
                self.asked, self.upto, sharers, begin, buffer, valued,
                period.first, period.last, period.tree_of_day,
                counts.persons, counts.units, counts.procedures,
            )  # fmt: skip
            chunks.append(np.asarray(valued[:filled]).copy())
        counts.valued = np.concatenate([counts.valued, *chunks])
        return counts


@compiled
def count_chosen(
    chosen: NDArray[np.int32], starts: Index, actions: Actions, extras: Extras, shares: Shares,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    asked: int, upto: int, sharers: int, begin: int, buffer: Contributions, valued: Contributions,
    from_day: int, to_day: int, tree_of_day: NDArray[np.int32],
    persons: Grid, units: Grid, procedures: Grid,
) -> tuple[int, int]:  # fmt: skip
    """Fold the chosen cases from the one at `begin` on and add them up, until all are done or `valued` might not
    hold more.

    Returns the place of the first one not counted, and how many rows of `valued` are filled.
    """
    filled, kept = 0, 0
    for place in range(begin, chosen.size):
        case = chosen[place]
        first = starts[case]
        stop = starts[case + 1]
        if filled >= ROWS_AT_ONCE or filled + (stop - first + 1) * ROWS_PER_ACTION * sharers > buffer.size:
            kept = add_up(buffer, filled, valued, kept, from_day, to_day, tree_of_day, persons, units, procedures)
            filled = 0
            if 0 < valued.size < kept + buffer.size:
                return place, kept
        filled = fold_one(
            actions, extras, shares, by_instant, first_version, versions, stops, type_bits, step_bits,
            first_day, counted, working_days, days_min, asked, upto, from_day, to_day, buffer, filled, first, stop,
        )  # fmt: skip
    kept = add_up(buffer, filled, valued, kept, from_day, to_day, tree_of_day, persons, units, procedures)
    return chosen.size, kept


@compiled
def add_up(
    rows: NDArray[Any], size: int, valued: NDArray[Any], kept: int,
    from_day: int, to_day: int, tree_of_day: NDArray[np.int32],
    persons: Grid, units: Grid, procedures: Grid,
) -> int:  # fmt: skip
    """Add rows (contributions, or a tally's) to the sums of a period; returns how many of `valued` are filled.

    Rows of a flow count on the days of the period, and in the tree of their own day; rows of a stock count up to
    its last day, and in the tree of that day.
    """
    trees = tree_of_day[-1] + 1
    for number in range(size):
        row = rows[number]
        population = row.kind >> 8
        if row.day > to_day:
            continue
        if row.day < from_day and not IS_STOCK[population]:
            continue
        cell = CELL_OF_KIND[row.kind]
        if persons.shape[0]:
            persons[row.person, cell] += row.part
        if procedures.shape[0]:
            procedures[row.procedure, cell] += row.part
        if units.shape[0]:
            tree = trees - 1 if IS_STOCK[population] else tree_of_day[row.day - from_day]
            units[row.unit * trees + tree if row.unit >= 0 else -1, cell] += row.part
        if valued.size and IS_VALUED[population]:
            valued[kept] = rows[number]
            kept += 1
    return kept
