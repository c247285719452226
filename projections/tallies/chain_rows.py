"""The chain of each case: which row stands before which, and how rows are put in and taken out."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.hints import natural, prefetch
from domain.measuring.cases import NOTHING, STATES_OTHER, STATES_REASON, STATES_STEP

Codes = NDArray[np.int32]
Rows = NDArray[np.int64]
Chain = Any
"""Records of CHAIN_RECORD."""
Kept = Any
"""Records of KEPT_RECORD."""

CHAIN_RECORD: Final = np.dtype(
    [
        ("time", np.int64),
        ("unit", np.int32),
        ("owner", np.int32),
        ("procedure", np.int32),
        ("before", np.int32),  # the row before it in its case
        # NOTHING: as recorded. From LONE down: the same, and its shares begin at LONE less this. Else: number of
        # what is kept of it.
        ("told", np.int32),
        ("type", np.uint8),
        ("present", np.uint8),
        ("due_kind", np.uint8),
        ("states", np.uint8),  # whether it states a reason, a step, or a rating (STATES_OTHER)
    ],
    align=True,
)
"""A row as it was recorded, and where it stands: what is asked of every row of a case that is gathered lies
together, so that a row is one way to memory, and not one for each column. 32 bytes."""

KEPT_RECORD: Final = np.dtype(
    [
        ("time", np.int64),
        ("due", np.int64),
        ("subject", np.int32),  # in whose case it stands
        ("unit", np.int32),
        ("owner", np.int32),
        ("procedure", np.int32),
        ("reason", np.int32),
        ("step", np.int32),
        ("shares", np.int32),  # where its participants' shares begin; NOTHING: it has none
        ("type", np.uint8),
        ("role", np.uint8),
        ("due_kind", np.uint8),
        ("rating", np.uint8),
        ("present", np.uint8),
        ("stands", np.bool_),
        ("overturned", np.bool_),
    ],
    align=True,
)
"""An action of which others say something, or which speaks of others: as all of them leave it."""

AHEAD: Final = 16
"""So many rows before its turn the newest row of a case is fetched; where to find it, twice as many."""


@compiled
def fill(
    chain: Chain, time: NDArray[np.int64], unit: Codes, owner: Codes, procedure: Codes, kind: NDArray[np.uint8],
    present: NDArray[np.uint8], due_kind: NDArray[np.uint8], reason: Codes, step: Codes, rating: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Write the records of some rows, as they were recorded; they stand in no case yet."""
    for row in range(chain.size):
        own = chain[row]
        own.time = time[row]
        own.unit = unit[row]
        own.owner = owner[row]
        own.procedure = procedure[row]
        own.before = own.told = NOTHING
        own.type = kind[row]
        own.present = present[row]
        own.due_kind = due_kind[row]
        own.states = (
            (STATES_REASON if reason[row] >= 0 else 0)
            | (STATES_STEP if step[row] >= 0 else 0)
            | (STATES_OTHER if rating[row] > 0 else 0)
        )


@compiled
def time_of(row: int, chain: Chain, kept: Kept) -> int:
    """The instant of an action, as it was recorded or as it was corrected to."""
    return int(kept[chain[row].told].time) if chain[row].told >= 0 else int(chain[row].time)


@compiled
def take_out(rows: Rows, subjects: Codes, chain: Chain, last: Codes) -> None:
    """Take rows out of the cases of these subjects; of NOTHING: it stands in none."""
    for number in range(rows.size):
        if subjects[number] < 0:
            continue
        above = -1
        row = last[subjects[number]]
        while row != rows[number]:
            above = row
            row = chain[row].before
        if above < 0:
            last[subjects[number]] = chain[row].before
        else:
            chain[above].before = chain[row].before


@compiled
def join(
    rows: Rows, subjects: Codes, chain: Chain, kept: Kept, last: Codes,
    tied: Rows,
) -> int:  # fmt: skip
    """Put rows into the cases of these subjects, in order of time.

    Returns how many share their instant with another of their case; `tied` says which, by their number.
    """
    many = 0
    for number in range(rows.size):
        fetch_newest(subjects, number, chain, last)
        own = time_of(rows[number], chain, kept)
        above = -1
        row = last[subjects[number]]
        while row >= 0 and time_of(row, chain, kept) > own:
            above = row
            row = chain[row].before
        if row >= 0 and time_of(row, chain, kept) == own:
            tied[many] = number
            many += 1
        chain[rows[number]].before = row
        if above < 0:
            last[subjects[number]] = rows[number]
        else:
            chain[above].before = rows[number]
    return many


@compiled
def fetch_newest(subjects: Codes, number: int, chain: Chain, last: Codes) -> None:
    """Have the newest rows of cases fetched whose turn comes soon."""
    end = subjects.size - 1
    prefetch(last, natural(subjects[min(number + 2 * AHEAD, end)]))
    prefetch(chain, natural(max(last[subjects[min(number + AHEAD, end)]], 0)))


@compiled
def find_equals(
    rows: Rows, subjects: Codes, chain: Chain, kept: Kept, last: Codes,
    found: Rows, found_of: Codes,
) -> int:  # fmt: skip
    """Write the rows that share the instant of some rows in the cases of these subjects, and the subjects.

    Returns how many, or less than 0: minus the room that it takes.
    """
    filled = 0
    for number in range(rows.size):
        own = time_of(rows[number], chain, kept)
        row = last[subjects[number]]
        while time_of(row, chain, kept) > own:
            row = chain[row].before
        while row >= 0 and time_of(row, chain, kept) == own:
            if filled < found.size:
                found[filled] = row
                found_of[filled] = subjects[number]
            filled += 1
            row = chain[row].before
    return filled if filled <= found.size else -filled


@compiled
def put_in_order(
    rows: Rows, subjects: Codes, times: NDArray[np.int64], chain: Chain, kept: Kept, last: Codes,
) -> None:  # fmt: skip
    """Give rows that stand in these cases the order in which they come here, among those of their instant; all of
    one case and instant come one after the other."""
    begin = 0
    while begin < rows.size:
        end = begin + 1
        while end < rows.size and subjects[end] == subjects[begin] and times[end] == times[begin]:
            end += 1
        above = -1
        row = last[subjects[begin]]
        while time_of(row, chain, kept) > times[begin]:
            above = row
            row = chain[row].before
        while row >= 0 and time_of(row, chain, kept) == times[begin]:
            row = chain[row].before
        for number in range(begin, end):
            chain[rows[number]].before = row
            row = rows[number]
        if above < 0:
            last[subjects[begin]] = row
        else:
            chain[above].before = row
        begin = end
