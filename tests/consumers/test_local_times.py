"""Times as logs write them, in zones with gaps and folds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.local_times import LocalTimes
from domain.actions.actions import parse_instant
from domain.errors import UnknownNameError
from domain.rules.calendars import to_date
from domain.zones import load_zone

AMSTERDAM = LocalTimes("Europe/Amsterdam", ["%d.%m.%Y %H:%M", "%d.%m.%Y"])


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2011-10-11T13:42:22.688+02:00", "2011-10-11T13:42:22.688+02:00"),
        ("2011-10-11T13:42:22.123456789Z", "2011-10-11T13:42:22.123456789Z"),
        ("2011-10-11 13:42", "2011-10-11T13:42:00+02:00"),
        ("2011-01-11T13:42:22", "2011-01-11T13:42:22+01:00"),
        ("2011-10-11", "2011-10-11T00:00:00+02:00"),
        ("11.10.2011 13:42", "2011-10-11T13:42:00+02:00"),
        ("11.10.2011", "2011-10-11T00:00:00+02:00"),
        ("2011-10-11 13:42:00+0530", "2011-10-11T13:42:00+05:30"),
        # Skipped on 27 March 2011 (02:00 to 03:00): moves forward. Comes twice on 30 October: the first.
        ("2011-03-27 02:30", "2011-03-27T03:30:00+02:00"),
        ("2011-10-30 02:30", "2011-10-30T02:30:00+02:00"),
    ],
)
def test_time_is_said_as_rfc_3339(text: str, instant: str) -> None:
    said = AMSTERDAM.instant(text)
    assert said == instant
    parse_instant(said)


def test_offset_with_seconds_is_said_in_utc() -> None:
    assert LocalTimes("Asia/Shanghai").instant("1900-01-01 00:00") == "1899-12-31T15:54:17+00:00"


@pytest.mark.parametrize("text", ["", "soon", "2011-02-30", "32.01.2011", "2011-10-11T25:00:00Z", "٢٠١١-10-11x"])
def test_what_is_no_time_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        AMSTERDAM.instant(text)
    with pytest.raises(ValueError, match=r".*"):
        AMSTERDAM.date(text)


def test_moment_beyond_the_calendar_in_the_zone_is_a_value_error() -> None:
    shanghai = LocalTimes("Asia/Shanghai")
    with pytest.raises(ValueError, match="out of range"):
        shanghai.date("9999-12-31T23:59:59Z")
    with pytest.raises(ValueError, match="out of range"):
        shanghai.instant("0001-01-01 00:00")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2011-12-06T01:06:40.000+01:00", "2011-12-06"),
        ("2011-12-05T23:30:00Z", "2011-12-06"),
        ("2011-12-05T23:30:00", "2011-12-05"),
        ("2011-12-05", "2011-12-05"),
        ("05.12.2011 23:59", "2011-12-05"),
    ],
)
def test_date_is_the_local_one(text: str, day: str) -> None:
    assert AMSTERDAM.date(text) == day


@given(st.datetimes().filter(lambda moment: 1950 < moment.year < 2100))
def test_date_is_the_day_that_scoring_counts(moment: object) -> None:
    text = AMSTERDAM.instant(str(moment))
    day = load_zone("Europe/Amsterdam").day_of_instant(parse_instant(text))
    assert AMSTERDAM.date(text) == to_date(day).isoformat()


def test_unknown_zone_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Europe/Amsterdam"):
        LocalTimes("Europe/Amsterdm")
