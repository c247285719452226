"""The product's counts are those of the reference, on histories of all kinds, in any order and batching."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.bootstrap import Kaoji
from domain.calendars import load_calendar
from domain.context import Context
from domain.directory import Directory
from domain.facts import EPOCH_ORDINAL
from domain.tally import WHOLE, Measure, Tally
from projections.directory import DirectoryProjection, directory_as_known
from projections.tallies import count
from tests.drafted_actions import LIMITS, Event
from tests.reference.scorer import INDICATORS, By, reference_scores
from tests.strategies import batches, histories, periods, random_history, working_weekday
from tests.support.product import context, product, record

FLOW_AND_STOCK: dict[str, tuple[Measure, Measure | None]] = {
    "plan-completion": (Measure.PLAN, None),
    "satisfaction": (Measure.SATISFACTION, None),
    "timeliness": (Measure.TIMELINESS, Measure.TIMELINESS_OVERDUE),
    "error-rate": (Measure.ERROR, None),
    "closure": (Measure.CLOSURE, Measure.CLOSURE_OVERDUE),
    "revocation": (Measure.REVOCATION, None),
}
Sums = dict[str, dict[str, tuple[Fraction, Fraction]]]
Precision = st.sampled_from(["day", "instant"])


def counted(tally: Tally, directory: Directory, from_day: int, to_day: int, by: By) -> Sums:
    """What a tally says, summed row by row in the plainest way."""
    sums: dict[str, dict[str, list[int]]] = defaultdict(lambda: {code: [0, 0] for code in INDICATORS})
    for measure, person, unit, procedure, day, numerator, denominator in tally.rows():
        for code, (flow, stock) in FLOW_AND_STOCK.items():
            if not ((measure == flow and from_day <= day <= to_day) or (measure == stock and day <= to_day)):
                continue
            tree_day = day if measure == flow else to_day
            for subject in subjects(person, unit, procedure, tree_day, directory, by):
                sums[subject][code][0] += numerator
                sums[subject][code][1] += denominator
    return {
        subject: {code: (Fraction(n, WHOLE), Fraction(d, WHOLE)) for code, (n, d) in codes.items()}
        for subject, codes in sums.items()
        if any(d for _, d in codes.values())
    }


def subjects(
    person: str | None, unit: str | None, procedure: str | None, day: int, directory: Directory, by: By
) -> Iterable[str]:
    if by == "staff":
        return [person] if person else []
    if by == "unit":
        return directory.ancestors(unit, day) if unit else []
    if by == "process":
        limit = LIMITS.get(procedure or "")
        return [limit.process] if limit and limit.process else []
    return ["all"]


def product_sums(kaoji: Kaoji, rules: Context, from_day: date, to_day: date, by: By) -> Sums:
    history = kaoji.history()
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, DirectoryProjection.name)
        directory = directory_as_known(kaoji.views, connection, build, history, kaoji.ledger, rules.zone)
    first, last = (day.toordinal() - EPOCH_ORDINAL for day in (from_day, to_day))
    return counted(count(history, rules).tally(), directory, first, last, by)


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
            ours = product_sums(kaoji, rules, *days, by)
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
