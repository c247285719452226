"""What commands print has the shape that others rely on, as JSON and as CSV; every command has help."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import typer.main

from api.cli.main import app
from tests.support.command_line import ROOT, CommandLine, surroundings
from tests.support.simulated import SIMULATED_YEAR

TOTALS = {"read", "recorded", "duplicates", "quarantined", "position", "seconds"}
SCORES = {
    "policy", "policy_version", "policy_hash", "period", "as_of", "by", "context", "forecast", "subjects",
}  # fmt: skip
CARD = {"subject", "unit", "score", "grade", "incomplete", "indicators"}
INDICATOR = {"code", "numerator", "denominator", "rate", "interval", "points", "weight", "counted_weight"}
COUNTED = {"case", "side", "share", "why", "actions", "flags"}
STATUS = {
    "events", "recorded_at", "projections", "waiting", "without_effect", "self_recorded", "gaps", "quarantined",
    "kept_files", "fault", "skipped",
    "core",
}  # fmt: skip
CODES = ["plan-completion", "satisfaction", "timeliness", "error-rate", "closure", "revocation"]
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
HELP_SECONDS_MAX = 0.5


def event(id: str, **more: Any) -> bytes:
    fields = {
        "specversion": "1.0", "id": id, "source": "/gx/licensing", "type": "licensing.received",
        "subject": f"case-{id}", "time": "2011-05-05T09:00:00+08:00", "data": {},
    }  # fmt: skip
    return json.dumps(fields | more).encode()


@pytest.fixture
def kaoji(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "kaoji.db")


SENT = b"\n".join([event("1"), event("1"), event("1", time="2011-05-06T09:00:00+08:00"), b"{no json}", event("2")])


def test_ingest_prints_totals(kaoji: CommandLine) -> None:
    totals = kaoji("ingest", "-", "--format", "json", stdin=SENT).json
    assert totals.keys() == TOTALS
    assert totals.pop("seconds") >= 0
    assert totals == {"read": 5, "recorded": 2, "duplicates": 1, "quarantined": 2, "position": 2}
    (row,) = kaoji("ingest", "-", "--format", "csv", stdin=event("2")).rows
    assert row.keys() == TOTALS
    assert (row["read"], row["duplicates"], row["position"]) == ("1", "1", "2")


def test_strict_ingest_ends_with_1_and_has_recorded_the_rest(kaoji: CommandLine) -> None:
    totals = kaoji.ends(1, "ingest", "-", "--strict", "--format", "json", stdin=SENT).json
    assert (totals["recorded"], totals["quarantined"]) == (2, 2)
    assert kaoji("ingest", "-", "--strict", stdin=event("3")).exit_code == 0


def test_check_foretells_ingest_and_names_the_refused(kaoji: CommandLine) -> None:
    kaoji("ingest", "-", stdin=event("0"))
    foretold = kaoji("check", "-", "--format", "json", stdin=SENT).json
    refused = foretold.pop("refused")
    assert [(each["place"], each["code"]) for each in refused] == [
        ("stdin:3", "conflict"),
        ("stdin:4", "malformed-json"),
    ]
    assert all(each.keys() == {"place", "code", "remedy"} and each["remedy"] for each in refused)
    assert kaoji("status", "--format", "json").json["events"] == 1
    assert kaoji("status", "--format", "json").json["quarantined"] == {}
    done = kaoji("ingest", "-", "--format", "json", stdin=SENT).json
    assert {name: done[name] for name in TOTALS - {"seconds"}} == {
        name: foretold[name] for name in TOTALS - {"seconds"}
    }
    rows = kaoji("check", "-", "--format", "csv", stdin=SENT).rows
    assert [row["code"] for row in rows] == ["conflict", "malformed-json"]


def test_check_where_no_store_is_makes_none(tmp_path: Path) -> None:
    kaoji = CommandLine(tmp_path / "kaoji.db")
    assert kaoji("check", "-", "--format", "json", stdin=SENT).json["recorded"] == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("by", ["staff", "unit", "process", "all"])
def test_scores_are_decimal_strings(simulated: CommandLine, by: str) -> None:
    printed = simulated("score", *SIMULATED_YEAR, "--by", by, "--format", "json").json
    assert printed.keys() == SCORES
    assert printed["policy"] == "gx-2012"
    assert printed["by"] == by
    assert printed["period"] == {"from": "2011-01-01", "to": "2011-12-31"}
    assert printed["as_of"] == simulated("status", "--format", "json").json["events"]
    assert printed["context"]["zone"] == "Asia/Shanghai"
    assert re.fullmatch("[0-9a-f]{64}", printed["context"]["hash"])
    assert printed["subjects"]
    assert [card["subject"] for card in printed["subjects"]] == sorted(
        {card["subject"] for card in printed["subjects"]}
    )
    for card in printed["subjects"]:
        assert card.keys() == CARD
        assert [each["code"] for each in card["indicators"]] == CODES
        assert card["score"] is None or Decimal(card["score"]).as_tuple().exponent == -2
        for indicator in card["indicators"]:
            assert_indicator(indicator)


def assert_indicator(indicator: dict[str, Any]) -> None:
    assert indicator.keys() - {"response"} == INDICATOR
    assert ("response" in indicator) == (indicator["code"] == "satisfaction")
    numbers = ("numerator", "denominator", "weight", "counted_weight")
    assert all(DECIMAL.fullmatch(indicator[name]) for name in numbers), indicator
    if Decimal(indicator["denominator"]) == 0:
        assert [indicator[name] for name in ("rate", "interval", "points")] == [None, None, None]
        return
    exact = Fraction(indicator["numerator"]) / Fraction(indicator["denominator"])
    assert abs(Fraction(indicator["rate"]) - exact) <= Fraction(1, 10**6)
    if indicator["interval"] is not None:
        low, high = map(Decimal, indicator["interval"])
        assert 0 <= low <= Decimal(indicator["rate"]) <= high <= 1


def test_scores_as_csv_and_table_hold_the_same_counts(simulated: CommandLine) -> None:
    asked = ("score", *SIMULATED_YEAR, "--by", "staff", "--format")
    cards = simulated(*asked, "json").json["subjects"]
    rows = simulated(*asked, "csv").rows
    assert [row["subject"] for row in rows] == [card["subject"] for card in cards]
    for row, card in zip(rows, cards, strict=True):
        assert row["score"] == (card["score"] or "")
        for each in card["indicators"]:
            assert row[each["code"]] == f"{each['numerator']}/{each['denominator']}"
    table = simulated(*asked, "table").out
    assert all(card["subject"] in table for card in cards)


def test_explanation_has_the_shape_of_the_contract(simulated: CommandLine) -> None:
    printed = simulated("explain", "all", *SIMULATED_YEAR, "--format", "json").json
    assert printed.keys() == SCORES - {"subjects"} | CARD
    for indicator in printed["indicators"]:
        assert indicator.keys() - {"response"} == INDICATOR | {"rule", "clause", "better", "counted"}
        for counted in indicator["counted"]:
            assert counted.keys() == COUNTED
            assert counted["side"] in ("met", "missed")
            assert DECIMAL.fullmatch(counted["share"])
    rows = simulated("explain", "all", *SIMULATED_YEAR, "--format", "csv").rows
    assert len(rows) == sum(len(each["counted"]) for each in printed["indicators"])


def test_a_table_says_what_stands_against_somebody(simulated: CommandLine) -> None:
    year = ("--policy", "market-supervision-2024", *SIMULATED_YEAR[2:], "--format", "csv")
    sides: dict[str, set[str]] = {}
    for row in simulated("explain", "all", *year).rows:
        sides.setdefault(row["indicator"], set()).add(row["side"])
    assert sides["plan-completion"] == {"met", "missed"}
    assert sides["error-rate"] <= {"against", "clear"}
    assert sides["yellow-cards"] == {"against"}
    assert sides["decision-days"] == sides["rated-high"] == {"counted"}


def test_trail_is_cloudevents_with_position_time_and_hash(simulated: CommandLine) -> None:
    for line in simulated("audit", "--limit", "50").lines:
        assert {"specversion", "id", "source", "type", "subject", "time", "data"} <= line.keys()
        assert isinstance(line["position"], int)
        assert re.fullmatch(r"[0-9T:.-]+Z", line["recorded_at"])
        assert re.fullmatch("[0-9a-f]{64}", line["hash"])


def test_verify_and_status_have_the_shape_of_the_contract(simulated: CommandLine) -> None:
    verified = simulated("verify", "--format", "json").json
    assert verified.keys() == {"events", "root", "ok", "faults", "skipped"}
    assert re.fullmatch("[0-9a-f]{64}", verified["root"])
    status = simulated("status", "--format", "json").json
    assert status.keys() == STATUS
    assert [each["name"] for each in status["projections"]] == ["directory", "history", "integrity", "rulebook"]
    assert all(each["lag"] == 0 for each in status["projections"])
    assert simulated("status", "--format", "csv").out.startswith(",value\n".replace("\n", "\r\n"))


def test_empty_ledger_can_be_asked_everything(kaoji: CommandLine) -> None:
    kaoji("ingest", "-", stdin=b"")
    (card,) = kaoji("score", *SIMULATED_YEAR, "--format", "json").json["subjects"]
    assert card["subject"] == "all"
    assert card["score"] is None
    assert {each["rate"] for each in card["indicators"]} == {None}
    assert kaoji("explain", "all", *SIMULATED_YEAR, "--format", "json").json["score"] is None
    assert kaoji("audit").out == ""
    assert kaoji("verify", "--from-scratch", "--format", "json").json["ok"]
    assert kaoji("status", "--format", "json").json["recorded_at"] is None
    assert kaoji("rebuild", "--format", "json").json["rebuilt"][0]["position"] == 0


def test_position_0_knows_nothing_yet(simulated: CommandLine) -> None:
    printed = simulated("score", *SIMULATED_YEAR, "--as-of", "0", "--format", "json").json
    assert printed["as_of"] == 0
    assert [card["score"] for card in printed["subjects"]] == [None]
    assert (
        simulated("score", *SIMULATED_YEAR, "--as-of", "2000-01-01T00:00:00Z", "--format", "json").json == printed
    )


def test_period_that_reaches_beyond_today_is_a_forecast(simulated: CommandLine) -> None:
    policy = ("score", "--policy", "gx-2012", "--from", "2011-01-01", "--format", "json", "--to")
    ahead, past = simulated(*policy, "2199-12-31"), simulated(*policy, "2011-12-31")
    assert ahead.json["forecast"] is True
    assert "forecast" in ahead.err
    assert past.json["forecast"] is False
    assert past.err == ""


def test_options_of_every_command_may_stand_anywhere(simulated: CommandLine) -> None:
    expected = simulated("status", "--format", "json").json
    elsewhere = CommandLine("sqlite:///nowhere.db")
    for line in (
        ("--store", simulated.store, "--format", "json", "status"),
        ("--format=json", "status", f"--store={simulated.store}"),
        ("status", "--lang", "zh", "--store", simulated.store, "--format", "json"),
    ):
        assert elsewhere(*line).json == expected


# Where it goes


def shell(kaoji: CommandLine, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `kaoji` is the command line on this store."""
    line = line.replace("kaoji", f"{sys.executable} -m api.cli")
    surrounding = surroundings({**kaoji.environment, **environment})
    return subprocess.run(["bash", "-c", line], cwd=ROOT, env=surrounding, capture_output=True, text=True)


@pytest.mark.parametrize("command", ["audit", "policy show gx-2012", "--help", "audit --help"])
def test_reader_that_stops_early_is_no_error(simulated: CommandLine, command: str) -> None:
    done = shell(simulated, f"kaoji {command} | true; echo ${{PIPESTATUS[0]}}")
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device without room is needed")
@pytest.mark.parametrize("command", ["audit", "status --format json", "--help", "policy show gx-2012"])
def test_answer_that_finds_no_room_is_an_error(simulated: CommandLine, command: str) -> None:
    done = shell(simulated, f"kaoji {command} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("kaoji: The answer cannot be written")
    assert done.stderr.count("\n") == 1


def test_streams_that_are_closed_are_done_without(simulated: CommandLine) -> None:
    done = shell(simulated, "kaoji status >&-")
    assert (done.returncode, done.stderr) == (0, "")
    assert shell(simulated, "kaoji bogus 2>&-").returncode == 2
    done = shell(simulated, "kaoji ingest - <&-")
    assert done.returncode == 2
    assert done.stderr == "kaoji: Standard input is closed. Name a file, or send something into it.\n"


def test_terminal_of_another_encoding_is_told_what_it_can_show(simulated: CommandLine) -> None:
    done = shell(simulated, "kaoji procedure list --lang zh", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "\\u" in done.stdout


# Help


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, each in getattr(command, "commands", {}).items():
        yield (*path, name), each
        yield from commands(each, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_every_command_of_the_contract_is_there() -> None:
    assert {path[0] for path in COMMANDS} >= {
        "demo", "check", "ingest", "consume", "score", "explain", "audit", "verify", "rebuild", "status",
        "quarantine", "policy", "procedure", "mapping", "serve",
    }  # fmt: skip
    assert {path[1] for path in COMMANDS if path[0] == "quarantine" and path[1:]} == {
        "list", "summary", "show", "retry", "drop",
    }  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_has_help(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert (command.help or "").strip()
    assert all(getattr(each, "help", None) for each in command.params), path
    printed = CommandLine("sqlite:///nowhere.db")(*path, "--help").out
    assert printed.startswith(f"Usage: kaoji {' '.join(path)}")
    for each in command.params:
        assert all(name in printed for name in each.opts if name.startswith("--"))


def test_help_comes_at_once(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    ran = CommandLine(tmp_path / "kaoji.db").elsewhere("--help")
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert ran.exit_code == 0
    assert "Usage: kaoji" in ran.out
    assert seconds < HELP_SECONDS_MAX
