"""A consumer that is told to stop says nothing alarming about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consumers.kafka_topics import publish
from tests.support.command_line import CommandLine
from tests.support.consuming import Said, lines, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def kaoji(postgres_url: str, tmp_path: Path) -> CommandLine:
    found = CommandLine(postgres_url)
    found.environment |= {"KAOJI_KEYS": str(tmp_path / "keys.db"), "KAOJI_LOG": "json", "KAOJI_LOG_LEVEL": "debug"}
    found.environment |= {"KAOJI_METRICS": "0"}
    return found


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
