"""The histories are valid, crowded, and scored alike in any order of arrival."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.drafted_actions import LIMITS, Event
from tests.reference.recorded import first_recorded, instant_of, valid_data, verdicts
from tests.reference.scorer import By, Sums, reference_scores, reference_without_effect
from tests.strategies import batches, histories, periods, random_history, working_weekday

KINDS_OF_SUBJECT: tuple[By, ...] = ("staff", "unit", "process", "all")


def scores(events: list[Event], period: tuple[date, date], by: By) -> dict[str, Sums]:
    return reference_scores(
        events,
        from_day=period[0],
        to_day=period[1],
        by=by,
        limits=LIMITS,
        working_day=working_weekday,
    )


def is_valid(event: Event) -> bool:
    sequence = event.get("sequence", "0")
    return (
        event["specversion"] == "1.0"
        and instant_of(event["time"]) is not None
        and sequence.isdigit()
        and valid_data(event["type"], event["data"])
        and json.loads(json.dumps(event)) == event
    )


@given(histories())
@settings(deadline=None)
def test_every_action_of_a_history_is_one_that_the_contract_takes(events: list[Event]) -> None:
    assert all(is_valid(event) for event in events)


@given(histories(), periods(), st.sampled_from(KINDS_OF_SUBJECT), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_of_arrival_changes_no_score(
    events: list[Event], period: tuple[date, date], by: By, random: Random
) -> None:
    recorded = [fact.event for fact in first_recorded(events)]
    expected = scores(events, period, by)
    random.shuffle(recorded)
    assert scores(recorded, period, by) == expected


@given(histories(), periods())
@settings(deadline=None)
def test_shares_of_persons_never_exceed_the_whole(events: list[Event], period: tuple[date, date]) -> None:
    whole = scores(events, period, "all").get("all", {})
    for sums in summed(scores(events, period, "staff").values()).items():
        code, (numerator, denominator) = sums
        assert numerator <= whole[code][0]
        assert denominator <= whole[code][1]
    for numerator, denominator in whole.values():
        assert 0 <= numerator <= denominator


def summed(parts: Iterable[Sums]) -> Sums:
    total: Sums = {}
    for part in parts:
        for code, (numerator, denominator) in part.items():
            before = total.get(code, (Fraction(0), Fraction(0)))
            total[code] = (before[0] + numerator, before[1] + denominator)
    return total


def test_campaign_of_a_printed_seed_is_the_same_every_time_and_meets_every_rule() -> None:
    events = random_history(7, 4000)
    assert events == random_history(7, 4000)
    counted = Counter(verdicts(events))
    assert counted["duplicate"] > 50
    assert counted["conflict"] > 30
    assert len(reference_without_effect(events)) > 30
    period = (date(2024, 2, 1), date(2024, 3, 10))
    for numerator, denominator in scores(events, period, "all")["all"].values():
        assert 0 < numerator < denominator
    for by in KINDS_OF_SUBJECT:
        assert scores(events, period, by)


@given(st.integers(0, 60).flatmap(lambda n: st.tuples(st.just(n), batches(n))))
def test_batches_add_up(drawn: tuple[int, list[int]]) -> None:
    n, sizes = drawn
    assert sum(sizes) == n
    assert all(size >= 1 for size in sizes)
