"""Gather the file of a case straight from the history's columns, in the order that is kept."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.hints import natural, prefetch
from domain.measuring.cases import (
    LONE,
    NOTHING,
    STATES_OTHER,
    STATES_REASON,
    STATES_STEP,
    Actions,
    Extras,
    role_table,
)
from projections.tallies.case_files import segment_of, states_of, write_record
from projections.tallies.chain_rows import Chain, Codes, Kept

ROLES: Final = role_table()


@compiled
def gather_case(
    subject: int, chain: Chain, last: Codes, reason: Codes, step: Codes, rating: NDArray[np.uint8],
    due: NDArray[np.int64], kept: Kept, share_row: Codes, roles: NDArray[np.uint8],
    transitions: NDArray[np.int64], offsets: NDArray[np.int64], to_instant: bool,
    order: Codes, records: Actions, extras: Extras,
) -> tuple[int, int]:  # fmt: skip
    """Write the records of a subject's case, and extras of those rows that need one. `order` takes its rows.

    Returns how many records and extras there are. Of a case for which there is no room no record is written; then
    the first number is larger than `order`.
    """
    size = 0
    row = newest(last, subject)
    while row >= 0:
        if size < order.size:
            order[order.size - 1 - size] = row
        size += 1
        row = chain[row].before
    if size > order.size:
        return size, 0
    segment, many = 0, 0
    for place in range(size):
        row = natural(order[order.size - size + place])
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
    return size, many


@compiled
def newest(last: Codes, subject: int) -> int:
    """The last row of a subject's case; NOTHING where it has none."""
    return int(last[subject]) if subject < last.size else NOTHING


@compiled
def fetch_cases(
    subjects: Codes, begin: int, end: int, chain: Chain, last: Codes, reason: Codes, step: Codes,
    due: NDArray[np.int64], kept: Kept, share_row: Codes, ahead: Codes,
) -> None:  # fmt: skip
    """Walk over the cases of some subjects, one step in each by turns, and have fetched what is kept of each row.

    Which row comes next is known only when the last one has come from memory. So a processor waits for each row of
    one case, but fetches those of many cases at once; afterwards they are all near. `ahead` has room for so many.
    """
    left = 0
    for number in range(begin, end):
        row = newest(last, subjects[number])
        if row >= 0:
            ahead[left] = row
            left += 1
    while left > 0:
        still = 0
        for number in range(left):
            row = natural(ahead[number])
            own = chain[row]
            prefetch(reason, row if own.states & STATES_REASON else 0)
            prefetch(step, row if own.states & STATES_STEP else 0)
            prefetch(due, row if own.due_kind > 0 else 0)
            prefetch(kept, natural(max(own.told, 0)))
            prefetch(share_row, natural(max(LONE - own.told, 0)))
            if own.before >= 0:
                ahead[still] = own.before
                still += 1
        left = still


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
