"""Put the rows of the history in order: by case and, within a case, as the contract says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain.compiled import compiled
from projections.history.columns import History

Rows = NDArray[np.int32]


def case_order(
    history: History, subject: NDArray[np.int32], chosen: NDArray[np.bool_], time: NDArray[np.int64]
) -> tuple[Rows, NDArray[np.int64], NDArray[np.int32]]:
    """(rows, starts, subjects): the chosen rows by subject code, time, and the rest of the contract's key.

    Rows come nearly sorted, so a count by subject and an insertion within each case are all it takes; only rows
    of one case and instant need their ids.
    """
    codes, code = _codes(subject, chosen)
    starts = np.zeros(codes.size + 1, np.int64)
    count_rows(code, chosen, starts)
    np.cumsum(starts, out=starts)
    order = np.empty(int(starts[-1]), np.int32)
    place_rows(code, chosen, starts[:-1].copy(), order)
    tied = np.zeros(order.size, np.bool_)
    if sort_within(starts, order, time, tied):
        where = np.flatnonzero(tied)
        rows = order[where]
        order[where] = rows[untied(history, rows, subject[rows], time[rows])]
    held = np.flatnonzero(np.diff(starts))
    return order, np.append(starts[:-1][held], order.size), codes[held]


def _codes(subject: NDArray[np.int32], chosen: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Subject codes in order, and the place of each row's among them: all codes there are, or, where these are
    many more than the rows, only those of the chosen rows."""
    size = int(subject.max(initial=-1)) + 1
    if size <= 2 * subject.size:
        return np.arange(size, dtype=np.int32), subject
    codes: NDArray[np.int32] = np.unique(subject[chosen])
    return codes, np.searchsorted(codes, subject).astype(np.int32)


@compiled
def count_rows(subject: NDArray[np.int32], chosen: NDArray[np.bool_], starts: NDArray[np.int64]) -> None:
    """Add the number of chosen rows of each subject to the entry after it."""
    for row in range(subject.size):
        if chosen[row]:
            starts[subject[row] + 1] += 1


@compiled
def place_rows(
    subject: NDArray[np.int32], chosen: NDArray[np.bool_], free: NDArray[np.int64], order: Rows
) -> None:
    """Put each chosen row into the next free place of its subject."""
    for row in range(subject.size):
        if chosen[row]:
            order[free[subject[row]]] = row
            free[subject[row]] += 1


@compiled
def sort_within(starts: NDArray[np.int64], order: Rows, time: NDArray[np.int64], tied: NDArray[np.bool_]) -> bool:
    """Sort each case by time, and mark rows that share theirs with another; returns whether there are any."""
    any_tied = False
    for case in range(starts.size - 1):
        for place in range(starts[case] + 1, starts[case + 1]):
            row = order[place]
            back = place
            while back > starts[case] and time[order[back - 1]] > time[row]:
                order[back] = order[back - 1]
                back -= 1
            order[back] = row
        for place in range(starts[case] + 1, starts[case + 1]):
            if time[order[place]] == time[order[place - 1]]:
                tied[place] = tied[place - 1] = any_tied = True
    return any_tied


def untied(
    history: History, rows: NDArray[Any], subject: NDArray[np.int32], time: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The order of rows by subject and instant, and where they share both by sequence, source and id."""
    sources = history.words_of("source")
    rank = np.empty(len(sources), np.int32)
    rank[sorted(range(len(sources)), key=sources.__getitem__)] = np.arange(len(sources), dtype=np.int32)
    ids = history.ids.take(rows)
    digits: Any = pc.utf8_ltrim(ids["sequence"].combine_chunks(), characters="0")
    columns: dict[str, Any] = {
        "subject": subject,
        "time": time,
        # Absent before present; digits by their value, however many there are.
        "numbered": pc.is_valid(digits).cast(pa.int8()),
        "length": pc.fill_null(pc.utf8_length(digits), 0),
        "digits": pc.fill_null(digits, ""),
        "source": rank[history.rows["source"][rows]],
        # Bytes of UTF-8 sort as code points do.
        "id": ids["id"].combine_chunks(),
    }
    keys = pa.table(columns)
    sorting: list[tuple[str, Any]] = [(name, "ascending") for name in keys.column_names]
    return pc.sort_indices(keys, sort_keys=sorting).to_numpy().astype(np.int64)
