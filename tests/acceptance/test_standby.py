"""Store or keys in a PostgreSQL that is away, or takes no writes: what waits, what is told, what can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from consumers.kafka_topics import publish
from tests.acceptance.test_watch import free_port
from tests.campaigns.servers import Postgres, postgres
from tests.support.command_line import CommandLine
from tests.support.consuming import Said, wait_for
from tests.support.ledgers import record

pytestmark = pytest.mark.postgres

READ_ONLY = "%20-cdefault_transaction_read_only%3Don"
YEAR = ("--policy", "gx-2012", "--from", "2023-01-01", "--to", "2023-12-31")


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own."""
    with postgres() as found:
        yield found


@pytest.fixture(params=["store", "keys"])
def kaoji(request: pytest.FixtureRequest, tmp_path: Path, server: Postgres) -> CommandLine:
    """Store or keys in that server, the other in a file."""
    if request.param == "store":
        found = CommandLine(server.store)
        found.environment["KAOJI_KEYS"] = str(tmp_path / "keys.db")
    else:
        found = CommandLine(tmp_path / "kaoji.db")
        found.environment["KAOJI_KEYS"] = server.store
    return found


def sealed(count: int, *, first: int = 1) -> list[bytes]:
    """Records that need a key each."""
    return [record(f"a-{n}", subject=f"case-{n}", note=f"said {n}") for n in range(first, first + count)]


def ingested(kaoji: CommandLine, lines: list[bytes]) -> None:
    kaoji("ingest", "-", "--strict", stdin=b"\n".join(lines) + b"\n")


@pytest.mark.kafka
@pytest.mark.parametrize("way", ["killed", "standby"])
def test_consumer_waits_for_what_is_away_and_goes_on(
    kaoji: CommandLine, server: Postgres, way: str, kafka_server: str, kafka_topic: str
) -> None:
    port = free_port()
    kaoji.environment |= {"KAOJI_LOG": "json", "KAOJI_METRICS": str(port), "KAOJI_READY_STALL_SECONDS": "1"}
    publish(kafka_server, kafka_topic, sealed(20))
    with kaoji.started("consume", "--bootstrap", kafka_server, "--topic", kafka_topic) as process:
        said = Said(process)
        # Given a consumer at work
        wait_for(lambda: ready(port) == (200, []))
        wait_for(lambda: position(port) == 20)
        # When what it needs goes away, and more comes
        if way == "killed":
            server.kill()
        else:
            server.demote()
        publish(kafka_server, kafka_topic, sealed(20, first=21))
        # Then it waits, longer each time, and says for what
        wait_for(lambda: len(events(said, "consumer-waiting")) >= 2)
        waits = events(said, "consumer-waiting")
        assert [each["seconds"] for each in waits][:2] == [1, 2]
        called = "key database" if kaoji.environment["KAOJI_KEYS"] == server.store else "The (ledger|store) "
        assert all(re.search(called, str(each["reason"])) for each in waits), waits
        if way == "standby":
            assert "standby" in str(waits[-1]["reason"])
        # And it is not ready
        wait_for(lambda: ready(port)[0] == 503)
        assert "consumer-stalled" in ready(port)[1]
        # When it is back
        if way == "killed":
            server.restart()
        else:
            server.promote()
        # Then it goes on, and is ready again
        wait_for(lambda: position(port) == 40, seconds=40)
        wait_for(lambda: ready(port) == (200, []), seconds=20)
        assert events(said, "consumer-going-on")
        process.terminate()
        assert process.wait(10) == 0
    # And nothing is lost, doubled or locked away
    found = kaoji("audit", "--format", "json").lines
    assert sorted(each["id"] for each in found) == sorted(f"a-{n}" for n in range(1, 41))
    assert kaoji("verify", "--format", "json").json["ok"]


@pytest.mark.kafka
def test_consumer_that_waits_for_a_server_ends_within_five_seconds(
    kaoji: CommandLine, server: Postgres, kafka_server: str, kafka_topic: str
) -> None:
    kaoji.environment |= {"KAOJI_LOG": "json", "KAOJI_LOG_LEVEL": "debug"}
    publish(kafka_server, kafka_topic, sealed(20))
    with kaoji.started("consume", "--bootstrap", kafka_server, "--topic", kafka_topic) as process:
        said = Said(process)
        wait_for(lambda: bool(events(said, "batch-recorded")))
        server.kill()
        publish(kafka_server, kafka_topic, sealed(20, first=21))
        wait_for(lambda: len(events(said, "consumer-waiting")) >= 2)
        process.terminate()
        assert process.wait(5) == 0


def events(said: Said, name: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in said.text().splitlines() if line.startswith("{") and line.endswith("}")]
    return [line for line in lines if line["event"] == name]


def ready(port: int) -> tuple[int, list[str]]:
    try:
        answer = httpx2.get(f"http://127.0.0.1:{port}/health/ready", timeout=20)
    except httpx2.TransportError:
        return 0, []
    return answer.status_code, [each["code"] for each in answer.json().get("reasons", [])]


def position(port: int) -> int:
    for line in httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=20).text.splitlines():
        if line.startswith("kaoji_ledger_position "):
            return round(float(line.split()[1]))
    return 0


@pytest.mark.parametrize("way", ["setting", "standby"])
def test_server_that_takes_no_writes_is_told_and_still_read(
    kaoji: CommandLine, server: Postgres, way: str
) -> None:
    # Given something recorded, before the server takes no more writes
    ingested(kaoji, sealed(3))
    if way == "standby":
        server.demote()
    else:
        for name in ("KAOJI_STORE", "KAOJI_KEYS"):
            if kaoji.environment[name] == server.store:
                kaoji.environment[name] += READ_ONLY
    # When more comes
    ended = kaoji.ends(3, "ingest", "-", stdin=sealed(1, first=4)[0])
    # Then that is told
    called = "key database" if server.store in kaoji.environment["KAOJI_KEYS"] else "ledger in PostgreSQL"
    assert called in ended.err
    told = "is a standby" if way == "standby" and called == "key database" else "takes no writes"
    assert told in ended.err
    # And what is there can be read
    assert len(kaoji("audit").lines) == 3
    assert kaoji("score", *YEAR, "--format", "json").json["as_of"] == 3
    assert kaoji("status", "--format", "json").json["events"] == 3


def test_nothing_is_made_in_a_server_that_takes_no_writes(kaoji: CommandLine, server: Postgres) -> None:
    server.demote()
    ended = kaoji.ends(3, "ingest", "-", stdin=sealed(1)[0])
    assert "standby" in ended.err
    server.promote()
    ingested(kaoji, sealed(1))
