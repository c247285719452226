"""What was refused can be seen, mended, tried again and given up, by the command line alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

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
    # And once more is wrong usage, like giving up what is recorded: neither would do what it was asked for
    for command in ("retry", "drop"):
        said = kaoji.ends(2, "quarantine", command, str(early["entry"]), str(wrong["entry"])).err
        assert f"Entry {early['entry']} is not open any more" in said
    assert [each["entry"] for each in listed(kaoji)] == [wrong["entry"]]


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


def test_list_shows_of_which_source_and_when_each_was_refused(kaoji: CommandLine, clock: list[int]) -> None:
    refuse(kaoji, event(data={"rating": 0}))
    clock[0] += DAY
    refuse(kaoji, b"{")
    mine, unreadable = kaoji("quarantine", "list", "--format", "csv").rows
    assert (mine["source"], mine["refused_at"]) == ("/gx/hall", "2026-02-25T06:13:20.000000Z")
    assert (unreadable["source"], unreadable["refused_at"]) == ("", "2026-02-26T06:13:20.000000Z")
    *_, first, second = kaoji("quarantine", "list").out.splitlines()
    assert first.split()[:4] == ["1", "2026-02-25T06:13:20Z", "/gx/hall", "stdin:1"]
    assert second.split()[:4] == ["2", "2026-02-26T06:13:20Z", "–", "stdin:1"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_on_a_terminal_of_100_columns_the_remedy_has_most_of_the_room(kaoji: CommandLine, language: str) -> None:
    source = "urn:gx:systems:licensing-hall:2"
    refuse(kaoji, event(source=source, type="service.dreamt"))
    kaoji.environment |= {"FORCE_COLOR": "1", "COLUMNS": "100", "KAOJI_LANG": language}
    shown = re.sub("\x1b\\[[0-9;]*m", "", kaoji("quarantine", "list").out).splitlines()
    assert {cell_len(line) for line in shown} == {100}
    columns = [(part.start(), part.end()) for part in re.finditer(r"\S+ *?(?=   \S|$)", shown[0])]
    cells = ["".join(line[begin:end].strip() for line in shown[2:]) for begin, end in columns[:5]]
    assert cells == ["1", "2026-02-25T06:13:20Z", source, "stdin:1", "unknown-type"]
    assert shown[2][columns[1][0] :].startswith("2026-02-25 ")
    assert 100 - columns[-1][0] > 30


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


def test_entries_are_chosen_by_time_place_case_and_state(kaoji: CommandLine, clock: list[int]) -> None:
    refuse(kaoji, b"{", event("2", data={"rating": 0}))
    clock[0] += DAY
    refuse(kaoji, event("3", subject="case-3", data={"rating": 0}))
    first, second, third = (each["entry"] for each in listed(kaoji))

    def numbers(*options: str) -> list[int]:
        return [each["entry"] for each in listed(kaoji, *options)]

    # 2026-02-25 and the day after, in Shanghai
    assert numbers("--from", "2026-02-26") == [third]
    assert numbers("--to", "2026-02-25") == [first, second]
    assert numbers("--from", "2026-02-25T14:13:20+08:00", "--to", "2026-02-25T14:13:20+08:00") == [first, second]
    assert numbers("--from", "2026-02-25T14:13:21+08:00") == [third]
    assert numbers("--place", "stdin:1") == [first, third]
    assert numbers("--place", "stdin:*", "--case", "case-1") == [second]
    assert numbers("--after", str(first), "--limit", "1") == [second]
    kaoji("quarantine", "drop", "--from", "2026-02-26", "--reason", "sent by mistake")
    (dropped,) = listed(kaoji, "--state", "dropped")
    assert (dropped["entry"], dropped["reason"], dropped["bytes"]) == (third, "sent by mistake", None)
    assert numbers("--state", "all") == [first, second, third]
    assert "Known: all, dropped, open, retried" in kaoji.ends(2, "quarantine", "list", "--state", "lost").err
    assert "neither a date nor a time" in kaoji.ends(2, "quarantine", "list", "--from", "yesterday").err
    assert "--code, --source, --case" in kaoji.ends(2, "quarantine", "retry").err


def test_summary_says_what_mends_each_code(kaoji: CommandLine) -> None:
    refuse(kaoji, b"{", b"}", event("2", data={"rating": 0}))
    found = kaoji("quarantine", "summary", "--format", "json").json
    assert [(each["code"], each["source"], each["entries"]) for each in found] == [
        ("bad-value", "/gx/hall", 1),
        ("malformed-json", None, 2),
    ]
    assert "valid value" in found[0]["remedy"]
    assert found[0]["first_refused_at"] == "2026-02-25T06:13:20.000000Z"


MAPPING = """
source = "/gx/table"
input = "csv"
zone = "Asia/Shanghai"
[case]
subject = "nr"
[events]
id = { parts = ["case", "activity"] }
activity = "what"
time = "when"
[events.types]
"in" = "licensing.received"
"""
TABLE = "nr,what,when\n" + "".join(
    f"C{row % 3},step {row},2023-05-04 10:{row:02}\n" for row in reversed(range(30))
)


def test_a_mended_mapping_takes_in_what_was_refused_in_the_order_in_which_it_came(
    kaoji: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a table with steps that its mapping does not know, and one that will still be unknown
    monkeypatch.setattr("domain.ledger.quarantine._CHUNK_ENTRIES_MAX", 7)
    table, mapping, mended = (tmp_path / name for name in ("table.csv", "mine.toml", "mended.toml"))
    table.write_text(TABLE)
    mapping.write_text(MAPPING)
    steps = "".join(f'"step {row}" = "licensing.step-done"\n' for row in range(30) if row != 11)
    mended.write_text(MAPPING + steps)
    kaoji("ingest", table, "--mapping", mapping)
    assert {each["code"] for each in listed(kaoji)} == {"unknown-type"}
    # When they are tried again through the mended mapping
    found = kaoji.ends(
        1, "quarantine", "retry", "--code", "unknown-type", "--mapping", mended, "--format", "json"
    ).json
    # Then each is recorded behind the one that came before it, and the one that is refused holds up none
    assert [each["position"] for each in found if each["position"]] == list(range(1, 30))
    assert [each["entry"] for each in found] == sorted(each["entry"] for each in found)
    assert [each["id"] for each in kaoji("audit").lines] == [
        f"C{row % 3}/step {row}" for row in reversed(range(30)) if row != 11
    ]
    (left,) = listed(kaoji)
    assert left["code"] == "unknown-type"
    assert kaoji("verify", "--format", "json").json["ok"]


def test_a_mended_mapping_is_not_tried_on_records_of_another_source(kaoji: CommandLine, tmp_path: Path) -> None:
    # Given tables of two systems whose mappings lack the same word
    for name in ("north", "south"):
        (tmp_path / f"{name}.csv").write_text(f"nr,what,when\n{name},out,2023-05-04 10:00\n")
        (tmp_path / f"{name}.toml").write_text(MAPPING.replace("/gx/table", f"/{name}"))
        kaoji("ingest", tmp_path / f"{name}.csv", "--mapping", tmp_path / f"{name}.toml")
    mended = tmp_path / "mended.toml"
    mended.write_text((tmp_path / "north.toml").read_text() + '"out" = "licensing.delivered"\n')
    # When one is mended and its records are tried by their code
    retrying = ("quarantine", "retry", "--mapping", mended, "--format", "json")
    found = kaoji(*retrying, "--code", "unknown-type").json
    # Then those of the other do not become actions of this one
    assert [(each["entry"], each["verdict"]) for each in found] == [(1, "recorded")]
    assert [each["source"] for each in kaoji("audit").lines] == ["/north"]
    # But for somebody who says so, because the source in the mapping was wrong
    assert [each["position"] for each in kaoji(*retrying, "--source", "/south").json] == [2]
    assert "choose them with --code" in kaoji.ends(2, *retrying).err


def test_conflicting_rows_become_actions_once_the_mapping_tells_them_apart(
    kaoji: CommandLine, tmp_path: Path
) -> None:
    # Given a mapping under which two rows bear one id
    table, mapping = tmp_path / "table.csv", tmp_path / "mine.toml"
    table.write_text("nr,what,when\nC1,in,2023-05-04 10:00\nC1,in,2023-05-05 10:00\n")
    mapping.write_text(MAPPING)
    kaoji("ingest", table, "--mapping", mapping)
    assert [each["code"] for each in listed(kaoji)] == ["conflict"]
    # When the mapping is mended and the row tried again, it is an action of its own
    mapping.write_text(MAPPING.replace('"activity"] }', '"activity", "time"] }'))
    (found,) = kaoji("quarantine", "retry", "--code", "conflict", "--format", "json").json
    assert (found["verdict"], found["position"]) == ("recorded", 2)


def test_rows_that_cannot_be_read_are_their_tables_and_stay_as_they_are(
    kaoji: CommandLine, tmp_path: Path
) -> None:
    # Given a table with rows that are none: one would be an event if it were anything by itself
    table, mapping = tmp_path / "table.csv", tmp_path / "mine.toml"
    rows = (
        b"C1,in,2023-05-04 10:00,more",
        event().replace(b'"', b"'"),
        event(),
        b"C2,\xff,2023-05-04 10:00",
        b'"C3',
    )
    table.write_bytes(b"nr,what,when\n" + b"\n".join((*rows, b"C4," + b"x" * 1_100_000)))
    mapping.write_text(MAPPING)
    kaoji("ingest", table, "--mapping", mapping)
    # Then they are refused to the sending system of the table
    before = listed(kaoji)
    assert {each["source"] for each in before} == {"/gx/table"}
    assert [each["id"] for each in before] == [None] * len(before)
    # When they are tried again, what is said of them still holds
    retrying = ("quarantine", "retry", "--source", "/gx/table", "--mapping", mapping, "--format", "json")
    assert {each["verdict"] for each in kaoji.ends(1, *retrying).json} == {"quarantined"}
    after = listed(kaoji)
    assert [each["code"] for each in after] == [each["code"] for each in before]
    assert [each["remedy"] for each in after][:-1] == [each["remedy"] for each in before][:-1]


def test_a_record_that_pretends_to_have_been_mapped_is_judged_as_what_it_came_as(kaoji: CommandLine) -> None:
    made_up = {"kaoji": "source-record", "mapping": "receipt_wabo", "index": 1, "case": {"concept:name": "C"}}
    refuse(kaoji, json.dumps(made_up).encode())
    (found,) = kaoji.ends(1, "quarantine", "retry", "--place", "stdin:1", "--format", "json").json
    assert found["code"] == "not-a-cloudevent"


def test_a_long_table_ends_with_how_many_more_there_are(
    kaoji: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.cli.quarantine.ROWS_SHOWN_MAX", 3)
    refuse(kaoji, *(b"{%d" % number for number in range(5)))
    ran = kaoji("quarantine", "list")
    assert (ran.out.count("malformed-json"), "2 more are not shown" in ran.err) == (3, True)
    # What is done is done for all
    assert "2 more" in kaoji("quarantine", "drop", "--code", "malformed-json").err
    assert listed(kaoji) == []
