"""What the product counts is what the reference counts, in every population, on histories of all kinds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.bootstrap import Kaoji
from domain.measuring.populations import ATTRIBUTES, FIRST_CELL, Population
from domain.measuring.rollup import UNKNOWN_PROCESS, By
from domain.measuring.sums import Sums
from domain.measuring.tally import WHOLE
from domain.rules.calendars import load_calendar, to_day
from domain.rules.context import Context
from projections.directory import DirectoryProjection, directory_as_known
from projections.tallies.tallies import count
from tests.drafted_actions import LIMITS, Event
from tests.reference.populations import ReferenceSums, reference_populations
from tests.strategies import batches, histories, periods, random_history, working_weekday
from tests.support.product import context, product, record

CELL_NAMES = [
    (population, frozenset(name for bit, name in enumerate(ATTRIBUTES[population]) if pattern >> bit & 1))
    for population in Population
    for pattern in range(int(FIRST_CELL[population + 1] - FIRST_CELL[population]))
]
KINDS: tuple[By, ...] = ("all", "staff", "unit", "process")


def product_sums(kaoji: Kaoji, rules: Context, from_day: date, to_day: date, by: By) -> Sums:
    history = kaoji.history()
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, DirectoryProjection.name)
        directory = directory_as_known(kaoji.views, connection, build, history, kaoji.ledger, rules.zone)
    return count(history, rules).sums(
        directory, from_day=to_day_number(from_day), to_day=to_day_number(to_day), by=by
    )


def to_day_number(day: date) -> int:
    return to_day(day)


def told(sums: Sums) -> dict[str, ReferenceSums]:
    """Sums of the product in the reference's words."""
    found = {}
    for number, subject in enumerate(sums.subjects):
        cells = {
            (NAMES[population], attributes): Fraction(int(sums.cells[number, cell]), WHOLE)
            for cell, (population, attributes) in enumerate(CELL_NAMES)
            if sums.cells[number, cell]
        }
        values = {
            (NAMES[population], value): Fraction(part, WHOLE)
            for population, each in sums.values.items()
            for value, part in each.of(number)
        }
        found[subject] = ReferenceSums(cells, values)
    return found


NAMES = {population: population.name.lower() for population in Population}


def assert_equal_to_reference(
    events: Sequence[Event], sizes: Sequence[int], days: tuple[date, date], precision: str
) -> None:
    rules = context(LIMITS, load_calendar("weekdays"), precision=precision)
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        record(kaoji, events, batches=sizes)
        for by in KINDS:
            ours = told(product_sums(kaoji, rules, *days, by))
            expected = reference_populations(
                events,
                from_day=days[0],
                to_day=days[1],
                by=by,
                due_precision=precision,  # type: ignore[arg-type]  # a strategy's str
                limits=LIMITS,
                working_day=working_weekday,
            )
            ours.pop(UNKNOWN_PROCESS, None)
            for subject in {*ours, *expected}:
                mine, theirs = (found.get(subject, ReferenceSums({}, {})) for found in (ours, expected))
                assert _differing(mine.cells, theirs.cells) == {}, (by, subject)
                assert _differing(mine.values, theirs.values) == {}, (by, subject)


def _differing(ours: dict[Any, Fraction], theirs: dict[Any, Fraction]) -> dict[Any, Any]:
    return {key: (ours.get(key), theirs.get(key)) for key in {*ours, *theirs} if ours.get(key) != theirs.get(key)}


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(events=histories(), sizes=batches(3), days=periods(), precision=st.sampled_from(["day", "instant"]))
def test_counts_equal_the_reference(
    events: list[Event], sizes: list[int], days: tuple[date, date], precision: str
) -> None:
    assert_equal_to_reference(events, sizes, days, precision)


@pytest.mark.parametrize("seed", range(8))
def test_counts_equal_the_reference_on_crowded_histories(seed: int) -> None:
    events = random_history(seed, 400)
    assert_equal_to_reference(events, [31, 97, 150], (date(2024, 2, 1), date(2024, 2, 29)), "day")
    assert_equal_to_reference(events, [200], (date(2024, 1, 1), date(2024, 12, 31)), "instant")
