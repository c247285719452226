"""Count cases in one pass: fold each and add what it gives to dense sums by person, unit, procedure and the whole.

The pass is cut by cases over as many threads as there are processors; the sums are integers, so how it is cut
changes no bit of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.hints import natural, prefetch
from domain.measuring.cases import NOBODY, STATES_SHARES, Actions, Cases, Extras, Role, Shares
from domain.measuring.contributions import (
    CONTRIBUTION_RECORD,
    ROWS_PER_ACTION,
    Contributions,
    buffer_size,
    empty_contributions,
)
from domain.measuring.fold import EVERYS, HEAD, Index, fold_target, fold_walked
from domain.measuring.limits import Days, Rules, Versions
from domain.measuring.populations import CELLS, FIRST_CELL, NO_VALUE, STOCKS, VALUED, Population
from domain.measuring.spans import Spans, cases_reaching
from domain.measuring.tally import WHOLE
from domain.measuring.walk import Held, Landmarks, clear, hold, room_to_walk, step, walk
from domain.threads import at_once, processors

ROWS_AT_ONCE: Final = 512
"""So many contributions are kept before they are added up: they stay in the processor's nearest cache."""

CASES_AT_ONCE_MIN: Final = 20_000
"""Fewer cases are not worth another thread."""

ADDEND_RECORD = np.dtype([("place", np.uint64), ("part", np.int64)], align=True)
"""Millionths, and to which of the sums they are to be added.

Sums lie far from each other, and a processor that has written some places down beforehand fetches many at once,
where it would else wait for each.
"""

ADDENDS_AT_ONCE: Final = 512

CASES_AHEAD: Final = 8
"""So long before its turn a case is fetched; where it begins in memory, four times as long."""
ACTIONS_FETCHED: Final = 8
"""As many as most cases have."""
ACTIONS_IN_LINE: Final = 2
"""So many, and a part of another, are fetched with one line of the processor's cache."""

Addends: TypeAlias = "np.recarray[Any, Any]"
"""Records of ADDEND_RECORD."""
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
ACTIONS_CELL: Final = int(FIRST_CELL[Population.ACTION])
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

    A grid without rows was not asked for. All three are parts of `sums`. `valued` holds the contributions that
    have values, as they are.
    """

    sums: NDArray[np.int64]
    persons: Grid
    units: Grid
    procedures: Grid
    valued: NDArray[Any]

    def add(self, other: Counts, *, sign: int = 1) -> None:
        """Add what others counted; `sign=-1` takes it away."""
        (np.add if sign > 0 else np.subtract)(self.sums, other.sums, out=self.sums)
        theirs = other.valued.copy()
        theirs["part"] *= sign
        self.valued = np.concatenate([self.valued, theirs])

    @property
    def rows(self) -> tuple[int, int, int]:
        """How many rows the grids have."""
        return len(self.persons), len(self.units), len(self.procedures)


@dataclass(frozen=True)
class Sizes:
    """For how many subject codes there is to be room; 0 leaves a grid out. Persons, units, procedures: the last
    row of each is for what names none."""

    persons: int = 0
    units: int = 0
    procedures: int = 0

    def counts(self, trees: int) -> Counts:
        """Empty sums."""
        rows = (self.persons, self.units and (self.units - 1) * trees + 1, self.procedures)
        sums = np.zeros(sum(rows) * CELLS, np.int64)
        persons, units, procedures = np.split(sums.reshape(-1, CELLS), np.cumsum(rows)[:2])
        return Counts(sums, persons, units, procedures, np.empty(0, CONTRIBUTION_RECORD))


def count_cases(
    cases: Cases, spans: Spans, rules: Rules, period: Period, sizes: Sizes,
    *, asked: int, upto: int = HEAD, with_values: bool = False, threads: int | None = None,
) -> Counts:  # fmt: skip
    """Count all cases, which have these spans, over a period, as of position `upto`."""
    hands = threads or max(1, min(processors(), spans.size // CASES_AT_ONCE_MIN))
    one = _Pass(cases, spans, rules, period, sizes, asked, upto, with_values, hands)
    total, *others = at_once(one.of_hand, range(hands))
    for part in others:
        total.add(part)
    return total


def count_tally(rows: NDArray[Any], period: Period, sizes: Sizes, *, with_values: bool = False) -> Counts:
    """Add up the rows of a tally over a period."""
    counts = sizes.counts(period.trees)
    valued = np.empty(rows.size if with_values else 0, rows.dtype).view(np.recarray)
    kept = add_up(
        rows.view(np.recarray), rows.size, _addends(ADDENDS_AT_ONCE), counts.sums, *counts.rows, valued, 0,
        period.first, period.last, period.tree_of_day,
    )  # fmt: skip
    counts.valued = np.asarray(valued[:kept])
    return counts


def _addends(size: int) -> Addends:
    return np.empty(size, ADDEND_RECORD).view(np.recarray)


@dataclass(frozen=True)
class _Pass:
    cases: Cases
    spans: Spans
    rules: Rules
    period: Period
    sizes: Sizes
    asked: int
    upto: int
    with_values: bool
    hands: int

    def of_hand(self, hand: int) -> Counts:
        """Count the cases that are dealt to one of the hands, on this thread."""
        cases, period = self.cases, self.period
        chosen = cases_reaching(
            self.spans, from_day=period.first, to_day=period.last, upto=self.upto, hand=hand, hands=self.hands
        )
        counts = self.sizes.counts(period.trees)
        sharers, (landmarks, held) = cases.sharers, room_to_walk(cases.longest)
        buffer = empty_contributions(buffer_size(cases, rows=2 * ROWS_AT_ONCE))
        valued = empty_contributions(max(1 << 16, 2 * buffer.size) if self.with_values else 0)
        addends = _addends(ADDENDS_AT_ONCE + (sharers + 2) * (held.size + 1))
        chunks, begin = [], 0
        while begin < chosen.size:
            begin, filled = count_chosen(
                chosen, cases.starts, cases.actions, cases.extras, cases.shares, *self.rules,
                self.asked, self.upto, sharers, landmarks, held, begin, buffer, addends, counts.sums,
                *counts.rows, valued, period.first, period.last, period.tree_of_day,
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
    asked: int, upto: int, sharers: int, landmarks: Landmarks, held: Held, begin: int, buffer: Contributions,
    addends: Addends, sums: NDArray[np.int64], persons: int, units: int, procedures: int, valued: Contributions,
    from_day: int, to_day: int, tree_of_day: NDArray[np.int32],
) -> tuple[int, int]:  # fmt: skip
    """Fold the chosen cases from the one at `begin` on and add them up, until all are done or `valued` might not
    hold more.

    Returns the place of the first one not counted, and how many rows of `valued` are filled.
    """
    filled, kept, added = 0, 0, 0
    for place in range(begin, chosen.size):
        case = natural(chosen[place])
        first = natural(starts[case])
        stop = natural(starts[case + 1])
        fetch_ahead(chosen, place, starts, actions)
        if added >= ADDENDS_AT_ONCE:
            added = add_all(addends, added, sums)
        if filled >= ROWS_AT_ONCE or filled + (stop - first + 1) * ROWS_PER_ACTION * sharers > buffer.size:
            added = add_all(addends, added, sums)
            kept = add_up(
                buffer, filled, addends, sums, persons, units, procedures, valued, kept,
                from_day, to_day, tree_of_day,
            )  # fmt: skip
            filled = 0
            if 0 < valued.size < kept + buffer.size:
                return place, kept
        if actions[first].role >= Role.TARGET_SET:
            filled = fold_target(actions, extras, asked, upto, from_day, to_day, buffer, filled, first, stop)
            continue
        if asked & 1 << Population.ACTION:
            added = count_actions(
                actions, extras, shares, upto, from_day, to_day, tree_of_day, landmarks, held,
                addends, added, sums, persons, units, procedures, first, stop,
            )  # fmt: skip
        else:
            walk(actions, upto, first, stop, landmarks, held)
        filled = fold_walked(
            actions, extras, shares, by_instant, first_version, versions, stops, type_bits, step_bits,
            first_day, counted, working_days, days_min, asked, upto, from_day, to_day, landmarks, held,
            buffer, filled, first, stop,
        )  # fmt: skip
    add_all(addends, added, sums)
    kept = add_up(
        buffer, filled, addends, sums, persons, units, procedures, valued, kept, from_day, to_day, tree_of_day
    )
    return chosen.size, kept


@compiled
def fetch_ahead(chosen: NDArray[np.int32], place: int, starts: Index, actions: Actions) -> None:
    """Have cases fetched whose turn comes soon: those of a period do not all lie one behind the other."""
    last = chosen.size - 1
    prefetch(starts, natural(chosen[min(place + 4 * CASES_AHEAD, last)]))
    first = natural(starts[natural(chosen[min(place + CASES_AHEAD, last)])])
    for row in range(first, first + ACTIONS_FETCHED, ACTIONS_IN_LINE):
        prefetch(actions, row)


@compiled
def count_actions(
    actions: Actions, extras: Extras, shares: Shares, upto: int, from_day: int, to_day: int,
    tree_of_day: NDArray[np.int32], landmarks: Landmarks, held: Held,
    addends: Addends, added: int, sums: NDArray[np.int64],
    persons: int, units: int, procedures: int, first: int, stop: int,
) -> int:  # fmt: skip
    """Walk over a case, and count each action of its own on the way: they are most of all that is counted.

    Each is written down, and the next one over it where it did not count, for that cannot be foreseen either.
    """
    trees = tree_of_day[-1] + 1
    clear(landmarks)
    owner, unit, procedure, due = -1, NOBODY, NOBODY, -1
    for row in range(first, stop):
        own, owner, unit, procedure, due = step(actions, upto, row, landmarks, owner, unit, procedure, due)
        hold(held, row - first, owner, unit, procedure, due)
        day = int(actions[row].day)
        counts = own & (from_day <= day) & (day <= to_day)
        cell = ACTIONS_CELL + int(actions[row].marks & EVERYS)
        if persons:
            rest = WHOLE
            named = max(owner, first)
            if counts & (owner >= 0) & (actions[named].states & STATES_SHARES != 0):
                extra = actions[named].extra
                for share in range(extras[extra].share_start, extras[extra].share_stop):
                    rest -= shares[share].part
                    write(addends, added, sums, shares[share].staff * CELLS + cell, shares[share].part)
                    added += 1
            person = int(actions[named].owner) if owner >= 0 else persons - 1
            write(addends, added, sums, person * CELLS + cell, rest)
            added += counts
        if units:
            tree = tree_of_day[min(max(day, from_day), to_day) - from_day]
            line = unit * trees + tree if unit >= 0 else units - 1
            write(addends, added, sums, (persons + line) * CELLS + cell, WHOLE)
            added += counts
        if procedures:
            line = procedure if procedure >= 0 else procedures - 1
            write(addends, added, sums, (persons + units + line) * CELLS + cell, WHOLE)
            added += counts
    return added


@compiled
def write(addends: Addends, number: int, sums: NDArray[np.int64], place: int, part: int) -> None:
    """Write one down, and have its sum fetched meanwhile."""
    number, place = natural(number), natural(place)
    prefetch(sums, place)
    addends[number].place = place
    addends[number].part = part


@compiled
def add_all(addends: Addends, added: int, sums: NDArray[np.int64]) -> int:
    """Add so many to the sums; returns how many are left, none."""
    for number in range(added):
        sums[addends[number].place] += addends[number].part
    return 0


@compiled
def add_up(
    rows: NDArray[Any], size: int, addends: Addends, sums: NDArray[np.int64],
    persons: int, units: int, procedures: int, valued: NDArray[Any], kept: int,
    from_day: int, to_day: int, tree_of_day: NDArray[np.int32],
) -> int:  # fmt: skip
    """Add rows (contributions, or a tally's) to the sums of a period; returns how many of `valued` are filled.

    Rows of a flow count on the days of the period, and in the tree of their own day; rows of a stock count up to
    its last day, and in the tree of that day.
    """
    trees = tree_of_day[-1] + 1
    added = 0
    for number in range(size):
        row = rows[number]
        stock = IS_STOCK[row.kind >> 8]
        counts = (row.day <= to_day) & (stock | (row.day >= from_day))
        cell = int(CELL_OF_KIND[row.kind])
        if added + 4 > addends.size:
            added = add_all(addends, added, sums)
        if persons:
            line = int(row.person) if row.person >= 0 else persons - 1
            write(addends, added, sums, line * CELLS + cell, row.part)
            added += counts
        if units:
            on_day = tree_of_day[min(max(row.day, from_day), to_day) - from_day]
            line = row.unit * trees + (trees - 1 if stock else on_day) if row.unit >= 0 else units - 1
            write(addends, added, sums, (persons + line) * CELLS + cell, row.part)
            added += counts
        if procedures:
            line = int(row.procedure) if row.procedure >= 0 else procedures - 1
            write(addends, added, sums, (persons + units + line) * CELLS + cell, row.part)
            added += counts
        if valued.size and counts and IS_VALUED[row.kind >> 8] and row.value != NO_VALUE:
            valued[kept] = rows[number]
            kept += 1
    add_all(addends, added, sums)
    return kept
