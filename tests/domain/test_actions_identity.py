"""Which records are the same action: the key, and equality as JSON values."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.actions.actions import Action, action_key, check_action, id_number, id_numbers, same_action
from tests.domain.made_actions import NOW, checked, event, json_values, text, texts, valid_events


def test_key_is_a_version_8_uuid_of_source_number_and_digest() -> None:
    key = action_key("/gx/licensing", "2024-000317-12")
    source = hashlib.sha256(b"/gx/licensing").digest()
    both = int.from_bytes(hashlib.sha256(b"/gx/licensing\x002024-000317-12").digest(), "big")

    assert (key.version, key.variant) == (8, "specified in RFC 4122")
    assert key.bytes[:2] == source[:2]
    assert int.from_bytes(key.bytes[2:6], "big") == 202400031712 % 2**32
    digest = (key.int >> 64 & 0xFFF) << 62 | key.int & (1 << 62) - 1
    assert digest == both >> 256 - 74


def test_keys_never_change() -> None:
    # Stored in every ledger: a change here loses the identity of all that was recorded.
    assert str(action_key("/gx/licensing", "2024-000317-12")) == "f5761ffb-63e0-8470-bb85-0ff2ad98c8e2"
    assert str(action_key("来源", "案件-٣")) == "a4880000-0000-819f-8ac4-dea1820d6b09"
    assert str(action_key("a", "9" * 5000)) == "ca97ffff-ffff-8095-a7e1-f9274394e22f"


def test_numbered_ids_of_one_source_lie_side_by_side() -> None:
    keys = [action_key("/gx/licensing", f"L-{number:07}") for number in range(1000)]
    assert sorted(keys) == keys
    assert len({key.bytes[:2] for key in keys}) == 1


@given(st.lists(st.tuples(texts, texts), unique=True, max_size=30))
def test_different_pairs_have_different_keys(pairs: list[tuple[str, str]]) -> None:
    assert len({action_key(source, id) for source, id in pairs}) == len(pairs)
    assert action_key("a", "bc") != action_key("ab", "c")


def test_only_the_last_32_digits_of_an_id_can_count() -> None:
    for digits in ("1" * 31, "7" * 32, "12" * 40):
        assert int.from_bytes(action_key("a", digits).bytes[2:6], "big") == int(digits) % 2**32


@given(st.lists(st.one_of(texts, st.text("0123456789-A\n٣", min_size=1, max_size=40)), max_size=8))
def test_the_numbers_of_many_ids_are_those_of_each(ids: list[str]) -> None:
    assert id_numbers(ids) == [id_number(each) for each in ids]


@pytest.mark.parametrize(
    "other",
    [
        event(time="2024-03-29T02:15:00Z"),
        event(time="2024-03-29T10:15:00.0000009+08:00"),
        event(extension="is no part of the action"),
        event(datacontenttype="application/json"),
        event(sequence=None),
        event(data={}),
        event(data=...),
    ],
    ids=range(7),
)
def test_records_that_say_the_same_in_other_words_are_the_same(other: dict[str, Any]) -> None:
    assert same_action(checked(event()), checked(other))


@pytest.mark.parametrize(
    "other",
    [
        event("licensing.accepted"),
        event(subject="GX-318"),
        event(time="2024-03-29T10:15:00.000001+08:00"),
        event(sequence="0"),
        event(data={"owner": "S1"}),
        event(data={"note": ""}),
        event(data={"x": None}),
    ],
    ids=range(7),
)
def test_records_that_differ_in_what_counts_are_not_the_same(other: dict[str, Any]) -> None:
    assert not same_action(checked(event()), checked(other))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (0, -0.0, True),
        (10**20, 1e20, True),
        (2**53 + 1, float(2**53), False),
        (True, 1, False),
        (False, 0, False),
        (0, False, False),
        (True, True, True),
        (None, False, False),
        (None, 0, False),
        ("1", 1, False),
        ([], {}, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ([1], [True], False),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": None}, {}, False),
        ("é", "e\u0301", False),
    ],
)
def test_data_is_compared_as_json_values(one: Any, other: Any, same: bool) -> None:
    first, second = (checked(event(data={"x": value, "y": [{"z": value}]})) for value in (one, other))
    assert same_action(first, second) is same
    assert same_action(second, first) is same


@given(valid_events())
def test_spelling_of_the_json_does_not_count(record: dict[str, Any]) -> None:
    spelt = json.dumps(dict(reversed(record.items())), indent=2, ensure_ascii=True).encode()
    assert same_action(checked(record), check_action(spelt, now=NOW))


@given(valid_events(), json_values)
def test_any_other_value_of_an_unknown_field_is_another_content(record: dict[str, Any], value: Any) -> None:
    one, other = (checked(record | {"data": record["data"] | {"x": inner}}) for inner in ([value], [[value]]))
    assert not same_action(one, other)


def test_key_of_an_action_is_that_of_its_source_and_id() -> None:
    action: Action = checked(event())
    assert action.key == action_key("/gx/licensing", "2024-000317")
    assert replace(action, id="2").key != action.key
    assert text(event()) == action.facts
