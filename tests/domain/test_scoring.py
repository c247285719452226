"""Scorecards: hand-computed points, weights and grades, and what is printed."""

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.directory import Directory
from domain.policy_file import NotRatable
from domain.populations import Population
from domain.scoring import PeriodError, score
from domain.sums import Sums
from tests.domain.scored_march import (
    FROM,
    gx,
    happened,
    only,
    overdue,
    row,
    scored,
)


def test_timeliness_counts_what_is_still_overdue_against_the_one_who_answers_for_it() -> None:
    cards = scored(
        [row("timeliness", "p")] * 8
        + [row("timeliness", "p", met=False)]
        + overdue(Population.OPEN_LICENCE, "p", "u", begins=10)
        + overdue(Population.OPEN_LICENCE, "p", "u", begins=10, ends=20)
    )

    timeliness = only(cards).indicators[2]
    # 8 of 9 decided and 1 overdue: 0.8, on the line from (0.6, 0) to (0.9, 60).
    assert [timeliness.numerator, timeliness.denominator, timeliness.rate] == [8, 10, Fraction(4, 5)]
    assert timeliness.points == 40
    assert timeliness.interval == (Decimal("0.490162"), Decimal("0.943318"))


def test_weight_without_data_is_spread_over_the_rest() -> None:
    # Satisfaction 17 of 20 = 0.85 gives 60 of weight 15; revocation 0 of 5 gives 100 of weight 10.
    rows = [row("satisfaction", "p", met=number < 17) for number in range(20)]
    rows += [row("revocation", "p", met=False)] * 5

    card = only(scored(rows))

    assert card.exact_score == Fraction(60 * 15 + 100 * 10, 25)
    assert (card.score, card.grade) == (Decimal("76.00"), "competent")
    assert [one.counted_weight for one in card.indicators] == [0, 60, 0, 0, 0, 40]
    assert [one.rate is None for one in card.indicators] == [True, False, True, True, True, False]


@pytest.mark.parametrize(("rule", "points"), [("zero", 0), ("full", 100)])
def test_a_policy_may_count_missing_data_as_zero_or_full(rule: NotRatable, points: int) -> None:
    shipped, _ = gx()
    policy = replace(shipped, when_not_ratable=rule)

    card = only(scored([row("plan-completion", "p", met=False)], policy=policy))

    # Plan completion has weight 20 and gets nothing; the other 80 have no data.
    assert card.exact_score == Fraction(80 * points, 100)
    assert card.indicators[1].rate is None
    assert card.indicators[1].points == points


def test_too_few_cases_are_not_ratable() -> None:
    shipped, _ = gx()
    few = shipped.indicators[0].model_copy(update={"minimum_exposure": Decimal("2.5")})
    policy = replace(shipped, indicators=(few, *shipped.indicators[1:]))

    assert only(scored([row("plan-completion", "p")] * 2, policy=policy)).score is None
    enough = [row("plan-completion", "p")] * 2 + [row("plan-completion", "p", share=0.5)]
    assert only(scored(enough, policy=policy)).score == 100


@pytest.mark.parametrize("rule", ["spread", "zero", "full"])
def test_who_has_nothing_ratable_has_no_score_and_no_grade(rule: NotRatable) -> None:
    shipped, _ = gx()

    card = only(scored([], happened("staff.joined", "p", 1), policy=replace(shipped, when_not_ratable=rule)))

    assert (card.subject, card.score, card.exact_score, card.grade) == ("p", None, None, None)


def test_shares_are_counted_exactly() -> None:
    rows = [row("revocation", "p", met=False, share=0.333333)] * 3
    rows += [row("revocation", "p", met=False, share=0.000001)]

    assert only(scored(rows)).indicators[5].denominator == 1


def test_the_grade_follows_the_printed_score() -> None:
    policy, _ = gx()

    for text, code in (
        ("90.00", "excellent"),
        ("89.99", "competent"),
        ("60.00", "basically-competent"),
        ("0", "incompetent"),
    ):
        grade = policy.grade_of(Decimal(text))
        assert grade is not None
        assert grade.code == code
    # Exactly 89.995 is printed as 90.00, half to even, and so it is excellent.
    curve = policy.indicators[0].curve.model_copy(
        update={"points": ((Decimal(0), Decimal(0)), (Decimal(1), Decimal("89.995")))}
    )
    one = policy.indicators[0].model_copy(update={"curve": curve, "weight": Decimal(100)})
    card = only(scored([row("plan-completion", "p")], policy=replace(policy, indicators=(one,))))
    assert (card.exact_score, card.score, card.grade) == (Fraction("89.995"), Decimal("90.00"), "excellent")


def test_the_printed_form_is_that_of_the_contract() -> None:
    rows = [row("timeliness", "p", met=number < 1020) for number in range(1367)]
    rows += [
        row("satisfaction", "p", share=0.5),
        row("rated", "p", share=0.75),
        row("limit-unknown", "p", share=0.25),
    ]

    printed = json.loads(json.dumps(scored(rows).to_json(as_of=7, context={"zone": "Asia/Shanghai"})))

    (subject,) = printed.pop("subjects")
    assert printed == {
        "policy": "gx-2012",
        "policy_version": 1,
        "policy_hash": gx()[0].hash,
        "period": {"from": "2024-03-01", "to": "2024-03-31"},
        "as_of": 7,
        "by": "staff",
        "context": {"zone": "Asia/Shanghai"},
    }
    plan, satisfaction, timeliness = subject.pop("indicators")[:3]
    # Points: 60 x (1020/1368 - 0.6) / 0.3 = 29.1228..; no error gives 100 of weight 15:
    # (29.1228.. x 20 + 100 x 15 + 100 x 15) / 50 = 71.6491...
    assert subject == {
        "subject": "p",
        "unit": None,
        "score": "71.65",
        "grade": "basically-competent",
        "incomplete": "0.25",
    }
    assert timeliness == {
        "code": "timeliness",
        "numerator": "1020",
        "denominator": "1368",
        "rate": "0.7456140351",
        "interval": ["0.721870", "0.767983"],
        "points": "29.12",
        "weight": "20",
        "counted_weight": "40",
    }
    assert plan == {
        "code": "plan-completion",
        "numerator": "0",
        "denominator": "0",
        "rate": None,
        "interval": None,
        "points": None,
        "weight": "20",
        "counted_weight": "0",
    }
    assert (satisfaction["numerator"], satisfaction["rate"]) == ("0.5", "1")
    assert satisfaction["response"] == {"numerator": "0.75", "denominator": "1368", "rate": "0.0005482456"}


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    policy, register = gx()

    with pytest.raises(PeriodError, match="ends on 2024-02-29, before it begins on 2024-03-01"):
        score(Sums.of({}), policy, Directory(), register, from_day=FROM, to_day=FROM - 1, by="all")


INDICATORS = ("plan-completion", "satisfaction", "timeliness", "error-rate", "closure", "revocation")
COUNTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), min_size=6, max_size=6)


@settings(max_examples=100, deadline=None)
@given(COUNTS, st.randoms(use_true_random=False))
def test_points_and_weights_add_up_to_the_score_whatever_the_order_of_rows(
    counts: list[tuple[int, int]], random: object
) -> None:
    rows = [
        row(indicator, "p", met=met)
        for indicator, (hits, misses) in zip(INDICATORS, counts, strict=True)
        for met in [True] * hits + [False] * misses
    ]
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis types its random as object

    cards, others = scored(rows), scored(shuffled)

    assert cards.to_json() == others.to_json()
    for card in cards.subjects:
        ratable = [one for one in card.indicators if one.rate is not None]
        total = sum((one.weight for one in ratable), Decimal(0))
        expected = sum(
            (
                one.exact_points * Fraction(one.weight) / Fraction(total)
                for one in ratable
                if one.exact_points is not None
            ),
            Fraction(0),
        )
        assert card.exact_score == expected
        assert sum(one.counted_weight for one in card.indicators) == 100
        assert card.score is not None
        assert abs(Fraction(card.score) - expected) <= Fraction(1, 200)
