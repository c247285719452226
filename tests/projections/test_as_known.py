"""Counting as of an earlier position counts what was known then, as if nothing had followed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.measuring.counting import Counts, Period, count_cases
from domain.measuring.populations import EVERYTHING
from domain.measuring.rollup import sizes_for
from domain.rules.calendars import load_calendar
from projections.tallies.as_known import counts_as_known
from projections.tallies.excerpt import CaseRows
from projections.tallies.tallies import count
from tests.drafted_actions import LIMITS, Event
from tests.strategies import histories, random_history
from tests.support.product import context, product, record

PERIOD = Period(19_750, 19_790, np.zeros(41, np.int32))


def assert_known_at(events: list[Event], parts: list[float]) -> None:
    rules = context(LIMITS, load_calendar("weekdays"))
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        record(kaoji, events)
        history = kaoji.history()
        words = history.words_of
        sizes = sizes_for("staff", words("staff"), [], [])
        counted, cases = count(history, rules), CaseRows()
        cases.grow(history)
        for part in parts:
            position = int(part * history.position)
            known = counts_as_known(counted, cases, position, PERIOD, sizes, asked=EVERYTHING, with_values=True)
            earlier = count(history.upto(position), rules)
            plain = count_cases(
                earlier.files.cases, earlier.files.spans, counted.rules, PERIOD, sizes,
                asked=EVERYTHING, with_values=True,
            )  # fmt: skip
            assert np.array_equal(known.persons, plain.persons)
            assert _values(known) == _values(plain)


def _values(counts: Counts) -> dict[tuple[int, ...], int]:
    sums: dict[tuple[int, ...], int] = {}
    for row in counts.valued:
        key = tuple(int(row[name]) for name in ("kind", "person", "value", "day"))
        sums[key] = sums.get(key, 0) + int(row["part"])
    return {key: part for key, part in sums.items() if part}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(events=histories(max_size=60), part=st.floats(0, 1))
def test_what_was_known_is_counted(events: list[Event], part: float) -> None:
    assert_known_at(events, [part])


@pytest.mark.parametrize("seed", range(4))
def test_what_was_known_is_counted_on_crowded_histories(seed: int) -> None:
    assert_known_at(random_history(seed, 400), [0, 0.1, 0.3, 0.5, 0.77, 0.99, 1])
