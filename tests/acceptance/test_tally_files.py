"""Tallies of several ledgers add up to what one ledger with all actions would say, or are refused."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.reference.given import act
from tests.strategies import random_history
from tests.support.command_line import CommandLine
from tests.support.rules import POLICY, REGISTER, changed, version, written

JSON = ("--format", "json")
YEAR = ("--policy", "gx-2012", "--from", "2024-01-01", "--to", "2024-12-31")
STRUCTURE = [
    act("unit.opened", "u1", "01-02", parent="head", title="Branch"),
    act("unit.moved", "u1", "03-01", parent="other"),
    act("staff.joined", "s1", "01-02", unit="u1"),
    act("staff.joined", "nobody-works", "01-02", unit="u2"),
]
Event = Mapping[str, Any]


def ledger(folder: Path, name: str, events: Sequence[Event]) -> CommandLine:
    (folder / name).mkdir()
    kaoji = CommandLine(folder / name / "kaoji.db")
    kaoji("ingest", "-", stdin=b"\n".join(json.dumps(event).encode() for event in events))
    return kaoji


def parted(events: Sequence[Event], parts: int) -> list[list[Event]]:
    """Each case goes to one ledger, with all that speaks of it; units and staff are known to all."""
    by_key = {(event["source"], event["id"]): event for event in events}

    def case_of(event: Event) -> str:
        of = event["data"].get("of", {})
        meant = by_key.get((of.get("source"), of.get("id")))
        return str(of.get("case") or (case_of(meant) if meant else event["subject"]))

    found: list[list[Event]] = [[] for _ in range(parts)]
    for event in events:
        if event["type"].startswith(("unit.", "staff.")):
            for part in found:
                part.append(event)
        else:
            found[crc32(case_of(event).encode()) % parts].append(event)
    return found


@pytest.fixture
def north(tmp_path: Path) -> CommandLine:
    """A ledger with one case."""
    events = [
        act("licensing.received", "L1", "03-05", owner="s1", unit="u1"),
        act("licensing.granted", "L1", "03-11", owner="s1", unit="u1"),
    ]
    return ledger(tmp_path, "north", events)


def test_tallies_of_three_bureaus_score_as_one_ledger_would(tmp_path: Path) -> None:
    # Given three ledgers, and one that holds the actions of all
    events = [*STRUCTURE, *random_history(4, 200)]
    one = ledger(tmp_path, "one", events)
    files = []
    for number, part in enumerate(parted(events, 3)):
        files.append(tmp_path / f"{number}.tally")
        ledger(tmp_path, str(number), part)("tally", "export", files[-1], "--policy", "gx-2012")
    elsewhere = CommandLine(tmp_path / "none.db")
    for by in ("all", "staff", "unit", "process"):
        # When they are added up, in any order, where no ledger is
        added = elsewhere("tally", "score", *files, *YEAR, "--by", by, *JSON).json
        assert elsewhere("tally", "score", *files[::-1], *YEAR, "--by", by, *JSON).json == added
        # Then the scores are those of the one ledger
        whole = one("score", *YEAR, "--by", by, *JSON).json
        assert added.keys() - whole.keys() == {"ledgers"}
        assert {**added, "as_of": whole["as_of"], "ledgers": None} == {**whole, "ledgers": None}
        assert len(added["ledgers"]) == 3
    printed = elsewhere("tally", "score", *files, *YEAR, "--by", "staff", "--format", "csv").rows
    assert printed == one("score", *YEAR, "--by", "staff", "--format", "csv").rows
    assert "ledgers added up: 3" in elsewhere("tally", "score", *files, *YEAR).out


def test_file_says_what_it_was_counted_from_and_holds_no_action(north: CommandLine, tmp_path: Path) -> None:
    first, again, earlier = (tmp_path / name for name in ("first", "again", "earlier"))
    written_ = north("tally", "export", first, "--policy", "gx-2012", *JSON).json
    assert written_.keys() == {"file", "ledger", "position", "context", "rows"}
    assert written_["position"] == 2
    north("tally", "export", again, "--policy", "gx-2012")
    assert again.read_bytes() == first.read_bytes()
    assert b"L1" not in first.read_bytes()
    assert north("tally", "export", earlier, "--policy", "gx-2012", "--as-of", "1", *JSON).json["position"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "earlier", "first", "north"]


def test_tallies_that_must_not_be_added_are_refused(north: CommandLine, tmp_path: Path) -> None:
    mine, twice, theirs = (tmp_path / name for name in ("mine", "twice", "theirs"))
    north("tally", "export", mine, "--policy", "gx-2012")
    north("tally", "export", twice, "--policy", "gx-2012", "--as-of", "1")
    said = north.ends(2, "tally", "score", mine, twice, *YEAR).err
    assert "are of the same ledger, so its actions would count twice" in said
    # A policy of another register
    office = written(tmp_path, POLICY, ('"gx-2012"', '"office"'))
    north("procedure", "adopt", written(tmp_path, REGISTER), "--by", "S1")
    north("tally", "export", theirs, "--policy", office)
    said = north.ends(2, "tally", "score", theirs, *YEAR).err
    assert "theirs was counted in another context than that of gx-2012 (register differ)" in said
    # And of a register that bears the same name, and says something else
    newer = changed(REGISTER, version(2), ("days = 5", "days = 6"))
    north("procedure", "adopt", written(tmp_path, newer), "--by", "S1")
    asked = ("--policy", office, *YEAR[2:])
    assert "another context" in north.ends(2, "tally", "score", theirs, *asked).err


def test_files_that_are_none_are_refused(north: CommandLine, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    north("tally", "export", good, "--policy", "gx-2012")
    whole = good.read_bytes()
    for broken, sentence in (
        (b"", "is no tally of version 2"),
        (b"{}", "is no tally of version 2"),
        # One of the version before counted 0 days where no start is known.
        (whole.replace(b".v2", b".v1", 1), "is no tally of version 2"),
        (whole[:-1], "its checksum differs"),
        (whole[:-40] + b"\1" + whole[-39:], "its checksum differs"),
        (whole[:30], "its checksum differs"),
    ):
        bad.write_bytes(broken)
        said = north.ends(2, "tally", "score", good, bad, *YEAR).err
        assert sentence in said
        assert str(bad) in said
    bad.unlink()
    assert "cannot be read: No such file" in north.ends(2, "tally", "score", bad, *YEAR).err
    assert "cannot be written" in north.ends(1, "tally", "export", tmp_path / "no" / "x", *YEAR[:2]).err
    os.mkfifo(tmp_path / "pipe")
    assert "is there, and no file" in north.ends(1, "tally", "export", tmp_path / "pipe", *YEAR[:2]).err
    assert (tmp_path / "pipe").is_fifo()
    assert "Did you mean 'gx-2012'" in north.ends(2, "tally", "export", bad, "--policy", "gx-2013").err
    assert not bad.exists()
