"""Watching as an administrator does: the status again and again, a consumer's own port, its log for machines."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.bootstrap import opened
from api.cli import watching
from api.cli.output import Output, OutputFormat
from api.settings import read_settings
from consumers.kafka_topics import publish
from domain.log_events import LOG_EVENTS, RESERVED_FIELDS
from tests.support.command_line import CommandLine
from tests.support.consuming import lines, wait_for
from tests.support.ledgers import record
from tests.support.product import arrival


@pytest.fixture
def kaoji(tmp_path: Path) -> CommandLine:
    """A store with two actions, a refused record, and a paused view."""
    found = CommandLine(tmp_path / "kaoji.db")
    found("ingest", "-", stdin=b"\n".join([record("a-1"), record("a-2"), b"{"]) + b"\n")
    found("projection", "pause", "history", "--reason", "the disk is being changed")
    found("ingest", "-", stdin=record("a-3") + b"\n")
    return found


def watched(kaoji: CommandLine, form: OutputFormat, capsys: pytest.CaptureFixture[str], *, looks: int) -> str:
    """What is printed until Ctrl-C, which comes while it waits for the next look."""
    left = looks

    def sleep(_: float) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt

    watching.watch(Output(read_settings({}, store=kaoji.store), form), seconds=5, sleep=sleep)
    return capsys.readouterr().out


# --- status


def test_status_names_pauses_and_says_for_how_long_actions_are_missing(kaoji: CommandLine) -> None:
    views = {each["name"]: each for each in kaoji("status", "--format", "json").json["projections"]}
    assert (views["history"]["lag"], views["directory"]["lag"]) == (1, 0)
    assert views["history"]["lag_seconds"] > 0
    assert views["directory"]["lag_seconds"] == 0
    assert views["history"]["paused"]["reason"] == "the disk is being changed"
    assert views["directory"]["paused"] is None
    told = kaoji("status").out
    assert re.search(r"view history +at 2, 1 behind \([0-9.]+ s\), paused: the disk is being changed", told)


def test_watch_prints_a_line_a_look_where_nobody_draws(
    kaoji: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    said = watched(kaoji, OutputFormat.table, capsys, looks=3).splitlines()
    assert len(said) == 3
    for line in said:
        assert re.match(r"20\S+Z events 3( \(\+0/s\))?; directory at 3, 0 behind; history at 2, 1 behind", line)
        assert "paused: the disk is being changed" in line
        assert line.endswith("quarantined 1")


def test_watch_prints_one_json_object_a_look(kaoji: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = map(json.loads, watched(kaoji, OutputFormat.json, capsys, looks=2).splitlines())
    assert (first["events"], first["events_per_second"], second["events_per_second"]) == (3, None, 0)
    assert first["quarantined"] == {"malformed-json": 1}
    assert first["error"] is None
    assert {"name", "position", "lag", "lag_seconds", "stall_seconds", "paused"} == set(first["projections"][0])


def test_watch_prints_rows_as_csv(kaoji: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(watched(kaoji, OutputFormat.csv, capsys, looks=2))))
    assert [row["view"] for row in rows] == ["directory", "history", "integrity", "rulebook"] * 2
    assert (rows[1]["lag"], rows[1]["paused"], rows[1]["quarantined"]) == ("1", "the disk is being changed", "1")


def test_watch_carries_no_view_on(kaoji: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(read_settings({}, store=kaoji.store)) as store:
        store.ledger.append([arrival(record("a-4"))])
    said = watched(kaoji, OutputFormat.table, capsys, looks=2).splitlines()
    assert all("directory at 3, 1 behind" in line for line in said)
    assert kaoji("projection", "list", "--format", "json").json[0]["position"] == 3


def test_watch_goes_on_when_the_store_went_away(
    kaoji: CommandLine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.watching.observation import Observer
    from domain.errors import UnreachableError

    looked = Observer.look
    answers = iter([False, True, False])

    def look(self: Observer) -> Any:
        if next(answers):
            raise UnreachableError("The store does not answer.")
        return looked(self)

    monkeypatch.setattr(Observer, "look", look)
    said = watched(kaoji, OutputFormat.table, capsys, looks=3).splitlines()
    assert ["The store does not answer." in line for line in said] == [False, True, False]


def test_ctrl_c_ends_watching_cleanly(kaoji: CommandLine) -> None:
    with kaoji.started("status", "--watch", "0.2", "--format", "json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["events"] == 3
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize("pause", [0.0, 0.002, 0.01])
def test_ctrl_c_pressed_twice_ends_watching_as_cleanly(kaoji: CommandLine, pause: float) -> None:
    with kaoji.started("status", "--watch", "0.2", "--format", "json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "")


def test_time_between_looks_is_for_watching(kaoji: CommandLine) -> None:
    assert "kaoji status --watch 5" in kaoji.ends(2, "status", "5").err


# --- a consumer


@pytest.mark.kafka
def test_consumer_answers_on_a_port_of_its_own_and_logs_for_machines(
    tmp_path: Path, kafka_server: str, kafka_topic: str
) -> None:
    kaoji = CommandLine(tmp_path / "kaoji.db")
    port = free_port()
    kaoji.environment |= {"KAOJI_LOG": "json", "KAOJI_LOG_LEVEL": "debug", "KAOJI_METRICS": str(port)}
    publish(kafka_server, kafka_topic, [*lines(30), b"{"])
    with kaoji.started("consume", "--bootstrap", kafka_server, "--topic", kafka_topic) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: "kaoji_ledger_position 30.0" in told(url, process))
        wait_for(
            lambda: f'kaoji_consumer_lag_actions{{partition="0",topic="{kafka_topic}"}} 0.0' in told(url, process)
        )
        text = told(url, process)
        assert 'kaoji_refused_records_total{code="malformed-json",way="kafka"} 1.0' in text
        assert 'kaoji_consumer_batch_seconds_count{stage="record"}' in text
        assert httpx2.get(f"{url}/health/ready").json() == {"ready": True, "position": 30, "paused": []}
        process.terminate()
        _, said = process.communicate(timeout=10)
    assert process.returncode == 0
    found = [json.loads(line) for line in said.splitlines()]
    events = [line["event"] for line in found]
    assert events[:2] == ["metrics-served", "consumer-started"]
    assert events[-1] == "consumer-stopped"
    assert {"partition-placed", "batch-recorded", "records-quarantined"} <= set(events)
    for line in found:
        declared = LOG_EVENTS[line["event"]]
        fields = {name: value for name, value in line.items() if name not in RESERVED_FIELDS}
        assert fields.keys() == declared.fields.keys()
        assert all(isinstance(value, declared.fields[name].kind) for name, value in fields.items())


def told(url: str, process: subprocess.Popen[str]) -> str:
    """Its figures; nothing before it listens."""
    assert process.poll() is None
    try:
        return httpx2.get(f"{url}/metrics").text
    except httpx2.TransportError:
        return ""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
