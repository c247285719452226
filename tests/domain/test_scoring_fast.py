"""Scores of many at once are those of the exact reading of each, also where a digit hangs by a hair."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.measuring.populations import ATTRIBUTES, VALUED, Population
from domain.measuring.sums import Sums
from domain.numbers import Rounding, rounded, units_of
from domain.policies.curves import Curve, FastCurve, compare
from domain.policies.measures import POPULATIONS, standard_measures
from domain.policies.policy import Policy, load_policy, shipped_policies
from domain.scoring.exact_scoring import ExactScorer
from domain.scoring.intervals import wilson, wilson_millionths
from domain.scoring.json_columns import NARROW, WIDE
from domain.scoring.score_columns import round_units, score_columns
from domain.scoring.scorecard_json import card_json
from domain.scoring.scorecard_rows import ScorecardRows
from tests.domain.given_sums import Row, adjustment, competence, grade, indicator, members, policy_of

PARTS = st.one_of(
    st.integers(0, 40).map(lambda whole: whole * 1_000_000),
    st.integers(0, 8).map(lambda eighths: eighths * 125_000),
    st.integers(0, 10**13),
    st.sampled_from([0, 1, 333_333, 333_334, 999_999, 1_000_001]),
)
CODES = [code for code, one in standard_measures().items() if one.better != "none"]


@st.composite
def rows_of_sums(draw: st.DrawFn) -> Sums:
    """Some subjects with a few cells each, and histograms that agree with nothing in particular."""
    rows: dict[str, Row] = {}
    values: dict[str, dict[Population, dict[int, int]]] = {}
    for number in range(draw(st.integers(1, 6))):
        cells = draw(
            st.dictionaries(
                st.sampled_from([(each, p) for each in Population for p in range(1 << len(ATTRIBUTES[each]))]),
                PARTS,
                max_size=10,
            )
        )
        rows[f"s{number}"] = cells
        values[f"s{number}"] = {
            population: draw(st.dictionaries(st.integers(0, 400), st.integers(1, 3_000_000), max_size=5))
            for population in sorted(VALUED)
        }
    return Sums.of(rows, values)


@st.composite
def curves(draw: st.DrawFn, *, is_ratio: bool, better: str) -> str:
    """A curve whose joints lie where rates often do, or so close together that slopes are steep."""
    rates = st.sampled_from(["0", "0.125", "0.333333", "0.5", "0.6", "0.75", "0.999999", "1"])
    places = rates if is_ratio else st.one_of(rates, st.sampled_from(["3", "4.5", "20", "365"]))
    xs = sorted(draw(st.lists(places, min_size=2, max_size=4, unique=True)), key=Decimal)
    ys = st.sampled_from(["0", "0.005", "33.335", "60", "66.666667", "89.995", "99.9999", "100"])
    points = sorted(draw(st.lists(ys, min_size=len(xs), max_size=len(xs), unique=True)), key=Decimal)
    if better == "lower":
        points.reverse()
    kind = draw(st.sampled_from(["linear", "step"]))
    return f'{{ kind = "{kind}", points = [{", ".join(f"[{x}, {y}]" for x, y in zip(xs, points, strict=True))}] }}'


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    codes = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=4, unique=True))
    cuts = sorted(draw(st.lists(st.integers(1, 99), min_size=len(codes) - 1, max_size=len(codes) - 1)))
    weights = [end - begin for begin, end in zip([0, *cuts], [*cuts, 100], strict=True)]
    text = ""
    for code, weight in zip(codes, weights, strict=True):
        one = standard_measures()[code]
        more = draw(st.sampled_from(["", "cap = 30", "minimum_exposure = 2.5", 'when_not_ratable = "full"']))
        if one.is_counted:
            more += '\nexposure = "workload"'
        curve = draw(curves(is_ratio=one.kind == "ratio", better=one.better))
        text += indicator(code, code, target="0", curve=curve, weight=str(weight), more=more)
    if draw(st.booleans()):
        bonus = draw(curves(is_ratio=True, better="higher"))
        text += adjustment("bonus", "b", "conformance-decided", f"curve = {bonus}\nceiling = 7.3")
        text += adjustment("deduction", "d", "yellow-cards", "points_each = 0.333\nceiling = 12.5")
        text += adjustment("deduction", "w", "warnings", "points_each = 3\nceiling = 9")
    if draw(st.booleans()):
        text += competence("one", "0", "exposure = [{ measure = 'workload-licences', at_least = 0.333334 }]")
    decimals, rounding = draw(st.integers(0, 6)), draw(st.sampled_from(["half-even", "half-up", "down"]))
    head = f'decimals = {decimals}\nrounding = "{rounding}"'
    return policy_of(text + grade("low", "0"), head)


UNITS = [None, 'the "second"\n\\ unit', "办案科", "U4\x7f", "", "U6"]


def printed(sums: Sums, policy: Policy) -> ScorecardRows:
    return ScorecardRows(score_columns(sums, policy), sums.subjects, UNITS[: len(sums)], competence=True)


def expected(sums: Sums, policy: Policy) -> list[dict[str, Any]]:
    """Row by row, in fractions."""
    exact = ExactScorer(policy)
    return [
        card_json(
            exact.scorecard(
                subject,
                UNITS[row],
                [int(each) for each in sums.cells[row]],
                {population: values.of(row) for population, values in sums.values.items()},
            ),
            policy,
            competence=True,
        )
        for row, subject in enumerate(sums.subjects)
    ]


def check(sums: Sums, policy: Policy) -> None:
    cards = expected(sums, policy)
    rows = printed(sums, policy)
    assert rows.values() == cards
    for spacing in (WIDE, NARROW):
        text = json.dumps(cards, ensure_ascii=False, separators=spacing)
        assert f"[{''.join(rows.texts(spacing))}]" == text
    assert rows.summary(with_units=True) == [
        (
            card["subject"], card["unit"], card["score"], card["grade"], *map(counted, card["indicators"]),
            *further(card).values(),
        )
        for card in cards
    ]  # fmt: skip
    codes = [each.code for each in policy.indicators]
    assert rows.summary_columns(with_units=True) == [
        "subject", "unit", "score", "grade", *codes, *(further(cards[0]) if cards else ()),
    ]  # fmt: skip


def further(card: dict[str, Any]) -> dict[str, str | None]:
    """What else a table shows of a card, by the policy."""
    shown: dict[str, str | None] = {}
    if "adjusted" in card:
        shown |= {name: card["adjusted"] and card["adjusted"][name] for name in ("bonus", "deduction")}
    if "competence" in card:
        shown["competence"] = card["competence"]["code"]
    return shown


def counted(result: dict[str, Any]) -> str | None:
    """What a table shows of an indicator."""
    return result["rate"] if "kind" in result else f"{result['numerator']}/{result['denominator']}"


@settings(max_examples=80, deadline=None)
@given(rows_of_sums(), policies())
def test_many_at_once_are_scored_and_printed_as_each_alone(sums: Sums, policy: Policy) -> None:
    check(sums, policy)


@settings(max_examples=30, deadline=None)
@given(rows_of_sums(), st.sampled_from(shipped_policies()))
def test_shipped_policies_score_many_as_each_alone(sums: Sums, name: str) -> None:
    check(sums, load_policy(name))


def test_scores_on_a_tie_and_a_hair_beside_it_are_told_apart() -> None:
    # 10**7 targets: one more or less completed moves the score by 0.00001, far below what is printed.
    policy = policy_of(
        indicator("plan", "plan-completion", curve='{ kind = "linear", points = [[0, 0], [1, 100]] }')
        + grade("high", "89.99")
        + grade("low", "0")
    )
    # 0.89985 is on the tie between 89.98 and 89.99.
    tie = 8_998_500_000_000
    rows: dict[str, Row] = {}
    for name, step in (("a", -1), ("b", 0), ("c", 1)):
        rows[name] = {
            **members("targets", "completed", count=(tie + step) / 10**6),
            **members("targets", count=(10**13 - tie - step) / 10**6),
        }

    columns = score_columns(Sums.of(rows), policy)

    assert columns.scores.tolist() == [8998, 8998, 8999]
    assert [policy.grades[each].code for each in columns.grades.tolist()] == ["low", "low", "high"]
    assert columns.exactly >= 1, "floating point alone does not know"


def test_values_beyond_what_a_float_holds_are_still_exact() -> None:
    policy = policy_of(
        indicator("mean", "mean-rating", target="5", curve='{ kind = "linear", points = [[1, 0], [5, 100]] }')
    )
    # Two thousand million ratings of 4 and one of 5: the values add up to more than 2**53 millionths.
    many = {4: 2_500 * 10**12, 5: 1}

    sums = Sums.of({"p": {}}, {"p": {Population.RATED: many}})
    columns = score_columns(sums, policy)

    assert columns.too_large.tolist() == [True]
    check(sums, policy)
    check(sums, load_policy("market-supervision-2024"))


@settings(max_examples=150, deadline=None)
@given(
    st.fractions(0, 110, max_denominator=10**9),
    st.floats(0, 1e-6),
    st.integers(0, 6),
    st.sampled_from(["half-even", "half-up", "down"]),
)
def test_a_rounded_float_is_sure_only_where_every_value_within_its_error_rounds_alike(
    value: Fraction, error: float, places: int, rounding: Rounding
) -> None:
    near = np.array([float(value)])
    reach = Fraction(error) + Fraction(float(value)) / 2**52

    units, unsure = round_units(near, float(reach), places, rounding)

    if not unsure[0]:
        for exact in (value, max(Fraction(0), value - Fraction(error)), value + Fraction(error)):
            assert units_of(exact, places, rounding) == units[0]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2**53 - 1), st.integers(1, 2**53 - 1)), min_size=1, max_size=4),
    st.fractions(0, 10, max_denominator=10**12),
)
def test_ratios_are_compared_exactly(pairs: list[tuple[int, int]], bound: Fraction) -> None:
    exact = [(Fraction(top, bottom) > bound) - (Fraction(top, bottom) < bound) for top, bottom in pairs]
    tops, bottoms = (np.array(each, np.float64) for each in zip(*pairs, strict=True))

    assert compare(tops, bottoms, bound).tolist() == exact


def test_ratios_a_hair_from_the_bound_are_told_from_it() -> None:
    # Products of these with the parts of the bound are far above 2**53, and differ by one in their last digits.
    bound = Fraction(333_333_333_333, 10**12)
    tops = np.array([333_333_333_333_000.0 + step for step in (-1, 0, 1)])

    assert compare(tops, np.full(3, 1e15), bound).tolist() == [-1, 0, 1]
    huge = Fraction(2**52 + 1, 2**53 - 1)
    assert compare(np.array([2.0**52 + 1, 2.0**52]), np.full(2, 2.0**53 - 1), huge).tolist() == [0, -1]
    assert compare(np.array([2.0**52 - 1]), np.array([2.0**53 - 5]), Fraction(2**52 - 2, 2**53 - 7)).tolist() == [
        (Fraction(2**52 - 1, 2**53 - 5) > Fraction(2**52 - 2, 2**53 - 7))
        - (Fraction(2**52 - 1, 2**53 - 5) < Fraction(2**52 - 2, 2**53 - 7))
    ]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.fractions(0, 1, max_denominator=10**6), min_size=2, max_size=5, unique=True),
    st.lists(st.decimals(0, 100, places=3), min_size=5, max_size=5),
    st.integers(0, 10**13),
    st.integers(1, 10**13),
)
def test_points_of_a_fast_curve_are_within_their_error(
    rates: list[Fraction], points: list[Decimal], top: int, bottom: int
) -> None:
    xs = sorted({rounded(rate, 6) for rate in rates})
    curve = Curve.model_construct(kind="linear", points=tuple(zip(xs, points, strict=False)))
    fast = FastCurve.of(curve, "higher")

    found = fast.points_of(np.array([float(top)]), np.array([float(bottom)]))

    assert abs(Fraction(float(found[0])) - curve.points_of(Fraction(top, bottom), "higher")) <= Fraction(
        fast.error
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_fast_intervals_are_the_exact_ones_where_they_are_sure(hits: int, misses: int) -> None:
    size = max(hits + misses, 1)
    exact = wilson(Fraction(hits, 10**6), Fraction(max(size, hits), 10**6))

    low, high, unsure = wilson_millionths(np.array([float(hits)]), np.array([float(size)]))

    if not unsure[0]:
        assert [Decimal(int(low[0])), Decimal(int(high[0]))] == [bound * 10**6 for bound in exact]


def test_every_population_of_a_measure_is_named() -> None:
    assert set(POPULATIONS.values()) == set(Population)


@pytest.mark.parametrize("name", shipped_policies())
def test_nothing_to_score_gives_nothing(name: str) -> None:
    columns = score_columns(Sums.of({}), load_policy(name))

    assert columns.scores.size == 0
    rows = ScorecardRows(columns, [], [], competence=True)
    assert not rows.values()
    assert not rows.summary(with_units=True)
    assert not list(rows.texts(WIDE))
