"""Days of instants, held to the standard library's zoneinfo on the same zone files."""

import struct
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import UnknownNameError
from domain.rules.calendars import to_day
from domain.tzif import TimeZoneFileError, parse_tzif
from domain.zones import load_zone, zone_names

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_1900 = -2_208_988_800_000_000
YEAR_2100 = 4_102_444_800_000_000
HOUR = 3_600_000_000
# Half hours, rules that cross midnight, negative summer time, skipped days, rules of other hemispheres.
ODD_ZONES = (
    "Africa/Casablanca",
    "America/Nuuk",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Shanghai",
    "Asia/Urumqi",
    "Australia/Lord_Howe",
    "Europe/Amsterdam",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "UTC",
)


@cache
def standard(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, name)


def day_by_zoneinfo(name: str, instant: int) -> int:
    return to_day((EPOCH + timedelta(microseconds=instant)).astimezone(standard(name)).date())


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(zone_names()), st.integers(YEAR_1900, YEAR_2100))
def test_an_instant_falls_on_the_day_that_zoneinfo_says(name: str, instant: int) -> None:
    assert load_zone(name).day_of_instant(instant) == day_by_zoneinfo(name, instant)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(ODD_ZONES),
    st.integers(YEAR_2100, int((datetime(9998, 12, 30, tzinfo=UTC) - EPOCH).total_seconds()) * 1_000_000),
)
def test_the_last_rule_goes_on_beyond_the_table(name: str, instant: int) -> None:
    assert load_zone(name).day_of_instant(instant) == day_by_zoneinfo(name, instant)


@pytest.mark.parametrize("name", ODD_ZONES)
def test_days_around_each_change_of_the_clock_are_right_to_the_microsecond(name: str) -> None:
    zone = load_zone(name)
    changes = [change for change in zone.transitions.tolist() if YEAR_1900 < change < YEAR_2100]
    for change in changes:
        for instant in (change - HOUR, change - 1, change, change + HOUR):
            expected = day_by_zoneinfo(name, instant)
            assert zone.day_of_instant(instant) == expected, instant
            assert zone.day_of(np.array([instant])).tolist() == [expected], instant


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ODD_ZONES), st.lists(st.integers(-(10**16), 10**17), max_size=20))
def test_many_instants_at_once_give_the_same_days_as_one_by_one(name: str, instants: list[int]) -> None:
    zone = load_zone(name)

    days = zone.day_of(np.array(instants, np.int64))

    assert days.dtype == np.int32
    assert days.tolist() == [zone.day_of_instant(instant) for instant in instants]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ODD_ZONES), st.integers(to_day(date(1900, 1, 1)), to_day(date(2100, 1, 1))))
def test_a_day_ends_where_all_that_follows_is_later(name: str, day: int) -> None:
    zone = load_zone(name)

    end = zone.end_of_day(day)

    assert zone.day_of_instant(end - 1) <= day
    for later in (0, 1, HOUR // 60, HOUR, 2 * HOUR, 24 * HOUR, 48 * HOUR):
        assert zone.day_of_instant(end + later) > day


def zone_file(transitions: list[int], rule: str) -> bytes:
    """A TZif file with two kinds of time, -5 and -4 hours, taking turns from summer on, and a last rule."""
    kinds = struct.pack(">lBBlBB", -18000, 0, 0, -14400, 1, 4)
    indexes = bytes((number + 1) % 2 for number in range(len(transitions)))
    body = struct.pack(f">{len(transitions)}q", *transitions) + indexes + kinds + b"EST\0EDT\0"
    empty = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"
    head = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, len(transitions), 2, 8)
    return empty + head + body + f"\n{rule}\n".encode()


@pytest.mark.parametrize(
    "rule",
    [
        "EST5EDT,M3.2.0,M11.1.0",
        "EST5EDT,J60/0,J300/0",
        "EST5EDT4,M3.5.6/26,M10.5.0/-1",
        "<-05>5<-04>,J365/2,J1/3",
        "EST5",
    ],
)
@pytest.mark.parametrize("last", [date(2021, 7, 1), date(2020, 12, 1)])
def test_every_form_of_a_last_rule_is_followed(rule: str, last: date) -> None:
    first = to_day(date(2000, 4, 1)) * 86_400
    # The rule takes over in the middle of a year, after summer time began or ended for the last time.
    transitions = [first, to_day(last) * 86_400] if last.month == 12 else [to_day(last) * 86_400]
    data = zone_file(transitions, rule)
    zone = ZoneInfo.from_file(BytesIO(data))

    table = parse_tzif(data)

    assert table.transitions == sorted(set(table.transitions))
    for hour in range(to_day(date(2019, 12, 1)) * 24, to_day(date(2026, 2, 1)) * 24):
        if abs(hour * 3600 - transitions[-1]) <= 7200:
            continue  # A table and a rule that contradict each other meet here.
        offset = table.offsets[bisect_right(table.transitions, hour * 3600)]
        assert timedelta(seconds=offset) == (EPOCH + timedelta(hours=hour)).astimezone(zone).utcoffset()


def test_a_rule_by_days_from_zero_counts_the_leap_day() -> None:
    table = parse_tzif(zone_file([0], "EST5EDT,59/0,299/-20:30"))

    begins = [to_day(day) * 86_400 + 5 * 3600 for day in (date(2023, 3, 1), date(2024, 2, 29))]
    # Day 299 from 0 is 27 October, a leap year's 26th; 20:30 hours before its midnight, in summer time.
    ends = [to_day(day) * 86_400 - 20 * 3600 - 1800 + 4 * 3600 for day in (date(2023, 10, 27), date(2024, 10, 26))]
    found = [instant for instant in table.transitions if begins[0] <= instant <= ends[1]]
    assert found == [begins[0], ends[0], begins[1], ends[1]]


@pytest.mark.parametrize("data", [b"", b"TZif1" + bytes(39), zone_file([0], "EST5EDT,whenever")])
def test_a_broken_zone_file_is_reported_as_such(data: bytes) -> None:
    with pytest.raises(TimeZoneFileError, match="tzdata"):
        parse_tzif(data)


def test_a_day_in_shanghai_ends_at_sixteen_hours_utc() -> None:
    day = to_day(date(2024, 3, 1))

    assert load_zone("Asia/Shanghai").end_of_day(day) == day * 24 * HOUR + 16 * HOUR


def test_a_day_that_a_zone_skipped_ends_with_the_day_before() -> None:
    apia, skipped = load_zone("Pacific/Apia"), to_day(date(2011, 12, 30))

    assert apia.end_of_day(skipped) == apia.end_of_day(skipped - 1)


def test_a_day_that_came_back_for_an_hour_ends_when_it_is_over_for_good() -> None:
    # In Newfoundland clocks went back from 00:01 to 23:01 of the day before.
    zone, day = load_zone("America/St_Johns"), to_day(date(2006, 10, 28))
    first_midnight = int((datetime(2006, 10, 29, 2, 30, tzinfo=UTC) - EPOCH).total_seconds()) * 1_000_000

    assert zone.day_of_instant(first_midnight) == day + 1
    assert zone.day_of_instant(first_midnight + HOUR // 30) == day
    assert zone.end_of_day(day) == first_midnight + HOUR


@pytest.mark.parametrize("name", ["Asia/Shanhai", "Shanghai", "../etc/passwd", "", "asia/shanghai"])
def test_an_unknown_zone_is_refused_with_names_that_exist(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"No time zone .*Known: .*Asia/Shanghai"):
        load_zone(name)
