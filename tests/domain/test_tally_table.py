"""A table that is added to and taken from says what a tally of the same rows says."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.measuring.tally import TALLY_RECORD, Tally
from domain.measuring.tally_table import DAYS, PLACES_MORE, ROOM_MIN, TallyTable

CODES = st.integers(-1, 3)
DAYS_APART = st.integers(-2, 2).map(lambda number: number * DAYS)
ROWS = st.lists(
    st.tuples(
        st.integers(-3, 3),
        CODES,
        CODES,
        CODES,
        st.integers(-2, 2) | DAYS_APART,
        st.integers(-1, 2),
        st.integers(0, 900),
    ),
    max_size=40,
)
NAMES = ["a", "b", "c", "d"]
Row = tuple[int, ...]


def tally(rows: list[Row]) -> Tally:
    return Tally(np.array(rows, TALLY_RECORD), NAMES, NAMES, NAMES)


@settings(deadline=None)
@given(ROWS, ROWS)
def test_what_was_added_less_what_was_taken_away(some: list[Row], others: list[Row]) -> None:
    table = TallyTable()

    table.add(np.array(some, TALLY_RECORD))
    table.add(np.array(others, TALLY_RECORD), sign=-1)

    assert table.tally(NAMES, NAMES, NAMES) == tally(some) - tally(others)


def test_it_grows_with_its_keys_and_forgets_those_whose_sum_is_nought() -> None:
    rows = np.concatenate([keys(PLACES_MORE // 4, day) for day in (3, 4, 5, 3 + DAYS, -7)])
    kept = keys(50, 4)
    table = TallyTable()

    for batch in np.array_split(rows, 7):
        table.add(batch)
    for batch in np.array_split(rows, 3):
        table.add(batch, sign=-1)
    table.add(kept)

    assert table.tally(NAMES, NAMES, NAMES) == Tally(kept, NAMES, NAMES, NAMES)


def test_when_a_day_fills_its_places_those_of_other_days_stay_where_they_are() -> None:
    table = TallyTable()
    table.add(keys(100, 1))
    before = np.flatnonzero(table.places["day"] == 1)

    table.add(keys(PLACES_MORE, 2))

    assert np.array_equal(np.flatnonzero(table.places["day"] == 1), before)


def test_keys_that_come_and_go_take_no_more_places() -> None:
    table = TallyTable()
    coming_and_going = keys(100 * ROOM_MIN, 1)

    for batch in np.array_split(coming_and_going, 200):
        table.add(batch)
        table.add(batch, sign=-1)

    assert table.places.size <= 4 * ROOM_MIN


def test_places_that_a_day_leaves_are_taken_by_others() -> None:
    table = TallyTable()
    for _ in range(4):
        for day in range(64):
            table.add(keys(len(table) // 64 + 20, day))

    assert table.places.size < 5 * len(table)


def keys(many: int, day: int) -> NDArray[Any]:
    """So many keys of one day, each once."""
    rows = np.zeros(many, TALLY_RECORD)
    rows["part"], rows["day"], rows["value"] = 1, day, np.arange(many)
    return rows
