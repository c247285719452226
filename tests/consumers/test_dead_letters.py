"""Refused records go to a dead-letter topic too: same key and value, headers that say why; no crash loses one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from consumers.cloudevents import to_arrival
from consumers.dead_letters import DeadLetters, DeadLetterTopic, letter_of
from consumers.kafka_topics import create_topic
from domain.actions.refusals import RECORD_BYTES_MAX, RefusedError
from domain.errors import WrongInputError
from domain.ledger.ledger import Ledger
from domain.ledger.quarantine import ANY
from domain.ledger.records import Arrival
from tests.support.command_line import CommandLine
from tests.support.consuming import ROOT, lines, opened, producer, run, wait_for
from tests.support.ledgers import arrival, record

CE = {
    "specversion": b"1.0", "id": b"b-1", "source": b"/gx/licensing", "type": b"licensing.granted",
    "subject": b"case-1", "time": b"2023-05-05T09:00:00+08:00",
}  # fmt: skip
BINARY = [("content-type", b"application/json"), *((f"ce_{name}", text) for name, text in CE.items())]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with opened(f"sqlite:///{tmp_path}/kaoji.db", tmp_path) as one:
        yield one


@pytest.fixture
def dead(kafka_server: str, kafka_topic: str) -> str:
    """A topic beside the test's own, with two partitions."""
    create_topic(kafka_server, f"{kafka_topic}.dead", partitions=2)
    return f"{kafka_topic}.dead"


def published(bootstrap: str, topic: str) -> list[Any]:
    """All there is in a topic, by the number of the entry."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    try:
        partitions = [TopicPartition(topic, number) for number in (0, 1)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        found: list[Any] = []
        while any(consumer.position(each) < ends[each] for each in partitions):
            found += [one for some in consumer.poll(timeout_ms=500).values() for one in some]
        return sorted(found, key=lambda each: int(dict(each.headers)["kaoji_entry"]))
    finally:
        consumer.close()


def said(letter: Any) -> dict[str, str]:
    return {name[6:]: text.decode() for name, text in letter.headers if name.startswith("kaoji_")}


# What a letter says


def entry_of(ledger: Ledger, given: Arrival) -> Any:
    ledger.append([given])
    return ledger.quarantine.list(raw=True)[-1]


def test_letter_of_a_binary_record_is_the_record_again(ledger: Ledger) -> None:
    entry = entry_of(ledger, to_arrival(b"[1]", BINARY, "actions-3@77", 0, key=b"k\xff"))
    letter = letter_of(entry)
    assert (letter.key, letter.value, letter.headers[: len(BINARY)]) == (b"k\xff", b"[1]", BINARY)
    found = said(letter)
    assert (found["code"], found["topic"], found["partition"], found["offset"]) == (
        "bad-value", "actions", "3", "77",
    )  # fmt: skip
    assert (found["place"], found["remedy"], found["sha256"]) == (
        "actions-3@77", entry.remedy, entry.sha256.hex(),
    )  # fmt: skip
    assert found["refused_at"].endswith("+00:00")


def test_letter_of_what_did_not_come_by_kafka_bears_its_subject_as_key(ledger: Ledger) -> None:
    letter = letter_of(entry_of(ledger, arrival(record(1, subject="case-9", rating=9), "list.ndjson:3")))
    assert (letter.key, "topic" in said(letter)) == (b"case-9", False)
    assert letter_of(entry_of(ledger, arrival(b"{", "list.ndjson:4"))).key is None
    # But one that came by Kafka without a key has none
    without = to_arrival(record(1, subject="case-9", rating=9), [], "actions-0@1", 0)
    assert letter_of(entry_of(ledger, without)).key is None


def test_letter_of_which_the_bytes_are_gone_says_so(ledger: Ledger) -> None:
    refusal = RefusedError("too-large", "Send less.")
    long = entry_of(ledger, Arrival("actions-0@1", b"x" * RECORD_BYTES_MAX, None, refusal, key=b"k"))
    assert (letter_of(long).value, letter_of(long).key, said(letter_of(long))["value"]) == (None, b"k", "left out")
    dropped = letter_of(ledger.quarantine.drop(entry_of(ledger, arrival(b"{", "a:1")).entry_id))
    assert (dropped.value, said(dropped)["value"]) == (None, "left out")


# By a real Kafka


@pytest.mark.kafka
def test_every_refused_record_is_published_once_whatever_way_it_came(
    ledger: Ledger, kafka_server: str, kafka_topic: str, dead: str
) -> None:
    # Given a record refused before there was a topic for such, and some that come by Kafka
    ledger.append([arrival(record("f-1", subject="case-9", rating=9), "list.ndjson:3")])
    with producer(kafka_server) as out:
        out.send(kafka_topic, record("a-1", unit="u"), key=b"case-1", partition=1)
        out.send(kafka_topic, record("a-1", unit="v"), key=b"case-1", partition=1)
        out.send(kafka_topic, b"\xff\x00", partition=1)
        out.send(kafka_topic, None, key=b"gone", partition=1)
        out.send(kafka_topic, b"", partition=1)
        out.send(kafka_topic, b"[1]", key=b"case-2", headers=BINARY, partition=1)
    # When they are consumed, twice
    for _ in range(2):
        letters = DeadLetters(ledger, DeadLetterTopic(kafka_server, dead))
        run(ledger, kafka_server, kafka_topic, letters=letters)
    # Then each is there once
    found = published(kafka_server, dead)
    assert [(each.key, each.value, said(each)["code"]) for each in found] == [
        (b"case-9", record("f-1", subject="case-9", rating=9), "bad-value"),
        (b"case-1", record("a-1", unit="v"), "conflict"),
        (None, b"\xff\x00", "malformed-json"),
        (b"gone", None, "not-a-cloudevent"),
        (None, b"", "malformed-json"),
        (b"case-2", b"[1]", "bad-value"),
    ]
    assert [name for name, _ in found[-1].headers][: len(BINARY)] == [name for name, _ in BINARY]
    assert [said(each).get("offset") for each in found] == [None, "1", "2", "3", "4", "5"]


@pytest.mark.kafka
def test_only_who_leads_publishes_and_goes_on_from_where_another_was(
    ledger: Ledger, kafka_server: str, dead: str
) -> None:
    ledger.append([arrival(b"{%d" % number, f"a:{number}") for number in range(10)])
    first, second = (DeadLetters(ledger, DeadLetterTopic(kafka_server, dead), look_seconds=0.05) for _ in range(2))
    second.follow(leads=False)
    first.follow(leads=True)
    wait_for(lambda: len(published(kafka_server, dead)) == 10)
    first.stop()
    ledger.append([arrival(b"[", "b:1")])
    second.follow(leads=True)
    wait_for(lambda: len(published(kafka_server, dead)) > 10)
    second.stop()
    assert [said(each)["place"] for each in published(kafka_server, dead)][9:] == ["a:9", "b:1"]


@pytest.mark.kafka
def test_record_that_the_topic_does_not_take_is_told_without_its_value(
    ledger: Ledger, kafka_server: str, dead: str
) -> None:
    # Given one that with its headers is more than the broker takes, between two others
    large = os.urandom(RECORD_BYTES_MAX - 100)
    ledger.append([arrival(raw, f"a:{at}") for at, raw in enumerate((b"{", large, b"["))])
    refusal = RefusedError("not-a-cloudevent", "Send a value.")
    ledger.append([Arrival("actions-0@9", large + bytes(100), None, refusal, key=b"k")])
    letters = DeadLetters(ledger, DeadLetterTopic(kafka_server, dead))
    letters.follow(leads=True)
    letters.stop(seconds_max=20)
    found = published(kafka_server, dead)
    assert [(each.key, each.value) for each in found] == [(None, b"{"), (None, b""), (None, b"["), (b"k", None)]
    assert [said(each).get("value") for each in found] == [None, "left out", None, "left out"]
    assert said(found[1])["sha256"] == ledger.quarantine.list(ANY)[1].sha256.hex()


DYING = """
import os, sys, time
from pathlib import Path
from consumers import dead_letters
from tests.support.consuming import opened, run
def die(*_, **__):
    os._exit(9)
setattr({owner}, "{method}", die)
store, folder, bootstrap, topic, dead = sys.argv[1:]
with opened(store, Path(folder)) as ledger:
    letters = dead_letters.DeadLetters(ledger, dead_letters.DeadLetterTopic(bootstrap, dead), look_seconds=0.01)
    run(ledger, bootstrap, topic, letters=letters, until_idle=20)
"""


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("owner", "method", "times"),
    [("dead_letters.DeadLetterTopic", "publish", 1), ("dead_letters.DeadLetters", "_note", 2)],
    ids=["between commit and letter", "between letter and note"],
)
def test_a_crash_loses_no_letter(
    owner: str, method: str, times: int, tmp_path: Path, kafka_server: str, kafka_topic: str, dead: str
) -> None:
    with producer(kafka_server) as out:
        for number, line in enumerate([b"{", *lines(5), b"["]):
            out.send(kafka_topic, line, key=b"k%d" % number, partition=0)
    store = f"sqlite:///{tmp_path}/kaoji.db"
    # Given a process that dies with the first letters committed and not published, or published and not noted
    code = DYING.format(owner=owner, method=method)
    died = subprocess.run(
        [sys.executable, "-c", code, store, tmp_path, kafka_server, kafka_topic, dead], cwd=ROOT, timeout=60
    )
    assert died.returncode == 9
    with opened(store, tmp_path) as ledger:
        assert len(ledger.quarantine.list()) == 2
        # When the next one goes on
        letters = DeadLetters(ledger, DeadLetterTopic(kafka_server, dead))
        run(ledger, kafka_server, kafka_topic, letters=letters)
        # Then every letter is there, and what was published before the crash may be there twice
        keys = [each.key for each in published(kafka_server, dead)]
    assert keys == sorted([b"k0", b"k6"] * times)


@pytest.mark.kafka
def test_dead_letters_on_the_command_line(tmp_path: Path, kafka_server: str, kafka_topic: str, dead: str) -> None:
    kaoji = CommandLine(tmp_path / "kaoji.db")
    command = ("consume", "--bootstrap", kafka_server, "--topic", kafka_topic, "--until-idle", "0.5")
    with producer(kafka_server) as out:
        out.send(kafka_topic, b"{", key=b"k")
    assert "read as actions" in kaoji.ends(2, *command, "--dead-letter", kafka_topic).err
    for none in ("no-such-topic", "no topic!"):
        (said,) = kaoji.ends(2, *command, "--dead-letter", none).err.splitlines()
        assert f"There is no topic {none!r}" in said
    assert not (tmp_path / "kaoji.db").exists()
    kaoji.environment["KAOJI_DEAD_LETTER"] = dead
    assert json.loads(kaoji(*command, "--format", "json").out)["quarantined"] == 1
    assert [each.key for each in published(kafka_server, dead)] == [b"k"]


def test_a_topic_on_a_kafka_that_is_not_there_is_told() -> None:
    with pytest.raises(Exception, match=r"No Kafka answers at 127\.0\.0\.1:1"):
        DeadLetterTopic("127.0.0.1:1", "dead")
    with pytest.raises(WrongInputError, match="not yours to set"):
        DeadLetterTopic("127.0.0.1:1", "dead", config={"group_id": "x"})
