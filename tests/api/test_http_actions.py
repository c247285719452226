"""Actions in by the CloudEvents HTTP binding, the audit trail out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.audit import AuditQuery, audit
from api.bootstrap import Kaoji
from domain.actions.refusals import RECORD_BYTES_MAX
from domain.ledger.quarantine import Entry
from tests.reference.given import act
from tests.support.http import BATCH, STRUCTURED, detail, post, post_batch, post_binary
from tests.support.product import record

RECEIVED = act("licensing.received", "L1", "03-05", owner="s1", unit="u1")
GRANTED = act("licensing.granted", "L1", "03-08", owner="s1", unit="u1")
WRONG = {**GRANTED, "data": {"rating": True}}


def position(kaoji: Kaoji) -> int:
    return kaoji.ledger.head().position


def entries(kaoji: Kaoji) -> list[Entry]:
    return kaoji.ledger.quarantine.list(raw=True)


def untouched(kaoji: Kaoji) -> bool:
    return position(kaoji) == 0 and not entries(kaoji)


# --- one action


def test_structured_action_is_recorded_at_a_position(client: TestClient, kaoji: Kaoji) -> None:
    answer = post(client, RECEIVED)
    assert (answer.status_code, answer.json()) == (201, {"verdict": "recorded", "position": 1})
    assert json.loads(kaoji.ledger.read(after=0, limit=9)[0].facts) == RECEIVED


def test_action_sent_twice_is_a_duplicate_of_the_first(client: TestClient, kaoji: Kaoji) -> None:
    post(client, GRANTED)
    post(client, RECEIVED)
    answer = post(client, GRANTED)
    assert (answer.status_code, answer.json()) == (200, {"verdict": "duplicate", "position": 1})
    assert position(kaoji) == 2


def test_binary_action_is_the_same_as_the_structured_one(client: TestClient) -> None:
    numbered = {**GRANTED, "id": "许可 1", "sequence": "7"}
    sent = {**numbered, "id": "%E8%AE%B8%E5%8F%AF%201"}
    assert post_binary(client, sent).json() == {"verdict": "recorded", "position": 1}
    assert post(client, numbered).json() == {"verdict": "duplicate", "position": 1}


def test_plain_json_is_read_as_a_structured_action(client: TestClient) -> None:
    assert post(client, RECEIVED, "application/json; charset=utf-8").status_code == 201


def test_refused_action_is_kept_in_quarantine_and_its_sender_is_told_what_to_mend(
    client: TestClient, kaoji: Kaoji
) -> None:
    answer = post(client, WRONG)
    (entry,) = entries(kaoji)
    assert detail(answer, 422) == f"bad-value: {entry.remedy}"
    told = {name: answer.json()[name] for name in ("verdict", "code", "remedy", "place")}
    assert told == {
        "verdict": "quarantined",
        "code": "bad-value",
        "remedy": entry.remedy,
        "place": entry.place,
    }
    assert entry.raw == json.dumps(WRONG).encode()
    assert entry.place.startswith("http:127.0.0.1/")
    assert entry.place.endswith("#1")
    assert post(client, GRANTED).status_code == 201


def test_every_refused_request_is_an_entry_of_its_own(client: TestClient, kaoji: Kaoji) -> None:
    for _ in range(3):
        post(client, WRONG)
    assert [entry.times_seen for entry in entries(kaoji)] == [1, 1, 1]


def test_record_above_its_limit_is_quarantined_as_too_large(client: TestClient, kaoji: Kaoji) -> None:
    answer = post(client, {**RECEIVED, "data": {"note": "x" * RECORD_BYTES_MAX}})
    assert (answer.status_code, answer.json()["code"]) == (422, "too-large")
    assert [entry.code for entry in entries(kaoji)] == ["too-large"]


# --- a batch


def test_batch_has_a_verdict_for_each_record_in_its_order(client: TestClient, kaoji: Kaoji) -> None:
    post(client, GRANTED)
    answer = post_batch(client, [RECEIVED, WRONG, GRANTED, 7, RECEIVED])
    assert answer.status_code == 200
    content = answer.json()
    found = [(each["verdict"], each.get("position"), each.get("code")) for each in content["verdicts"]]
    assert found == [
        ("recorded", 2, None),
        ("quarantined", None, "bad-value"),
        ("duplicate", 1, None),
        ("quarantined", None, "not-a-cloudevent"),
        ("duplicate", 2, None),
    ]
    totals = {name: content[name] for name in ("read", "recorded", "duplicates", "quarantined", "position")}
    assert totals == {"read": 5, "recorded": 1, "duplicates": 2, "quarantined": 2, "position": 2}
    assert [entry.place for entry in entries(kaoji)] == [content["verdicts"][at]["place"] for at in (1, 3)]


def test_empty_batch_is_answered_with_no_verdict(client: TestClient, kaoji: Kaoji) -> None:
    answer = post_batch(client, [])
    assert (answer.status_code, answer.json()["verdicts"]) == (200, [])
    assert untouched(kaoji)


@pytest.mark.parametrize("body", [json.dumps(RECEIVED).encode(), b"[", b"", b'[{"id":"1"},]', b"\xff"])
def test_batch_that_is_no_array_is_refused_whole(client: TestClient, kaoji: Kaoji, body: bytes) -> None:
    assert "Nothing of it was recorded" in detail(post(client, body, BATCH), 400)
    assert untouched(kaoji)


def test_batch_of_too_many_records_is_refused_whole(client: TestClient, kaoji: Kaoji) -> None:
    assert "at most 10,000 records, this one 10,001" in detail(post_batch(client, [1] * 10_001), 413)
    assert untouched(kaoji)
    assert len(post_batch(client, [1] * 10_000).json()["verdicts"]) == 10_000


# --- requests that are none


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x"])
def test_other_content_types_are_refused(client: TestClient, kaoji: Kaoji, content_type: str) -> None:
    assert STRUCTURED in detail(post(client, RECEIVED, content_type), 415)
    assert untouched(kaoji)


@pytest.mark.parametrize("packing", ["br", "deflate", "gzip, zstd"])
def test_body_packed_in_another_way_is_refused(client: TestClient, kaoji: Kaoji, packing: str) -> None:
    assert "packed with gzip or zstd" in detail(post(client, RECEIVED, **{"content-encoding": packing}), 415)
    assert untouched(kaoji)


def test_body_above_the_limit_is_refused_by_its_announced_length(client: TestClient, kaoji: Kaoji) -> None:
    answer = post(client, b" " * (32 * 1024 * 1024 + 1), BATCH)
    assert "at most 32 MiB" in detail(answer, 413)
    assert untouched(kaoji)


def test_body_above_the_limit_is_refused_while_it_streams_in(client: TestClient, kaoji: Kaoji) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(33):
            yield b" " * 1024 * 1024

    answer = client.post("/actions", content=endless(), headers={"content-type": BATCH})
    assert "at most 32 MiB" in detail(answer, 413)
    assert untouched(kaoji)


def test_concurrent_senders_record_each_action_once(client: TestClient, kaoji: Kaoji) -> None:
    actions = [act("licensing.received", f"L{number}", "03-05") for number in range(40)]
    with ThreadPoolExecutor(8) as senders:
        answers = [each.json() for each in senders.map(lambda one: post(client, one), actions * 3)]
    assert sorted(each["verdict"] for each in answers) == ["duplicate"] * 80 + ["recorded"] * 40
    assert {each["position"] for each in answers} == set(range(1, 41))
    assert position(kaoji) == 40


# --- the audit trail


@pytest.fixture
def trail(kaoji: Kaoji) -> list[dict[str, Any]]:
    events = [act("licensing.received", f"L{number}", "03-05", owner=f"s{number % 2}") for number in range(7)]
    record(kaoji, [*events, GRANTED])
    return list(audit(kaoji, AuditQuery()))


def test_trail_is_that_of_the_command_line(client: TestClient, trail: list[dict[str, Any]]) -> None:
    assert client.get("/actions").json() == {"actions": trail, "next": None}


def test_pages_follow_each_other_by_position_and_miss_nothing(
    client: TestClient, trail: list[dict[str, Any]]
) -> None:
    found, pages = [], 0
    address: str | None = "/actions?limit=3&type=licensing.*"
    while address is not None:
        answer = client.get(address)
        found += answer.json()["actions"]
        pages += 1
        address = answer.json()["next"]
        assert answer.headers.get("link") == (None if address is None else f'<{address}>; rel="next"')
    assert (found, pages) == (trail, 3)


def test_a_last_page_that_is_full_has_no_next(client: TestClient, trail: list[dict[str, Any]]) -> None:
    assert client.get(f"/actions?limit={len(trail)}").json()["next"] is None


@pytest.mark.parametrize(
    ("parameters", "query"),
    [
        ("case=L1", AuditQuery(case="L1")),
        ("staff=s1", AuditQuery(staff="s1")),
        ("type=licensing.granted", AuditQuery(type="licensing.granted")),
        ("unit=u1", AuditQuery(unit="u1")),
        ("from=2024-03-06", AuditQuery(from_="2024-03-06")),
        ("to=2024-03-06&after=2", AuditQuery(to="2024-03-06", after=2)),
        ("recorded-from=2030-01-01", AuditQuery(recorded_from="2030-01-01")),
        ("recorded-to=2030-01-01", AuditQuery(recorded_to="2030-01-01")),
        ("effective=true", AuditQuery(effective=True)),
    ],
)
@pytest.mark.usefixtures("trail")
def test_filters_are_named_as_the_options(
    client: TestClient, kaoji: Kaoji, parameters: str, query: AuditQuery
) -> None:
    assert client.get(f"/actions?{parameters}").json()["actions"] == list(audit(kaoji, query))


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ("recorded_from=2011-01-01", "No parameter 'recorded_from'. Did you mean 'recorded-from'?"),
        ("case=L1&case=L2", "Parameter 'case' is given 2 times. Give it once."),
        ("limit=1001", "Parameter 'limit' is '1001'."),
        ("limit=0", "Parameter 'limit' is '0'."),
        ("after=-1", "Parameter 'after' is '-1'."),
        ("after=x", "Parameter 'after' is 'x'."),
        ("type=licensing.grant", "No action type 'licensing.grant'. Did you mean 'licensing.granted'?"),
        ("from=yesterday", "`from` 'yesterday' is neither a date nor a time."),
        ("from=2024-03-02&to=2024-03-01", "`to` (2024-03-01) lies before `from` (2024-03-02)"),
    ],
)
def test_wrong_parameters_are_told_apart_and_mended(client: TestClient, parameters: str, sentence: str) -> None:
    assert detail(client.get(f"/actions?{parameters}"), 422).startswith(sentence)
