"""Gather the files of some cases straight from the history's columns, each case in the order that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.measuring.cases import (
    ACTION_RECORD,
    EXTRA_RECORD,
    LONE,
    NOTHING,
    STATES_OTHER,
    STATES_REASON,
    STATES_STEP,
    Actions,
    Cases,
    Extras,
    role_table,
)
from domain.zones import Zone
from projections.history.columns import History
from projections.tallies.case_chains import CaseChains, Chain, Codes, Kept
from projections.tallies.case_files import segment_of, states_of, write_record

ROWS_AT_ONCE: Final = 1 << 13
"""So many rows are gathered before they are folded: they stay in the processor's nearer caches."""

AHEAD: Final = 64
"""So many cases are walked over by turns before the first of them is written."""

_ROLES: Final = role_table()


class _Columns(NamedTuple):
    """What few rows state."""

    reason: Codes
    step: Codes
    rating: NDArray[np.uint8]
    due: NDArray[np.int64]


class Gatherer:
    """Gathers cases, for one thread. Its room is made once: making it costs more than filling it."""

    def __init__(self) -> None:
        self._order, self._ahead = np.empty(ROWS_AT_ONCE, np.int32), np.empty(AHEAD, np.int32)
        self._records, self._extras = _room(ROWS_AT_ONCE)

    def gathered(
        self, chains: CaseChains, history: History, subjects: Codes, zone: Zone, *, to_instant: bool
    ) -> Iterator[Cases]:
        """The cases of these subjects, some at a time; each is gone with the next. One without rows has none."""
        columns = _Columns(*(history.rows[name] for name in _Columns._fields))
        chain = chains.chain.view(np.recarray)
        kept, shares = chains.kept.view(np.recarray), chains.shares.view(np.recarray)
        starts = np.empty(subjects.size + 1, np.int64)
        begin = 0
        while begin < subjects.size:
            begin, cases = find_rows(subjects, begin, chain, chains.last, self._order, starts, self._ahead)
            if not cases and begin < subjects.size:
                self._order = np.empty(self._order.size * 2, np.int32)
                self._records, self._extras = _room(self._order.size)
                continue
            many = write_rows(
                self._order, int(starts[cases]), chain, *columns, kept, chains.share_row, _ROLES,
                zone.transitions, zone.offsets, to_instant, self._records, self._extras,
            )  # fmt: skip
            yield Cases(
                starts[: cases + 1],
                self._records[: starts[cases]].view(np.recarray),
                self._extras[:many].view(np.recarray),
                shares,
            )


def _room(size: int) -> tuple[Actions, Extras]:
    return np.empty(size, ACTION_RECORD).view(np.recarray), np.empty(size, EXTRA_RECORD).view(np.recarray)


@compiled
def find_rows(
    subjects: Codes, begin: int, chain: Chain, last: Codes, order: Codes, starts: NDArray[np.int64], ahead: Codes
) -> tuple[int, int]:
    """Write the rows of the cases of the subjects from `begin` on, until all are done or the next has no room.

    Returns the first subject not done, and how many cases there are.
    """
    filled, cases = 0, 0
    starts[0] = 0
    for number in range(begin, subjects.size):
        if (number - begin) % ahead.size == 0:
            fetch(subjects, number, min(subjects.size, number + ahead.size), chain, last, ahead)
        newest = last[subjects[number]] if subjects[number] < last.size else NOTHING
        row, length = newest, 0
        while row >= 0:
            row = chain[row].before
            length += 1
        if filled + length > order.size:
            return number, cases
        if length == 0:
            continue
        filled += length
        row, place = newest, filled
        while row >= 0:
            place -= 1
            order[place] = row
            row = chain[row].before
        cases += 1
        starts[cases] = filled
    return subjects.size, cases


@compiled
def fetch(subjects: Codes, begin: int, end: int, chain: Chain, last: Codes, ahead: Codes) -> None:
    """Walk over the cases of some subjects, one step in each by turns, and keep nothing.

    Which row comes next is known only when the last one has come from memory. So a processor waits for each row of
    one case, but fetches those of many cases at once; afterwards they are all near.
    """
    left = 0
    for number in range(begin, end):
        row = last[subjects[number]] if subjects[number] < last.size else NOTHING
        if row >= 0:
            ahead[left] = row
            left += 1
    while left > 0:
        still = 0
        for number in range(left):
            row = chain[ahead[number]].before
            if row >= 0:
                ahead[still] = row
                still += 1
        left = still


@compiled
def write_rows(
    order: Codes, size: int, chain: Chain, reason: Codes, step: Codes, rating: NDArray[np.uint8],
    due: NDArray[np.int64], kept: Kept, share_row: Codes, roles: NDArray[np.uint8],
    transitions: NDArray[np.int64], offsets: NDArray[np.int64], to_instant: bool, records: Actions, extras: Extras,
) -> int:  # fmt: skip
    """Write the records of the rows in this order, and extras of those that need one; returns how many extras."""
    segment, many = 0, 0
    for place in range(size):
        row = order[place]
        own = chain[row]
        known = own.told
        if known < 0:
            share = LONE - known if known <= LONE else NOTHING
            segment, many = write_row(
                row, int(roles[own.type]), own.time, own.type, own.unit, own.owner, own.procedure,
                reason[row] if own.states & STATES_REASON else NOTHING,
                step[row] if own.states & STATES_STEP else NOTHING,
                rating[row] if own.states & STATES_OTHER else 0,
                own.present, own.due_kind, due[row] if own.due_kind > 0 else 0, share, False,
                share_row, transitions, offsets, segment, to_instant, records, place, extras, many,
            )  # fmt: skip
        else:
            each = kept[known]
            segment, many = write_row(
                row, int(each.role), each.time, each.type, each.unit, each.owner, each.procedure, each.reason,
                each.step, each.rating, each.present, each.due_kind, each.due, each.shares, each.overturned,
                share_row, transitions, offsets, segment, to_instant, records, place, extras, many,
            )  # fmt: skip
    return many


@compiled
def write_row(
    row: int, role: int, time: int, kind: int, unit: int, owner: int, procedure: int, reason: int, step: int,
    rating: int, present: int, due_kind: int, due: int, share: int, overturned: bool,
    share_row: Codes, transitions: NDArray[np.int64], offsets: NDArray[np.int64], segment: int, to_instant: bool,
    records: Actions, place: int, extras: Extras, many: int,
) -> tuple[int, int]:  # fmt: skip
    """Write the record of one row; returns the segment of its time in the zone, and how many extras there are."""
    start, stop = 0, 0
    if share >= 0:
        start, stop = share, share + 1
        while share_row[stop] == row:
            stop += 1
    states, needed = states_of(role, due_kind, due, reason, step, stop > start, to_instant)
    segment = segment_of(transitions, time, segment)
    write_record(
        row + 1, role, time, kind, unit, owner, procedure, reason, step, rating, present, due_kind, due,
        start, stop, overturned, states, transitions, offsets, segment, records, place,
        extras, many if needed else NOTHING,
    )  # fmt: skip
    return segment, many + 1 if needed else many
