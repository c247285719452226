"""Scorecards: hand-computed points, weights and grades, and what is printed."""

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from domain.directory import Directory
from domain.measuring.sums import Sums
from domain.policies.policy import load_policy
from domain.policies.policy_file import NotRatable
from domain.rules.procedures import load_register
from domain.scoring.exact_scoring import Lacking, quantile
from domain.scoring.json_columns import WIDE
from domain.scoring.scoring import PeriodError, score
from tests.domain.given_sums import (
    RISING,
    adjustment,
    card_of,
    competence,
    grade,
    indicator,
    members,
    policy_of,
    scored,
)
from tests.domain.scored_march import FROM, happened


def test_timeliness_counts_what_is_still_overdue_against_the_one_who_answers_for_it() -> None:
    card = card_of(
        members("decided-cases", "in-time", count=8),
        members("decided-cases"),
        members("open-licences", "overdue"),
        members("open-licences", count=5),
    )

    timeliness = card.indicators[2]
    # 8 of 9 decided and 1 overdue: 0.8, on the line from (0.6, 0) to (0.9, 60).
    assert [timeliness.numerator, timeliness.denominator, timeliness.rate] == [8, 10, Fraction(4, 5)]
    assert timeliness.points == 40
    assert timeliness.interval == (Decimal("0.490162"), Decimal("0.943318"))


def test_each_of_the_six_indicators_takes_its_own_members() -> None:
    card = card_of(
        members("targets", "completed", count=3),
        members("targets"),
        members("ratings", "good", count=7),
        members("ratings", count=3),
        members("decided-cases", "in-time", "faulty", "conforming", count=2),
        members("decided-cases", "rated", count=6),
        members("closed-cases", "in-time", count=4),
        members("closed-cases", count=2),
        members("open-enforcement", "overdue"),
        members("decisions", "overturned"),
        members("decisions", "overturned", "penalty"),
        members("decisions", "penalty", count=9),
        members("actions", "basis", count=50),
        members("cards", "red", count=5),
    )

    assert [(one.code, int(one.numerator), int(one.denominator)) for one in card.indicators] == [
        ("plan-completion", 3, 4),
        ("satisfaction", 7, 10),
        ("timeliness", 2, 8),
        ("error-rate", 2, 8),
        ("closure", 6, 7),
        ("revocation", 2, 11),
    ]
    assert card.indicators[1].response == (Fraction(6), Fraction(8))


def test_weight_without_data_is_spread_over_the_rest() -> None:
    # Satisfaction 17 of 20 = 0.85 gives 60 of weight 15; revocation 0 of 5 gives 100 of weight 10.
    card = card_of(
        members("ratings", "good", count=17), members("ratings", count=3), members("decisions", count=5)
    )

    assert card.exact_score == Fraction(60 * 15 + 100 * 10, 25)
    assert (card.score, card.grade) == (Decimal("76.00"), "competent")
    assert [one.counted_weight for one in card.indicators] == [0, 60, 0, 0, 0, 40]
    assert [one.rate is None for one in card.indicators] == [True, False, True, True, True, False]


@pytest.mark.parametrize(("rule", "points"), [("zero", 0), ("full", 100)])
def test_a_policy_may_count_missing_data_as_zero_or_full(rule: NotRatable, points: int) -> None:
    policy = replace(load_policy("gx-2012"), when_not_ratable=rule)

    card = card_of(members("targets"), policy=policy)

    # Plan completion has weight 20 and gets nothing; the other 80 have no data.
    assert card.exact_score == Fraction(80 * points, 100)
    assert card.indicators[1].rate is None
    assert card.indicators[1].points == points


def test_too_few_cases_are_not_ratable() -> None:
    shipped = load_policy("gx-2012")
    few = shipped.indicators[0].model_copy(update={"minimum_exposure": Decimal("2.5")})
    policy = replace(shipped, indicators=(few, *shipped.indicators[1:]))

    assert card_of(members("targets", "completed", count=2), policy=policy).score is None
    assert card_of(members("targets", "completed", count=2.499999), policy=policy).score is None
    assert card_of(members("targets", "completed", count=2.5), policy=policy).score == 100


@pytest.mark.parametrize("rule", ["spread", "zero", "full"])
def test_who_has_nothing_ratable_has_no_score_and_no_grade(rule: NotRatable) -> None:
    policy = replace(load_policy("gx-2012"), when_not_ratable=rule)

    (card,) = scored({}, happened("staff.joined", "p", 1), policy=policy).subjects

    assert (card.subject, card.score, card.exact_score, card.grade) == ("p", None, None, None)


def test_everybody_in_post_is_scored_in_order_beside_those_with_sums() -> None:
    cards = scored(
        {"b": members("targets", "completed"), "d": members("targets")},
        *(happened("staff.joined", name, 1) for name in "acd"),
    )

    assert [(card.subject, card.score) for card in cards.subjects] == [
        ("a", None),
        ("b", Decimal("100.00")),
        ("c", None),
        ("d", Decimal("0.00")),
    ]
    assert len(cards.subjects) == 4
    assert [card.subject for card in cards.subjects[1:3]] == ["b", "c"]


def test_the_grade_follows_the_printed_score() -> None:
    policy = load_policy("gx-2012")

    for text, code in (
        ("90.00", "excellent"),
        ("89.99", "competent"),
        ("60.00", "basically-competent"),
        ("0", "incompetent"),
    ):
        found = policy.grade_of(Decimal(text))
        assert found is not None
        assert found.code == code
    # Exactly 89.995 is printed as 90.00, half to even, and so it is excellent.
    curve = '{ kind = "linear", points = [[0, 0], [1, 89.995]] }'
    text = indicator("plan", "plan-completion", curve=curve) + grade("excellent", "90") + grade("poor", "0")
    card = card_of(members("targets", "completed"), policy=policy_of(text))
    assert (card.exact_score, card.score, card.grade) == (Fraction("89.995"), Decimal("90.00"), "excellent")


@pytest.mark.parametrize(
    ("rounding", "most", "score"),
    [
        ("half-even", "89.985", "89.98"),
        ("half-even", "89.995", "90.00"),
        ("half-up", "89.985", "89.99"),
        ("half-up", "89.9849", "89.98"),
        ("down", "89.999", "89.99"),
        ("down", "89.99", "89.99"),
    ],
)
def test_a_policy_says_how_the_last_digit_is_rounded(rounding: str, most: str, score: str) -> None:
    curve = f'{{ kind = "linear", points = [[0, 0], [1, {most}]] }}'
    policy = policy_of(indicator("plan", "plan-completion", curve=curve), f'rounding = "{rounding}"')

    cards = scored({"p": members("targets", "completed")}, policy=policy)

    assert cards.subjects[0].score == Decimal(score)
    (printed,) = cards.to_json()["subjects"]
    assert printed["score"] == printed["indicators"][0]["points"] == score


def test_a_cap_limits_what_an_indicator_gives_also_when_other_weights_are_spread_over_it() -> None:
    text = indicator("plan", "plan-completion", curve=RISING, weight="40", more="cap = 50")
    text += indicator("satisfaction", "satisfaction", curve=RISING, weight="60")
    policy = policy_of(text)

    alone = card_of(members("targets", "completed"), policy=policy)
    both = card_of(members("targets", "completed"), members("ratings"), policy=policy)

    assert (alone.score, alone.indicators[0].contribution) == (Decimal(50), Fraction(50))
    assert (both.score, both.indicators[0].contribution) == (Decimal(40), Fraction(40))


def test_means_quantiles_and_stocks_earn_points_by_their_value() -> None:
    falling = '{ kind = "linear", points = [[10, 100], [30, 0]] }'
    text = indicator("days", "decision-days-90", target="10", curve=falling, weight="30")
    text += indicator(
        "mean", "mean-rating", target="4.5", curve='{ kind = "linear", points = [[3, 0], [5, 100]] }', weight="30"
    )
    text += indicator(
        "overdue",
        "overdue-stock",
        target="0",
        curve='{ kind = "step", points = [[0, 100], [2, 60]] }',
        weight="40",
        more='exposure = "workload"',
    )
    policy = policy_of(text)
    values = {
        "decided-cases": {5: 8_000_000, 20: 1_000_000, 40: 1_000_000},
        "ratings": {5: 2_000_000, 2: 1_000_000},
    }

    card = card_of(
        members("decided-cases", count=10), members("open-licences", "overdue", count=1.5),
        policy=policy, values=values,
    )  # fmt: skip

    days, mean, overdue = card.indicators
    # Nine of ten took 20 days or less; the mean of 5, 5 and 2 is 4; one and a half stand overdue.
    assert [days.rate, mean.rate, overdue.rate] == [20, 4, Fraction(3, 2)]
    assert [days.points, mean.points, overdue.points] == [50, 50, 60]
    assert [days.interval, mean.interval, overdue.interval] == [None, None, None]
    assert (days.numerator, days.denominator) == (Fraction(100), Fraction(10))
    assert card.score == 54
    nothing = card_of(members("open-licences", "overdue"), policy=policy)
    assert nothing.score is None, "a stock alone says nothing about how much there was to do"


def test_a_quantile_is_the_smallest_value_that_the_part_does_not_exceed() -> None:
    # Hyndman and Fan (1996), definition 1; shares count by their size.
    thirds = [(1, 333_333), (2, 333_333), (3, 333_334)]
    assert [quantile(thirds, Fraction(part)) for part in ("0.001", "0.333", "0.334", "0.5", "0.667", "1")] == [
        1, 1, 2, 2, 3, 3,
    ]  # fmt: skip
    assert quantile([(7, 1)], Fraction(1, 2)) == 7
    assert quantile([(1, 500_000), (9, 500_000)], Fraction(1, 2)) == 1


CARDS = (
    indicator("plan", "plan-completion", curve=RISING)
    + adjustment("bonus", "conforming", "conformance-decided", 'curve = { kind = "threshold", points = [[1, 4]] }')
    + adjustment("bonus", "clean", "error-rate", 'curve = { kind = "threshold", points = [[0, 3]] }')
    + adjustment("deduction", "yellow", "yellow-cards", "points_each = 5\nceiling = 12")
    + adjustment("deduction", "red", "red-cards", "points_each = 10\nceiling = 100")
)


def test_bonuses_and_deductions_are_applied_after_the_mean_each_within_its_ceiling() -> None:
    policy = policy_of(CARDS, "bonus_ceiling = 5")
    half = [members("targets", "completed"), members("targets")]

    card = card_of(
        *half,
        members("decided-cases", "conforming"),
        members("cards", "yellow", count=3),
        members("cards", "red", count=0.5),
        policy=policy,
    )

    # 50, plus 4 + 3 of which 5 count, minus 15 of which 12 count, minus 5.
    assert [(one.code, int(one.points)) for one in card.bonuses] == [("conforming", 4), ("clean", 3)]
    assert [(one.code, int(one.points)) for one in card.deductions] == [("yellow", 12), ("red", 5)]
    assert card.adjusted == tuple(map(Fraction, (50, 5, 17, 38)))
    assert card.score == 38
    without = card_of(*half, policy=policy)
    assert without.adjusted == tuple(map(Fraction, (50, 0, 0, 50))), "no case, no bonus for faultless work"
    assert [one.value for one in without.bonuses] == [None, None]


def test_a_score_stays_between_its_bounds() -> None:
    best = card_of(
        members("targets", "completed"), members("decided-cases", "conforming"), policy=policy_of(CARDS)
    )
    higher = card_of(
        members("targets", "completed"),
        members("decided-cases", "conforming"),
        policy=policy_of(CARDS, "score_max = 105\nscore_min = 20"),
    )
    worst = card_of(
        members("targets"), members("cards", "red", count=3), policy=policy_of(CARDS, "score_min = 20")
    )

    assert [best.score, higher.score, worst.score] == [100, 105, 20]
    assert card_of(members("targets"), members("cards", "red"), policy=policy_of(CARDS)).score == 0


LEVELS = (
    indicator("plan", "plan-completion", curve=RISING, weight="50")
    + indicator("satisfaction", "satisfaction", curve=RISING, weight="50")
    + competence("one", "50")
    + competence("two", "70", 'exposure = [{ measure = "workload-licences", at_least = 2.5 }]')
    + competence(
        "three",
        "70",
        'requires = { satisfaction = 80 }\nexposure = [{ measure = "workload-licences", at_least = 2.5 }]',
    )
)


def test_a_competence_grade_needs_all_that_it_asks_for_and_tells_what_the_next_one_lacks() -> None:
    policy = policy_of(LEVELS)

    def level(good: int, cases: float, *, done: int = 10) -> object:
        return card_of(
            members("targets", "completed", count=done), members("targets", count=10 - done),
            members("ratings", "good", count=good), members("ratings", count=10 - good),
            members("decided-cases", count=cases), policy=policy,
        ).competence  # fmt: skip

    assert level(8, 2.5) == ("three", None, ())
    assert level(7, 2.5) == ("two", "three", (Lacking("points", "satisfaction", Decimal(80), Fraction(70)),))
    assert level(9, 2.499999) == (
        "one", "two", (Lacking("exposure", "workload-licences", Decimal("2.5"), Fraction("2.499999")),),
    )  # fmt: skip
    assert level(0, 5, done=9) == (None, "one", (Lacking("score", None, Decimal(50), Fraction(45)),))
    nobody = scored({}, happened("staff.joined", "p", 1), policy=policy).subjects[0]
    assert nobody.competence == (None, "one", (Lacking("score", None, Decimal(50), None),))


def test_the_printed_form_is_that_of_the_contract() -> None:
    rows = {
        (key[0], key[1]): part
        for row in (
            members("targets", "completed", count=1020),
            members("targets", count=348),
            members("ratings", "good", count=0.5),
        )
        for key, part in row.items()
    }

    cards, context = scored({"p": rows}), {"zone": "Asia/Shanghai"}
    printed = cards.to_json(as_of=7, context=context)
    for some in (cards, cards.of("p")):
        assert some is not None
        texts = some.json_texts(some.head_json(as_of=7, context=context), WIDE)
        assert "".join(texts) == json.dumps(printed, ensure_ascii=False)

    (subject,) = printed.pop("subjects")
    assert printed == {
        "policy": "gx-2012",
        "policy_version": 1,
        "policy_hash": "b0892e53752fe2a8ebf935bc30c61ccd9486e388956196d5ceda48ec6c74be0d",
        "period": {"from": "2024-03-01", "to": "2024-03-31"},
        "as_of": 7,
        "by": "staff",
        "context": {"zone": "Asia/Shanghai"},
    }
    plan, satisfaction, timeliness = subject.pop("indicators")[:3]
    # Points: 60 x (1020/1368 - 0.6) / 0.25 = 34.947..; score: (34.947.. x 20 + 100 x 15) / 35 = 62.827...
    assert subject == {
        "subject": "p",
        "unit": None,
        "score": "62.83",
        "grade": "basically-competent",
        "incomplete": "0",
    }
    assert plan == {
        "code": "plan-completion",
        "numerator": "1020",
        "denominator": "1368",
        "rate": "0.7456140351",
        "interval": ["0.721870", "0.767983"],
        "points": "34.95",
        "weight": "20",
        "counted_weight": "57.1428571429",
    }
    assert timeliness == {
        "code": "timeliness",
        "numerator": "0",
        "denominator": "0",
        "rate": None,
        "interval": None,
        "points": None,
        "weight": "20",
        "counted_weight": "0",
    }
    assert (satisfaction["numerator"], satisfaction["rate"]) == ("0.5", "1")
    assert satisfaction["response"] == {"numerator": "0", "denominator": "0", "rate": None}


def test_bonuses_competence_and_other_kinds_are_printed_only_where_the_policy_has_them() -> None:
    policy = policy_of(CARDS + competence("one", "50"))

    (card,) = scored(
        {"p": {**members("targets", "completed"), **members("cards", "yellow")}}, policy=policy
    ).to_json()["subjects"]
    (of_unit,) = scored({"u": members("targets", "completed")}, policy=policy, by="unit").to_json()["subjects"]

    assert card["adjusted"] == {"mean": "100", "bonus": "0", "deduction": "5"}
    assert card["deductions"] == [
        {"code": "yellow", "numerator": "1", "denominator": "1", "value": "1", "points": "5.00"},
        {"code": "red", "numerator": "0", "denominator": "0", "value": "0", "points": "0.00"},
    ]
    assert card["competence"] == {"code": "one", "next": None, "lacking": []}
    assert "competence" not in of_unit, "competence is a person's"


def test_incomplete_cases_are_counted_beside_the_indicators() -> None:
    card = card_of(members("decided-cases", "limit-unknown", "rated", count=0.25), members("decided-cases"))

    assert card.incomplete == Fraction(1, 4)


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    policy, register = load_policy("gx-2012"), load_register("gx-2012")

    with pytest.raises(PeriodError, match="ends on 2024-02-29, before it begins on 2024-03-01"):
        score(Sums.of({}), policy, Directory(), register, from_day=FROM, to_day=FROM - 1, by="all")
