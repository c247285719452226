"""A command imports what it needs and no more: whoever asks for a score pays for no server and no compiler."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from domain.compiled import CACHE
from tests.support.command_line import ROOT, CommandLine, surroundings

LOOKED_AT_THE_END = """
import atexit, gc, json, sys


def told():
    packages = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps([packages, gc.get_freeze_count()]), file=sys.stderr)


atexit.register(told)
from api.cli import main

main()
"""
SERVERS_AND_CLIENTS = {
    "fastapi", "http_message_signatures", "kafka", "lxml", "opentelemetry", "prometheus_client", "psycopg",
    "pyspark", "starlette", "uvicorn",
}  # fmt: skip
OTHERS_TABLES = {"duckdb", "polars"}
"""Not pandas: PyArrow imports it by itself where it is installed, as PySpark has it."""
NOT_COUNTING = [("audit", "--staff", "li"), ("status",), ("policy", "list")]
PERIOD = ("--policy", "gx-2012", "--from", "2024-01-01", "--to", "2024-12-31")


@dataclass(frozen=True)
class Left:
    """What a command had imported when it ended, and how many objects no last search for circles goes through."""

    packages: set[str]
    spared: int


@pytest.fixture(scope="module")
def kaoji(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A store of a few actions."""
    folder = tmp_path_factory.mktemp("light")
    line: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/gx/licensing"}
    line |= {
        "type": "licensing.accepted",
        "subject": "case-1",
        "time": "2024-03-01T09:00:00+08:00",
        "data": {"owner": "li", "unit": "u"},
    }
    (folder / "actions.ndjson").write_text(json.dumps(line) + "\n")
    found = CommandLine(folder / "kaoji.db")
    found("ingest", folder / "actions.ndjson")
    return found


def left_by(kaoji: CommandLine, *arguments: str) -> Left:
    done = subprocess.run(
        [sys.executable, "-c", LOOKED_AT_THE_END, *arguments],
        cwd=ROOT, env=surroundings(kaoji.environment), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    packages, spared = json.loads(done.stderr.splitlines()[-1])
    return Left(set(packages), spared)


def test_help_imports_nothing_that_works(kaoji: CommandLine) -> None:
    working = {"cryptography", "eventsourcing", "llvmlite", "msgspec", "numba", "numpy", "pyarrow", "sqlalchemy"}
    assert not left_by(kaoji, "--help").packages & (working | SERVERS_AND_CLIENTS | OTHERS_TABLES)


@pytest.mark.parametrize(
    "command",
    [
        ("score", *PERIOD),
        ("explain", "all", *PERIOD),
        *NOT_COUNTING,
    ],
    ids=lambda command: command[0],
)
def test_command_imports_no_server_and_no_compiler(kaoji: CommandLine, command: tuple[str, ...]) -> None:
    # Given that it ran before, so that all machine code is kept
    left_by(kaoji, *command)
    # When it runs again
    left = left_by(kaoji, *command)
    # Then nothing of servers was imported, of the compiler nothing either, and it ends without a search
    unwanted = SERVERS_AND_CLIENTS | OTHERS_TABLES | ({"numba"} if CACHE else set())
    assert not left.packages & unwanted
    assert left.spared > 0


@pytest.mark.parametrize(
    "command", [("audit", "--staff", "li"), ("status",), ("policy", "list")], ids=lambda command: command[0]
)
def test_command_that_does_not_count_loads_no_machine_code(kaoji: CommandLine, command: tuple[str, ...]) -> None:
    assert "llvmlite" not in left_by(kaoji, *command).packages
