"""`kaoji verify` finds whatever somebody changed behind the ledger's back, and says where."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine, Ran
from tests.support.simulated import SIMULATED_YEAR

MakeCopy = Callable[[str], CommandLine]


@pytest.fixture
def changed(simulated: CommandLine, tmp_path: Path) -> MakeCopy:
    """The simulated administration's store, copied and then changed by plain SQL."""

    def make(statements: str) -> CommandLine:
        copy = tmp_path / "copy.db"
        with sqlite3.connect(simulated.store.removeprefix("sqlite:///")) as source:
            target = sqlite3.connect(copy)
            source.backup(target)
        target.executescript(statements)
        target.close()
        source.close()
        return CommandLine(copy)

    return make


def faults_of(ran: Ran) -> list[str]:
    assert not ran.json["ok"]
    assert ran.json["faults"]
    return list(ran.json["faults"])


def test_good_ledger_is_good(simulated: CommandLine) -> None:
    quick = simulated("verify", "--format", "json").json
    assert quick["ok"]
    assert quick["faults"] == []
    assert simulated("verify", "--from-scratch", "--format", "json").json == quick
    assert simulated("status", "--format", "json").json["events"] == quick["events"]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE stored_events SET state = x'00' WHERE rowid = 17", "position 17 is not what was recorded there"),
        (
            "UPDATE stored_events SET state = replace(state, 'unit', 'Unit') WHERE rowid = 17",
            "position 17 is not what was recorded there",
        ),
        ("UPDATE stored_events SET topic = 'x' WHERE rowid = 17", "position 17 bears the topic 'x'"),
        ("DELETE FROM stored_events WHERE rowid = 17", "positions 17 to 17 are missing"),
        ("DELETE FROM stored_events WHERE rowid BETWEEN 5 AND 9", "positions 5 to 9 are missing"),
        ("DELETE FROM stored_events WHERE rowid >= 2000", "positions 2000 to "),
        (
            "UPDATE ledger_batches SET recorded_at = recorded_at + 1 WHERE first_position = 1",
            "position 1 is not what was recorded there",
        ),
        ("UPDATE ledger_sealed SET commitment = x'00'", "is not what was recorded there"),
        ("UPDATE ledger_batches SET last_position = last_position + 5", "are missing"),
        ("UPDATE kaoji_integrity_blocks SET leaves = zeroblob(length(leaves))", "position 1 is not what was"),
        ("DELETE FROM kaoji_integrity_blocks", "the leaves that were kept at 0"),
        ("UPDATE kaoji_view_builds SET position = position + 1", "the view directory stands at"),
    ],
)
def test_changed_ledger_is_named(changed: MakeCopy, statement: str, fault: str) -> None:
    kaoji = changed(statement)
    for scratch in ([], ["--from-scratch"]):
        assert fault in faults_of(kaoji.ends(1, "verify", *scratch, "--format", "json"))[0]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE kaoji_history_parts SET content = x'00'", "The view history is damaged"),
        ("DELETE FROM kaoji_history_parts WHERE part = 'rows'", "The view history is damaged"),
        ("DELETE FROM kaoji_history_parts WHERE part = 'links'", "history: links.position differs from a rebuild"),
        ("DROP TABLE kaoji_history_parts", "The view history is damaged"),
        ("UPDATE kaoji_directory_actions SET facts = replace(facts, 'unit', 'Unit')", "directory: position 1 "),
        ("UPDATE kaoji_directory_actions SET facts = x'00'", "directory: position "),
        ("UPDATE kaoji_directory_actions SET occurred_at = 7 WHERE position = 1", "directory: position 1 differs"),
        ("DELETE FROM kaoji_directory_actions WHERE position = 1", "directory: position 1 differs"),
    ],
)
def test_changed_view_is_found(changed: MakeCopy, statement: str, fault: str) -> None:
    kaoji = changed(statement)
    assert fault in faults_of(kaoji.ends(1, "verify", "--format", "json"))[0]


def test_event_under_another_key_is_found_from_scratch(changed: MakeCopy) -> None:
    # Given an event that could be recorded once more, since nobody finds it
    key = "UPDATE stored_events SET originator_id = x'00112233445566778899aabbccddeeff' WHERE rowid = 17"
    kaoji = changed(key)
    assert kaoji("verify", "--format", "json").json["ok"]
    # When nothing that is stored is believed
    faults = faults_of(kaoji.ends(1, "verify", "--from-scratch", "--format", "json"))
    # Then it is named
    assert "position 17 is not found under its source and id" in faults[0]


def test_event_against_the_contract_is_found_from_scratch(changed: MakeCopy) -> None:
    # Given a forger who changed an event, and the leaves that were kept with it
    kaoji = changed(
        "UPDATE stored_events SET state = CAST(replace(CAST(state AS TEXT), '+08:00', '+99:00') AS BLOB) "
        "WHERE rowid = 17; DELETE FROM kaoji_integrity_blocks; "
        "DELETE FROM kaoji_view_builds WHERE projection = 'integrity'"
    )
    # When every action is checked anew
    faults = faults_of(kaoji.ends(1, "verify", "--from-scratch", "--format", "json"))
    # Then it is named
    assert "position 17 is against the contract" in faults[0]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE kaoji_history_parts SET content = x'00'",
        "DROP TABLE kaoji_history_parts",
        "DELETE FROM kaoji_directory_actions",
        "UPDATE kaoji_view_builds SET position = position + 9",
        "DELETE FROM kaoji_view_builds",
    ],
)
def test_rebuild_mends_a_damaged_view(changed: MakeCopy, simulated: CommandLine, statement: str) -> None:
    # Given a view that was damaged
    kaoji = changed(statement)
    # When it is rebuilt
    kaoji("rebuild")
    # Then it is as good as new
    assert kaoji("verify", "--from-scratch", "--format", "json").json["ok"]
    asked = ("score", *SIMULATED_YEAR, "--by", "unit", "--format", "json")
    assert kaoji(*asked).json == simulated(*asked).json


def test_rebuild_of_a_ledger_with_a_gap_names_it_and_leaves_the_live_view(
    changed: MakeCopy, simulated: CommandLine
) -> None:
    kaoji = changed("DELETE FROM stored_events WHERE rowid = 1234")
    for view in ("history", "directory", "integrity", "rulebook"):
        assert "Position 1234 is missing" in kaoji.ends(1, "rebuild", view).err
    asked = ("score", *SIMULATED_YEAR, "--by", "unit", "--format", "json")
    assert kaoji(*asked).json == simulated(*asked).json


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE kaoji_history_parts SET content = x'00'",
        "UPDATE kaoji_directory_actions SET facts = x'00'",
        "DELETE FROM stored_events WHERE rowid > 20",
        "DELETE FROM stored_events WHERE rowid = 20; DELETE FROM kaoji_view_builds",
        "UPDATE stored_events SET state = x'00'",
        "DROP TABLE stored_events",
        "DROP TABLE ledger_batches",
        "DROP TABLE kaoji_directory_actions",
    ],
)
def test_damaged_store_is_answered_with_a_sentence_or_a_score_from_what_is_whole(
    changed: MakeCopy, statement: str
) -> None:
    kaoji = changed(statement)
    for command in (["status"], ["audit"], ["score", *SIMULATED_YEAR], ["explain", "all", *SIMULATED_YEAR]):
        ran = kaoji.tries(*command)
        assert ran.exit_code in (0, 1, 2), command
        assert ran.exit_code == 0 or (ran.err.startswith("kaoji: ") and ran.err.count("\n") == 1), ran.err
