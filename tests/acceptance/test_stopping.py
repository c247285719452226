"""A consumer that is told to stop says nothing alarming about it, and waits for nothing that hangs."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from consumers.kafka_topics import publish
from tests.support.command_line import CommandLine
from tests.support.consuming import Said, lines, wait_for
from tests.support.ledgers import record

pytestmark = pytest.mark.kafka


@pytest.fixture
def kaoji(postgres_url: str, tmp_path: Path) -> CommandLine:
    found = CommandLine(postgres_url)
    found.environment |= {"KAOJI_KEYS": str(tmp_path / "keys.db"), "KAOJI_LOG": "json", "KAOJI_LOG_LEVEL": "debug"}
    found.environment |= {"KAOJI_METRICS": "0"}
    return found


@pytest.mark.postgres
def test_a_consumer_stops_without_alarm(kaoji: CommandLine, kafka_server: str, kafka_topic: str) -> None:
    publish(kafka_server, kafka_topic, lines(20))
    with kaoji.started("consume", "--bootstrap", kafka_server, "--topic", kafka_topic) as process:
        said = Said(process)
        wait_for(lambda: '"position": 20' in said.text())
        process.terminate()
        assert process.wait(timeout=15) == 0
        wait_for(lambda: "consumer-stopped" in said.text())
    alarming = [
        line for line in map(json.loads, said.text().splitlines()) if line["level"] in ("warning", "error")
    ]
    assert alarming == []


@pytest.mark.parametrize("locked", ["kaoji.db", "keys.db"])
def test_a_consumer_ends_while_another_process_keeps_a_file_of_its_own_locked(
    locked: str, kafka_server: str, kafka_topic: str, tmp_path: Path
) -> None:
    kaoji = CommandLine(tmp_path / "kaoji.db")
    kaoji.environment |= {"KAOJI_KEYS": str(tmp_path / "keys.db"), "KAOJI_LOG_LEVEL": "debug"}
    publish(kafka_server, kafka_topic, sealed(1))
    arguments = ("consume", "--bootstrap", kafka_server, "--topic", kafka_topic)
    with kaoji.started(*arguments) as process, closing(sqlite3.connect(tmp_path / locked)) as other:
        said = Said(process)
        wait_for(lambda: "up to position 1" in said.text())
        other.execute("BEGIN IMMEDIATE")
        publish(kafka_server, kafka_topic, sealed(2))
        # Whoever waits for the lock does so for far longer than there is time to end.
        time.sleep(2)
        process.terminate()
        assert process.wait(timeout=15) == 0
        assert "batch-abandoned" in said.text()
        other.rollback()
    assert kaoji("status", "--format", "json").json["events"] == 1


def sealed(number: int) -> list[bytes]:
    return [record(number, subject=f"case-{number}", note="须核对")]
