"""Processes killed at any moment leave a ledger from which the next run goes on as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import opened
from api.settings import read_settings
from projections.history.writer import HistoryProjection
from tests.support.command_line import ROOT, CommandLine, surroundings
from tests.support.simulated import SIMULATED_YEAR

LOG = Path(__file__).parents[1] / "data" / "receipt_wabo" / "receipt.xes.gz"
INGEST = ("ingest", LOG, "--mapping", "receipt_wabo")
PERIOD = ("--policy", "receipt_wabo", "--from", "2010-10-01", "--to", "2012-01-23")
SEED = int(os.environ.get("KAOJI_TEST_SEED", "20260214"))
ADDED = ("position", "recorded_at", "hash")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The log, ingested in peace."""
    kaoji = CommandLine(tmp_path_factory.mktemp("undisturbed") / "kaoji.db")
    kaoji(*INGEST)
    return kaoji


@pytest.fixture
def dice() -> random.Random:
    print(f"KAOJI_TEST_SEED={SEED}")
    return random.Random(SEED)


def actions(kaoji: CommandLine) -> Iterator[str]:
    """What was recorded, in ledger order, without what the ledger adds."""
    for event in kaoji("audit").lines:
        yield json.dumps({name: value for name, value in event.items() if name not in ADDED}, sort_keys=True)


def score(kaoji: CommandLine) -> Any:
    printed = kaoji("score", *PERIOD, "--by", "staff", "--format", "json").json
    return printed["subjects"]


def killed_once_there_is(
    kaoji: CommandLine, begun: Callable[[], bool], seconds: float, *arguments: str | Path
) -> bool:
    """Start the command, let it go on for so long once it has begun, kill it; whether it was still running."""
    with kaoji.started(*arguments) as process:
        deadline = time.monotonic() + 60
        while not begun() and process.poll() is None:
            assert time.monotonic() < deadline, "it never began"
            time.sleep(0.005)
        time.sleep(seconds)
        running = process.poll() is None
        process.send_signal(signal.SIGKILL)
    return running


def assert_as_undisturbed(kaoji: CommandLine, undisturbed: CommandLine, *, same_order: bool) -> None:
    ours, theirs = list(actions(kaoji)), list(actions(undisturbed))
    assert sorted(ours) == sorted(theirs)
    assert not same_order or ours == theirs
    assert score(kaoji) == score(undisturbed)
    verified = kaoji("verify", "--from-scratch", "--format", "json").json
    assert verified["ok"]
    assert verified["events"] == len(theirs)


@pytest.mark.parametrize("store", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_ingest_killed_again_and_again_ends_with_the_same_ledger(
    undisturbed: CommandLine, dice: random.Random, store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # Given an ingest that is killed five times, at moments from a printed seed
    file = tmp_path / "kaoji.db"
    kaoji = CommandLine(file if store == "sqlite" else request.getfixturevalue("postgres_url"))
    kaoji.environment["KAOJI_KEYS"] = str(tmp_path / "keys.db")
    begun = file.exists if store == "sqlite" else lambda: has_tables(kaoji.store)
    running = [killed_once_there_is(kaoji, begun, dice.uniform(0, 0.5), *INGEST) for _ in range(5)]
    assert any(running), "some of them were killed before they had ended"
    # When it is run once more to its end
    kaoji(*INGEST, "--strict")
    # Then the ledger is the same
    assert_as_undisturbed(kaoji, undisturbed, same_order=True)


@pytest.mark.kafka
def test_consume_killed_again_and_again_ends_with_the_same_ledger(
    undisturbed: CommandLine, dice: random.Random, tmp_path: Path, kafka_server: str, kafka_topic: str
) -> None:
    from consumers.kafka_topics import publish

    publish(kafka_server, kafka_topic, (line.encode() for line in actions(undisturbed)))
    # Given a consumer that is killed while it works (the group waits for a dead member until its session ends)
    file, config = tmp_path / "kaoji.db", tmp_path / "kafka.toml"
    config.write_text("session_timeout_ms = 6000\nheartbeat_interval_ms = 1000\nmax_poll_records = 500\n")
    kaoji = CommandLine(file)
    consume = (
        "consume", "--bootstrap", kafka_server, "--topic", kafka_topic, "--group", kafka_topic,
        "--kafka-config", config, "--until-idle", "0.5",
    )  # fmt: skip

    def more_than(before: int) -> Callable[[], bool]:
        return lambda: recorded(kaoji) > before

    running = [
        killed_once_there_is(kaoji, more_than(recorded(kaoji)), dice.uniform(0, 0.3), *consume) for _ in range(2)
    ]
    assert any(running), "some of them were killed before they had ended"
    # When it is run once more to its end
    kaoji(*consume)
    # Then the ledger holds the same, each once
    assert_as_undisturbed(kaoji, undisturbed, same_order=False)


def has_tables(store: str) -> bool:
    """Whether the ledger is there; asked of PostgreSQL itself, for a command takes as long as an ingest."""
    import psycopg

    with psycopg.connect(store.replace("postgresql+psycopg://", "postgresql://", 1)) as connection:
        found = connection.execute("SELECT to_regclass('stored_events')").fetchone()
    return found is not None and found[0] is not None


def recorded(kaoji: CommandLine) -> int:
    """How many events there are, without touching views."""
    import sqlite3

    file = Path(kaoji.store.removeprefix("sqlite:///"))
    if not file.exists():
        return 0
    connection = sqlite3.connect(file)
    try:
        return int(connection.execute("SELECT count(*) FROM stored_events").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


# Rebuilds

KILLED_REBUILD = """
import os, signal, sys
from api.bootstrap import opened
from api.settings import read_settings

def die(name, position, aim):
    if position >= int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

with opened(read_settings(), create=False) as kaoji:
    kaoji.driver.rebuild("history", batch_max=200, progress=die)
"""


def builds(kaoji: CommandLine) -> list[tuple[str, bool]]:
    """Every build of every view, and whether it is the live one."""
    with opened(read_settings({}, store=kaoji.store), create=False) as one, one.views.reading() as connection:
        return [(each.projection, each.live) for each in one.views.builds(connection)]


@pytest.fixture
def administration(simulated_lines: list[bytes], tmp_path: Path) -> CommandLine:
    """A simulated administration in a store of the test's own."""
    kaoji = CommandLine(tmp_path / "kaoji.db")
    kaoji("ingest", "-", stdin=b"\n".join(simulated_lines))
    return kaoji


def test_killed_rebuild_leaves_the_live_view_and_nothing_for_ever(administration: CommandLine) -> None:
    asked = ("score", *SIMULATED_YEAR, "--by", "unit", "--format", "json")
    before = administration(*asked).json
    # Given a rebuild that dies on its way, twice
    for position in (200, 1_000):
        done = subprocess.run(
            [sys.executable, "-c", KILLED_REBUILD, str(position)],
            cwd=ROOT,
            env=surroundings(administration.environment),
            timeout=60,
        )
        assert done.returncode == -signal.SIGKILL
    # Then what was live is live
    assert ("history", False) in builds(administration)
    assert administration(*asked).json == before
    # When it is rebuilt to the end
    administration("rebuild", "history")
    # Then nothing of the dead ones is left, and the view is the same
    assert builds(administration) == [
        ("directory", True),
        ("history", True),
        ("integrity", True),
        ("rulebook", True),
    ]
    assert administration(*asked).json == before
    assert administration("verify", "--from-scratch", "--format", "json").json["ok"]


def test_old_view_serves_while_a_rebuild_runs_and_new_actions_are_in_both(administration: CommandLine) -> None:
    asked = ("score", *SIMULATED_YEAR, "--format", "json")
    before = administration(*asked).json
    late = {
        "specversion": "1.0", "id": "late", "source": "/gx/licensing", "type": "staff.joined",
        "subject": "newcomer", "time": "2011-11-11T09:00:00+08:00", "data": {"unit": "GX"},
    }  # fmt: skip
    seen: list[int] = []

    def look(_name: str, position: int, _aim: int) -> None:
        seen.append(position)
        assert administration(*asked).json["subjects"] == before["subjects"]
        if len(seen) == 1:
            administration("ingest", "-", "--strict", stdin=json.dumps(late).encode())

    # When somebody asks, and something is recorded, in the middle of a rebuild
    with opened(read_settings({}, store=administration.store), create=False) as kaoji:
        reached = kaoji.driver.rebuild(HistoryProjection.name, batch_max=900, progress=look)
        # Then the answers were those of the old view, and the new one has it all
        assert len(seen) > 1
        assert reached == kaoji.ledger.head().position == before["as_of"] + 1
    assert administration("audit", "--staff", "newcomer").lines[0]["id"] == "late"
    assert administration("verify", "--from-scratch", "--format", "json").json["ok"]
