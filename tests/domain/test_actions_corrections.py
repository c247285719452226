"""What one correction leaves of an action, and which corrections are without effect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actions.actions import check_action, correct_data, facts_action, parse_instant
from domain.actions.refusals import RefusedError
from domain.actions.types import ACTION_TYPES
from tests.domain.made_actions import (
    HOUR,
    NOW,
    OF,
    REQUIRED,
    checked,
    event,
    fields,
    json_values,
    past_instants,
    text,
    valid_events,
)

TIME = "2024-03-29T10:15:00+08:00"


def corrected(
    changes: dict[str, Any], data: dict[str, Any] | None = None, type: str = "licensing.received"
) -> dict[str, Any] | None:
    result = correct_data(type, data or {}, TIME, changes, corrected_at=NOW)
    return result and result[0]


def test_fields_are_set_removed_and_left_alone() -> None:
    data = {"owner": "S1", "unit": "U1", "title": "x", "unknown": 1}
    changes = {"owner": "S2", "title": None, "step": "s", "due": None}
    assert corrected(changes, data) == {"owner": "S2", "unit": "U1", "step": "s", "unknown": 1}
    assert data == {"owner": "S1", "unit": "U1", "title": "x", "unknown": 1}


def test_time_moves_the_action_and_is_no_field_of_data() -> None:
    moved = correct_data("staff.joined", {"unit": "U1"}, TIME, {"time": "2024-01-01T00:00:00Z"}, corrected_at=NOW)
    assert moved == ({"unit": "U1"}, "2024-01-01T00:00:00Z", 1_704_067_200_000_000)
    unmoved = correct_data("staff.joined", {"unit": "U1"}, TIME, {}, corrected_at=NOW)
    assert unmoved == ({"unit": "U1"}, TIME, parse_instant(TIME))


@pytest.mark.parametrize(
    "changes",
    [
        {"rating": 6},
        {"rating": True},
        {"owner": ""},
        {"owner": False},
        {"owner": {"name": "x"}},
        {"due": "2024-02-30"},
        {"note": 5},
        {"time": None},
        {"time": "2024-02-30T00:00:00Z"},
        {"time": "2024-02-20"},
        {"time": 5},
        {"time": False},
        {"of": OF},
        {"of": None},
        {"type": "licensing.accepted"},
        {"type": None},
        {"participants": [{"staff": "S2", "share": 2}]},
        {"rating": 10**400},
        {"rating": float("inf")},
    ],
    ids=repr,
)
def test_correction_with_one_invalid_change_is_without_effect_as_a_whole(changes: dict[str, Any]) -> None:
    assert corrected(changes | {"step": "s"}, {"owner": "S1"}) is None
    assert corrected({"step": "s"}, {"owner": "S1"}) == {"owner": "S1", "step": "s"}


@pytest.mark.parametrize("type", list(ACTION_TYPES))
def test_all_but_records_and_reviews_can_be_corrected(type: str) -> None:
    can = not type.startswith(("record.", "review."))
    assert (corrected({"title": "x"}, REQUIRED.get(type), type) is not None) is can


def test_what_a_type_requires_can_be_changed_and_not_removed() -> None:
    assert corrected({"rating": 3}, {"rating": 5}, "service.rated") == {"rating": 3}
    assert corrected({"rating": None}, {"rating": 5}, "service.rated") is None
    assert corrected({"rating": None}, {"rating": 5}, "licensing.granted") == {}
    assert corrected({"parent": None}, {"parent": "U"}, "unit.moved") is None


def test_corrected_rating_is_a_whole_number_however_it_was_written() -> None:
    result = corrected({"rating": 3.0}, {"rating": 5}, "service.rated")
    assert json.dumps(result) == '{"rating": 3}'


def test_rules_of_the_type_hold_for_the_result() -> None:
    assert corrected({"outcome": "fail"}, {"outcome": "pass"}, "inspection.performed") == {"outcome": "fail"}
    assert corrected({"outcome": "upheld"}, {"outcome": "pass"}, "inspection.performed") is None
    assert corrected({"outcome": "upheld"}, {}, "complaint.verified") == {"outcome": "upheld"}


def test_participants_need_an_owner_in_the_result() -> None:
    shared = {"owner": "S1", "participants": [{"staff": "S2", "share": 0.5}]}
    assert corrected({"owner": None}, shared) is None
    assert corrected({"owner": None, "participants": None}, shared) == {}
    assert corrected({"participants": shared["participants"]}, {}) is None
    assert corrected({"owner": "S3", "participants": shared["participants"]}, {}) == shared | {"owner": "S3"}


def test_action_may_be_moved_to_24_hours_after_its_correction_and_not_a_microsecond_more() -> None:
    at = parse_instant("2024-06-02T00:00:00Z")
    changes = {"time": "2024-06-02T00:00:00Z"}
    assert correct_data("staff.left", {}, TIME, changes, corrected_at=at - 24 * HOUR) is not None
    assert correct_data("staff.left", {}, TIME, changes, corrected_at=at - 24 * HOUR - 1) is None
    assert correct_data("staff.left", {}, TIME, {}, corrected_at=parse_instant(TIME) - 48 * HOUR) is not None


changes_of_any_worth = st.dictionaries(
    st.sampled_from([*fields, "time", "type", "unknown"]),
    st.none() | json_values | st.just("2024-02-01"),
    max_size=3,
)
changes_of_worth = st.fixed_dictionaries({}, optional=fields | {"time": past_instants})


@given(valid_events(), changes_of_any_worth | changes_of_worth)
def test_correction_has_the_effect_of_sending_the_action_so(
    record: dict[str, Any], changes: dict[str, Any]
) -> None:
    action = checked(record)
    data = {**record["data"], **{name: value for name, value in changes.items() if name != "time"}}
    data = {name: value for name, value in data.items() if name not in changes or value is not None}
    as_if = record | {"data": data, "time": changes.get("time", record["time"])}
    result = correct_data(action.type, action.data, action.time, changes, corrected_at=NOW)
    if action.type.startswith(("record.", "review.")) or changes.keys() & {"of", "type"}:
        assert result is None
        return
    try:
        sent = check_action(text(as_if), now=NOW)
    except RefusedError:
        assert result is None
    else:
        assert result == (sent.data, sent.time, sent.occurred_at)


@given(valid_events(), changes_of_any_worth | changes_of_worth)
def test_facts_alone_tell_whether_a_correction_has_effect(record: dict[str, Any], changes: dict[str, Any]) -> None:
    action = checked(record)
    correction = checked(event("record.corrected", data=REQUIRED["record.corrected"] | {"changes": changes}))
    stored = facts_action(correction.facts).data["changes"]
    known = facts_action(action.facts).data

    full = correct_data(action.type, action.data, action.time, changes, corrected_at=NOW)
    facts = correct_data(action.type, known, action.time, stored, corrected_at=NOW)
    assert (full is None) == (facts is None)
    if full is not None and facts is not None:
        assert full[1:] == facts[1:]
        as_sent = checked(record | {"data": full[0], "time": full[1]})
        assert facts_action(as_sent.facts).data == json.loads(json.dumps(facts[0]))
