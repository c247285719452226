"""What a mapping makes of records: actions, refusals with a remedy, and counts that leave nothing out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consumers.mapping import Mapping, parse_mapping
from consumers.mapping_run import MappingRun
from consumers.source_records import RefusedRecord, SourceRecord
from domain.ledger.records import Arrival
from tests.support.ledgers import NOW

CASE = {"number": "C1", "who": "S1", "start": "2023-05-04T09:00:00", "due": "2023-05-31T23:30:00Z"}
EVENT = {"what": "check", "when": "2023-05-05 10:00", "by": "S2", "nr": "7"}
XES = """
source = "/x"
input = "xes"
zone = "Asia/Shanghai"
empty = ["UNKNOWN"]
[case]
subject = "number"
[case.constants]
procedure = "P1"
[case.fields]
owner = "who"
[case.actions.received]
type = "licensing.received"
time = "start"
fields.due = { from = "due", as = "date" }
[events]
time = "when"
activity = "what"
"""


def mapping(*lines: str, base: str = XES) -> Mapping:
    return parse_mapping(base + "\n".join(lines), name="mine")


def run(made: Mapping, *records: SourceRecord | RefusedRecord) -> tuple[list[Arrival], MappingRun]:
    one = MappingRun(made)
    return list(one.arrivals(records, clock=lambda: NOW)), one


def event(case: dict[str, str] | None = None, *, index: int = 3, **changes: str) -> SourceRecord:
    attributes = {name: text for name, text in {**EVENT, **changes}.items() if text}
    return SourceRecord(f"log:1/{index}", {**CASE, **(case or {})}, attributes, index)


def sent(arrival: Arrival) -> dict[str, Any]:
    assert arrival.action is not None, arrival.refusal
    whole: dict[str, Any] = json.loads(arrival.received)
    return whole


def only(made: Mapping, record: SourceRecord) -> Arrival:
    (arrival,), _ = run(made, record)
    return arrival


def data_of(made: Mapping, record: SourceRecord) -> dict[str, Any]:
    data: dict[str, Any] = sent(only(made, record))["data"]
    return data


STEP = 'default = { type = "licensing.step-done", fields = { step = "what" } }'


def test_case_attributes_become_actions_of_their_own() -> None:
    arrival = only(mapping(STEP), SourceRecord("log:1", CASE))
    assert arrival.place == "log:1/received"
    assert sent(arrival) == {
        "specversion": "1.0",
        "id": "C1/received",
        "source": "/x",
        "type": "licensing.received",
        "subject": "C1",
        "time": "2023-05-04T09:00:00+08:00",
        "data": {"procedure": "P1", "owner": "S1", "due": "2023-06-01"},
    }


def test_case_without_the_time_makes_no_action_and_is_counted() -> None:
    arrivals, one = run(mapping(STEP), SourceRecord("log:1", {**CASE, "start": "UNKNOWN"}))
    assert arrivals == []
    assert one.report.without_time == {"received": 1}


def test_event_becomes_the_action_its_activity_names() -> None:
    made = mapping(STEP, '[events.fields]\nactor = "by"', '[events.types]\n"done" = "licensing.granted"')
    assert sent(only(made, event()))["type"] == "licensing.step-done"
    granted = sent(only(made, event(what="done")))
    assert granted["type"] == "licensing.granted"
    assert granted["id"] == "C1/done/3"
    assert granted["time"] == "2023-05-05T10:00:00+08:00"
    assert granted["data"] == {"procedure": "P1", "owner": "S1", "actor": "S2"}
    assert data_of(made, event())["step"] == "check"


def test_activity_without_a_type_is_refused_with_the_line_to_add() -> None:
    made = mapping('[events.types]\n"done" = "licensing.granted"')
    (refused, _), one = run(made, event(), event(what="done"))
    assert refused.refusal is not None
    assert refused.refusal.code == "unknown-type"
    assert "'check' is: add it to [events.types]" in refused.refusal.remedy
    assert one.report.unmapped == {"check": 1}
    assert json.loads(refused.received)["event"] == EVENT


def test_what_is_passed_over_or_not_read_is_counted() -> None:
    made = mapping(STEP, 'ignore = ["noise"]', 'only = { "state" = ["complete"] }')
    arrivals, one = run(
        made,
        SourceRecord("log:1", {**CASE, "group": "G"}),
        event(what="noise", state="complete"),
        event(state="start"),
        event(state="complete", group="H", index=4),
    )
    assert [arrival.place for arrival in arrivals] == ["log:1/received", "log:1/4"]
    assert one.report.to_json() == {
        "cases": 1,
        "events": 3,
        "unreadable": 0,
        "actions": {"licensing.received": 1, "licensing.step-done": 1},
        "mapped": [{"activity": "check", "type": "licensing.step-done", "events": 1}],
        "unmapped": {},
        "passed_over": {"check": 1, "noise": 1},
        "without_time": {},
        "refused": {},
        "not_read": {"by": 3, "nr": 3, "case:group": 1, "group": 1},
    }
    assert "Attributes not mapped: by (3 times), nr (3 times), case:group (once), group (once)." in (
        one.report.sentences()
    )


@pytest.mark.parametrize(
    ("rule", "text", "value"),
    [
        ('reason = "v"', "why", "why"),
        ('due = { from = "v", as = "date" }', "2023-05-04T23:00:00Z", "2023-05-05"),
        ('due = { from = "v", as = "date" }', "2023-05-04", "2023-05-04"),
        ('due = { from = "v", as = "instant" }', "2023-05-04 10:00", "2023-05-04T10:00:00+08:00"),
        ('rating = { from = "v", as = "integer" }', "5", 5),
        ('rating = { from = "v", values = { "很满意" = 5 } }', "很满意", 5),
        ('rating = { from = "v", as = "integer", values = { "top" = 5 }, other = "keep" }', "4", 4),
        ('rating = { from = "v", values = { "top" = 5 }, other = "omit" }', "none", None),
        ('basis = { from = "v", as = "list", separator = "|" }', "a | b|", ["a", "b"]),
        ('basis = { from = "v", as = "list" }', " ; ", None),
        ('evidence = { from = "v", as = "references" }', "x;y", [{"ref": "x"}, {"ref": "y"}]),
        ('participants = { from = "v", as = "shares" }', "S8:0.25", [{"staff": "S8", "share": 0.25}]),
        ('of.id = "v"', "9", {"source": "/x", "id": "9"}),
        ('of = { id = "v", source = "w" }', "9", {"source": "W", "id": "9"}),
        ('unit = { from = "v", default = "U0" }', "", "U0"),
        ('unit = { from = "v", default = "U0" }', "UNKNOWN", "U0"),
        ('unit = "v"', "UNKNOWN", None),
        ('unit = "case:who"', "", "S1"),
    ],
)
def test_text_becomes_the_value_its_rule_says(rule: str, text: str, value: Any) -> None:
    field = rule.split()[0].split(".")[0]
    made = mapping(STEP, "[events.fields]", rule)
    assert data_of(made, event(v=text, w="W")).get(field) == value


def test_correction_is_made_from_columns() -> None:
    made = mapping(
        'default = "record.corrected"',
        '[events.fields]\nof.id = "nr"\nreason = "what"\nrecorded_by = "by"\nchanges.outcome = "v"',
    )
    assert data_of(made, event(v="pass"))["changes"] == {"outcome": "pass"}


def test_constant_gives_way_to_what_is_read_and_inner_rules_to_outer() -> None:
    made = mapping(
        'default.type = "licensing.step-done"',
        'default.fields.unit = "inner"',
        'default.constants.reason = "inner"',
        '[events.fields]\nunit = "outer"',
        '[events.constants]\nunit = "constant"\nreason = "outer"\noutcome = "outer"',
    )
    data = data_of(made, event(inner="I", outer="O"))
    assert (data["unit"], data["reason"], data["outcome"]) == ("I", "inner", "outer")
    assert data_of(made, event(outer="O"))["unit"] == "constant"


@pytest.mark.parametrize(
    ("rule", "text", "sentence"),
    [
        ('due = { from = "v", as = "date" }', "tomorrow", "expects a date or time"),
        ('rating = { from = "v", as = "integer" }', "5.5", "expects a whole number"),
        ('rating = { from = "v", as = "integer" }', "9" * 5000, "expects a whole number"),
        ('rating = { from = "v", as = "integer" }', "9", "`data.rating` is 9"),
        ('participants = { from = "v", as = "shares" }', "S8", "expects a list of STAFF:SHARE"),
        ('rating = { from = "v", values = { "top" = 5 } }', "low", "the values of events.fields.rating do not"),
    ],
)
def test_text_that_does_not_fit_is_refused_and_kept(rule: str, text: str, sentence: str) -> None:
    refused = only(mapping(STEP, "[events.fields]", rule), event(v=text))
    assert refused.refusal is not None
    assert refused.refusal.code == "bad-value"
    assert sentence in refused.refusal.remedy
    assert json.loads(refused.received)["event"]["v"] == text


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (event(when=""), "missing-field"),
        (event(when="soon"), "bad-value"),
        (event(when="0001-01-01 00:00"), "bad-value"),
        (event({"number": ""}), "missing-field"),
        (event(when="2099-01-01 00:00"), "future-time"),
        (event(nr=""), "not-a-cloudevent"),
        (event(by="a\0b"), "bad-value"),
        (event(by="a\ud800"), "bad-value"),
        (event(what=""), "unknown-type"),
    ],
)
def test_event_without_what_it_needs_is_refused(record: SourceRecord, code: str) -> None:
    made = mapping('id = "nr"', '[events.types]\ncheck = "licensing.step-done"\n[events.fields]\nactor = "by"')
    refused = only(made, record)
    assert refused.refusal is not None
    assert refused.refusal.code == code
    assert refused.refusal.__traceback__ is None


def test_ids_made_of_parts_never_meet() -> None:
    made = mapping('id = { parts = ["case", "activity"], attributes = ["nr"] }', STEP)
    one = sent(only(made, event({"number": "a/b"}, what="c")))["id"]
    other = sent(only(made, event({"number": "a"}, what="b/c")))["id"]
    assert (one, other) == ("a%2Fb/c/7", "a/b%2Fc/7")


def test_order_among_equal_times_is_kept_where_the_mapping_says_so() -> None:
    assert sent(only(mapping(STEP, "numbered = true"), event()))["sequence"] == "3"
    assert sent(only(mapping(STEP, 'sequence = "nr"'), event()))["sequence"] == "7"
    assert "sequence" not in sent(only(mapping(STEP), event()))


def test_unreadable_record_is_passed_on_with_its_code() -> None:
    (refused,), one = run(mapping(STEP), RefusedRecord("t:2", b"raw", "malformed-json", "Mend it."))
    assert (refused.place, refused.received) == ("t:2", b"raw")
    assert refused.refusal is not None
    assert refused.refusal.remedy == "Mend it."
    assert one.report.unreadable == 1


TABLE = XES.replace('"xes"', '"csv"') + 'id = "nr"\n'


def row(line: int, **changes: str) -> SourceRecord:
    cells = {name: text for name, text in {**CASE, **EVENT, "nr": str(line), **changes}.items() if text}
    return SourceRecord(f"t:{line}", cells, cells)


def test_rows_that_repeat_their_case_make_its_actions_once() -> None:
    arrivals, _ = run(mapping(STEP, base=TABLE), row(2), row(3), row(4, number="C2"), row(5))
    assert [sent(arrival)["id"] for arrival in arrivals] == ["C1/received", "2", "3", "C2/received", "4", "5"]


def test_row_that_says_something_else_of_its_case_is_sent_on_to_become_a_conflict() -> None:
    arrivals, _ = run(mapping(STEP, base=TABLE), row(2), row(3, who="S9"), row(4, start=""))
    assert [sent(arrival)["id"] for arrival in arrivals] == ["C1/received", "2", "C1/received", "3", "4"]


def test_table_of_cases_needs_no_events() -> None:
    cases = mapping(base=TABLE.split("[events]")[0])
    arrivals, _ = run(cases, row(2), row(3))
    assert [sent(arrival)["id"] for arrival in arrivals] == ["C1/received", "C1/received"]
