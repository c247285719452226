"""Many records at once are judged as each is by itself, whatever is sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.actions import upcasts
from domain.actions.actions import Action, check_action
from domain.actions.batches import QuickData, check_actions
from domain.actions.data import FIELDS
from domain.actions.facts import SEALED_FIELDS
from domain.actions.refusals import RECORD_BYTES_MAX, RefusedError
from domain.actions.types import ACTION_TYPES
from tests.domain.made_actions import NOW, OF, event, text, valid_events

PARTS = (
    "source",
    "id",
    "type",
    "subject",
    "time",
    "occurred_at",
    "sequence",
    "data",
    "facts",
    "received",
    "key_bytes",
)
SPLICES = [
    b'"', b"\\", b",", b"{", b"}", b"[", b"]", b"null", b"true", b"1", b"1.0", b"0", b"NaN", b"-0", b"1e0", b" ",
    b"\n", b"\\u0022", b"\\u005c", b"\\u0000", b"\\u4e2d", b"\\n", "中".encode(), b"\xff", b"\xed\xa0\x80", b"Z",
    b"+25:00",
    b'"id":"x",', b'"\\u0069d":"x",', b'"note":"n",', b'"rating":5.0,', b'"rating":6,', b'"rating":true,',
    b'"sequence":"12",', b'"sequence":"1x",', b'"sequence":null,', b'"dataschema":"urn:kaoji:action:1",',
    b'"dataschema":"urn:kaoji:action:2",', b'"of":{"case":"c"},', b'"of":{"source":"s"},', b'"owner":"o",',
    b'"participants":[{"staff":"a","share":1}],', b'"participants":[{"staff":"a","share":0.1234567}],',
    b'"participants":[],', b'"due":"2024-02-30",', b'"due":"2024-02-29\\n",', b'"due":"2024-02-29T01:00:00Z",',
    b'"evidence":[{"ref":"r","sha256":"0"}],', b'"basis":[""],', b'"outcome":"pass",', b'"outcome":"upheld",',
    b'"time":"2024-02-30T00:00:00Z",', b'"time":"2999-01-01T00:00:00Z",', b'"data":{},', b'"data":null,',
]  # fmt: skip


def assert_judged_alike(received: Sequence[bytes]) -> None:
    for one, found in zip(received, check_actions(received, now=NOW), strict=True):
        try:
            expected: Action | RefusedError = check_action(one, now=NOW)
        except RefusedError as refusal:
            expected = refusal
        if isinstance(expected, RefusedError):
            assert isinstance(found, RefusedError), one
            assert (found.code, found.remedy) == (expected.code, expected.remedy)
        else:
            assert isinstance(found, Action), (one, found)
            assert [getattr(found, part) for part in PARTS] == [getattr(expected, part) for part in PARTS], one


def was_quick(received: bytes) -> bool:
    (found,) = check_actions([received], now=NOW)
    return isinstance(found, Action) and found.key_known is not None


@st.composite
def sent(draw: st.DrawFn) -> bytes:
    """A valid event in some spelling, mostly with something done to it."""
    spelling: dict[str, Any] = draw(
        st.sampled_from([{"ensure_ascii": False, "separators": (",", ":")}, {"ensure_ascii": True}, {"indent": 1}])
    )
    received = json.dumps(draw(valid_events()), **spelling).encode()
    for _ in range(draw(st.integers(0, 2))):
        at, length = draw(st.integers(0, len(received))), draw(st.integers(0, 3))
        splice = draw(st.sampled_from(SPLICES))
        if splice.endswith(b","):
            openings = [place + 1 for place, sign in enumerate(received) if sign in b"{,"] or [0]
            at, length = draw(st.sampled_from(openings)), 0
        received = received[:at] + splice + received[at + length :]
    return received


@settings(max_examples=150, deadline=None)
@given(st.lists(sent(), min_size=1, max_size=12))
def test_many_records_are_judged_as_each_is_by_itself(received: list[bytes]) -> None:
    assert_judged_alike(received)


@pytest.mark.parametrize("splice", SPLICES)
@pytest.mark.parametrize("type", ["licensing.received", "review.decided", "inspection.performed", "service.rated"])
def test_whatever_is_spliced_in_changes_no_verdict(type: str, splice: bytes) -> None:
    received = text(event(type, sequence="7"))
    places = [place + 1 for place, sign in enumerate(received) if sign in b'{,:"']
    assert_judged_alike([received[:place] + splice + received[place:] for place in places])


@pytest.mark.parametrize("type", [name for name in ACTION_TYPES if not name.startswith("record.")])
def test_plain_actions_of_every_type_go_the_quick_way(type: str) -> None:
    received = text(event(type, sequence="12", datacontenttype="application/json"))
    assert was_quick(received)
    assert_judged_alike([received])


def test_every_field_that_is_a_fact_goes_the_quick_way() -> None:
    data = {
        "participants": [{"staff": "S1", "share": 0.25}, {"staff": "S2", "share": 0.5}],
        "basis": ["art. 42"],
        "evidence": [{"ref": "dms:1", "sha256": "0f" * 32}, {"ref": "dms:2"}],
        "due": "2024-03-29",
        "rating": 4,
        "severity": "minor",
        "forum": "court",
        "of": OF,
    }
    data = {name: data.get(name, "文本") for name in FIELDS if name not in SEALED_FIELDS and name != "changes"}
    received = text(event(data=data))

    assert set(QuickData.__struct_fields__) == set(data)
    assert was_quick(received)
    assert was_quick(json.dumps(event(data=data), indent=1).encode())
    assert_judged_alike([received])


@pytest.mark.parametrize("changed", [
    {"data": {"note": "sealed"}}, {"data": {"hue": "unknown"}}, {"traceparent": "00-1"},
    {"data": {"of": OF | {"x": 1}}},
])  # fmt: skip
def test_what_has_to_be_sealed_does_not_go_the_quick_way(changed: dict[str, Any]) -> None:
    received = text(event(**changed))
    assert not was_quick(received)
    assert_judged_alike([received])


def test_a_record_at_the_limit_of_size_is_taken_and_one_beyond_refused() -> None:
    empty = len(text(event(subject="")))
    assert_judged_alike([text(event(subject="x" * (RECORD_BYTES_MAX - empty + more))) for more in (0, 1)])


def test_older_versions_are_judged_as_each_is_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(upcasts.UPCASTS, 1, lambda old: {**old, "subject": "new"})
    versions = [..., "urn:kaoji:action:1", "urn:kaoji:action:2", "urn:kaoji:action:3", "theirs"]
    received = [text(event(dataschema=version)) for version in versions]

    assert [was_quick(one) for one in received] == [False, False, True, False, False]
    assert_judged_alike(received)


def test_times_are_judged_as_each_is_by_itself() -> None:
    times = [
        "2024-06-02T00:00:00Z", "2024-06-02T00:00:00.000001Z", "2024-02-29T23:59:60Z", "2023-02-29T00:00:00Z",
        "0001-01-01T00:00:00+23:59", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2024-05-05t00:00:00z",
        "2024-05-05 00:00:00Z", "2024-05-05T00:00:00", "2024-05-05T00:00:00.Z",
        "2024-05-05T00:00:00.1234567+08:00",
        "2024-05-05T00:00:00.000000000000000001-00:00", "２024-05-05T00:00:00Z", "", "Z",
    ]  # fmt: skip
    assert_judged_alike([text(event(time=time)) for time in times])


def test_no_records_are_no_actions() -> None:
    assert check_actions([], now=NOW) == []
