"""A table that is added to and taken from says what a tally of the same rows says."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.measuring.tally import TALLY_RECORD, Tally
from domain.measuring.tally_table import PLACES_MIN, TallyTable

CODES = st.integers(-1, 3)
ROWS = st.lists(
    st.tuples(st.integers(-3, 3), CODES, CODES, CODES, st.integers(-2, 2), st.integers(0, 2), st.integers(0, 900)),
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
    rows = np.zeros(5 * PLACES_MIN, TALLY_RECORD)
    rows["part"], rows["day"] = 1, np.arange(rows.size)
    table = TallyTable()

    for batch in np.array_split(rows, 7):
        table.add(batch)
    for batch in np.array_split(rows[PLACES_MIN:], 3):
        table.add(batch, sign=-1)

    assert table.tally(NAMES, NAMES, NAMES) == Tally(rows[:PLACES_MIN], NAMES, NAMES, NAMES)
