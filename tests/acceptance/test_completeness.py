"""Both sides can prove that nothing is missing: a day's receipt, what is in it, and gaps in a source's numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine

HOUR = 3_600_000_000
NOON = 1_772_000_000_000_000 // (24 * HOUR) * 24 * HOUR + 4 * HOUR  # 2026-02-25T12:00 in Shanghai
SOURCE = "/gx/hall"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kaoji(request: pytest.FixtureRequest, tmp_path: Path, clock: list[int]) -> Iterator[CommandLine]:
    del clock
    if request.param == "sqlite":
        yield CommandLine(tmp_path / "kaoji.db")
    else:
        found = CommandLine(request.getfixturevalue("postgres_url"))
        found.environment["KAOJI_KEYS"] = str(tmp_path / "keys.db")
        yield found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time of day, which can be turned."""
    now = [NOON]
    monkeypatch.setattr("time.time_ns", lambda: now[0] * 1_000)
    return now


def event(id: str = "1", source: str = SOURCE, **fields: Any) -> dict[str, Any]:
    made = {
        "specversion": "1.0", "id": id, "source": source, "type": "service.rated", "subject": f"case-{id}",
        "time": "2026-02-20T09:00:00+08:00", "data": {"rating": 5},
    }  # fmt: skip
    return made | fields


def send(kaoji: CommandLine, *events: dict[str, Any] | bytes) -> None:
    lines = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in events)
    kaoji("ingest", "-", stdin=b"\n".join(lines))


def digest(event: dict[str, Any]) -> bytes:
    """As a sender of facts alone computes it."""
    text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def digest_of_all(*events: dict[str, Any]) -> str:
    return hashlib.sha256(b"".join(sorted(map(digest, events)))).hexdigest()


def receipt(kaoji: CommandLine, day: str = "2026-02-25", *options: str) -> dict[str, Any]:
    printed: dict[str, Any] = kaoji("receipt", "--day", day, *options, "--format", "json").json
    return printed


def test_receipt_counts_what_was_sent_and_proves_what_was_recorded(kaoji: CommandLine) -> None:
    send(kaoji, event("2"), event("1"), event("2"), event("3", data={"rating": 9}), b"{", event("1", "/gx/desk"))
    send(kaoji, event("1"), event("4"))
    found = receipt(kaoji)
    assert (found["day"], found["zone"], found["final"]) == ("2026-02-25", "Asia/Shanghai", False)
    assert (found["after"], found["upto"], found["unreadable"]) == (0, 4, 1)
    desk, hall = found["sources"]
    assert hall == {
        "source": SOURCE, "sent": 6, "recorded": 3, "duplicates": 2, "refused": 1, "retried": 0,
        "sha256": digest_of_all(event("1"), event("2"), event("4")),
    }  # fmt: skip
    assert desk["sha256"] == digest_of_all(event("1", "/gx/desk"))
    assert receipt(kaoji, "2026-02-25", "--source", SOURCE)["sources"] == [hall]
    (row,) = kaoji("receipt", "--day", "2026-02-25", "--source", SOURCE, "--format", "csv").rows
    assert (row["sent"], row["sha256"]) == ("6", hall["sha256"])
    assert kaoji("receipt", "--day", "2026-02-25").out.startswith(
        "2026-02-25 in Asia/Shanghai, not final yet: positions 1 to 4, 1 refused of unknown source\n"
    )


def test_receipt_counts_rows_of_a_table_that_could_not_be_read(kaoji: CommandLine, tmp_path: Path) -> None:
    table, mapping = tmp_path / "table.csv", tmp_path / "mine.toml"
    table.write_text("nr,when\nC1,2023-05-04\nC2,2023-05-04,more\n")
    mapping.write_text(
        'source = "/gx/table"\ninput = "csv"\nzone = "UTC"\ncase.subject = "nr"\n'
        '[case.actions.received]\ntype = "licensing.received"\ntime = "when"\n'
    )
    kaoji("ingest", table, "--mapping", mapping)
    found = receipt(kaoji)
    (row,) = found["sources"]
    assert (row["source"], row["sent"], row["recorded"], row["refused"]) == ("/gx/table", 2, 1, 1)
    assert found["unreadable"] == 0


def test_receipt_lists_what_was_recorded_so_that_a_difference_can_be_found(kaoji: CommandLine) -> None:
    send(kaoji, event("2"), event("1", "/gx/desk"), event("1"))
    lines = kaoji("receipt", "--day", "2026-02-25", "--source", SOURCE, "--records").lines
    assert lines == [
        {"position": 1, "source": SOURCE, "id": "2", "sha256": digest(event("2")).hex()},
        {"position": 3, "source": SOURCE, "id": "1", "sha256": digest(event("1")).hex()},
    ]
    assert len(kaoji("receipt", "--day", "2026-02-25", "--records", "--format", "csv").rows) == 3


def test_days_are_those_of_the_zone_and_final_once_they_are_over(kaoji: CommandLine, clock: list[int]) -> None:
    clock[0] = NOON + 12 * HOUR - 1
    send(kaoji, event("1"), event("1"))
    clock[0] = NOON + 12 * HOUR
    send(kaoji, event("2"), event("1"))
    first, second = receipt(kaoji), receipt(kaoji, "2026-02-26")
    assert [(each["recorded"], each["duplicates"]) for each in first["sources"]] == [(1, 1)]
    assert [(each["recorded"], each["duplicates"]) for each in second["sources"]] == [(1, 1)]
    assert (first["final"], second["final"]) == (True, False)
    assert second["sources"][0]["sha256"] == digest_of_all(event("2"))
    clock[0] += 24 * HOUR + 400_000_000
    assert receipt(kaoji, "2026-02-26") == second | {"final": True}
    kaoji.environment["KAOJI_ZONE"] = "Asia/Kathmandu"
    assert [each["recorded"] for each in receipt(kaoji)["sources"]] == [2]


def test_a_day_without_records_has_a_receipt_too(kaoji: CommandLine) -> None:
    send(kaoji, event("1"))
    assert receipt(kaoji, "2020-01-01")["sources"] == []
    (none,) = receipt(kaoji, "2020-01-01", "--source", "/nobody")["sources"]
    assert (none["sent"], none["sha256"]) == (0, hashlib.sha256(b"").hexdigest())
    assert "YYYY-MM-DD" in kaoji.ends(2, "receipt", "--day", "today").err


def test_what_the_quarantine_gives_back_is_recorded_but_not_sent_again(
    kaoji: CommandLine, clock: list[int]
) -> None:
    early = event("1", time="2026-02-27T14:13:20+08:00")
    send(kaoji, early, event("2"))
    clock[0] += 48 * HOUR
    kaoji("quarantine", "retry", "--code", "future-time")
    first, third = receipt(kaoji)["sources"][0], receipt(kaoji, "2026-02-27")["sources"][0]
    assert (first["sent"], first["recorded"], first["refused"], first["retried"]) == (2, 1, 1, 0)
    assert (third["sent"], third["recorded"], third["refused"], third["retried"]) == (0, 1, 0, 1)
    assert third["sha256"] == digest_of_all(early)


def test_receipt_stays_what_it_is_when_free_text_is_erased(kaoji: CommandLine, tmp_path: Path) -> None:
    send(kaoji, event("1", data={"rating": 5, "note": "called back on Monday"}))
    before = receipt(kaoji)
    assert before["sources"][0]["sha256"] == digest_of_all(event("1"))
    for keys in tmp_path.glob("*keys.db*"):
        keys.unlink()
    assert receipt(kaoji) == before


def test_gaps_in_the_numbers_of_a_source_are_reported(kaoji: CommandLine) -> None:
    numbers = ("7", "3", "12", "4", "13", "03")
    send(kaoji, *(event(f"n{at}", sequence=number) for at, number in enumerate(numbers)), event("plain"))
    send(kaoji, event("1", "/gx/desk"), event("s", "/gx/stamps", sequence="20260101"))
    send(kaoji, event("t", "/gx/stamps", sequence="20270101"))
    send(kaoji, event("n0", sequence="7"))
    stamps, hall = sorted(kaoji("gaps", "--format", "json").json, key=lambda each: -len(each["source"]))
    assert hall == {
        "source": SOURCE, "actions": 7, "numbered": 6, "repeated": 1, "first": "3", "last": "13", "missing": 6,
        "gaps": [{"first": "5", "last": "6"}, {"first": "8", "last": "11"}],
        "jumps": 0, "jumped": [],
    }  # fmt: skip
    # What is no count has neither gaps nor jumps
    assert (stamps["missing"], stamps["gaps"], stamps["last"]) == (None, [], "20270101")
    assert (stamps["jumps"], stamps["jumped"]) == (None, [])
    assert kaoji("status", "--format", "json").json["gaps"] == {SOURCE: 6}
    (row,) = kaoji("gaps", "--source", SOURCE, "--limit", "1", "--format", "csv").rows
    assert (row["missing"], row["gaps"]) == ("6", "5-6")
    kaoji.ends(1, "gaps", "--strict")
    kaoji("gaps", "--strict", "--source", "/gx/desk")
    assert "Did you mean" in kaoji.ends(2, "gaps", "--source", "/gx/halls").err
    # What was missing comes late
    send(kaoji, *(event(f"late{number}", sequence=str(number)) for number in (5, 6, 8, 9, 10, 11)))
    kaoji("gaps", "--strict")
    assert kaoji("status", "--format", "json").json["gaps"] == {}


def test_numbers_jumped_over_are_shown_and_not_missing(kaoji: CommandLine) -> None:
    numbers = [*range(2025000001, 2025000013), 2026000001, 2026000003]
    send(kaoji, *(event(f"n{number}", sequence=str(number)) for number in numbers))
    (found,) = kaoji("gaps", "--format", "json").json
    assert (found["missing"], found["gaps"]) == (1, [{"first": "2026000002", "last": "2026000002"}])
    assert (found["jumps"], found["jumped"]) == (1, [{"first": "2025000013", "last": "2026000000"}])
    (row,) = kaoji("gaps", "--format", "csv").rows
    assert (row["jumps"], row["missing"], row["gaps"]) == ("1", "1", "2026000002")
    assert kaoji("status", "--format", "json").json["gaps"] == {SOURCE: 1}
    kaoji.ends(1, "gaps", "--strict")
    send(kaoji, event("late", sequence="2026000002"))
    kaoji("gaps", "--strict")
