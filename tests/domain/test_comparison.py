"""Two scorings compared: who moves, and parts that add up to what they moved by."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import given, settings

from domain.measuring.sums import Sums
from domain.policies.policy import Policy
from domain.scoring.comparison import Comparison
from domain.scoring.exact_scoring import ExactScorer, Scorecard
from domain.scoring.score_columns import ScoreColumns, score_columns
from tests.domain.given_sums import RISING, adjustment, grade, indicator, members, policy_of
from tests.domain.test_scoring_fast import policies, rows_of_sums

TWO = indicator("plan", "plan-completion", curve=RISING, weight="50") + indicator(
    "satisfaction", "satisfaction", curve=RISING, weight="50"
)
FALLING = '{ kind = "linear", points = [[0, 100], [1, 0]] }'
GRADES = grade("good", "60") + grade("poor", "0")


def compared(rows: Sums, before: Policy, after: Policy) -> Comparison:
    return Comparison.of(score_columns(rows, before), score_columns(rows, after))


def all_rows(comparison: Comparison) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.arange(len(comparison.subjects))


def test_who_changes_grade_is_named_with_what_moved_the_score() -> None:
    # p completed all targets and pleased nobody, q the other way round; r is between.
    rows = Sums.of(
        {
            "p": {**members("targets", "completed"), **members("ratings")},
            "q": {**members("targets"), **members("ratings", "good")},
            "r": {**members("targets", "completed"), **members("ratings", "good")},
        }
    )
    before = policy_of(TWO + GRADES)
    after = before.varied(weights={"plan": Decimal(150)}, targets={})

    found = compared(rows, before, after)

    assert found.graded_otherwise.tolist() == [True, False, False]
    assert found.scored_otherwise.tolist() == [True, True, False]
    assert found.summary() == {
        "subjects": 3,
        "scores_higher": 1,
        "scores_lower": 1,
        "scores_gained": 0,
        "scores_lost": 0,
        "grades_changed": 1,
        "grades": [{"before": "poor", "after": "good", "subjects": 1}],
    }
    (p,) = found.rows_json(np.array([0]), ["u"])
    assert p == {
        "subject": "p",
        "unit": "u",
        "score": {"before": "50.00", "after": "75.00"},
        "grade": {"before": "poor", "after": "good"},
        "why": [{"what": "indicator", "code": "plan", "before": "50", "after": "75", "moved": "25"}],
    }
    (q,) = found.rows_json(np.array([1]), [None])
    assert [(one["code"], one["moved"]) for one in q["why"]] == [("satisfaction", "-25")]


def test_subjects_of_only_one_side_have_no_score_on_the_other() -> None:
    policy = policy_of(TWO + GRADES)
    one = score_columns(Sums.of({"a": members("targets", "completed"), "b": members("targets")}), policy)
    other = score_columns(Sums.of({"b": members("targets"), "c": members("targets")}), policy)

    found = Comparison.of(one, other)

    assert list(found.subjects) == ["a", "b", "c"]
    assert found.scored_otherwise.tolist() == [True, False, True]
    summary = found.summary()
    assert (summary["scores_lost"], summary["scores_gained"], summary["scores_higher"]) == (1, 1, 0)
    a, _, c = found.rows_json(all_rows(found), [None] * 3)
    assert (a["score"], a["grade"]) == ({"before": "100.00", "after": None}, {"before": "good", "after": None})
    assert (c["score"], c["grade"]) == ({"before": None, "after": "0.00"}, {"before": None, "after": "poor"})


def test_what_the_bounds_of_the_score_take_is_told_apart() -> None:
    cards = TWO + adjustment("deduction", "red", "red-cards", "points_each = 10\nceiling = 100") + GRADES
    rows = Sums.of({"p": {**members("targets"), **members("cards", "red", count=3)}})

    found = compared(rows, policy_of(TWO + GRADES), policy_of(cards, "score_min = 0"))

    (p,) = found.rows_json(all_rows(found), [None])
    assert [(one["what"], one["moved"]) for one in p["why"]] == [("deduction", "-30"), ("score_min", "30")]


def test_what_is_newly_judged_is_a_reason_also_without_points() -> None:
    # Of p nothing was judged so far; the other policy judges its decisions, all of which fell.
    rows = Sums.of({"p": members("decisions", "overturned")})
    stood = indicator("stood", "revocation", curve=FALLING, weight="100")

    found = compared(rows, policy_of(TWO + GRADES), policy_of(stood + GRADES))

    (p,) = found.rows_json(all_rows(found), [None])
    assert (p["score"]["after"], p["grade"]["after"]) == ("0.00", "poor")
    assert p["why"] == [{"what": "indicator", "code": "stood", "before": "0", "after": "0", "moved": "0"}]


def test_other_bounds_of_grades_are_a_reason_where_they_are_what_regrades() -> None:
    rows = Sums.of(
        {
            "p": {**members("targets", "completed"), **members("ratings")},
            "q": {**members("targets", "completed"), **members("ratings", "good")},
        }
    )
    stricter = grade("good", "50") + grade("poor", "0")

    found = compared(rows, policy_of(TWO + GRADES), policy_of(TWO + stricter))
    p, q = found.rows_json(all_rows(found), [None] * 2)

    assert (p["grade"], [one["what"] for one in p["why"]]) == ({"before": "poor", "after": "good"}, ["grades"])
    assert q["why"] == []
    # Where the score moved across a bound that both have, the grades are no reason.
    heavier = policy_of(TWO + GRADES).varied(weights={"plan": Decimal(150)}, targets={})
    (moved, _) = compared(rows, policy_of(TWO + GRADES), heavier).rows_json(all_rows(found), [None] * 2)
    assert moved["grade"]["after"] == "good"
    assert "grades" not in [one["what"] for one in moved["why"]]


def test_rounding_is_the_reason_where_nothing_else_is() -> None:
    rows = Sums.of({"p": {**members("targets", "completed", count=119), **members("targets", count=81)}})
    one = indicator("plan", "plan-completion", curve=RISING, weight="100") + GRADES

    found = compared(rows, policy_of(one, "decimals = 0"), policy_of(one))

    (p,) = found.rows_json(all_rows(found), [None])
    assert (p["score"], p["grade"]) == (
        {"before": "60", "after": "59.50"},
        {"before": "good", "after": "poor"},
    )
    assert [one["what"] for one in p["why"]] == ["rounding"]


def test_scores_with_other_decimals_are_compared_by_value() -> None:
    rows = Sums.of({"p": members("targets", "completed")})

    found = compared(rows, policy_of(TWO, "decimals = 0"), policy_of(TWO, "decimals = 4"))

    assert not found.scored_otherwise.any()
    (p,) = found.rows_json(all_rows(found), [None])
    assert p["score"] == {"before": "100", "after": "100.0000"}


@settings(max_examples=30, deadline=None)
@given(rows_of_sums(), policies(), policies())
def test_parts_add_up_to_each_score_and_are_those_of_the_exact_reading(
    rows: Sums, one: Policy, other: Policy
) -> None:
    found = compared(rows, one, other)

    for side, columns in (("before", found.before), ("after", found.after)):
        sums = [0] * len(rows)
        for moved in found.moved(all_rows(found)):
            sums = [a + b for a, b in zip(sums, getattr(moved, side).given.tolist(), strict=True)]
        for row, card in enumerate(_exact_cards(rows, columns)):
            exact = card.exact_score or Fraction(0)
            # Each part is rounded to the sixth decimal by itself.
            assert abs(Fraction(sums[row], 10**6) - exact) <= Fraction(8, 10**6)
    printed = found.rows_json(all_rows(found), [None] * len(rows))
    for each, card in zip(printed, _exact_cards(rows, found.after), strict=True):
        assert each["score"]["after"] == (None if card.score is None else f"{card.score:f}")
        assert each["grade"]["after"] == card.grade


def _exact_cards(rows: Sums, columns: ScoreColumns) -> list[Scorecard]:
    exact = ExactScorer(columns.policy)
    return [
        exact.scorecard(subject, None, columns.cells_of(row), columns.values_of(row), competence=False)
        for row, subject in enumerate(rows.subjects)
    ]
