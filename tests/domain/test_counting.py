"""A pass over a period counts what a tally by day adds up to, though it walks only cases that reach into it."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendars import to_day
from domain.counting import Counts, Period, Sizes, count_cases, count_tally
from domain.fold import HEAD, fold
from domain.populations import EVERYTHING, Population
from domain.spans import spans_of
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
    asked = EVERYTHING & ~(random.randrange(2) << Population.CARD)
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


def values(counts: Counts) -> list[tuple[int, ...]]:
    names = ("kind", "person", "value", "day", "part", "row")
    return sorted(tuple(int(row[name]) for name in names) for row in counts.valued)
