"""The product's counts are those of the reference, on histories of all kinds, in any order and batching."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.bootstrap import Kaoji
from domain.measuring.rollup import UNKNOWN_PROCESS
from domain.measuring.tally import WHOLE
from domain.policies.measures import standard_measures
from domain.rules.calendars import load_calendar
from domain.rules.context import Context
from projections.tallies.tallies import count
from tests.drafted_actions import LIMITS, Event
from tests.projections.test_counts_against_reference import product_sums
from tests.reference.scorer import INDICATORS, By, reference_scores
from tests.strategies import batches, histories, periods, random_history, working_weekday
from tests.support.product import context, product, record

Sums = dict[str, dict[str, tuple[Fraction, Fraction]]]
Precision = st.sampled_from(["day", "instant"])


def product_scores(kaoji: Kaoji, rules: Context, from_day: date, to_day: date, by: By) -> Sums:
    sums = product_sums(kaoji, rules, from_day, to_day, by)
    core = {code: standard_measures()[code] for code in INDICATORS}
    return {
        subject: {
            code: (
                Fraction(int(cells[list(measure.numerator)].sum()), WHOLE),
                Fraction(int(cells[list(measure.denominator)].sum()), WHOLE),
            )
            for code, measure in core.items()
        }
        for subject, cells in zip(sums.subjects, sums.cells, strict=True)
        if any(cells[list(measure.denominator)].any() for measure in core.values()) and subject != UNKNOWN_PROCESS
    }


def reference_sums(events: Sequence[Event], from_day: date, to_day: date, by: By, precision: str) -> Sums:
    found = reference_scores(
        events,
        from_day=from_day,
        to_day=to_day,
        by=by,
        due_precision=precision,  # type: ignore[arg-type]  # a strategy's str
        limits=LIMITS,
        working_day=working_weekday,
    )
    return {who: codes for who, codes in found.items() if any(d for _, d in codes.values())}


def assert_equal_to_reference(
    events: Sequence[Event], sizes: Sequence[int], days: tuple[date, date], precision: str
) -> None:
    rules = context(LIMITS, load_calendar("weekdays"), precision=precision)
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        record(kaoji, events, batches=sizes)
        for by in ("all", "staff", "unit", "process"):
            ours = product_scores(kaoji, rules, *days, by)
            assert ours == reference_sums(events, *days, by, precision), by


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(events=histories(), sizes=batches(3), days=periods(), precision=Precision)
def test_counts_equal_the_reference(
    events: list[Event], sizes: list[int], days: tuple[date, date], precision: str
) -> None:
    assert_equal_to_reference(events, sizes, days, precision)


@pytest.mark.parametrize("seed", range(8))
def test_counts_equal_the_reference_on_crowded_histories(seed: int) -> None:
    events = random_history(seed, 400)
    assert_equal_to_reference(events, [31, 97, 150], (date(2024, 2, 1), date(2024, 2, 29)), "day")
    assert_equal_to_reference(events, [200], (date(2024, 1, 1), date(2024, 12, 31)), "instant")


def test_what_was_known_earlier_is_counted_as_if_nothing_had_followed() -> None:
    # Given a history recorded in two parts
    events = random_history(99, 300)
    rules = context(LIMITS, load_calendar("weekdays"))
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        record(kaoji, events[:170])
        before = kaoji.ledger.head().position
        early = count(kaoji.history(), rules).tally()
        record(kaoji, events[170:])
        # When the whole is looked at as of the end of the first part
        late = count(kaoji.history().upto(before), rules).tally()
    # Then the tally is the same, row by row
    assert early == late


def test_the_order_of_arrival_does_not_matter() -> None:
    # Given a history without conflicts: of two conflicting records the first recorded wins, whichever that is
    events = list({(event["source"], event["id"]): event for event in random_history(7, 250)}.values())
    rules = context(LIMITS, load_calendar("weekdays"))
    tallies = []
    # When it arrives in three orders
    for order in (events, events[::-1], events[::2] + events[1::2]):
        with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
            record(kaoji, order, batches=[50, 3])
            tallies.append(count(kaoji.history(), rules).tally())
    # Then it counts the same
    assert tallies[0] == tallies[1] == tallies[2]
