"""What cases rest on is found by chains that grow with the history, and is what a plain scan finds."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.history.columns import History
from projections.tallies.entries import Entries
from projections.tallies.excerpt import SAYING, CaseRows
from tests.strategies import random_history
from tests.support.product import product, record

keys = st.lists(st.integers(-1, 6), max_size=20)


@settings(deadline=None)
@given(batches=st.lists(keys, max_size=5), asked=st.lists(st.integers(0, 9), unique=True, max_size=5))
def test_entries_are_found_by_what_they_name_the_newest_first(batches: list[list[int]], asked: list[int]) -> None:
    entries = Entries()
    for batch in batches:
        entries.grow(np.array(batch, np.int32))

    named = [key for batch in batches for key in batch]
    assert entries.of(np.array(asked, np.int32)).tolist() == [
        number for key in asked for number in reversed(range(len(named))) if named[number] == key
    ]


def test_more_entries_than_there_is_room_for_at_first_are_all_found() -> None:
    entries = Entries()
    for _ in range(3):
        entries.grow(np.zeros(5_000, np.int64))
    assert entries.of(np.array([0, 1, 2_000_000])).tolist() == list(reversed(range(15_000)))


@pytest.mark.parametrize("seed", range(3))
def test_what_cases_rest_on_is_what_a_scan_of_all_links_finds(seed: int, tmp_path: Path) -> None:
    # Given a crowded history that was taken in piece by piece
    with product(tmp_path) as kaoji:
        record(kaoji, random_history(200 + seed, 400))
        history, cases = kaoji.history(), CaseRows()
        for position in (3, 50, 51, 300, history.position):
            cases.grow(history.upto(position))
        # When single rows and subjects are asked for, then all that is linked with them is there
        longest = 0
        for row in range(history.position):
            expected = linked_by_scan(history, {row})
            longest = max(longest, len(expected))
            assert cases.linked(np.array([row])).tolist() == sorted(expected)
        assert longest > 2, "something is linked over more than one link"
        for subject in range(len(history.words_of("subject"))):
            means = (history.rows["subject"] == subject) | (history.rows["of_case"] == subject)
            own = set(np.flatnonzero(means).tolist())
            rows = cases.rows_of(np.array([subject], np.int32))
            assert rows.tolist() == sorted(own | linked_by_scan(history, own))
            # And an excerpt holds what the other parts say of these rows
            excerpt = cases.excerpt(rows)
            for name in SAYING:
                target = getattr(history, name)["target"] - 1
                assert getattr(excerpt, name)["target"].size == np.isin(target, rows).sum()


def linked_by_scan(history: History, rows: Set[int]) -> set[int]:
    """The rows that some rows are linked with, and they themselves where they are linked."""
    links = [(own - 1, target - 1) for own, target in zip(*(history.links[end] for end in ENDS), strict=True)]
    found: set[int] = set()
    while more := {end for link in links if {*link} & {*rows, *found} for end in link} - found:
        found |= more
    return {int(row) for row in found}


ENDS = ("position", "target")
