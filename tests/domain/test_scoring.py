"""Scorecards: hand-computed cases, what is printed, and sums held to a slow reference."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendars import to_day
from domain.directory import Directory, DirectoryAction
from domain.policy import NotRatable, Policy, load_policy
from domain.procedures import Register, load_register
from domain.rollup import By, roll_up
from domain.scoring import PeriodError, Scorecard, Scorecards, score
from domain.tally import STOCK_MEASURES, WHOLE, Measure, Tally, TallyRow
from domain.zones import load_zone

FROM, TO = to_day(date(2024, 3, 1)), to_day(date(2024, 3, 31))
LICENCE, PENALTY = "food-production-licence", "penalty-ordinary"
SHANGHAI = load_zone("Asia/Shanghai")


def march(day: int) -> int:
    return FROM + day - 1


def row(
    measure: Measure,
    person: str | None = None,
    unit: str | None = None,
    *,
    day: int = 5,
    met: bool = True,
    share: float = 1,
    procedure: str | None = LICENCE,
) -> TallyRow:
    """One case of March 2024, or a share of one."""
    millionths = round(share * WHOLE)
    return measure, person, unit, procedure, march(day), millionths if met else 0, millionths


def overdue(
    measure: Measure, person: str | None, unit: str | None, begins: int, ends: int | None = None
) -> list[TallyRow]:
    """A case that is open and overdue from one day of March until another."""
    rows: list[TallyRow] = [(measure, person, unit, LICENCE, march(begins), 0, WHOLE)]
    if ends is not None:
        rows.append((measure, person, unit, LICENCE, march(ends), 0, -WHOLE))
    return rows


def happened(kind: str, subject: str, day: int, **data: str) -> DirectoryAction:
    instant = SHANGHAI.end_of_day(march(day)) - 1
    return DirectoryAction(0, kind, subject, instant, None, "/hr", f"{kind} {subject} {day}", data)


@lru_cache(maxsize=1)
def gx() -> tuple[Policy, Register]:
    return load_policy("gx-2012"), load_register("gx-2012")


def scored(
    rows: Sequence[TallyRow], *actions: DirectoryAction, by: By = "staff", policy: Policy | None = None
) -> Scorecards:
    shipped, register = gx()
    directory = Directory.fold(actions, SHANGHAI)
    return score(Tally.from_rows(rows), policy or shipped, directory, register, from_day=FROM, to_day=TO, by=by)


def only(cards: Scorecards) -> Scorecard:
    (card,) = cards.subjects
    return card


def test_timeliness_counts_what_is_still_overdue_against_the_one_who_answers_for_it() -> None:
    cards = scored(
        [row(Measure.TIMELINESS, "p")] * 8
        + [row(Measure.TIMELINESS, "p", met=False)]
        + overdue(Measure.TIMELINESS_OVERDUE, "p", "u", begins=10)
        + overdue(Measure.TIMELINESS_OVERDUE, "p", "u", begins=10, ends=20)
    )

    timeliness = only(cards).indicators[2]
    # 8 of 9 decided and 1 overdue: 0.8, on the line from (0.6, 0) to (0.9, 60).
    assert [timeliness.numerator, timeliness.denominator, timeliness.rate] == [8, 10, Fraction(4, 5)]
    assert timeliness.points == 40
    assert timeliness.interval == (Decimal("0.490162"), Decimal("0.943318"))


def test_stock_that_began_before_the_period_counts_and_stock_that_ended_does_not() -> None:
    still = overdue(Measure.CLOSURE_OVERDUE, "p", "u", begins=-400)
    ended = overdue(Measure.CLOSURE_OVERDUE, "p", "u", begins=-400, ends=31)
    later = overdue(Measure.CLOSURE_OVERDUE, "p", "u", begins=32)

    assert only(scored(still)).indicators[4].denominator == 1
    assert scored(ended).subjects == []
    assert scored(later).subjects == []


def test_both_ends_of_the_period_count_and_no_day_beyond() -> None:
    cards = scored([row(Measure.PLAN, "p", day=day) for day in (0, 1, 31, 32)])

    assert only(cards).indicators[0].denominator == 2


def test_weight_without_data_is_spread_over_the_rest() -> None:
    # Satisfaction 17 of 20 = 0.85 gives 60 of weight 15; revocation 0 of 5 gives 100 of weight 10.
    rows = [row(Measure.SATISFACTION, "p", met=number < 17) for number in range(20)]
    rows += [row(Measure.REVOCATION, "p", met=False)] * 5

    card = only(scored(rows))

    assert card.exact_score == Fraction(60 * 15 + 100 * 10, 25)
    assert (card.score, card.grade) == (Decimal("76.00"), "competent")
    assert [one.counted_weight for one in card.indicators] == [0, 60, 0, 0, 0, 40]
    assert [one.rate is None for one in card.indicators] == [True, False, True, True, True, False]


@pytest.mark.parametrize(("rule", "points"), [("zero", 0), ("full", 100)])
def test_a_policy_may_count_missing_data_as_zero_or_full(rule: NotRatable, points: int) -> None:
    shipped, _ = gx()
    policy = replace(shipped, when_not_ratable=rule)

    card = only(scored([row(Measure.PLAN, "p", met=False)], policy=policy))

    # Plan completion has weight 20 and gets nothing; the other 80 have no data.
    assert card.exact_score == Fraction(80 * points, 100)
    assert card.indicators[1].rate is None
    assert card.indicators[1].points == points


def test_too_few_cases_are_not_ratable() -> None:
    shipped, _ = gx()
    few = shipped.indicators[0].model_copy(update={"minimum_exposure": Decimal("2.5")})
    policy = replace(shipped, indicators=(few, *shipped.indicators[1:]))

    assert only(scored([row(Measure.PLAN, "p")] * 2, policy=policy)).score is None
    enough = [row(Measure.PLAN, "p")] * 2 + [row(Measure.PLAN, "p", share=0.5)]
    assert only(scored(enough, policy=policy)).score == 100


@pytest.mark.parametrize("rule", ["spread", "zero", "full"])
def test_who_has_nothing_ratable_has_no_score_and_no_grade(rule: NotRatable) -> None:
    shipped, _ = gx()

    card = only(scored([], happened("staff.joined", "p", 1), policy=replace(shipped, when_not_ratable=rule)))

    assert (card.subject, card.score, card.exact_score, card.grade) == ("p", None, None, None)


def test_shares_are_counted_exactly() -> None:
    rows = [row(Measure.REVOCATION, "p", met=False, share=0.333333)] * 3
    rows += [row(Measure.REVOCATION, "p", met=False, share=0.000001)]

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
    card = only(scored([row(Measure.PLAN, "p")], policy=replace(policy, indicators=(one,))))
    assert (card.exact_score, card.score, card.grade) == (Fraction("89.995"), Decimal("90.00"), "excellent")


def test_a_unit_counts_with_all_below_it_by_the_tree_of_the_day() -> None:
    moves = [
        happened("unit.opened", "office", 1),
        happened("unit.opened", "north", 1, parent="office"),
        happened("unit.opened", "branch", 1, parent="north"),
        happened("unit.moved", "branch", 10, parent="south"),
        happened("unit.opened", "idle", 1),
    ]
    rows = [
        row(Measure.TIMELINESS, "p", "branch", day=9),
        row(Measure.TIMELINESS, "p", "branch", day=10, met=False),
    ]
    rows += overdue(Measure.TIMELINESS_OVERDUE, "p", "branch", begins=5)
    rows += [row(Measure.TIMELINESS, "p", None)]

    cards = {card.subject: card for card in scored(rows, *moves, by="unit").subjects}

    # The decision of the 9th went to the north; that of the 10th, and what is overdue on the 31st, to the south.
    sums = {unit: [card.indicators[2].numerator, card.indicators[2].denominator] for unit, card in cards.items()}
    assert sums == {"branch": [1, 3], "idle": [0, 0], "north": [1, 1], "office": [1, 1], "south": [0, 2]}
    assert list(cards) == ["branch", "idle", "north", "office", "south"]
    assert all(card.unit == unit for unit, card in cards.items())


def test_what_has_no_owner_counts_in_its_unit_and_the_whole_only() -> None:
    rows = [row(Measure.PLAN, None, "u"), row(Measure.PLAN, "p", None)]

    assert [card.subject for card in scored(rows).subjects] == ["p"]
    assert [card.subject for card in scored(rows, by="unit").subjects] == ["u"]
    assert only(scored(rows, by="all")).indicators[0].denominator == 2


def test_processes_are_those_of_the_register_and_the_unknown() -> None:
    rows = [
        row(Measure.TIMELINESS, "p"),
        row(Measure.CLOSURE, "p", procedure=PENALTY),
        row(Measure.TIMELINESS, "p", procedure="nowhere"),
        row(Measure.TIMELINESS, "p", procedure=None),
    ]

    cards = {card.subject: card for card in scored(rows, by="process").subjects}

    assert list(cards) == ["administration", "enforcement", "improvement", "management", "unknown-process"]
    assert cards["administration"].indicators[2].denominator == 1
    assert cards["enforcement"].indicators[4].denominator == 1
    assert cards["unknown-process"].indicators[2].denominator == 2
    assert cards["management"].score is None


def test_the_whole_is_one_subject_even_of_nothing() -> None:
    assert only(scored([], by="all")).subject == "all"


def test_staff_in_post_are_shown_with_their_unit_on_the_last_day() -> None:
    cards = scored(
        [row(Measure.PLAN, "stranger", "u1")],
        happened("staff.joined", "mover", 1, unit="u1"),
        happened("staff.assigned", "mover", 20, unit="u2"),
        happened("staff.joined", "leaver", 1, unit="u1"),
        happened("staff.left", "leaver", 2),
        happened("staff.joined", "gone", -9, unit="u1"),
        happened("staff.left", "gone", 0),
        happened("staff.joined", "next", 32, unit="u1"),
    )

    assert [(card.subject, card.unit) for card in cards.subjects] == [
        ("leaver", None), ("mover", "u2"), ("stranger", None),
    ]  # fmt: skip


def test_the_printed_form_is_that_of_the_contract() -> None:
    rows = [row(Measure.TIMELINESS, "p", met=number < 1020) for number in range(1368)]
    rows += [
        row(Measure.SATISFACTION, "p", share=0.5),
        row(Measure.RESPONSE, "p"),
        row(Measure.RESPONSE, "p", met=False),
    ]
    rows += [row(Measure.INCOMPLETE, "p", share=0.25)]

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
    # Points: 60 x (1020/1368 - 0.6) / 0.3 = 29.1228..; score: (29.1228.. x 20 + 100 x 15) / 35 = 59.4987...
    assert subject == {
        "subject": "p",
        "unit": None,
        "score": "59.50",
        "grade": "incompetent",
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
        "counted_weight": "57.1428571429",
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
    assert satisfaction["response"] == {"numerator": "1", "denominator": "2", "rate": "0.5"}


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    policy, register = gx()

    with pytest.raises(PeriodError, match="ends on 2024-02-29, before it begins on 2024-03-01"):
        score(Tally.empty(), policy, Directory(), register, from_day=FROM, to_day=FROM - 1, by="all")


NAMES = st.sampled_from([None, "a", "b", "c", "d"])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(list(Measure)),
        NAMES,
        NAMES,
        st.sampled_from([None, LICENCE, PENALTY, "nowhere"]),
        st.integers(march(-2), march(34)),
        st.integers(-2, 2),
        st.integers(-2, 2),
    ),
    max_size=25,
)
MOVES = st.lists(
    st.builds(
        lambda unit, day, parent: happened("unit.moved", unit, day, parent=parent),
        st.sampled_from("abcd"),
        st.integers(-2, 34),
        st.sampled_from("abcd"),
    ),
    max_size=6,
    unique_by=lambda action: action.id,
)


def slow_sums(rows: list[TallyRow], directory: Directory, by: By) -> dict[str, dict[int, tuple[int, int]]]:
    """Row by row, as the words say it."""
    _, register = gx()
    sums: dict[str, dict[int, tuple[int, int]]] = {}
    for measure, person, unit, procedure, day, numerator, denominator in rows:
        is_stock = measure in STOCK_MEASURES
        if day > TO or (day < FROM and not is_stock):
            continue
        subjects: Sequence[str | None] = ["all"]
        if by == "staff":
            subjects = [person]
        elif by == "process":
            subjects = [(procedure and register.process_of(procedure)) or "unknown-process"]
        elif by == "unit":
            subjects = directory.ancestors(unit, TO if is_stock else day) if unit else []
        for subject in subjects:
            if subject is not None:
                before = sums.setdefault(subject, {}).get(measure, (0, 0))
                sums[subject][measure] = (before[0] + numerator, before[1] + denominator)
    counted = {
        subject: {measure: pair for measure, pair in pairs.items() if pair != (0, 0)}
        for subject, pairs in sums.items()
    }
    return {subject: pairs for subject, pairs in counted.items() if pairs}


@settings(max_examples=300, deadline=None)
@given(ROWS, MOVES, st.sampled_from(["staff", "unit", "process", "all"]))
def test_sums_are_those_of_the_slow_reference(rows: list[TallyRow], moves: list[DirectoryAction], by: By) -> None:
    _, register = gx()
    directory = Directory.fold(moves, SHANGHAI)

    sums = roll_up(Tally.from_rows(rows), directory, register, from_day=FROM, to_day=TO, by=by)

    assert sums == slow_sums(rows, directory, by)


COUNTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), min_size=6, max_size=6)


@settings(max_examples=100, deadline=None)
@given(COUNTS, st.randoms(use_true_random=False))
def test_points_and_weights_add_up_to_the_score_whatever_the_order_of_rows(
    counts: list[tuple[int, int]], random: object
) -> None:
    flows = [
        Measure.PLAN,
        Measure.SATISFACTION,
        Measure.TIMELINESS,
        Measure.ERROR,
        Measure.CLOSURE,
        Measure.REVOCATION,
    ]
    rows = [
        row(measure, "p", met=met)
        for measure, (hits, misses) in zip(flows, counts, strict=True)
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
