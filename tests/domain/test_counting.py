"""A pass over a period counts what a tally by day adds up to, though it walks only cases that reach into it."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.measuring.counting import Counts, Period, Sizes, count_cases, count_tally
from domain.measuring.fold import HEAD, fold
from domain.measuring.populations import EVERYTHING, IN_TIME_STOCK, Population
from domain.measuring.spans import spans_of
from domain.rules.calendars import to_day
from tests.domain.made_cases import (
    FIRST,
    PROCEDURES,
    STAFF,
    UNITS,
    columns,
    compiled_rules,
    made_case,
    made_rules,
    made_target,
)

SIZES = Sizes(persons=len(STAFF) + 1, units=len(UNITS) + 1, procedures=len(PROCEDURES) + 1)
FIRST_DAY = to_day(FIRST)


@settings(max_examples=max(1_000, settings().max_examples), deadline=None)
@given(seed=st.integers(0, 2**32), begin=st.integers(-10, 40), length=st.integers(1, 30))
def test_period_counts_what_its_days_add_up_to(seed: int, begin: int, length: int) -> None:
    # Given a case or a target, and a period of the days around it, which may have begun or ended elsewhere
    random = Random(seed)
    rules = made_rules(random)
    facts = made_target(random) if random.random() < 0.2 else made_case(random)
    compiled = compiled_rules(rules)
    cases = columns(facts, rules)
    first = FIRST_DAY + begin
    period = Period(first, first + length - 1, np.zeros(length, np.int32))
    # Asked for cards or for what is in time, a pass looks closely at every case; else it takes short cuts.
    asked = EVERYTHING & ~(random.randrange(2) << Population.CARD) & ~(random.randrange(2) * IN_TIME_STOCK)
    for upto in (HEAD, random.randint(1, len(facts))):
        # When the period is counted in one pass, and when everything is counted by day and then added up
        passed = count_cases(
            cases, spans_of(cases), compiled, period, SIZES, asked=asked, upto=upto, with_values=True
        )
        by_day = fold(cases, compiled, asked=asked, upto=upto)
        added = count_tally(by_day, period, SIZES, with_values=True)
        # Then both are the same
        for name in ("persons", "units", "procedures"):
            assert np.array_equal(getattr(passed, name), getattr(added, name)), (name, upto)
        assert values(passed) == values(added), upto


@settings(max_examples=max(60, settings().max_examples // 10), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_is_overdue_on_any_day_is_what_stands_by_then(seed: int) -> None:
    # Given a case, and overdue stocks asked for alone, for which a pass takes short cuts
    random = Random(seed)
    rules = made_rules(random)
    compiled, cases = compiled_rules(rules), columns(made_case(random), rules)
    spans = spans_of(cases)
    asked = 1 << Population.OPEN_LICENCE | 1 << Population.OPEN_ENFORCEMENT
    by_day = fold(cases, compiled, asked=asked)
    for day in range(FIRST_DAY - 5, FIRST_DAY + 45):
        # When they are counted on each day, and when what stands by then is added up
        period = Period(day, day, np.zeros(1, np.int32))
        passed = count_cases(cases, spans, compiled, period, SIZES, asked=asked)
        # Then both are the same
        assert np.array_equal(passed.sums, count_tally(by_day, period, SIZES).sums), day


def values(counts: Counts) -> list[tuple[int, ...]]:
    names = ("kind", "person", "value", "day", "part", "row")
    return sorted(tuple(int(row[name]) for name in names) for row in counts.valued)
