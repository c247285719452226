"""What was refused can be seen, mended, tried again and given up, by the command line alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine, Ran

DAY = 86_400_000_000
NOW = 1_772_000_000_000_000  # 2026-02-25


@pytest.fixture
def kaoji(tmp_path: Path, clock: list[int]) -> CommandLine:
    del clock
    return CommandLine(tmp_path / "kaoji.db")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time of day, which can be turned."""
    now = [NOW]
    monkeypatch.setattr("time.time_ns", lambda: now[0] * 1_000)
    return now


def event(id: str = "1", **fields: Any) -> bytes:
    made = {
        "specversion": "1.0", "id": id, "source": "/gx/hall", "type": "service.rated", "subject": "case-1",
        "time": "2026-02-20T09:00:00+08:00", "data": {"rating": 5},
    }  # fmt: skip
    return json.dumps(made | fields).encode()


def listed(kaoji: CommandLine, *options: str) -> list[dict[str, Any]]:
    return list(kaoji("quarantine", "list", *options, "--format", "json").json)


def refuse(kaoji: CommandLine, *records: bytes) -> Ran:
    return kaoji.ends(1, "ingest", "-", "--strict", "--format", "json", stdin=b"\n".join(records))


def test_refused_record_is_told_listed_and_shown_with_its_bytes(kaoji: CommandLine) -> None:
    bad = event(data={"rating": "5"})
    ran = refuse(kaoji, bad)
    assert "quarantined stdin:1: bad-value: " in ran.err
    (entry,) = listed(kaoji)
    assert (entry["place"], entry["code"], entry["source"], entry["id"]) == (
        "stdin:1",
        "bad-value",
        "/gx/hall",
        "1",
    )
    assert entry["state"] == "open"
    assert "rating" in entry["remedy"]
    shown = kaoji("quarantine", "show", str(entry["entry"]), "--format", "json").json
    assert shown["raw"].encode() == bad
    assert "rating" in kaoji("quarantine", "show", str(entry["entry"])).out
    assert kaoji("status", "--format", "json").json["quarantined"] == {"bad-value": 1}


def test_record_mended_outside_and_sent_again_is_recorded(kaoji: CommandLine) -> None:
    refuse(kaoji, event(data={"rating": 6}))
    # When it comes again under its id, mended
    totals = kaoji("ingest", "-", "--strict", "--format", "json", stdin=event(data={"rating": 4})).json
    # Then it is recorded, and the entry waits for somebody to drop it
    assert totals["recorded"] == 1
    (entry,) = listed(kaoji)
    dropped = kaoji("quarantine", "drop", str(entry["entry"]), "--format", "json").json
    assert [each["state"] for each in dropped] == ["dropped"]
    assert listed(kaoji) == []
    assert kaoji("quarantine", "show", str(entry["entry"]), "--format", "json").json["raw"] is None


def test_retry_records_what_was_early_once_its_day_has_come(kaoji: CommandLine, clock: list[int]) -> None:
    # Given a record from a clock that ran two days ahead
    refuse(kaoji, event(time="2026-02-27T14:13:20+08:00"), event("2", data={"rating": 9}))
    early, wrong = listed(kaoji)
    assert early["code"] == "future-time"
    # When it is tried again at once, it is still refused
    (again,) = kaoji.ends(1, "quarantine", "retry", str(early["entry"]), "--format", "json").json
    assert (again["verdict"], again["code"]) == ("quarantined", "future-time")
    # When it is tried again two days later, it is recorded, and the other one is not
    clock[0] += 2 * DAY
    found = kaoji.ends(1, "quarantine", "retry", "--source", "/gx/hall", "--format", "json").json
    assert [(each["entry"], each["verdict"], each["position"]) for each in found] == [
        (early["entry"], "recorded", 1),
        (wrong["entry"], "quarantined", None),
    ]
    assert [each["entry"] for each in listed(kaoji)] == [wrong["entry"]]
    assert [each["id"] for each in kaoji("audit").lines] == ["1"]
    # And once more is wrong usage
    assert "not open any more" in kaoji.ends(2, "quarantine", "retry", str(early["entry"])).err


def test_conflict_stays_refused_however_often_it_is_tried(kaoji: CommandLine) -> None:
    refuse(kaoji, event(), event(data={"rating": 1}))
    for _ in range(2):
        (found,) = kaoji.ends(1, "quarantine", "retry", "--code", "conflict", "--format", "json").json
        assert (found["verdict"], found["code"]) == ("quarantined", "conflict")
    (entry,) = listed(kaoji)
    assert entry["times_seen"] >= 1
    assert kaoji("audit").lines[0]["data"] == {"rating": 5}


def test_list_is_filtered_by_code_source_and_limit(kaoji: CommandLine) -> None:
    refuse(kaoji, b"{", b"[]", event(type="service.dreamt"), event("2", source="/gx/desk", data={"rating": 0}))
    assert len(listed(kaoji)) == 4
    assert [each["code"] for each in listed(kaoji, "--code", "unknown-type")] == ["unknown-type"]
    assert [each["id"] for each in listed(kaoji, "--source", "/gx/desk")] == ["2"]
    assert [each["place"] for each in listed(kaoji, "--limit", "2")] == ["stdin:1", "stdin:2"]
    rows = kaoji("quarantine", "list", "--format", "csv").rows
    assert [row["code"] for row in rows] == [each["code"] for each in listed(kaoji)]


def test_drop_by_code_drops_those_and_no_others(kaoji: CommandLine) -> None:
    refuse(kaoji, b"{", b"}", event(type="service.dreamt"))
    dropped = kaoji("quarantine", "drop", "--code", "malformed-json", "--format", "json").json
    assert len(dropped) == 2
    assert [each["code"] for each in listed(kaoji)] == ["unknown-type"]
    # A dropped record that comes again is refused again
    refuse(kaoji, b"{")
    assert kaoji("verify", "--format", "json").json["ok"]


def test_more_than_are_shown_at_once_can_all_be_listed(kaoji: CommandLine) -> None:
    ran = refuse(kaoji, *(b"{%d" % number for number in range(30)))
    assert ran.err.count("quarantined stdin:") == 20
    assert "kaoji quarantine list" in ran.err
    assert len(listed(kaoji)) == 30


@pytest.mark.postgres
def test_quarantine_works_in_postgresql_too(postgres_url: str, clock: list[int]) -> None:
    kaoji = CommandLine(postgres_url)
    refuse(kaoji, event(time="2026-02-27T14:13:20+08:00"), b"{")
    clock[0] += 2 * DAY
    (found,) = kaoji("quarantine", "retry", "--code", "future-time", "--format", "json").json
    assert found["verdict"] == "recorded"
    kaoji("quarantine", "drop", "--code", "malformed-json")
    assert listed(kaoji, "--limit", "5") == []
