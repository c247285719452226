"""The check of an action: what is required, what is valid, and which code and remedy a bad record gets."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from domain.actions.actions import check_action, check_event
from domain.actions.refusals import QUARANTINE_CODES, RECORD_BYTES_MAX, RefusedError
from domain.actions.types import ACTION_TYPES, CASE_FAMILIES
from tests.domain.made_actions import NOW, OF, OUTCOMES, REQUIRED, checked, event, refusal, text

EMPTY: dict[str, Any] = {}
NOT_AN_ACTION: list[Any] = ["2024-1", None, [], {}, {"source": "/a"}, {"id": "1"}, {"source": "/a", "id": 1}]
NOT_AN_ACTION += [{"case": "GX-1"}, OF | {"case": "GX-1"}, {"source": "", "id": "1"}]
NO_CHANGES: list[Any] = [None, [], "owner"]
TYPES_IN_THE_CONTRACT = """
licensing.received .accepted .correction-requested .corrected .suspended .resumed .extended .granted .refused
    .withdrawn .delivered .step-done
enforcement.opened .inspected .evidence-preserved .hearing-held .suspended .resumed .extended .penalised .dismissed
    .transferred .closed .step-done
inspection.planned .performed
complaint.received .accepted .mediated .verified .answered
review.applied .decided
service.rated .error-found .error-cleared
plan.target-set .target-completed .target-cancelled
quality.audit-held .finding-raised .correction-planned .correction-completed .correction-verified .review-held
    .document-approved
training.completed
staff.joined .assigned .left
unit.opened .renamed .moved .closed
record.corrected .voided
"""


def test_types_are_those_of_the_contract_with_permanent_codes() -> None:
    names, family = [], ""
    for word in TYPES_IN_THE_CONTRACT.split():
        family = word.partition(".")[0] or family
        names.append(f"{family}.{word.partition('.')[2]}")

    assert list(ACTION_TYPES) == names
    assert [kind.code for kind in ACTION_TYPES.values()] == list(range(1, 57))
    assert {name: kind.code for name, kind in ACTION_TYPES.items() if kind.code in (1, 24, 36, 56)} == {
        "licensing.received": 1,
        "enforcement.step-done": 24,
        "service.error-cleared": 36,
        "record.voided": 56,
    }
    assert all(name.startswith(f"{kind.family}.") for name, kind in ACTION_TYPES.items())
    assert {*CASE_FAMILIES} < {kind.family for kind in ACTION_TYPES.values()}


@pytest.mark.parametrize("type", list(ACTION_TYPES))
def test_each_type_is_taken_with_what_it_requires_and_nothing_else(type: str) -> None:
    action = checked(event(type))
    assert (action.type, action.data) == (type, REQUIRED.get(type, {}))
    if type not in REQUIRED:
        assert checked(event(type, data=...)).data == {}


@pytest.mark.parametrize(("type", "field"), [(type, field) for type, data in REQUIRED.items() for field in data])
def test_required_field_that_is_absent_is_named(type: str, field: str) -> None:
    data = {name: value for name, value in REQUIRED[type].items() if name != field}
    error = refusal(text(event(type, data=data)))
    assert error.code == "missing-field"
    assert f"`data.{field}` is absent" in error.remedy
    assert type in error.remedy
    assert refusal(text(event(type, data=...))).code == "missing-field"


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"specversion": "0.3"}, "not-a-cloudevent"),
        ({"specversion": 1.0}, "not-a-cloudevent"),
        ({"specversion": ...}, "not-a-cloudevent"),
        *[
            ({name: value}, "not-a-cloudevent")
            for name in ("id", "source", "type")
            for value in (..., None, "", 5, ["x"])
        ],
        ({"type": "licensing.recieved"}, "unknown-type"),
        ({"type": "Licensing.received"}, "unknown-type"),
        ({"type": "licensing"}, "unknown-type"),
        ({"type": "x" * 100_000}, "unknown-type"),
        *[({name: value}, "missing-field") for name in ("subject", "time") for value in (..., None, "")],
        *[({name: value}, "bad-value") for name in ("subject", "time") for value in (5, True, ["x"], EMPTY)],
        ({"sequence": 12}, "bad-value"),
        ({"sequence": ""}, "bad-value"),
        ({"sequence": "-1"}, "bad-value"),
        ({"sequence": "1.0"}, "bad-value"),
        ({"sequence": "١٢"}, "bad-value"),
        ({"sequence": "12\n"}, "bad-value"),
        ({"data": None}, "bad-value"),
        ({"data": []}, "bad-value"),
        ({"data": "{}"}, "bad-value"),
        ({"data_base64": "e30="}, "bad-value"),
        ({"datacontenttype": 5}, "bad-value"),
        ({"dataschema": []}, "bad-value"),
    ],
)
def test_bad_envelope_gets_its_code(attributes: dict[str, Any], code: str) -> None:
    error = refusal(text(event(**attributes)))
    assert error.code == code
    assert f"`{next(iter(attributes))}`" in error.remedy


@pytest.mark.parametrize("name", ["sequence", "datacontenttype", "dataschema", "data_base64"])
def test_attribute_that_is_null_counts_as_absent(name: str) -> None:
    assert checked(event(**{name: None})).sequence is None


GOOD: list[tuple[str, Any]] = [
    ("rating", 1),
    ("rating", 5.0),
    ("rating", 5e0),
    ("participants", []),
    ("participants", [{"staff": "S2", "share": 1}]),
    ("participants", [{"staff": "S2", "share": 0.000001}, {"staff": "S3", "share": 0.999999}]),
    ("participants", [{"staff": "S2", "share": 0.1}] * 10),
    ("participants", [{"staff": "S2", "share": 0.333333, "role": "expert"}] * 3),
    ("basis", []),
    ("evidence", [{"ref": "dms:1"}, {"ref": "dms:2", "sha256": "aB" * 32, "pages": 3}]),
    ("due", "2024-02-29"),
    ("due", "9999-12-31"),
    ("due", "2024-02-29T23:59:59.1234567-23:59"),
    ("severity", "critical"),
    ("forum", "court"),
    ("outcome", "任何结果"),
    ("of", OF | {"why": "unknown fields are free"}),
    ("changes", {}),
    ("changes", {"rating": "no rating at all", "anything": [None]}),
    ("note", ""),
]
BAD: list[tuple[str, Any]] = [
    *[("rating", value) for value in (0, 6, -1, 4.5, True, "5", None, [5], 1e300, 10**400, 5.0000001)],
    *[("participants", [{"staff": "S2", "share": share}]) for share in (0, -0.5, 1.000001, 2, True, "0.5", None)],
    *[("participants", [{"staff": "S2", "share": share}]) for share in (0.1234567, 1e-7, 0.99999999, 10**400)],
    ("participants", [{"staff": "S2", "share": 0.6}, {"staff": "S3", "share": 0.400001}]),
    ("participants", [{"share": 0.5}]),
    ("participants", [{"staff": "S2"}]),
    ("participants", [{"staff": "", "share": 0.5}]),
    ("participants", {"staff": "S2", "share": 0.5}),
    ("participants", ["S2"]),
    ("basis", "Licensing Law"),
    ("basis", [""]),
    ("basis", [1]),
    ("evidence", [{"sha256": "ab" * 32}]),
    ("evidence", [{"ref": "dms:1", "sha256": "ab"}]),
    ("evidence", [{"ref": "dms:1", "sha256": "g" * 64}]),
    ("evidence", [{"ref": "dms:1", "sha256": None}]),
    ("evidence", ["dms:1"]),
    *[("due", value) for value in ("2023-02-29", "2024-2-9", "20240229", "2024-02-29T10:00:00", "0000-01-01")],
    *[("due", value) for value in ("2024-02-30T10:00:00Z", "2024-02-29 ", "tomorrow", 20240229, "٢٠٢٤-02-29", "")],
    *[("severity", value) for value in ("Minor", "", "medium", 1, None)],
    *[("forum", value) for value in ("Court", "", None)],
    *[("of", value) for value in NOT_AN_ACTION],
    *[("changes", value) for value in NO_CHANGES],
    *[
        (name, value)
        for name in ("procedure", "step", "unit", "owner", "actor", "supervisor", "outcome", "target", "reason")
        for value in ("", None, 1, True, ["x"])
    ],
    *[
        (name, value)
        for name in ("to_unit", "parent", "title", "post", "competence", "recorded_by")
        for value in ("", 1)
    ],
    ("note", None),
    ("note", 5),
]


@pytest.mark.parametrize(("field", "value"), GOOD)
def test_valid_field_is_taken_on_any_type(field: str, value: Any) -> None:
    for type in ("licensing.received", "staff.joined", "plan.target-completed"):
        action = checked(event(type, data={"owner": "S1", field: value}))
        assert action.data == {"owner": "S1", field: value}


@pytest.mark.parametrize(("field", "value"), BAD)
def test_invalid_field_is_named_with_what_was_found(field: str, value: Any) -> None:
    for type in ("licensing.received", "quality.audit-held"):
        error = refusal(text(event(type, data={"owner": "S1", field: value})))
        assert error.code == "bad-value"
        assert f"`data.{field}` is {json.dumps(value, ensure_ascii=False)[:20]}" in error.remedy
        assert "; send " in error.remedy
        assert len(error.remedy) < 400


def test_outcome_is_free_but_for_inspections_and_decided_reviews() -> None:
    for outcome in OUTCOMES:
        checked(event("review.decided", data={"of": OF, "outcome": outcome}))
    for outcome in ("pass", "fail"):
        checked(event("inspection.performed", data={"outcome": outcome}))
    checked(event("review.applied", data={"outcome": "pending"}))
    checked(event("service.error-found", data={"outcome": "serious"}))

    assert "upheld, revoked" in refusal(text(event("review.decided", data={"of": OF, "outcome": "won"}))).remedy
    for type in ("inspection.planned", "inspection.performed"):
        assert refusal(text(event(type, data={"outcome": "upheld"}))).code == "bad-value"


def test_only_reviews_may_mean_a_case() -> None:
    for type in ("review.applied", "review.decided"):
        data = REQUIRED.get(type, {})
        checked(event(type, data=data | {"of": {"case": "GX-1"}}))
        checked(event(type, data=data | {"of": OF}))
        for of in (OF | {"case": "GX-1"}, {"case": "GX-1", "id": "1"}, {"source": "/a"}, {}, {"case": ""}):
            assert refusal(text(event(type, data=data | {"of": of}))).code == "bad-value"
    assert (
        refusal(text(event("record.voided", data=REQUIRED["record.voided"] | {"of": {"case": "1"}}))).code
        == "bad-value"
    )


def test_participants_need_an_owner() -> None:
    error = refusal(text(event(data={"participants": [{"staff": "S2", "share": 0.5}]})))
    assert (error.code, "`data.owner`" in error.remedy) == ("bad-value", True)
    checked(event(data={"participants": []}))


@pytest.mark.parametrize(
    "received",
    [
        b"",
        b" ",
        b"{",
        b"{}}",
        b"nul",
        b"\xef\xbb\xbf" + text(event()),
        text(event()).decode().encode("utf-16"),
        text(event()) + b",",
        text(event(subject="\xff")).replace("\xff".encode(), b"\xff"),
        text(event()).replace(b"GX-317", b"\xed\xa0\x80"),
        text(event()).replace(b"GX-317", b"\\ud800"),
        text(event()).replace(b"GX-317", b"\\udc00x"),
        text(event()).replace(b"GX-317", b"\n"),
        text(event(data={"x": 1})).replace(b"1}", b"NaN}"),
        text(event(data={"x": 1})).replace(b"1}", b"-Infinity}"),
        text(event(data={"rating": 1})).replace(b"1}", b"Infinity}"),
        text(event(data={"x": 1})).replace(b"1}", b"01}"),
        text(event(data={"x": 1})).replace(b"1}", b"1.}"),
        text(event(data={"x": 1})).replace(b"1}", b"9" * 5000 + b"}"),
        text(event(data={"x": 1})).replace(b"1}", b"'1'}"),
        b"[" * 100_000,
        text(event(data={"x": 1})).replace(b"1}", b"[" * 50_000 + b"]" * 50_000 + b"}"),
        text(event(data={"x": 1})).replace(b"1}", b'{"x":' * 300 + b"1" + b"}" * 301),
        text(event())[:-1] + b',"id":"2024-000317"}',
        text(event())[:-1] + b',"\\u0069d":"other"}',
        text(event(data={"x": 1})).replace(b'"x":1', b'"note":"secret","note":"secret"'),
        text(event(data={"x": '"'})).replace(b'"x":', b'"x":{"y":"\\\\"},"x":'),
    ],
    ids=range(27),
)
def test_what_can_not_be_read_in_one_way_is_malformed(received: bytes) -> None:
    error = refusal(received)
    assert error.code == "malformed-json"
    assert "send one JSON object" in error.remedy


def test_how_deep_a_record_may_be_nested_is_said_where_it_is_nested_deeper() -> None:
    assert "nested more than 200 deep" in refusal(b"[" * 201 + b"1" + b"]" * 201).remedy
    assert refusal(b"[" * 200 + b"1" + b"]" * 200).code == "not-a-cloudevent"


def test_keys_that_stand_once_are_never_taken_for_repeated_ones() -> None:
    for value in ('"', "\\", '\\"', '"\\', "\x7f", "\u2028", "é", "😀", '","x":"', "\x01\x1f\t"):
        for ascii_only in (True, False):
            record = event(id=value, data={value: value, "x": [{value: 1}, {value: 2**70}]})
            received = json.dumps(record, ensure_ascii=ascii_only).encode()
            assert check_action(received, now=NOW).id == value
            if "\\" not in value:
                assert check_action(received.replace(b'\\"', b"\\u0022"), now=NOW).id == value


def test_names_of_constants_within_texts_are_texts() -> None:
    assert checked(event(subject="NaN", data={"title": "-Infinity"})).subject == "NaN"


@pytest.mark.parametrize("received", [b"[]", b"5", b'"x"', b"null", b"true", b"[{}]"])
def test_json_that_is_no_object_is_no_event(received: bytes) -> None:
    assert refusal(received).code == "not-a-cloudevent"


@pytest.mark.parametrize(
    "record",
    [
        event(id="a\0"),
        event(source="\0"),
        event(subject="a\0b"),
        event(data={"owner": "\0"}),
        event(data={"note": "\0"}),
        event(data={"un\0known": 1}),
        event(data={"x": [{"y": ["\0"]}]}),
        event(data={"x": [{"\0": 1}]}),
        event(**{"ext\0": 1}),
        event(extension="\0"),
        event("record.corrected", data=REQUIRED["record.corrected"] | {"changes": {"note": "\0"}}),
    ],
    ids=range(11),
)
def test_nul_character_is_a_bad_value_wherever_it_stands(record: dict[str, Any]) -> None:
    for received in (text(record), text(record).replace(b"\\u0000", b"\\u0000\\u0000")):
        error = refusal(received)
        assert error.code == "bad-value"
        assert "U+0000" in error.remedy
        assert "\0" not in error.remedy


def test_escaped_backslash_before_u0000_is_no_nul_character() -> None:
    assert checked(event(subject="\\u0000")).subject == "\\u0000"


def test_size_is_judged_first_and_exactly() -> None:
    least = len(text(event(data={"x": ""})))
    fits = text(event(data={"x": "a" * (RECORD_BYTES_MAX - least)}))
    assert len(fits) == RECORD_BYTES_MAX == 1_048_576
    check_action(fits, now=NOW)

    error = refusal(fits + b" ")
    assert (error.code, "1,048,577" in error.remedy) == ("too-large", True)
    assert refusal(b"{" * (RECORD_BYTES_MAX + 1)).code == "too-large"
    with pytest.raises(RefusedError, match="too-large"):
        check_event(event(), received=fits + b" ", now=NOW)


def test_first_code_in_the_order_of_the_contract_is_given() -> None:
    faults: list[tuple[str, dict[str, Any]]] = [
        ("not-a-cloudevent", {"specversion": "0.3"}),
        ("unknown-type", {"type": "licensing.x"}),
        ("missing-field", {"subject": ""}),
        ("bad-value", {"data": {"rating": 0}}),
        ("future-time", {"time": "2030-01-01T00:00:00Z"}),
    ]
    assert [code for code, _ in faults] == [code for code in QUARANTINE_CODES if code in dict(faults)]
    while faults:
        attributes = {name: value for _, one in faults for name, value in one.items()}
        assert refusal(text(event(**attributes))).code == faults[0][0]
        faults.pop(0)
    assert refusal(text(event(id="", subject="\0"))).code == "not-a-cloudevent"
    assert refusal(text(event(time="", subject="\0"))).code == "missing-field"
    assert refusal(text(event("service.rated", time="nonsense", data={}))).code == "missing-field"
    assert refusal(text(event(subject="\0"))[:-1]).code == "malformed-json"
    assert refusal(text(event(id=""))[:-1] + b',"x":NaN}').code == "malformed-json"
    assert refusal(text(event(id=""))[:-1] + b',"id":"1"}').code == "malformed-json"


def test_unknown_type_that_is_nearly_right_gets_a_hint() -> None:
    assert "did you mean `licensing.received`?" in refusal(text(event("licensing.recieved"))).remedy
    assert "actions.md" in refusal(text(event("虚构"))).remedy


def test_refusals_can_cross_processes() -> None:
    error = refusal(text(event(id="")))
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.remedy, str(again)) == (error.code, error.remedy, str(error))


def test_codes_are_those_of_the_contract() -> None:
    assert list(QUARANTINE_CODES) == [
        "malformed-json",
        "not-a-cloudevent",
        "unknown-type",
        "missing-field",
        "bad-value",
        "conflict",
        "future-time",
        "forbidden-source",
        "too-large",
    ]
    with pytest.raises(AssertionError):
        RefusedError("bad-luck", "")
