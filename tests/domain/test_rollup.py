"""Who a row counts for: persons, units with all below them, processes, the whole; held to a slow reference."""

from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.directory import Directory, DirectoryAction
from domain.measuring.populations import ATTRIBUTES, NO_VALUE, STOCKS, VALUED, Population
from domain.measuring.rollup import By, sums_of
from domain.measuring.sums import Sums, Values
from domain.measuring.tally import Tally, TallyRow
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
    still = overdue(Population.OPEN_ENFORCEMENT, "p", "u", begins=-400)
    ended = overdue(Population.OPEN_ENFORCEMENT, "p", "u", begins=-400, ends=31)
    later = overdue(Population.OPEN_ENFORCEMENT, "p", "u", begins=32)

    assert only(scored(still)).indicators[4].denominator == 1
    assert scored(ended).subjects == []
    assert scored(later).subjects == []


def test_both_ends_of_the_period_count_and_no_day_beyond() -> None:
    cards = scored([row("plan-completion", "p", day=day) for day in (0, 1, 31, 32)])

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
        row("timeliness", "p", "branch", day=9),
        row("timeliness", "p", "branch", day=10, met=False),
    ]
    rows += overdue(Population.OPEN_LICENCE, "p", "branch", begins=5)
    rows += [row("timeliness", "p", None)]

    cards = {card.subject: card for card in scored(rows, *moves, by="unit").subjects}

    # The decision of the 9th went to the north; that of the 10th, and what is overdue on the 31st, to the south.
    sums = {unit: [card.indicators[2].numerator, card.indicators[2].denominator] for unit, card in cards.items()}
    assert sums == {"branch": [1, 3], "idle": [0, 0], "north": [1, 1], "office": [1, 1], "south": [0, 2]}
    assert list(cards) == ["branch", "idle", "north", "office", "south"]
    assert all(card.unit == unit for unit, card in cards.items())


def test_what_has_no_owner_counts_in_its_unit_and_the_whole_only() -> None:
    rows = [row("plan-completion", None, "u"), row("plan-completion", "p", None)]

    assert [card.subject for card in scored(rows).subjects] == ["p"]
    assert [card.subject for card in scored(rows, by="unit").subjects] == ["u"]
    assert only(scored(rows, by="all")).indicators[0].denominator == 2


def test_processes_are_those_of_the_register_and_the_unknown() -> None:
    rows = [
        row("timeliness", "p"),
        row("closure", "p", procedure=PENALTY),
        row("timeliness", "p", procedure="nowhere"),
        row("timeliness", "p", procedure=None),
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
        [row("plan-completion", "stranger", "u1")],
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
KINDS = [(population, pattern) for population in Population for pattern in range(1 << len(ATTRIBUTES[population]))]
ROWS = st.lists(
    st.builds(
        lambda kind, *rest: (*kind, *rest),
        st.sampled_from(KINDS),
        NAMES,
        NAMES,
        st.sampled_from([None, LICENCE, PENALTY, "nowhere"]),
        st.integers(march(-2), march(34)),
        st.integers(NO_VALUE, 3),
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


def slow_sums(rows: list[TallyRow], directory: Directory, by: By) -> Sums:
    """Row by row, as the words say it."""
    _, register = gx()
    cells: dict[str, dict[tuple[Population, int], int]] = {}
    values: dict[str, dict[Population, dict[int, int]]] = {}
    for number, pattern, person, unit, procedure, day, value, part in rows:
        population = Population(number)
        is_stock = population in STOCKS
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
                sums = cells.setdefault(subject, {})
                sums[population, pattern] = sums.get((population, pattern), 0) + part
                histogram = values.setdefault(subject, {}).setdefault(population, {})
                if value != NO_VALUE:
                    histogram[value] = histogram.get(value, 0) + part
    counted = {subject: sums for subject, sums in cells.items() if any(sums.values())}
    valued = {
        subject: {population: each for population, each in values[subject].items() if population in VALUED}
        for subject in counted
    }
    return Sums.of(counted, valued)


GONE: list[TallyRow] = [
    (Population.DECIDED, 0, "a", None, None, FROM, days, part) for days, part in ((0, -2), (1, 2))
]
"""What counts for nothing, though each of its values does."""


@settings(max_examples=300, deadline=None)
@given(ROWS, MOVES, st.sampled_from(["staff", "unit", "process", "all"]))
@example(GONE, [], "staff")
def test_sums_are_those_of_the_slow_reference(rows: list[TallyRow], moves: list[DirectoryAction], by: By) -> None:
    _, register = gx()
    directory = Directory.fold(moves, SHANGHAI)

    sums = sums_of(Tally.of(rows), directory, register, from_day=FROM, to_day=TO, by=by)

    expected = slow_sums(rows, directory, by)
    assert list(sums.subjects) == list(expected.subjects)
    assert sums.cells.tolist() == expected.cells.tolist()
    for population in VALUED:
        ours, theirs = (each.values.get(population, Values.none()) for each in (sums, expected))
        assert [column.tolist() for column in ours] == [column.tolist() for column in theirs]
