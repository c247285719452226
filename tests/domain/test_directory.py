"""Units and staff by day, held to a fold of the plainest kind for every order of arrival."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.directory import Directory, DirectoryAction
from domain.rules.calendars import to_day
from domain.zones import load_zone

SHANGHAI = load_zone("Asia/Shanghai")
HOUR = 3_600_000_000
FIRST = to_day(date(2024, 3, 1))
UNITS, PEOPLE = ("u1", "u2", "u3", "u4"), ("p1", "p2")


def act(
    kind: str, subject: str, day: int, hour: int = 9, sequence: int | None = None, **data: str
) -> DirectoryAction:
    """An action at that hour, in Shanghai, of a day of March 2024."""
    instant = (FIRST + day - 1) * 24 * HOUR + (hour - 8) * HOUR
    name = f"{kind} {subject} {day} {hour} {sequence} {sorted(data.items())}"
    return DirectoryAction(abs(hash(name)), kind, subject, instant, sequence, "/hr", name, data)


def march(day: int) -> int:
    return FIRST + day - 1


def fold(*actions: DirectoryAction) -> Directory:
    return Directory.fold(actions, SHANGHAI)


def test_a_unit_stands_below_its_parent_from_the_end_of_the_day_it_moves() -> None:
    directory = fold(
        act("unit.opened", "office", 1),
        act("unit.opened", "bureau", 1),
        act("unit.opened", "branch", 2, parent="office"),
        act("unit.moved", "branch", 5, hour=23, parent="bureau"),
    )

    assert directory.ancestors("branch", march(1)) == ("branch",)
    assert directory.ancestors("branch", march(4)) == ("branch", "office")
    assert directory.ancestors("branch", march(5)) == ("branch", "bureau")
    assert directory.epochs() == [march(2), march(5)]


def test_only_the_end_of_a_day_counts() -> None:
    directory = fold(
        act("unit.opened", "branch", 1, parent="office"),
        act("unit.moved", "branch", 5, hour=9, parent="bureau"),
        act("unit.moved", "branch", 5, hour=10, parent="office"),
    )

    assert directory.parent("branch", march(5)) == "office"
    assert directory.epochs() == [march(1)]


def test_a_move_that_closes_a_circle_is_without_effect_and_reported() -> None:
    circle = act("unit.moved", "office", 5, parent="branch")
    directory = fold(
        act("unit.opened", "branch", 1, parent="bureau"),
        act("unit.opened", "bureau", 1, 10, parent="office"),
        circle,
    )

    assert directory.ancestors("branch", march(6)) == ("branch", "bureau", "office")
    assert directory.without_effect == (circle.position,)


def test_a_unit_cannot_stand_below_itself() -> None:
    directory = fold(act("unit.opened", "u", 1, parent="u"))

    assert directory.ancestors("u", march(1)) == ("u",)
    assert directory.units(march(1), march(1)) == ["u"]


def test_a_circle_that_a_later_move_has_opened_is_no_circle() -> None:
    directory = fold(
        act("unit.moved", "a", 1, parent="b"),
        act("unit.moved", "b", 2, hour=9, parent="a"),
        act("unit.moved", "a", 2, hour=10, parent="c"),
        act("unit.moved", "b", 2, hour=11, parent="a"),
    )

    assert directory.ancestors("b", march(2)) == ("b", "a", "c")


def test_staff_work_where_they_were_last_assigned_until_they_leave() -> None:
    directory = fold(
        act("staff.joined", "p", 1, unit="u1"),
        act("staff.assigned", "p", 5, unit="u1", to_unit="u2"),
        act("staff.assigned", "p", 8, post="head"),
        act("staff.left", "p", 10),
    )

    assert [directory.unit_of("p", march(day)) for day in (0, 1, 4, 5, 8, 9, 10)] == [
        None, "u1", "u1", "u2", "u2", "u2", None,
    ]  # fmt: skip
    assert directory.post("p", march(9)) == "head"
    assert directory.unit_of("nobody", march(5)) is None


def test_the_day_of_leaving_or_closing_still_counts_as_being_there() -> None:
    directory = fold(
        act("unit.opened", "u", 3),
        act("unit.closed", "u", 5),
        act("staff.joined", "p", 3),
        act("staff.left", "p", 5),
    )

    for from_day, to_day_, there in ((1, 2, False), (1, 3, True), (5, 9, True), (6, 9, False)):
        assert directory.units(march(from_day), march(to_day_)) == (["u"] if there else [])
        assert directory.staff(march(from_day), march(to_day_)) == (["p"] if there else [])


def test_a_unit_that_is_closed_keeps_its_place_for_what_was_done_in_it() -> None:
    directory = fold(act("unit.opened", "u", 1, parent="office"), act("unit.closed", "u", 5))

    assert directory.ancestors("u", march(9)) == ("u", "office")


def test_old_titles_hold_until_the_day_of_renaming() -> None:
    directory = fold(act("unit.opened", "u", 1, title="质检科"), act("unit.renamed", "u", 5, title="市场监管科"))

    assert directory.title("u", march(4)) == "质检科"
    assert directory.title("u", march(5)) == "市场监管科"
    assert directory.title("nobody", march(5)) is None


def test_at_one_instant_the_sequence_decides() -> None:
    directory = fold(
        act("unit.moved", "u", 1, sequence=2, parent="second"),
        act("unit.moved", "u", 1, sequence=10, parent="tenth"),
        act("unit.moved", "u", 1, parent="none"),
    )

    assert directory.parent("u", march(1)) == "tenth"


ACTIONS = st.lists(
    st.one_of(
        st.builds(
            lambda kind, unit, day, hour, parent: act(
                kind, unit, day, hour, **({"parent": parent} if parent else {})
            ),
            st.sampled_from(["unit.opened", "unit.moved", "unit.closed", "unit.renamed"]),
            st.sampled_from(UNITS),
            st.integers(1, 4),
            st.sampled_from([0, 9, 23]),
            st.sampled_from([*UNITS, None]),
        ),
        st.builds(
            lambda kind, who, day, hour, data: act(kind, who, day, hour, **data),
            st.sampled_from(["staff.joined", "staff.assigned", "staff.left"]),
            st.sampled_from(PEOPLE),
            st.integers(1, 4),
            st.sampled_from([0, 9, 23]),
            st.sampled_from([{}, {"unit": "u1"}, {"to_unit": "u2"}, {"unit": "u1", "to_unit": "u3"}]),
        ),
    ),
    max_size=14,
    unique_by=lambda action: action.id,
)


def plain_state(actions: list[DirectoryAction], day: int) -> tuple[dict[str, str], dict[str, str]]:
    """Parents and places at the end of a day: everything up to it, applied one after the other."""
    parents: dict[str, str] = {}
    places: dict[str, str] = {}
    for action in sorted(actions, key=lambda one: (one.occurred_at, one.id)):
        if action.occurred_at >= SHANGHAI.end_of_day(day):
            continue
        data = action.data
        if action.type in ("unit.opened", "unit.moved") and "parent" in data:
            above, at = [], data["parent"]
            while at is not None:
                above.append(at)
                at = parents.get(at)
            if action.subject not in above:
                parents[action.subject] = data["parent"]
        elif action.type == "staff.left":
            places.pop(action.subject, None)
        elif action.type.startswith("staff.") and data:
            places[action.subject] = data.get("to_unit") or data["unit"]
    return parents, places


@settings(max_examples=300, deadline=None)
@given(ACTIONS, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_directory_of_the_plain_fold(
    actions: list[DirectoryAction], random: object
) -> None:
    arrived = list(actions)
    random.shuffle(arrived)  # type: ignore[attr-defined]  # Hypothesis types its random as object
    directory = fold(*arrived)

    trees = []
    for day in range(march(0), march(6)):
        parents, places = plain_state(actions, day)
        trees.append(parents)
        for unit in UNITS:
            assert directory.parent(unit, day) == parents.get(unit)
            expected, at = [unit], parents.get(unit)
            while at is not None:
                expected.append(at)
                at = parents.get(at)
            assert directory.ancestors(unit, day) == tuple(expected)
        for person in PEOPLE:
            assert directory.unit_of(person, day) == places.get(person)
    changed = [march(number) for number in range(1, 6) if trees[number] != trees[number - 1]]
    assert directory.epochs() == changed


@pytest.mark.parametrize("kind", ["unit.moved", "unit.renamed"])
def test_a_unit_of_which_the_opening_was_never_recorded_is_there_all_the_same(kind: str) -> None:
    assert fold(act(kind, "u", 2, parent="o")).units(march(2), march(2)) == ["u"]
