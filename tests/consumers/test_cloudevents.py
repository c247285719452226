"""The CloudEvents modes of Kafka and HTTP: what they say, and how what is refused can be tried again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consumers.cloudevents import (
    BatchError,
    ContentTypeError,
    Headers,
    http_arrivals,
    open_binary_envelope,
    to_arrival,
    to_arrivals,
)
from consumers.kafka_records import KafkaRecord
from consumers.mapping import Mapping
from consumers.retry import Retrial
from domain.actions import batches
from domain.actions.refusals import RECORD_BYTES_MAX
from domain.ledger.records import Arrival
from tests.support.ledgers import NOW, record

BINARY = {
    "ce_specversion": b"1.0",
    "ce_id": b"1",
    "ce_source": b"/gx/service",
    "ce_type": b"service.rated",
    "ce_subject": "案件-1".encode(),
    "ce_time": b"2023-05-04T09:00:00+08:00",
    "content-type": b"application/json",
}
DATA = b'{"rating": 5}'


def kafka(value: bytes | None, **changes: bytes | None) -> Arrival:
    named = {name.replace("content_type", "content-type"): text for name, text in changes.items()}
    headers = [(name, text) for name, text in {**BINARY, **named}.items() if text is not None]
    return to_arrival(value, headers, "topic-0@5", NOW)


def code(arrival: Arrival) -> str | None:
    return arrival.refusal.code if arrival.refusal else None


def no_mapping(name: str) -> Mapping:
    raise AssertionError(name)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", b"application/cloudevents+json")],
        [("Content-Type", b"Application/CloudEvents+JSON; charset=UTF-8")],
        [("content-type", b"application/json"), ("trace", None)],
    ],
)
def test_structured_record_is_taken_as_its_bytes(headers: Headers) -> None:
    arrival = to_arrival(record(1), headers, "topic-0@5", NOW)
    assert arrival.action is not None
    assert (arrival.place, arrival.received, arrival.action.facts) == ("topic-0@5", record(1), record(1))


def test_binary_record_says_the_same_as_a_structured_one() -> None:
    arrival = kafka(DATA, ce_sequence=b"7", ce_extra=b"kept")
    assert arrival.action is not None
    assert (arrival.action.subject, arrival.action.sequence, arrival.action.data) == ("案件-1", 7, {"rating": 5})
    assert arrival.action.received is not None
    assert json.loads(arrival.action.received)["extra"] == "kept"


def test_value_cannot_break_out_of_data() -> None:
    arrival = kafka(b'{"rating": 5}, "sequence": "9"')
    assert code(arrival) == "malformed-json"


@pytest.mark.parametrize(
    ("value", "changes", "expected"),
    [
        (None, {}, "not-a-cloudevent"),
        (b"", {}, "missing-field"),
        (b"{", {}, "malformed-json"),
        (b"\xff", {}, "malformed-json"),
        (b"[" * 5000, {}, "malformed-json"),
        (b'{"rating": 9}', {}, "bad-value"),
        (DATA, {"ce_id": b"\xff"}, "bad-value"),
        (DATA, {"ce_data": b"x"}, "bad-value"),
        (DATA, {"ce_type": b"service.ratet"}, "unknown-type"),
        (DATA, {"ce_time": None}, "missing-field"),
        (DATA, {"ce_id": None}, "not-a-cloudevent"),
        (DATA, {"content_type": b"text/plain"}, "bad-value"),
        (DATA, {"content_type": b"application/cloudevents+avro"}, "not-a-cloudevent"),
        (DATA, {"content_type": b"application/cloudevents-batch+json"}, "not-a-cloudevent"),
        (record(1), {"content_type": b"application/cloudevents+json; charset=gbk"}, "malformed-json"),
        (b'{"note": "' + b"x" * RECORD_BYTES_MAX + b'"}', {}, "too-large"),
    ],
)
def test_wrong_record_is_refused_with_its_code(
    value: bytes | None, changes: dict[str, bytes | None], expected: str
) -> None:
    arrival = kafka(value, **changes)
    assert code(arrival) == expected
    assert len(arrival.received) <= RECORD_BYTES_MAX + 1000


def test_source_of_a_record_of_which_only_a_part_is_kept_is_told_by_its_header() -> None:
    refused = kafka(b'"' + b"x" * RECORD_BYTES_MAX + b'"')
    assert (code(refused), refused.source) == ("too-large", "/gx/service")
    assert kafka(b"{", ce_source=None).source is None


def test_header_sent_twice_is_refused() -> None:
    headers = [*BINARY.items(), ("ce_id", b"2")]
    assert code(to_arrival(DATA, headers, "p", NOW)) == "bad-value"


@pytest.mark.parametrize("value", [None, b"{", b'{"rating": 9}', b"\xff\x00"])
def test_refused_binary_record_is_put_aside_so_that_it_can_be_tried_again(value: bytes | None) -> None:
    refused = kafka(value, ce_extra=b"\xfe")
    kept = json.loads(refused.received)
    assert (kept["source"], kept["id"], kept["subject"]) == ("/gx/service", "1", "案件-1")
    again = Retrial(no_mapping).arrival(refused.kept(), form=refused.form, place="topic-0@5", now=NOW)
    assert (again.place, again.received, again.action) == (refused.place, refused.received, None)
    assert again.form == "binary"
    assert code(again) == code(refused)


def test_binary_record_that_came_too_early_is_recorded_when_tried_later() -> None:
    refused = kafka(DATA, ce_time=b"2023-12-01T00:00:00Z")
    assert code(refused) == "future-time"
    again = Retrial(no_mapping).arrival(refused.kept(), form=refused.form, place="p", now=NOW + 10**13)
    assert again.action is not None
    assert again.action.data == {"rating": 5}


def http(body: bytes, headers: dict[str, str]) -> list[Arrival]:
    return http_arrivals(body, headers.items(), place="http:1", now=NOW)


def test_http_structured_and_bare_json_are_one_action() -> None:
    for content_type in ("application/cloudevents+json; charset=utf-8", "application/json", ""):
        (arrival,) = http(record(1), {"Content-Type": content_type})
        assert arrival.received == record(1)
        assert arrival.action is not None


def test_http_batch_gives_a_verdict_for_each_of_its_records() -> None:
    body = b"[ " + record(1) + b" ,5,\n" + record(2) + b"]"
    one, five, two = http(body, {"content-type": "application/cloudevents-batch+json"})
    assert (one.received, five.received, two.received) == (record(1), b"5", record(2))
    assert [arrival.place for arrival in (one, five, two)] == ["http:1#1", "http:1#2", "http:1#3"]
    assert (code(one), code(five), code(two)) == (None, "not-a-cloudevent", None)
    assert http(b"[]", {"content-type": "application/cloudevents-batch+json"}) == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[", record(1), b"[1,]", b"\xff"])
def test_http_batch_that_is_no_array_is_answered_with_a_sentence(body: bytes) -> None:
    with pytest.raises(BatchError, match="no JSON array"):
        http(body, {"content-type": "application/cloudevents-batch+json"})


@pytest.mark.parametrize(
    ("sent", "subject"),
    [
        ("%E6%A1%88%E4%BB%B6-1", "案件-1"),
        ('"quoted \\"case\\""', 'quoted "case"'),
        ("a%20b%2525", "a b%25"),
        ("案".encode().decode("latin-1"), "案"),
    ],
)
def test_http_binary_headers_are_decoded_as_the_binding_says(sent: str, subject: str) -> None:
    headers = {name.replace("ce_", "Ce-"): text.decode() for name, text in BINARY.items()}
    (arrival,) = http(DATA, {**headers, "Ce-subject": sent})
    assert arrival.action is not None
    assert arrival.action.subject == subject


def test_http_binary_header_that_is_not_utf_8_is_refused() -> None:
    headers = {name.replace("ce_", "ce-"): text.decode("latin-1") for name, text in BINARY.items()}
    (arrival,) = http(DATA, {**headers, "ce-subject": "%FF"})
    assert code(arrival) == "bad-value"


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
def test_http_request_of_another_kind_is_answered_with_a_sentence(content_type: str) -> None:
    with pytest.raises(ContentTypeError, match="send application/cloudevents"):
        http(record(1), {"content-type": content_type})


def test_structured_record_is_tried_again_as_it_is() -> None:
    for raw in (b"{", record(1), b'{"kaoji":"binary-record"}', b'{"kaoji":"source-record"}', b'{"kaoji":[]}'):
        for form in ("event", None):
            again: Any = Retrial(no_mapping).arrival(raw, form=form, place="p", now=NOW)
            assert again.received == raw


def test_record_that_only_says_that_it_was_put_aside_is_not_believed() -> None:
    # Given what a sender made up, to have it recorded under a source that is not its own
    made_up = b'{"kaoji":"source-record","mapping":"receipt_wabo","source":"/x","index":1,"case":{"a":"b"}}'
    # When it is tried again as what it came as, no mapping is asked
    again = Retrial(no_mapping).arrival(made_up, form="event", place="p", now=NOW)
    assert code(again) == "not-a-cloudevent"
    # And where nobody kept how it came (the first format), it is taken at its word
    with pytest.raises(AssertionError):
        Retrial(no_mapping).arrival(made_up, form=None, place="p", now=NOW)


def test_conflicting_binary_record_is_kept_as_it_came() -> None:
    accepted = kafka(DATA)
    assert accepted.action is not None
    value, headers = open_binary_envelope(json.loads(accepted.kept()))
    assert (value, dict(headers)["ce_id"]) == (DATA, b"1")
    again = Retrial(no_mapping).arrival(accepted.kept(), form=accepted.form, place="p", now=NOW)
    assert again.action is not None
    assert again.action.facts == accepted.action.facts


@pytest.mark.parametrize("at_once", [500, 3])
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", b"application/cloudevents+json")],
        [("Content-Type", b"application/cloudevents+json; charset=UTF-8")],
        [("content-type", b"application/cloudevents+json; charset=gbk")],
        [("content-type", b"application/cloudevents+xml")],
        [("content-type", b"application/cloudevents-batch+json")],
        [("content-type", b"application/json")],
        [("content-type", b"text/plain; charset=latin-1")],
        [("content-type", None), ("x", b"1")],
        [("ce_specversion", b"1.0"), ("ce_id", b"7")],
        [("content-type", b"application/cloudevents+json"), ("ce_id", b"7")],
    ],
)
def test_many_records_become_what_each_becomes_by_itself(
    headers: list[tuple[str, bytes | None]], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_READ_AT_ONCE", at_once)
    shared = tuple(headers)
    values = [record("a-1"), None, b"", b"{}", record("a-2", note="sealed"), record("a-3")]
    records = [KafkaRecord(at, 0, b"k", value, shared) for at, value in enumerate(values)]
    records.insert(2, KafkaRecord(9, 0, None, record("a-4"), (("content-type", b"application/cloudevents+json"),)))

    together = to_arrivals(records, [f"t-0@{each.offset}" for each in records], NOW)

    for each, found in zip(records, together, strict=True):
        alone = to_arrival(each.value, each.headers, f"t-0@{each.offset}", NOW, key=each.key)
        assert (found.place, found.received, found.key, found.form, found.kept()) == (
            alone.place, alone.received, alone.key, alone.form, alone.kept(),
        )  # fmt: skip
        assert (found.action is None, str(found.refusal)) == (alone.action is None, str(alone.refusal))
        if found.action is not None and alone.action is not None:
            assert (found.action.facts, found.action.data) == (alone.action.facts, alone.action.data)
