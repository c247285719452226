"""Facts and sealed part: what stands open in the ledger, and that it says the same when it is read back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from domain.actions.actions import Action, check_action, check_event, facts_action, same_action
from domain.actions.data import FIELDS
from domain.actions.refusals import RefusedError
from tests.domain.made_actions import NOW, OF, REQUIRED, checked, event, text, valid_events

MEMBERS = {"participants": {"staff", "share"}, "evidence": {"ref", "sha256"}, "of": {"source", "id", "case"}}
ATTRIBUTES = {
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "sequence",
}


def test_record_of_facts_only_is_stored_as_it_was_received() -> None:
    record = event(sequence="7", data={"owner": "S1", "evidence": [{"ref": "a"}], "of": OF})
    received = json.dumps(record, indent=3, ensure_ascii=True).encode()
    action = check_action(received, now=NOW)
    assert action.facts is received
    assert action.received is None


@pytest.mark.parametrize(
    "record",
    [
        event(data={"owner": "S1", "note": "a secret"}),
        event(data={"owner": "S1", "anything": "a secret"}),
        event(data={"owner": "S1", "a secret": 1}),
        event(data={"owner": "S1", "time": "a secret"}),
        event(data={"owner": "S1"}, extension="a secret"),
        event(data={"owner": "S1", "participants": [{"staff": "S2", "share": 0.5, "x": "a secret"}]}),
        event(data={"owner": "S1", "evidence": [{"ref": "r", "x": "a secret"}]}),
        event(data={"owner": "S1", "of": OF | {"x": "a secret"}}),
    ]
    + [
        event("record.corrected", data=REQUIRED["record.corrected"] | {"changes": changes})
        for changes in (
            {"note": "a secret"},
            {"note": ["a secret"]},
            {"x": "a secret"},
            {"owner": {"x": "a secret"}},
            {"rating": "a secret"},
            {"time": "a secret"},
            {"type": "a secret"},
            {"due": "a secret"},
            {"of": "a secret"},
            {"participants": [{"staff": "S2", "share": 0.5, "x": "a secret"}]},
            {"participants": "a secret"},
            {"changes": {"note": "a secret"}},
        )
    ],
    ids=range(20),
)
def test_free_text_and_unknown_fields_never_stand_in_the_facts(record: dict[str, Any]) -> None:
    received = json.dumps(record, indent=1).encode()
    action = check_action(received, now=NOW)
    assert b"secret" not in action.facts
    assert action.received is received
    assert action.data == record["data"]

    mapped = check_event(record, received=b"", now=NOW)
    assert mapped.facts == action.facts
    assert mapped.received is not None
    assert json.loads(mapped.received) == record


def test_facts_that_are_written_again_are_compact_in_a_fixed_order() -> None:
    record = event(
        data={"note": "x", "title": "窗口", "outcome": "é\u2028", "owner": "S1", "unit": "U1", "rating": 5.0},
        sequence="07",
        dataschema=None,
        datacontenttype="application/json",
    )
    backwards = dict(reversed(record.items()))
    expected = (
        '{"specversion":"1.0","id":"2024-000317","source":"/gx/licensing","type":"licensing.received",'
        '"subject":"GX-317","time":"2024-03-29T10:15:00+08:00","datacontenttype":"application/json","sequence":"07",'
        '"data":{"unit":"U1","owner":"S1","outcome":"é\u2028","rating":5,"title":"窗口"}}'
    )
    assert checked(record).facts.decode() == expected
    assert checked(backwards).facts.decode() == expected
    assert check_event(backwards, received=b"", now=NOW).facts.decode() == expected


def test_value_that_no_action_could_hold_is_false_in_the_facts_of_a_correction() -> None:
    changes = {
        "owner": "S2",
        "rating": 9,
        "due": None,
        "note": "text",
        "step": "",
        "of": OF,
        "outcome": "won",
        "x": 1,
    }
    action = checked(event("record.corrected", data=REQUIRED["record.corrected"] | {"changes": changes}))
    assert facts_action(action.facts).data["changes"] == {
        "step": False,
        "owner": "S2",
        "outcome": "won",
        "due": None,
        "rating": False,
        "of": OF,
    }


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" * 400])
def test_number_beyond_all_measure_in_a_correction_can_be_read_back(number: bytes) -> None:
    data = REQUIRED["record.corrected"] | {"changes": {"rating": 1}, "x": 1}
    received = (
        text(event("record.corrected", data=data)).replace(b"1}", number + b"}").replace(b":1,", b":%b," % number)
    )
    action = check_action(received, now=NOW)
    assert facts_action(action.facts).data["changes"] == {"rating": False}
    assert action.received is received
    assert same_action(facts_action(received), action)


@given(valid_events())
def test_facts_read_back_are_the_action_without_what_is_sealed(record: dict[str, Any]) -> None:
    action = checked(record)
    stored = facts_action(action.facts)

    assert set(json.loads(action.facts)) <= ATTRIBUTES | {"data"}
    assert stored.data.keys() == {name for name in action.data if name in FIELDS and name != "note"}
    for name, members in MEMBERS.items():
        nested = stored.data.get(name, [])
        for one in nested if isinstance(nested, list) else [nested]:
            assert set(one) <= members
    for name in set(stored.data) - {*MEMBERS, "changes"}:
        assert stored.data[name] == action.data[name]
    assert without_data(stored) == without_data(action)
    if action.received is not None:
        assert same_action(facts_action(action.received), action)
    else:
        assert same_action(stored, action)


@given(valid_events())
def test_structured_records_and_parsed_events_become_the_same_action(record: dict[str, Any]) -> None:
    structured, parsed = checked(record), check_event(record, received=b"", now=NOW)
    assert same_action(structured, parsed)
    assert same_action(facts_action(structured.facts), facts_action(parsed.facts))
    assert (structured.received is None) == (parsed.received is None)
    assert parsed.facts == check_event(json.loads(parsed.facts), received=b"", now=NOW).facts
    if parsed.received is not None:
        assert same_action(facts_action(parsed.received), structured)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), "\ud800", {1, 2}, b"x", object(), 10**5000], ids=range(7)
)
def test_parsed_event_that_json_can_not_say_is_malformed(value: Any) -> None:
    with pytest.raises(RefusedError) as refused:
        check_event(event(data={"x": value}), received=b"", now=NOW)
    assert refused.value.code == "malformed-json"


def test_parsed_event_that_holds_itself_is_malformed() -> None:
    endless: list[Any] = []
    endless.append(endless)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (endless, deep):
        with pytest.raises(RefusedError) as refused:
            check_event(event(data={"x": value}), received=b"", now=NOW)
        assert refused.value.code == "malformed-json"


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_parsed_event_that_is_no_mapping_is_no_event(value: Any) -> None:
    with pytest.raises(RefusedError) as refused:
        check_event(value, received=b"", now=NOW)
    assert refused.value.code == "not-a-cloudevent"


def without_data(action: Action) -> tuple[Any, ...]:
    return (
        action.source,
        action.id,
        action.type,
        action.subject,
        action.time,
        action.occurred_at,
        action.sequence,
    )
