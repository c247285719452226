"""A pass over a period counts what a tally by day adds up to, though it walks only cases that reach into it."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.measuring.cases import Cases
from domain.measuring.counting import Counts, Period, Sizes, count_cases, count_tally
from domain.measuring.fold import HEAD, fold
from domain.measuring.populations import EVERYTHING, IN_TIME_STOCK, Population
from domain.measuring.spans import NEIGHBOURS, SPAN_RECORD, cases_reaching, spans_of
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
MANY = 2 * NEIGHBOURS + 5


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


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), hands=st.integers(2, 5))
def test_hands_that_share_the_cases_count_what_one_does(seed: int, hands: int) -> None:
    # Given the same case very often
    random = Random(seed)
    rules = made_rules(random)
    compiled, one = compiled_rules(rules), columns(made_case(random), rules)
    starts = np.arange(MANY + 1) * one.actions.size
    cases = Cases(starts, np.tile(one.actions, MANY).view(np.recarray), one.extras, one.shares)
    period = Period(FIRST_DAY, FIRST_DAY + 29, np.zeros(30, np.int32))
    # When one hand counts it once, one hand all of them, and several share them
    once = count_cases(one, spans_of(one), compiled, period, SIZES, asked=EVERYTHING, threads=1)
    alone, shared = (
        count_cases(
            cases, spans_of(cases), compiled, period, SIZES, asked=EVERYTHING, with_values=True, threads=threads
        )
        for threads in (1, hands)
    )
    # Then all is counted, each once
    assert np.array_equal(alone.sums, MANY * once.sums)
    assert np.array_equal(shared.sums, alone.sums)
    assert values(shared) == values(alone)


@given(
    spans=st.lists(st.tuples(*[st.integers(0, 30)] * 4), max_size=40),
    copies=st.integers(1, 300),
    hands=st.integers(1, 5),
)
def test_each_case_that_reaches_into_a_period_is_dealt_to_one_hand(
    spans: list[tuple[int, int, int, int]], copies: int, hands: int
) -> None:
    # Given cases of which some reach into the days 10 to 20, as of position 15
    given_spans = np.array(spans * copies, SPAN_RECORD).view(np.recarray)
    wanted = [
        case
        for case, (first_day, last_day, first, last) in enumerate(spans * copies)
        if first_day <= 20 and first <= 15 and (last_day >= 10 or last > 15)
    ]
    # When they are dealt out
    dealt = [
        cases_reaching(given_spans, from_day=10, to_day=20, upto=15, hand=hand, hands=hands).tolist()
        for hand in range(hands)
    ]
    # Then each hand has its own, rising, and all have them all
    assert all(part == sorted(part) for part in dealt)
    assert sorted(case for part in dealt for case in part) == wanted


def values(counts: Counts) -> list[tuple[int, ...]]:
    names = ("kind", "person", "value", "day", "part", "row")
    return sorted(tuple(int(row[name]) for name in names) for row in counts.valued)
