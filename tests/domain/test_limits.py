"""Limits by hand: counted days, clock stops, versions, and what is never due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.actions.stored_facts import EPOCH_ORDINAL
from domain.measuring.cases import (
    ACTION_RECORD,
    EXTRA_RECORD,
    SHARE_RECORD,
    STATES_REASON,
    Cases,
    Role,
    make_records,
)
from domain.measuring.limits import (
    NEVER,
    UNKNOWN,
    Rules,
    compile_rules,
    counted_days,
    counted_limit,
    day_of_count,
    start_of,
)
from domain.rules.calendars import FIRST_DAY, LAST_DAY, load_calendar
from domain.rules.context import Context
from domain.rules.procedures import DeemedAcceptance, Extension, Limit, ProcedureVersion, Register, Title
from domain.zones import load_zone

TITLE = Title(zh="程序", en="Procedure")
REASONS = ("test", "holiday")


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal() - EPOCH_ORDINAL


def version(days: int | None, kind: Any = "working", **more: Any) -> ProcedureVersion:
    limit = None if days is None else Limit(days=days, kind=kind)
    stops = frozenset({"test"})
    return ProcedureVersion("p", "administration", TITLE, "-", limit=limit, stop_reasons=stops, **more)


def rules(*versions: ProcedureVersion, calendar: str = "china") -> Rules:
    register = Register(name="r", title=TITLE, processes={}, procedures={"p": versions}, hash="")
    context = Context(load_zone("Asia/Shanghai"), "day", register, load_calendar(calendar))
    return compile_rules(context, procedures=["p"], reasons=REASONS)


def case(*actions: tuple[Role, str] | tuple[Role, str, str]) -> Cases:
    reasons = [REASONS.index(action[2]) if len(action) > 2 else -1 for action in actions]
    size = len(actions)
    records = make_records(
        ACTION_RECORD,
        size,
        role=np.array([action[0] for action in actions]),
        day=np.array([day(action[1]) for action in actions]),
        extra=np.arange(size),
        states=np.where(np.array(reasons) >= 0, STATES_REASON, 0),
    )
    extras = make_records(EXTRA_RECORD, size, reason=np.array(reasons))
    return Cases(np.array([0, size]), records, extras, make_records(SHARE_RECORD, 0))


def limit(found: Cases, under: Rules, *, penal: bool = False) -> int:
    roles = found.actions.role.tolist()

    def first(role: Role) -> int:
        return roles.index(role) if role in roles else -1

    start = start_of(
        found.actions, first(Role.RECEIVED), first(Role.ACCEPTED), first(Role.CORRECTION_REQUESTED), 0,
        under.first_version, under.versions, under.first_day, under.counted, under.working_days,
    )  # fmt: skip
    return counted_limit(
        found.actions, found.extras, 0, 0, found.actions.size - 1, first(Role.OPENED) if penal else start, 0,
        under.first_version, under.versions, under.stops, under.first_day, under.counted, under.working_days,
    )  # fmt: skip


Step = tuple[Role, str] | tuple[Role, str, str]
ACCEPTED: Step = (Role.ACCEPTED, "2011-03-01")  # a Tuesday
RECEIVED: Step = (Role.RECEIVED, "2011-03-01")
LONGER = Extension(days=2, kind="working")
TWICE = Extension(days=2, kind="working", times=2)
DEEMED = DeemedAcceptance(days=3, kind="working")  # until Friday the 4th

LIMITS: list[tuple[str, Sequence[Step], ProcedureVersion, str]] = [
    ("day 1 is the first working day after the start", [ACCEPTED], version(1), "2011-03-02"),
    ("weekends are no working days", [ACCEPTED], version(4), "2011-03-07"),
    ("calendar days are all days", [ACCEPTED], version(4, "calendar"), "2011-03-05"),
    (
        "a holiday counts by its make-up day",  # Qingming 2011: 3 to 5 April off, Saturday 2 April worked
        [(Role.ACCEPTED, "2011-04-01")],
        version(2),
        "2011-04-06",
    ),
    (
        "acceptance comes before receipt",
        [(Role.RECEIVED, "2011-02-21"), ACCEPTED],
        version(1),
        "2011-03-02",
    ),
    ("receipt starts the clock where nobody accepted", [(Role.RECEIVED, "2011-03-01")], version(1), "2011-03-02"),
    ("the first acceptance counts", [ACCEPTED, (Role.ACCEPTED, "2011-03-10")], version(1), "2011-03-02"),
    (
        "days after the suspension up to the resumption are left out",
        [ACCEPTED, (Role.SUSPENDED, "2011-03-03", "test"), (Role.RESUMED, "2011-03-09")],
        version(4),
        "2011-03-11",
    ),
    (
        "the day of the suspension still counts",
        [ACCEPTED, (Role.SUSPENDED, "2011-03-02", "test"), (Role.RESUMED, "2011-03-09")],
        version(1),
        "2011-03-02",
    ),
    (
        "a reason that the procedure does not allow stops nothing",
        [ACCEPTED, (Role.SUSPENDED, "2011-03-03", "holiday"), (Role.RESUMED, "2011-03-09")],
        version(4),
        "2011-03-07",
    ),
    (
        "a stop that began before the start leaves out only days after it",
        [
            (Role.RECEIVED, "2011-02-21"),
            (Role.SUSPENDED, "2011-02-22", "test"),
            ACCEPTED,
            (Role.RESUMED, "2011-03-03"),
        ],
        version(1),
        "2011-03-04",
    ),
    (
        "a limit that had run out before the stop stays where it was",
        [ACCEPTED, (Role.SUSPENDED, "2011-03-20", "test"), (Role.RESUMED, "2011-03-30")],
        version(4),
        "2011-03-07",
    ),
    (
        "a second suspension before the resumption changes nothing",
        [
            ACCEPTED,
            (Role.SUSPENDED, "2011-03-03", "test"),
            (Role.SUSPENDED, "2011-03-07", "test"),
            (Role.RESUMED, "2011-03-09"),
        ],
        version(4),
        "2011-03-11",
    ),
    (
        "an extension adds its days",
        [ACCEPTED, (Role.EXTENDED, "2011-03-02")],
        version(4, extension=LONGER),
        "2011-03-09",
    ),
    (
        "an extension on the last day of the limit is in time",
        [ACCEPTED, (Role.EXTENDED, "2011-03-07")],
        version(4, extension=LONGER),
        "2011-03-09",
    ),
    (
        "an extension after the limit comes too late",
        [ACCEPTED, (Role.EXTENDED, "2011-03-08")],
        version(4, extension=LONGER),
        "2011-03-07",
    ),
    (
        "a second extension adds nothing where there is one",
        [ACCEPTED, (Role.EXTENDED, "2011-03-02"), (Role.EXTENDED, "2011-03-03")],
        version(4, extension=LONGER),
        "2011-03-09",
    ),
    (
        "a second extension may come by the limit that the first one gave",
        [ACCEPTED, (Role.EXTENDED, "2011-03-02"), (Role.EXTENDED, "2011-03-09")],
        version(4, extension=TWICE),
        "2011-03-11",
    ),
    (
        "an extension while the clock stands still is in time",
        [
            ACCEPTED,
            (Role.SUSPENDED, "2011-03-03", "test"),
            (Role.EXTENDED, "2011-03-30"),
            (Role.RESUMED, "2011-03-30"),
        ],
        version(4, extension=LONGER),
        "2011-04-06",
    ),
    (
        "an extension adds nothing where the procedure knows none",
        [ACCEPTED, (Role.EXTENDED, "2011-03-02")],
        version(4),
        "2011-03-07",
    ),
    (
        "what nobody sent back in time was accepted on receipt",
        [RECEIVED, (Role.CORRECTION_REQUESTED, "2011-03-05"), (Role.ACCEPTED, "2011-03-07")],
        version(4, deemed_acceptance=DEEMED),
        "2011-03-07",
    ),
    (
        "a correction requested on the last day leaves the acceptance as the start",
        [RECEIVED, (Role.CORRECTION_REQUESTED, "2011-03-04"), (Role.ACCEPTED, "2011-03-07")],
        version(4, deemed_acceptance=DEEMED),
        "2011-03-11",
    ),
    (
        "an acceptance on the last day is the start",
        [RECEIVED, (Role.ACCEPTED, "2011-03-04")],
        version(4, deemed_acceptance=DEEMED),
        "2011-03-10",
    ),
]


@pytest.mark.parametrize(
    ("actions", "procedure", "expected"), [one[1:] for one in LIMITS], ids=[one[0] for one in LIMITS]
)
def test_limit(actions: Sequence[Step], procedure: ProcedureVersion, expected: str) -> None:
    assert limit(case(*actions), rules(procedure)) == day(expected)


def test_a_limit_never_runs_out_while_its_clock_stands_still() -> None:
    stopped = case(ACCEPTED, (Role.SUSPENDED, "2011-03-03", "test"))
    assert limit(stopped, rules(version(4))) == NEVER


def test_without_a_limit_nothing_is_ever_due() -> None:
    assert limit(case(ACCEPTED), rules(version(None))) == NEVER


def test_a_start_that_was_never_recorded_is_told_apart() -> None:
    assert limit(case((Role.GRANTED, "2011-03-01")), rules(version(5))) == UNKNOWN


def test_an_enforcement_case_starts_when_it_is_opened() -> None:
    opened = case((Role.ACCEPTED, "2011-01-04"), (Role.OPENED, "2011-03-01"))
    assert limit(opened, rules(version(90, "calendar")), penal=True) == day("2011-05-30")


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2011-06-30", "2011-07-01"),
        ("2011-07-01", "2011-07-03"),
        ("2012-01-01", "2012-01-03"),
        ("2012-01-02", None),
    ],
)
def test_the_version_in_force_on_the_day_of_the_start_applies(start: str, expected: str | None) -> None:
    early = version(1, "calendar", valid_to=day("2011-06-30"))
    late = version(2, "calendar", valid_from=day("2011-07-01"), valid_to=day("2012-01-01"))
    found = limit(case((Role.ACCEPTED, start)), rules(early, late))
    assert found == (NEVER if expected is None else day(expected))


ANY_DAY = st.one_of(
    st.integers(day("0001-01-01"), day("9999-12-31")),
    *(st.integers(edge - 30, edge + 30) for edge in (FIRST_DAY, LAST_DAY)),
)


@settings(deadline=None)
@given(ANY_DAY, st.integers(1, 60))
def test_limits_are_counted_as_the_calendar_says_on_any_day(start: int, days: int) -> None:
    under, china = rules(version(1)), load_calendar("china")
    count = counted_days(under.first_day, under.counted, True, start)
    assert count == china.counted_through(start, "working")
    found = day_of_count(under.first_day, under.counted, under.working_days, True, count + days)
    assert found == china.nth_counted_day(start, days, "working")


@pytest.mark.parametrize(
    ("start", "expected"),
    [("1985-03-08", "1985-03-15"), ("1989-12-29", "1990-01-05"), ("2150-01-02", "2150-01-09")],
)
def test_outside_the_calendar_weekends_are_free(start: str, expected: str) -> None:
    assert limit(case((Role.ACCEPTED, start)), rules(version(5))) == day(expected)


@settings(deadline=None)
@given(st.integers(-20_000, 60_000), st.booleans())
def test_the_day_of_a_count_is_the_first_on_which_it_is_reached(count: int, working: bool) -> None:
    under = rules(version(1))
    found = day_of_count(under.first_day, under.counted, under.working_days, working, count)
    assert counted_days(under.first_day, under.counted, working, found) == count
    assert counted_days(under.first_day, under.counted, working, found - 1) == count - 1
