"""The populations, counted by hand: who is a member, with which attributes and value, and on which day."""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from tests.reference.cases import ReferenceLimit
from tests.reference.given import Event, act, of, voided
from tests.reference.populations import ReferenceSums, reference_populations
from tests.reference.scorer import By

# March 2024: the 1st is a Friday; weekends are 2-3, 9-10, 16-17, 23-24, 30-31.
STEPS = (("licensing.received", True), ("review", True), ("advice", False), ("licensing.granted", True))
LIMITS: Mapping[str, ReferenceLimit] = {
    "W5": ReferenceLimit(5, "working", frozenset({"hearing"}), "administration"),
    "DEEMED": ReferenceLimit(10, "working", deemed=(2, "working"), process="administration"),
    "MORE": ReferenceLimit(5, "working", frozenset({"hearing"}), extension=(3, 1)),
    "CARDS": ReferenceLimit(5, "working", frozenset({"hearing"}), supervision=(1, 2, "working")),
    "STEPS": ReferenceLimit(None, steps=(*STEPS, ("licensing.delivered", True))),
    "CLOSING": ReferenceLimit(None, steps=(("notice", True), ("enforcement.closed", True), ("filing", True))),
    "CHANGED": ReferenceLimit(
        5,
        "working",
        steps=(("review", True),),
        valid_to=date(2024, 3, 5),
        others=(ReferenceLimit(10, "calendar", valid_from=date(2024, 3, 6)),),
    ),
}
RECEIVED = act("licensing.received", "L1", "03-04", owner="s1", unit="u1", procedure="W5")


def counted(
    events: Sequence[Event],
    *,
    by: By = "all",
    subject: str = "all",
    from_day: str = "2024-03-01",
    to_day: str = "2024-03-31",
) -> ReferenceSums:
    sums = reference_populations(
        events,
        from_day=date.fromisoformat(from_day),
        to_day=date.fromisoformat(to_day),
        by=by,
        limits=LIMITS,
        working_day=lambda day: day.weekday() < 5,
    )
    return sums.get(subject, ReferenceSums({}, {}))


def cells(events: Sequence[Event], population: str, **asked: Any) -> dict[frozenset[str], Fraction]:
    found = counted(events, **asked).cells
    return {attributes: part for (name, attributes), part in found.items() if name == population}


def one(events: Sequence[Event], population: str, **asked: Any) -> set[str]:
    """Attributes of the only member."""
    ((attributes, part),) = cells(events, population, **asked).items()
    assert part == 1
    return set(attributes)


def procedure(name: str, *events: Event) -> list[Event]:
    return [act("licensing.received", "L1", "03-04", owner="s1", unit="u1", procedure=name), *events]


def granted(time: str, **data: Any) -> Event:
    return act("licensing.granted", "L1", time, **data)


def test_every_decision_is_a_member_with_what_became_of_it() -> None:
    penalty = act("enforcement.penalised", "E1", "03-05")
    review = act("review.decided", "R1", "06-01", of=of(penalty), outcome="revoked")
    assert one([penalty, review], "decision") == {"penalty", "overturned"}
    assert one([granted("03-05")], "decision") == set()


def test_decided_licence_case_says_whether_it_was_in_time_faulty_and_rated() -> None:
    error = act("service.error-found", "L1", "04-01")
    rating = act("service.rated", "L1", "05-01", rating=5)
    assert one([RECEIVED, granted("03-11")], "decided") == {"in-time", "conforming"}
    assert one([RECEIVED, granted("03-12"), error, rating], "decided") == {"faulty", "rated", "conforming"}
    assert one([granted("03-12", procedure="W5")], "decided") == {"limit-unknown", "conforming"}


@pytest.mark.parametrize(
    ("events", "days"),
    [
        ([RECEIVED, granted("03-11")], 7),
        ([RECEIVED, act("licensing.accepted", "L1", "03-06"), granted("03-11")], 5),
        ([RECEIVED, act("licensing.accepted", "L1", "03-12"), granted("03-11")], 7),
        ([RECEIVED, granted("03-04T10:00")], 0),
    ],
)
def test_value_of_a_decided_case_is_the_days_since_its_start(events: list[Event], days: int) -> None:
    assert counted(events).values == {("decided", days): 1}


@pytest.mark.parametrize("later", [[], [act("licensing.received", "L1", "03-12")]])
def test_case_decided_without_a_known_start_is_a_member_without_a_value(later: list[Event]) -> None:
    assert one([granted("03-11"), *later], "decided") == {"in-time", "conforming"}
    assert counted([granted("03-11"), *later]).values == {}


def test_closed_enforcement_case_is_in_time_by_its_own_limit_and_valued_from_its_opening() -> None:
    opened = act("enforcement.opened", "E1", "03-04", due="2024-03-10")
    in_time, late = (act("enforcement.dismissed", "E1", day) for day in ("03-10", "03-11"))
    assert one([opened, in_time], "closed") == {"in-time", "conforming"}
    assert one([opened, late], "closed") == {"conforming"}
    assert counted([opened, late]).values == {("closed", 7): 1}
    assert cells([late], "closed") == {}
    later = act("enforcement.opened", "E1", "03-20", procedure="W5")
    unopened = act("enforcement.closed", "E1", "03-11", procedure="W5")
    assert one([unopened, later], "closed") == {"limit-unknown", "conforming"}
    assert counted([unopened, later]).values == {}


def test_rating_is_good_from_four_on_and_valued() -> None:
    history = [
        RECEIVED,
        act("service.rated", "L1", "03-05", rating=3),
        act("service.rated", "L1", "03-06", rating=5),
    ]
    assert one(history, "rated") == set()
    assert counted(history).values == {("rated", 3): 1}
    assert one([*history, voided(history[1])], "rated") == {"good"}


def test_target_is_completed_or_not_on_the_day_it_is_due() -> None:
    target = act("plan.target-set", "T1", "01-10", due="2024-03-15")
    assert one([target], "target") == set()
    assert one([target, act("plan.target-completed", "T1", "03-15")], "target") == {"completed"}


def test_each_action_shows_what_it_names_itself_and_counts_for_who_owned_the_case_by_then() -> None:
    full = act(
        "licensing.accepted",
        "L1",
        "03-05",
        owner="s2",
        basis=["Art. 32"],
        evidence=[{"ref": "x"}],
        supervisor="s9",
        outcome="accepted",
        participants=[{"staff": "s3", "share": 0.25}],
    )
    bare = act("licensing.suspended", "L1", "03-06", basis=[], evidence=[])
    everything = frozenset({"responsible", "basis", "evidence", "supervisor", "result"})
    history = [RECEIVED, full, bare]
    assert cells(history, "action") == {frozenset({"responsible"}): 1, everything: 1, frozenset(): 1}
    assert cells(history, "action", by="staff", subject="s1") == {frozenset({"responsible"}): 1}
    assert cells(history, "action", by="staff", subject="s3") == {everything: 0.25, frozenset(): 0.25}
    assert cells(history, "action", by="unit", subject="u1") == cells(history, "action")
    assert cells([act("service.rated", "L1", "03-05", rating=5)], "action") == {}


def test_case_stands_open_and_overdue_as_it_was_at_the_end_of_the_period() -> None:
    history = [RECEIVED, granted("03-20")]
    assert one(history, "open_licence", to_day="2024-03-10") == set()
    assert one(history, "open_licence", to_day="2024-03-11") == {"overdue"}
    assert cells(history, "open_licence") == {}
    opened = act("enforcement.opened", "E1", "03-04", procedure="W5")
    assert one([opened], "open_enforcement") == {"overdue"}
    assert cells([opened, act("enforcement.closed", "E1", "03-30")], "open_enforcement") == {}


# Steps


def done(step: str, time: str) -> Event:
    return act("licensing.step-done", "L1", time, step=step)


@pytest.mark.parametrize(
    ("events", "conforming"),
    [
        (procedure("STEPS", done("review", "03-05"), granted("03-06")), True),
        (procedure("STEPS", done("advice", "03-05"), granted("03-06")), False),
        (procedure("STEPS", done("review", "03-07"), granted("03-06")), False),
        (procedure("STEPS", granted("03-06", step="review")), True),
        (procedure("STEPS", done("review", "03-05"), act("licensing.refused", "L1", "03-06")), True),
        (procedure("W5", granted("03-06")), True),
        (procedure("unknown", granted("03-06")), True),
        (procedure("CHANGED", granted("03-08")), False),
        (procedure("CHANGED", act("licensing.accepted", "L1", "03-06"), granted("03-08")), True),
        ([granted("03-05", procedure="CHANGED")], False),
        ([granted("03-06", procedure="CHANGED")], True),
    ],
)
def test_case_conforms_that_took_every_required_step_listed_before_the_decision(
    events: list[Event], conforming: bool
) -> None:
    assert ("conforming" in one(events, "decided")) == conforming


def test_closing_asks_for_the_steps_listed_before_it_however_the_case_ended() -> None:
    opened = act("enforcement.opened", "E1", "03-04", procedure="CLOSING")
    notice = act("enforcement.step-done", "E1", "03-05", step="notice")
    for ending in ("closed", "dismissed", "transferred"):
        end = act(f"enforcement.{ending}", "E1", "03-06")
        assert "conforming" in one([opened, notice, end], "closed")
        assert "conforming" not in one([opened, end], "closed")


# Deemed acceptance: two working days after Monday the 4th end on the 6th; ten on the 18th.


@pytest.mark.parametrize(
    ("events", "day", "days"),
    [
        ([act("licensing.accepted", "L1", "03-07")], "03-18", 14),
        ([act("licensing.accepted", "L1", "03-06")], "03-20", 14),
        ([], "03-18", 14),
        (
            [act("licensing.correction-requested", "L1", "03-06"), act("licensing.accepted", "L1", "03-07")],
            "03-21",
            14,
        ),
        (
            [act("licensing.correction-requested", "L1", "03-07"), act("licensing.accepted", "L1", "03-08")],
            "03-18",
            14,
        ),
    ],
)
def test_case_nobody_sent_back_in_time_was_accepted_on_receipt(events: list[Event], day: str, days: int) -> None:
    history = procedure("DEEMED", *events)
    after = f"03-{int(day[3:]) + 1:02}"
    assert "in-time" in one([*history, granted(day)], "decided")
    assert "in-time" not in one([*history, granted(after)], "decided")
    assert counted([*history, granted(day)]).values == {("decided", days): 1}


def test_version_of_the_receipt_says_whether_acceptance_is_deemed() -> None:
    # Accepted on the 8th; the version of the acceptance is the one that counts.
    history = procedure("CHANGED", act("licensing.accepted", "L1", "03-08"))
    assert "in-time" in one([*history, granted("03-18")], "decided")
    assert "in-time" not in one([*history, granted("03-19")], "decided")


# Extension: five working days after Monday the 4th end on the 11th, three more on the 14th.


@pytest.mark.parametrize(
    ("events", "day"),
    [
        ([act("licensing.extended", "L1", "03-11")], "03-14"),
        ([act("licensing.extended", "L1", "03-12")], "03-11"),
        ([act("licensing.extended", "L1", "03-08"), act("licensing.extended", "L1", "03-09")], "03-14"),
        ([act("licensing.extended", "L1", "03-08", due="2024-03-12")], "03-12"),
        (
            [act("licensing.extended", "L1", "03-08", due="2024-03-12"), act("licensing.extended", "L1", "03-09")],
            "03-12",
        ),
        (
            # Stopped on the 6th, so that what runs on after the 12th are three days and the three more.
            [
                act("licensing.suspended", "L1", "03-06", reason="hearing"),
                act("licensing.extended", "L1", "03-12"),
                act("licensing.resumed", "L1", "03-12T10:00"),
            ],
            "03-20",
        ),
    ],
)
def test_extension_that_comes_within_the_limit_adds_its_days_once(events: list[Event], day: str) -> None:
    history = procedure("MORE", *events)
    after = f"03-{int(day[3:]) + 1:02}"
    assert "in-time" in one([*history, granted(f"{day}T18:00")], "decided")
    assert "in-time" not in one([*history, granted(f"{after}T18:00")], "decided")


# Cards: five working days after Monday the 4th end on Monday the 11th; a working day before is Friday the 8th, two
# after end on the 13th.


def card_days(events: Sequence[Event], *, last: int = 31) -> dict[str, int]:
    """Day of March on which each card is due."""
    found: dict[str, int] = {}
    for number in range(1, last + 1):
        day = f"2024-03-{number:02}"
        for attributes, part in cells(events, "card", from_day=day, to_day=day).items():
            assert part == 1
            (card,) = attributes
            assert card not in found, "once for a case"
            found[card] = number
    return found


def test_warning_comes_before_the_limit_yellow_after_it_and_red_when_supervision_ends() -> None:
    assert card_days(procedure("CARDS")) == {"warning": 8, "yellow": 12, "red": 14}


@pytest.mark.parametrize(
    ("events", "days"),
    [
        ([granted("03-08")], {}),
        ([granted("03-11")], {"warning": 8}),
        ([granted("03-12")], {"warning": 8}),
        ([granted("03-13")], {"warning": 8, "yellow": 12}),
        ([act("licensing.withdrawn", "L1", "03-09")], {"warning": 8}),
        ([act("licensing.suspended", "L1", "03-07", reason="hearing")], {}),
        ([act("licensing.suspended", "L1", "03-08", reason="hearing")], {}),
        ([act("licensing.suspended", "L1", "03-09", reason="hearing")], {"warning": 8}),
        ([act("licensing.step-done", "L1", "03-11", due="2024-03-20")], {"warning": 8, "yellow": 21, "red": 23}),
        ([act("licensing.step-done", "L1", "03-15", due="2024-03-20")], {"warning": 8, "yellow": 12, "red": 14}),
        ([act("licensing.step-done", "L1", "03-05", due="2024-03-10")], {"warning": 7, "yellow": 11, "red": 13}),
        ([act("licensing.step-done", "L1", "03-20", due="2024-03-01")], {"warning": 8, "yellow": 12, "red": 14}),
        ([act("licensing.step-done", "L1", "03-05", due="2024-03-01")], {"yellow": 5, "red": 6}),
    ],
)
def test_card_is_due_while_the_case_is_open_and_its_limit_stands(
    events: list[Event], days: dict[str, int]
) -> None:
    assert card_days(procedure("CARDS", *events)) == days


def test_without_supervision_there_is_only_the_yellow_card_and_without_a_limit_none() -> None:
    assert card_days(procedure("W5")) == {"yellow": 12}
    assert card_days(procedure("STEPS")) == {}
    assert card_days([act("licensing.received", "L1", "03-04", due="2024-03-08")]) == {"yellow": 9}
    assert card_days([act("licensing.accepted", "L1", "03-04", procedure="CARDS")]) == {}


def test_open_enforcement_cases_get_cards_too() -> None:
    opened = act("enforcement.opened", "E1", "03-04", procedure="CARDS")
    closed = act("enforcement.closed", "E1", "03-13")
    assert card_days([opened]) == {"warning": 8, "yellow": 12, "red": 14}
    assert card_days([opened, closed]) == {"warning": 8, "yellow": 12}


def test_card_counts_for_who_owned_the_case_at_the_end_of_that_day() -> None:
    history = procedure("CARDS", act("licensing.step-done", "L1", "03-12", owner="s2", unit="u2"))
    warning, yellow, red = ({frozenset({card}): 1} for card in ("warning", "yellow", "red"))
    assert cells(history, "card", by="staff", subject="s1") == warning
    assert cells(history, "card", by="staff", subject="s2") == yellow | red
    assert cells(history, "card", by="unit", subject="u2") == yellow | red
