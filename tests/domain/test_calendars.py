"""Counted days: make-up working days, weekends beyond what is published, and counting that never runs out."""

from datetime import date, timedelta

import chinese_calendar
import holidays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import calendars
from domain.errors import UnknownNameError
from domain.rules.calendars import (
    AMENDMENTS,
    FIRST_DAY,
    LAST_DAY,
    Calendar,
    CountedDays,
    load_calendar,
    to_date,
    to_day,
)

KINDS: tuple[CountedDays, ...] = ("working", "calendar")
CALENDARS = ("china", "weekdays")
ANY_DAY = st.one_of(
    st.integers(FIRST_DAY - 500, LAST_DAY + 500),
    st.integers(FIRST_DAY - 20, FIRST_DAY + 20),
    st.integers(LAST_DAY - 60, LAST_DAY + 20),
)


def is_counted(calendar: Calendar, day: int, kind: CountedDays) -> bool:
    return kind == "calendar" or calendar.is_working(day)


def published_days() -> list[date]:
    first, last = date(2004, 1, 1), date(2026, 12, 31)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def test_china_works_on_the_days_that_chinesecalendar_says_but_for_the_listed_ones() -> None:
    china = load_calendar("china")

    differing = {
        day for day in published_days() if china.is_working(to_day(day)) != chinese_calendar.is_workday(day)
    }

    assert differing == set(AMENDMENTS)
    for day, (is_worked, notice) in AMENDMENTS.items():
        assert china.is_working(to_day(day)) == is_worked
        assert "国办" in notice


def test_china_works_on_the_days_that_holidays_says() -> None:
    china = load_calendar("china")
    other = holidays.country_holidays("CN", years=range(2004, 2027))

    for day in published_days():
        assert china.is_working(to_day(day)) == other.is_working_day(day), day


def test_every_limit_of_the_published_years_is_that_of_the_libraries_or_a_notice_decides() -> None:
    days = calendars.published_days()
    ours, library, other = (
        worked(days)
        for worked in (calendars.ours_worked, calendars.chinesecalendar_worked, calendars.holidays_worked)
    )

    found = list(calendars.differences("chinesecalendar", library, "holidays", other))

    compared = calendars.limits(ours)
    assert np.array_equal(compared, calendars.limits(other))
    assert {each.day: each.notice for each in found} == {day: notice for day, (_, notice) in AMENDMENTS.items()}
    assert int((calendars.limits(library) != compared).sum()) == sum(each.limits for each in found)
    # The limits compared are those that scores count by.
    china, first = load_calendar("china"), to_day(days[0])
    for index in range(0, len(days), 97):
        for n in (1, 5, 20, 60):
            if compared[index, n - 1] >= 0:
                assert china.nth_counted_day(first + index, n, "working") == first + compared[index, n - 1]


def test_twenty_working_days_run_over_a_holiday_and_its_make_up_days() -> None:
    # Given acceptance on Friday 2024-09-20; 1-7 October are free, Sunday 29 September and Saturday 12 October
    # are worked: 23-27, 29, 30 September; 8-12, 14-18, 21, 22, 23 October.
    china = load_calendar("china")

    limit = china.nth_counted_day(to_day(date(2024, 9, 20)), 20, "working")

    assert to_date(limit) == date(2024, 10, 23)


def test_the_first_day_counted_is_the_first_after_the_start() -> None:
    weekdays, friday = load_calendar("weekdays"), to_day(date(2024, 3, 1))

    assert to_date(weekdays.nth_counted_day(friday, 1, "working")) == date(2024, 3, 4)
    assert to_date(weekdays.nth_counted_day(friday + 1, 1, "working")) == date(2024, 3, 4)
    assert to_date(weekdays.nth_counted_day(friday, 1, "calendar")) == date(2024, 3, 2)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CALENDARS), st.sampled_from(KINDS), ANY_DAY, st.integers(1, 60))
def test_the_nth_day_is_found_by_walking(name: str, kind: CountedDays, start: int, n: int) -> None:
    calendar, day, left = load_calendar(name), start, n
    while left:
        day += 1
        left -= is_counted(calendar, day, kind)

    assert calendar.nth_counted_day(start, n, kind) == day


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CALENDARS), st.sampled_from(KINDS), ANY_DAY, st.integers(0, 60))
def test_counts_differ_by_the_days_counted_between(name: str, kind: CountedDays, day: int, more: int) -> None:
    calendar = load_calendar(name)
    between = sum(is_counted(calendar, day + step, kind) for step in range(1, more + 1))

    assert calendar.counted_through(day + more, kind) - calendar.counted_through(day, kind) == between


@pytest.mark.parametrize("name", CALENDARS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_array_for_compiled_code_says_the_same(name: str, kind: CountedDays) -> None:
    calendar = load_calendar(name)

    first, cumulative = calendar.counted(kind)

    assert (first, first + len(cumulative) - 1) == (FIRST_DAY, LAST_DAY)
    for day in (first, first + 1, to_day(date(2024, 10, 12)), LAST_DAY):
        assert cumulative[day - first] == calendar.counted_through(day, kind)


def test_days_that_a_notice_to_come_may_move_are_provisional_and_weekends_are_free() -> None:
    china = load_calendar("china")
    assert china.provisional_from is not None
    unpublished = china.provisional_from
    last_year = max(chinese_calendar.holidays).year

    assert to_date(unpublished) == date(last_year, 12, 25)
    assert china.is_provisional(unpublished)
    assert not china.is_provisional(unpublished - 1)
    for day in range(to_day(date(last_year + 1, 1, 1)), unpublished + 400):
        assert china.is_working(day) == (to_date(day).weekday() < 5)


def test_no_notice_so_far_moved_a_day_of_the_year_before_that_was_not_provisional() -> None:
    # The notice for a year moves days around New Year; those of the December before are from the 29th on.
    moved = {*chinese_calendar.holidays, *chinese_calendar.workdays, *AMENDMENTS}

    assert min(day.day for day in moved if day.month == 12) == 29


def test_only_limits_counted_in_working_days_are_provisional() -> None:
    china = load_calendar("china")
    assert china.provisional_from is not None

    assert china.is_provisional(china.provisional_from, "working")
    assert not china.is_provisional(china.provisional_from, "calendar")


def test_weekdays_are_never_provisional() -> None:
    assert not load_calendar("weekdays").is_provisional(LAST_DAY)


def test_calendars_that_count_alike_have_one_hash() -> None:
    assert load_calendar("china").hash != load_calendar("weekdays").hash
    again = load_calendar.__wrapped__("china")
    assert again.hash == load_calendar("china").hash


def test_an_unknown_calendar_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'china'\? Known: china, weekdays"):
        load_calendar("chine")
