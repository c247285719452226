"""Missing numbers are found per source, whatever the order, the batches and the duplicates; held to plain sets."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.numbering import Numbering

SOURCES = ("/a", "/b", "/案件")
Row = tuple[int, str | None]


def history(rows: list[Row], build: int = 1) -> Any:
    """As much of a history as is looked at."""
    codes = np.array([code for code, _ in rows], np.int32)
    return SimpleNamespace(
        build=build,
        position=len(rows),
        rows={"source": codes},
        ids=pa.table({"sequence": pa.array([text for _, text in rows], pa.string())}),
        words_of=lambda _: SOURCES,
    )


def reference(rows: list[Row]) -> dict[str, Any]:
    numbers: dict[str, list[int]] = defaultdict(list)
    actions: dict[str, int] = defaultdict(int)
    for code, text in rows:
        if code < 0:
            continue
        actions[SOURCES[code]] += 1
        if text is not None and len(text) <= 18:
            numbers[SOURCES[code]].append(int(text))
    found = {}
    for source in sorted(actions):
        there = set(numbers[source])
        span = range(min(there), max(there) + 1) if there else range(0)
        missing = [number for number in span if number not in there]
        found[source] = (
            actions[source], len(numbers[source]), len(numbers[source]) - len(there), missing,
            bool(there) and 10 * len(there) >= len(span),
        )  # fmt: skip
    return found


def told(numbering: Numbering, given: Any) -> dict[str, Any]:
    return {
        source: (
            each.actions, each.numbers, each.repeated,
            [number for first, last in each.gaps().tolist() for number in range(first, last + 1)], each.counts_on,
        )
        for source, each in numbering.upto(given).items()
    }  # fmt: skip


rows_drawn = st.lists(
    st.tuples(st.integers(-1, 2), st.none() | st.integers(0, 100).map(str) | st.sampled_from(["007", "9" * 19])),
    max_size=40,
)


@given(rows_drawn, st.integers(1, 7), st.lists(st.integers(0, 40), max_size=3))
def test_missing_numbers_are_those_that_a_set_lacks(rows: list[Row], size: int, stops: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("projections.numbering.ROWS_AT_ONCE", size)
        numbering = Numbering()
        for stop in sorted(stops):
            assert told(numbering, history(rows[:stop])) == reference(rows[:stop])
        assert told(numbering, history(rows)) == reference(rows)


def test_a_rebuilt_history_is_read_from_its_beginning() -> None:
    numbering = Numbering()
    assert told(numbering, history([(0, "1"), (0, "3")]))["/a"][3] == [2]
    assert told(numbering, history([(1, "5"), (1, "8"), (1, "6")], build=2)) == {"/b": (3, 3, 0, [7], True)}


def test_many_numbers_in_any_order_are_read_in_a_moment() -> None:
    order = list(range(1, 300_001))
    random.Random(5).shuffle(order)
    given = history([(0, str(number)) for number in order if number % 1000])
    begun = time.perf_counter()
    (found,) = Numbering().upto(given).values()
    assert (found.missing, found.repeated) == (299, 0)
    assert time.perf_counter() - begun < 5
