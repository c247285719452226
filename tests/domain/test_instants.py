"""Many instants at once are the same as each by itself, whatever the shape of the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actions.actions import parse_instant
from domain.actions.instants import parse_instants, sure_instants


def two(most: int) -> st.SearchStrategy[str]:
    return st.integers(0, most).map("{:02}".format)


FRACTIONS = st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=9).map(".{}".format))
OFFSETS = st.one_of(st.just("Z"), st.builds("{}{}:{}".format, st.sampled_from("+-"), two(25), two(61)))
NEARLY = st.builds(
    "{:04}-{}-{}T{}:{}:{}{}{}".format,
    st.one_of(st.sampled_from([0, 1, 1900, 1970, 2000, 2024, 9999]), st.integers(0, 9999)),
    two(13), two(32), two(24), two(60), two(60), FRACTIONS, OFFSETS,
)  # fmt: skip
SHUFFLED = st.text("0123456789:.-+TZtz ", min_size=18, max_size=33)
SPOILT = st.builds(
    lambda text, at, sign: text[: at % len(text)] + sign + text[at % len(text) + 1 :],
    NEARLY, st.integers(0, 40), st.sampled_from("0Zz:T +-.\u0661\x00"),
)  # fmt: skip


def one_by_one(texts: list[str]) -> list[int] | str:
    try:
        return [parse_instant(text) for text in texts]
    except ValueError:
        return "refused"


def at_once(texts: list[str]) -> list[int] | str:
    try:
        found: list[int] = parse_instants(texts).tolist()
        return found
    except ValueError:
        return "refused"


def is_valid(text: str) -> bool:
    return one_by_one([text]) != "refused"


@given(st.lists(NEARLY.filter(is_valid), max_size=8))
def test_valid_texts_are_the_same_at_once(texts: list[str]) -> None:
    assert at_once(texts) == one_by_one(texts)


@given(st.one_of(NEARLY, SHUFFLED, SPOILT))
def test_what_is_refused_alone_is_refused_at_once(text: str) -> None:
    assert at_once([text]) == one_by_one([text])


@pytest.mark.parametrize("fraction", ["", ".1", ".12", ".123", ".123456", ".1234567", ".999999999"])
@pytest.mark.parametrize("offset", ["Z", "+08:00", "-05:30", "+23:59", "-23:59", "+00:00"])
def test_every_shape_of_every_day_that_ends_something(fraction: str, offset: str) -> None:
    days = ["0001-01-01", "0004-02-29", "1900-02-28", "1969-12-31", "1970-01-01", "2000-02-29", "2100-03-01"]
    texts = [
        f"{day}T{clock}{fraction}{offset}"
        for day in [*days, "9999-12-31"]
        for clock in ("00:00:00", "23:59:59", "12:34:56")
    ]
    assert at_once(texts) == one_by_one(texts)
    assert isinstance(at_once(texts), list)


@pytest.mark.parametrize(
    "text",
    ["", "Z", "2023-02-29T00:00:00Z", "2100-02-29T00:00:00+08:00", "0000-01-01T00:00:00Z", "2024-01-01T00:00:00.Z",
     "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z", "2024-01-01T00:00:00+24:00", "2024-01-01t00:00:00Z",
     "2024-01-01T00:00:00 08:00", "2024-01-01T00:00:00.1a3Z", "２024-01-01T00:00:00Z"],
)  # fmt: skip
def test_no_instant_is_refused_among_others(text: str) -> None:
    with pytest.raises(ValueError, match="no RFC 3339"):
        parse_instants(["2024-01-01T00:00:00Z", text])


@pytest.mark.parametrize("fraction", ["", ".1", ".123", ".123456789"])
@pytest.mark.parametrize("offset", ["Z", "+08:00", "-05:30"])
def test_what_systems_usually_send_is_not_parsed_one_by_one(fraction: str, offset: str) -> None:
    text = f"2024-02-29T23:59:58{fraction}{offset}"
    instants, sure = sure_instants([text, "2024-02-30T00:00:00Z", "２024-02-29T00:00:00Z"])
    assert sure.tolist() == [True, False, False]
    assert instants[0] == parse_instant(text)
