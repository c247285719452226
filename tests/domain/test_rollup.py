"""Who a row counts for: persons, units with all below them, processes, the whole; held to a slow reference."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.directory import Directory, DirectoryAction
from domain.rollup import By, roll_up
from domain.tally import STOCK_MEASURES, Measure, Tally, TallyRow
from tests.domain.scored_march import (
    FROM,
    LICENCE,
    PENALTY,
    SHANGHAI,
    TO,
    gx,
    happened,
    march,
    only,
    overdue,
    row,
    scored,
)


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
