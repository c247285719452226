"""When an action happened: RFC 3339 by its pattern, whole microseconds, and not ahead of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actions.actions import check_action, order_key, parse_instant
from domain.actions.refusals import RefusedError
from tests.domain.made_actions import HOUR, NOW, checked, event, refusal, text

INSTANTS = {
    "1970-01-01T00:00:00Z": 0,
    "1970-01-01T00:00:00+00:00": 0,
    "1970-01-01T00:00:00-00:00": 0,
    "1970-01-01T08:00:00+08:00": 0,
    "1970-01-01T00:00:00.000001Z": 1,
    "1970-01-01T00:00:00.1Z": 100_000,
    "1970-01-01T00:00:00.9999999Z": 999_999,
    "1969-12-31T23:59:59.9999999Z": -1,
    "1970-01-01T00:00:00." + "0" * 400 + "1Z": 0,
    "1970-01-01T23:59:00+23:59": 0,
    "0001-01-01T00:00:00+23:59": -62_135_683_140_000_000,
    "9999-12-31T23:59:59.999999-23:59": 253_402_387_139_999_999,
    "2024-02-29T12:00:00Z": 1_709_208_000_000_000,
}
NO_INSTANTS = [
    "2024-01-01t00:00:00Z",
    "2024-01-01T00:00:00z",
    "2024-01-01 00:00:00Z",
    "2024-01-01T00:00:00",
    "2024-01-01",
    "2024-01-01T00:00Z",
    "2024-01-01T00:00:60Z",
    "2016-12-31T23:59:60Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:60:00Z",
    "2024-01-01T00:00:00.Z",
    "2024-01-01T00:00:00,5Z",
    "2024-01-01T00:00:00+24:00",
    "2024-01-01T00:00:00+08:60",
    "2024-01-01T00:00:00+08",
    "2024-01-01T00:00:00+0800",
    "2024-01-01T00:00:00+8:00",
    "2024-01-01T00:00:00+08:00:00",
    "2024-01-01T00:00:00 +08:00",
    "2024-01-01T00:00:00\u221208:00",
    "2023-02-29T00:00:00Z",
    "2024-04-31T00:00:00Z",
    "2024-13-01T00:00:00Z",
    "2024-00-01T00:00:00Z",
    "2024-01-00T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "24-01-01T00:00:00Z",
    "+2024-01-01T00:00:00Z",
    "20240101T000000Z",
    "2024-W01-1T00:00:00Z",
    "٢٠٢٤-01-01T00:00:00Z",
    "２０２４-01-01T00:00:00Z",
    " 2024-01-01T00:00:00Z",
    "2024-01-01T00:00:00Z\n",
    "1704067200",
    "",
]


@pytest.mark.parametrize(("time", "microseconds"), INSTANTS.items())
def test_instant_is_read_to_the_microsecond(time: str, microseconds: int) -> None:
    assert parse_instant(time) == microseconds
    if microseconds < NOW:
        action = checked(event(time=time))
        assert (action.time, action.occurred_at) == (time, microseconds)


@pytest.mark.parametrize("time", NO_INSTANTS)
def test_what_is_no_instant_by_the_pattern_is_refused(time: str) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_instant(time)
    if time:
        error = refusal(text(event(time=time)))
        assert (error.code, "`time` is" in error.remedy, "+08:00" in error.remedy) == ("bad-value", True, True)
    if len(time) != 10:
        assert refusal(text(event(data={"due": time}))).code == "bad-value"


@pytest.mark.parametrize("value", [b"1970-01-01T00:00:00Z", 0, None, True])
def test_only_a_text_is_an_instant(value: Any) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_instant(value)


@given(
    st.datetimes(min_value=datetime(2, 1, 1)),
    st.integers(-1439, 1439),
    st.text("0123456789", max_size=5),
)
def test_instants_agree_with_the_standard_library(moment: datetime, minutes: int, beyond: str) -> None:
    local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    written = f"{moment.isoformat(timespec='microseconds')}{beyond}{local.isoformat()[-6:]}"
    assert parse_instant(written) == (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_action_may_lie_24_hours_ahead_and_not_a_microsecond_more() -> None:
    received = text(event(time="2024-06-02T00:00:00Z"))
    assert check_action(received, now=NOW).occurred_at == NOW + 24 * HOUR
    with pytest.raises(RefusedError, match="more than 24 hours ahead") as refused:
        check_action(received, now=NOW - 1)
    assert refused.value.code == "future-time"


@pytest.mark.parametrize("digits", ["0", "007", "12", "9" * 30, "1" * 4300, "9" * 50_000])
def test_sequence_may_have_any_number_of_digits(digits: str) -> None:
    sequence = checked(event(sequence=digits)).sequence
    assert sequence is not None
    rest = sequence
    for digit in reversed(digits[-40:]):
        rest, last = divmod(rest, 10)
        assert last == int(digit)
    assert 10 ** (len(digits) - 1) <= sequence < 10 ** len(digits) or digits.startswith("0")


def test_order_is_instant_then_absent_sequence_then_number_then_source_then_id() -> None:
    ordered = [
        ("b", "z", 1, None),
        ("a", "a", 2, None),
        ("b", "a", 2, None),
        ("b", "b", 2, None),
        ("a", "a", 2, 0),
        ("z", "a", 2, 9),
        ("a", "a", 2, 10),
        ("a", "\uffff", 2, 10),
        ("a", "\U00010000", 2, 10),
        ("a", "a", 3, None),
    ]
    assert sorted(set(ordered), key=lambda one: order_key(*one)) == ordered
