"""A real municipal licensing log comes out with the known figures, whichever way it came in."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine

LOG = Path(__file__).parents[1] / "data" / "receipt_wabo" / "receipt.xes.gz"
CASES, ACTIONS = 1_434, 11_340
WHOLE_LOG = ("--policy", "receipt_wabo", "--from", "2010-10-01", "--to", "2012-01-23")
YEAR_2011 = ("--policy", "receipt_wabo", "--from", "2011-01-01", "--to", "2011-12-31")
ADDED = ("position", "recorded_at", "hash")


@pytest.fixture(scope="module")
def from_log(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A store into which the log was ingested."""
    kaoji = CommandLine(tmp_path_factory.mktemp("log") / "kaoji.db")
    totals = kaoji("ingest", LOG, "--mapping", "receipt_wabo", "--format", "json").json
    assert (totals["read"], totals["recorded"], totals["position"]) == (ACTIONS, ACTIONS, ACTIONS)
    return kaoji


@pytest.fixture(scope="module")
def exported(from_log: CommandLine) -> list[dict[str, Any]]:
    """Every action of the log as `kaoji audit` prints it."""
    return from_log("audit").lines


@pytest.fixture
def kaoji(tmp_path: Path) -> CommandLine:
    """An empty place."""
    return CommandLine(tmp_path / "kaoji.db")


def scores(kaoji: CommandLine) -> list[Any]:
    """All that is scored on the log, without what depends on the order of arrival."""
    printed = [
        kaoji("score", *period, "--by", by, "--format", "json").json
        for period in (WHOLE_LOG, YEAR_2011)
        for by in ("all", "staff", "unit", "process")
    ]
    assert all(each.pop("as_of") == ACTIONS for each in printed)
    return printed


def timeliness(printed: dict[str, Any]) -> dict[str, str]:
    """Numerator/denominator by subject."""
    found = {}
    for card in printed["subjects"]:
        (indicator,) = card["indicators"]
        found[card["subject"]] = f"{indicator['numerator']}/{indicator['denominator']}"
    return found


def assert_known_figures(kaoji: CommandLine) -> None:
    assert timeliness(kaoji("score", *WHOLE_LOG, "--format", "json").json) == {"all": "1020/1368"}
    assert timeliness(kaoji("score", *YEAR_2011, "--format", "json").json) == {"all": "886/1210"}
    by_staff = timeliness(kaoji("score", *WHOLE_LOG, "--by", "staff", "--format", "json").json)
    assert by_staff["Resource11"] == "316/336"
    assert by_staff["Resource02"] == "76/106"
    assert by_staff["Resource09"] == "17/52"


def sent(event: dict[str, Any]) -> dict[str, Any]:
    """An exported action without what the ledger adds."""
    return {name: value for name, value in event.items() if name not in ADDED}


def as_sent(event: dict[str, Any]) -> bytes:
    """An exported action as a sending system would send it."""
    return json.dumps(sent(event)).encode()


def test_log_gives_the_known_figures(from_log: CommandLine, exported: list[dict[str, Any]]) -> None:
    assert len({event["subject"] for event in exported}) == CASES
    assert_known_figures(from_log)


def test_log_read_again_is_all_duplicates(from_log: CommandLine) -> None:
    totals = from_log("ingest", LOG, "--mapping", "receipt_wabo", "--format", "json").json
    assert (totals["recorded"], totals["duplicates"], totals["quarantined"]) == (0, ACTIONS, 0)
    assert totals["position"] == ACTIONS


def test_rebuilt_views_give_the_same(from_log: CommandLine) -> None:
    before = scores(from_log)
    rebuilt = from_log("rebuild", "--format", "json").json["rebuilt"]
    assert {each["name"]: each["position"] for each in rebuilt} == dict.fromkeys(
        ("directory", "history", "integrity", "rulebook"), ACTIONS
    )
    assert scores(from_log) == before
    assert_known_figures(from_log)
    assert from_log("verify", "--from-scratch", "--format", "json").json["ok"]


def test_exported_trail_ingested_elsewhere_gives_the_same(
    from_log: CommandLine, exported: list[dict[str, Any]], kaoji: CommandLine, tmp_path: Path
) -> None:
    # Given the very lines that `kaoji audit` printed
    trail = tmp_path / "trail.ndjson"
    trail.write_text(from_log("audit").out, encoding="utf-8")
    # When they are ingested into a fresh store
    totals = kaoji("ingest", trail, "--strict", "--format", "json").json
    # Then what is recorded, and every score, is the same
    assert totals["recorded"] == ACTIONS
    assert scores(kaoji) == scores(from_log)
    again = kaoji("audit").lines
    assert [sent(event) for event in again] == [sent(event) for event in exported]


def test_shuffled_order_from_standard_input_gives_the_same(
    from_log: CommandLine, exported: list[dict[str, Any]], kaoji: CommandLine
) -> None:
    lines = [as_sent(event) for event in exported]
    random.Random(20260214).shuffle(lines)
    kaoji("ingest", "-", "--strict", stdin=b"\n".join(lines))
    assert scores(kaoji) == scores(from_log)
    assert_known_figures(kaoji)


@pytest.mark.postgres
def test_postgresql_gives_the_same(from_log: CommandLine, postgres_url: str) -> None:
    kaoji = CommandLine(postgres_url)
    kaoji("ingest", LOG, "--mapping", "receipt_wabo", "--strict")
    assert scores(kaoji) == scores(from_log)
    assert kaoji("audit", "--case", "case-10011").out.count("\n") == from_log(
        "audit", "--case", "case-10011"
    ).out.count("\n")
    assert kaoji("verify", "--from-scratch", "--format", "json").json["ok"]
    kaoji("rebuild")
    assert_known_figures(kaoji)


@pytest.mark.kafka
def test_kafka_gives_the_same(
    from_log: CommandLine,
    exported: list[dict[str, Any]],
    kaoji: CommandLine,
    kafka_server: str,
    kafka_topic: str,
) -> None:
    from consumers.kafka_topics import publish

    publish(kafka_server, kafka_topic, map(as_sent, exported))
    totals = kaoji(
        "consume", "--bootstrap", kafka_server, "--topic", kafka_topic, "--until-idle", "0.5", "--format", "json"
    ).json
    assert (totals["read"], totals["recorded"], totals["position"]) == (ACTIONS, ACTIONS, ACTIONS)
    assert scores(kaoji) == scores(from_log)
