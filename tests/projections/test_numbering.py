"""Missing numbers are found per source, whatever the order, the batches and the duplicates; held to plain sets."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.numbering import Numbered, Numbering

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
    return {source: (actions[source], *told_of(numbers[source])) for source in sorted(actions)}


def told_of(numbers: list[int]) -> tuple[Any, ...]:
    """By plain sets: how many, repeats, what is missing, what was jumped over, whether they are a count."""
    there = set(numbers)
    missing: list[int] = []
    jumped: list[tuple[int, int]] = []
    ones = begun = inside = 0
    for at, number in enumerate(sorted(there)):
        before = max((each for each in there if each < number), default=number)
        run = next(count for count in range(1, len(there) + 1) if number + count not in there)
        if at == 0:
            begun, inside = number, 0
        elif number == before + 1:
            ones += 1
        elif 10 * (inside + run) >= number + run - begun:
            missing += range(before + 1, number)
        else:
            jumped.append((before + 1, number - 1))
            begun, inside = number, 0
        inside += 1
    counts_on = bool(there) and 2 * (ones + 1) >= len(numbers) and 10 * len(jumped) <= len(there)
    return len(numbers), len(numbers) - len(there), missing, jumped, counts_on


def told(numbering: Numbering, given: Any) -> dict[str, Any]:
    found = {}
    for source, each in numbering.upto(given).items():
        missing = [number for first, last in each.gaps().tolist() for number in range(first, last + 1)]
        assert each.missing == len(missing)
        assert each.jumps == len(each.jumped())
        jumped = list(map(tuple, each.jumped().tolist()))
        found[source] = (each.actions, each.numbers, each.repeated, missing, jumped, each.counts_on)
    return found


def of_one_source(numbers: Iterable[int]) -> Numbered:
    (found,) = Numbering().upto(history([(0, str(number)) for number in numbers])).values()
    return found


BASES = (0, 1_000, 1_400, 2_025_000_001, 2_026_000_001, 10**18 - 31)
numbers_drawn = st.integers(0, 100) | st.builds(int.__add__, st.sampled_from(BASES), st.integers(0, 30))
rows_drawn = st.lists(
    st.tuples(st.integers(-1, 2), st.none() | numbers_drawn.map(str) | st.sampled_from(["007", "9" * 19])),
    max_size=60,
)


@settings(deadline=None)
@given(rows_drawn, st.integers(1, 7), st.lists(st.integers(0, 60), max_size=3))
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
    assert told(numbering, history([(1, "5"), (1, "8"), (1, "6")], build=2)) == {"/b": (3, 3, 0, [7], [], True)}


def test_a_far_off_number_silences_no_gaps() -> None:
    found = of_one_source([*set(range(1, 1001)) - {17, 500, 501}, 1_000_000])
    assert found.counts_on
    assert (found.gaps().tolist(), found.missing) == ([[17, 17], [500, 501]], 3)
    assert (found.jumped().tolist(), found.jumps) == ([[1001, 999_999]], 1)


def test_numbers_that_bear_the_year_jump_to_the_next_and_miss_nothing() -> None:
    found = of_one_source([*range(2025000001, 2025050001), *range(2026000001, 2026000030)])
    assert (found.counts_on, found.missing, found.jumped().tolist()) == (True, 0, [[2025050001, 2026000000]])
    found = of_one_source([*range(2025000001, 2025050001), *range(2026000003, 2026000030), 2026000031])
    # What is before the first number of a stretch cannot be known, as before the first of all
    assert (found.counts_on, found.gaps().tolist()) == (True, [[2026000030, 2026000030]])


def test_a_stretch_goes_on_while_one_in_ten_of_its_numbers_is_there() -> None:
    assert of_one_source([1, 2, 30]).gaps().tolist() == [[3, 29]]
    assert of_one_source([1, 2, 31]).jumped().tolist() == [[3, 30]]
    # What comes is reckoned as the run that it is
    assert of_one_source([1, 2, *range(66, 71)]).gaps().tolist() == [[3, 65]]
    assert of_one_source([1, 2, *range(67, 72)]).jumped().tolist() == [[3, 66]]


def test_what_is_a_count_is_told_from_what_is_none() -> None:
    def is_a_count(*numbers: int) -> bool:
        return of_one_source(numbers).counts_on

    assert is_a_count(5)
    assert is_a_count(1, 4)
    assert is_a_count(*range(1, 100))
    assert is_a_count(*range(1, 10), 1_000_000)
    # Fewer than ten numbers to a jump; numbers by twos; two numbers in three given twice
    assert not is_a_count(*range(1, 9), 1_000_000)
    assert not is_a_count(*range(1, 100, 2))
    assert not is_a_count(*range(1, 30), 31, *range(1, 30))
    (nothing,) = Numbering().upto(history([(0, None)])).values()
    assert (nothing.counts_on, nothing.missing, nothing.jumps) == (False, 0, 0)


@pytest.mark.parametrize("unit", [1, 1000], ids=["seconds", "milliseconds"])
@pytest.mark.parametrize("a_unit", [0.001, 0.05, 0.1, 0.2, 0.5, 0.7, 1, 1.25, 2, 5])
def test_times_are_no_count_at_whatever_rate_they_come(unit: int, a_unit: float) -> None:
    draw = np.random.default_rng(7)
    days = 1_711_929_600 + 86_400 * np.arange(20)
    times = [unit * day + draw.exponential(1 / a_unit, 500).cumsum().astype(np.int64) for day in days]
    assert not of_one_source(np.concatenate(times).tolist()).counts_on


@pytest.mark.parametrize("actions", [2, 3, 5, 9])
def test_times_in_bursts_are_no_count_though_each_burst_is_unbroken(actions: int) -> None:
    draw = np.random.default_rng(7)
    begins = 1_711_929_600_000 + draw.integers(0, 10**9, 500)
    assert not of_one_source((begins[:, None] + np.arange(actions)).ravel().tolist()).counts_on


def test_many_numbers_may_come_in_any_order() -> None:
    order = list(range(1, 300_001))
    random.Random(5).shuffle(order)
    given = history([(0, str(number)) for number in order if number % 1000])
    (found,) = Numbering().upto(given).values()
    assert (found.missing, found.repeated) == (299, 0)
