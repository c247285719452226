"""Sums over selections of cells are those that adding up cell by cell gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.measuring.populations import CELLS
from domain.measuring.sums import Sums, sums_over

selections = st.lists(st.lists(st.integers(0, CELLS - 1), unique=True, max_size=CELLS), max_size=6)


@settings(deadline=None)
@given(selections=selections, subjects=st.integers(0, 9), seed=st.integers(0, 2**32 - 1))
def test_sums_over_selections_are_those_of_their_cells(
    selections: list[list[int]], subjects: int, seed: int
) -> None:
    cells = made_cells(subjects, seed)
    expected = [[sum(row[cell] for cell in selection) for row in cells.tolist()] for selection in selections]

    found = sums_over(cells, selections)

    assert found.shape == (len(selections), subjects)
    assert found.tolist() == expected


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_that_share_the_subjects_find_the_same(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.measuring.sums.SUBJECTS_MIN", 1)
    monkeypatch.setattr("domain.threads.processors", lambda: threads)
    cells = made_cells(7, threads)

    assert sums_over(cells, [range(CELLS), [3]]).tolist() == [cells.sum(axis=1).tolist(), cells[:, 3].tolist()]


def test_the_largest_total_is_that_of_all_cells_without_their_signs() -> None:
    cells = made_cells(5, 2)
    cells[3] *= -9
    sums = Sums([str(number) for number in range(5)], cells, {})

    assert (
        sums.largest == np.abs(cells).sum(axis=1).max() == -cells[3].clip(max=0).sum() + cells[3].clip(min=0).sum()
    )
    assert Sums([], cells[:0], {}).largest == 0


def made_cells(subjects: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return np.random.default_rng(seed).integers(-1_000_000, 3_000_000, (subjects, CELLS))
