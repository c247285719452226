"""Consuming from a real Kafka: what was sent is recorded or quarantined once, whatever dies on the way."""

from __future__ import annotations

import gc
import json
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from eventsourcing.persistence import Tracking
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from consumers import kafka
from consumers.kafka_connecting import KafkaRefusedError, KafkaUnreachableError, LostRecordsError
from consumers.kafka_topics import create_topic, publish
from consumers.kafka_trial import try_reading
from consumers.pipeline import Totals
from consumers.stopping import Stop
from consumers.watch import ConsumerWatch, PartitionStand
from domain.errors import WrongInputError
from domain.ledger.errors import StaleTrackingError
from domain.ledger.ledger import Ledger
from domain.ledger.records import Arrival, Verdict
from tests.support.consuming import QUICK, contents, lines, opened, producer, run, wait_for
from tests.support.ledgers import record

pytestmark = pytest.mark.kafka


@pytest.fixture
def sqlite_store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/kaoji.db"


@pytest.fixture
def ledger(sqlite_store: str, tmp_path: Path) -> Iterator[Ledger]:
    with opened(sqlite_store, tmp_path) as one:
        yield one


# What is read


def test_records_of_both_content_modes_are_recorded(ledger: Ledger, kafka_server: str, kafka_topic: str) -> None:
    structured = record("s-1", subject="case-1", procedure="p", note="kept, sealed")
    with_ce_headers = [
        ("content-type", b"application/json"),
        *((f"ce_{name}", value.encode()) for name, value in {
            "specversion": "1.0",
            "id": "b-1",
            "source": "/gx/licensing",
            "type": "licensing.granted",
            "subject": "case-1",
            "time": "2023-05-05T09:00:00+08:00",
        }.items()),
    ]  # fmt: skip
    with producer(kafka_server) as out:
        out.send(kafka_topic, structured, key=b"case-1")
        out.send(
            kafka_topic, structured, key=b"case-1", headers=[("content-type", b"application/cloudevents+json")]
        )
        out.send(kafka_topic, b'{"unit":"u-1"}', key=b"case-1", headers=with_ce_headers)

    totals = run(ledger, kafka_server, kafka_topic)

    assert (totals.read, totals.recorded, totals.duplicates, totals.quarantined) == (3, 2, 1, 0)
    first, second = (json.loads(event.facts) for event in ledger.read(after=0, limit=10))
    assert (first["id"], "note" in first["data"]) == ("s-1", False)
    assert (second["id"], second["type"], second["data"]) == ("b-1", "licensing.granted", {"unit": "u-1"})


def test_refused_records_are_quarantined_with_the_place_they_came_from(
    ledger: Ledger, kafka_server: str, kafka_topic: str
) -> None:
    refused: list[tuple[Arrival, Verdict]] = []
    bad = [b"\xff\x00 no JSON", None, b"", record("a-2", type="licensing.imagined"), b"[]"]
    with producer(kafka_server) as out:
        for value in bad:
            out.send(kafka_topic, value, key=b"k", partition=2)
        out.send(kafka_topic, record("a-3"), partition=2)

    totals = run(ledger, kafka_server, kafka_topic, refused=lambda *one: refused.append(one))

    assert (totals.read, totals.recorded, totals.quarantined) == (6, 1, 5)
    entries = ledger.quarantine.list()
    assert [entry.place for entry in entries] == [f"{kafka_topic}-2@{offset}" for offset in range(5)]
    assert [entry.code for entry in entries] == [
        "malformed-json", "not-a-cloudevent", "malformed-json", "unknown-type", "not-a-cloudevent",
    ]  # fmt: skip
    assert [arrival.place for arrival, _ in refused] == [entry.place for entry in entries]


def test_reading_goes_on_from_what_the_ledger_holds_whatever_the_group(
    ledger: Ledger, kafka_server: str, kafka_topic: str
) -> None:
    publish(kafka_server, kafka_topic, lines(300))
    first = run(ledger, kafka_server, kafka_topic)
    again = run(ledger, kafka_server, kafka_topic, group="another")
    publish(kafka_server, kafka_topic, lines(5, first=301))
    more = run(ledger, kafka_server, kafka_topic)

    assert (first.recorded, again.read, more.read, more.recorded) == (300, 0, 5, 5)
    assert (more.position, contents(ledger)) == (305, sorted(lines(305)))


@pytest.mark.parametrize("codec", [None, "gzip", "zstd", "snappy", "lz4"])
def test_any_compression_is_read(ledger: Ledger, kafka_server: str, kafka_topic: str, codec: str | None) -> None:
    pytest.importorskip({"snappy": "snappy", "lz4": "lz4.frame"}.get(codec or "", "kafka"))
    with producer(kafka_server, compression_type=codec) as out:
        for line in lines(50):
            out.send(kafka_topic, line)

    assert run(ledger, kafka_server, kafka_topic).recorded == 50


class Unreadable(str):
    """A header name that is no UTF-8, as other clients can send it."""

    def encode(self, *_: str) -> bytes:
        return b"\xff\xfe"


def test_a_record_that_the_client_cannot_read_is_not_passed_over(
    ledger: Ledger, kafka_server: str, kafka_topic: str
) -> None:
    with producer(kafka_server, linger_ms=200) as out:
        for number, line in enumerate(lines(10)):
            out.send(kafka_topic, line, partition=0, headers=[(Unreadable("x"), b"")] if number == 5 else [])

    for _ in range(2):
        with pytest.raises(KafkaRefusedError, match=f"{kafka_topic}-0, offset 5"):
            run(ledger, kafka_server, kafka_topic)
    assert ledger.head().position == 5


def test_aborted_records_are_not_read_and_gaps_in_offsets_do_no_harm(
    ledger: Ledger, kafka_server: str, kafka_topic: str
) -> None:
    with producer(kafka_server, transactional_id=kafka_topic) as out:
        out.init_transactions()
        for number, committed in enumerate([True, False, True, False, False, True, False]):
            out.begin_transaction()
            for line in lines(10, first=1 + 10 * number):
                out.send(kafka_topic, line, partition=0)
            out.flush()
            if committed:
                out.commit_transaction()
            else:
                out.abort_transaction()

    # Ends although the last offsets of the partition hold nothing that could be read.
    totals = run(ledger, kafka_server, kafka_topic, config={**QUICK, "max_poll_records": 7})

    assert (totals.read, totals.recorded) == (30, 30)
    assert contents(ledger) == sorted(lines(10) + lines(10, first=21) + lines(10, first=51))
    assert run(ledger, kafka_server, kafka_topic).read == 0


def test_a_topic_created_anew_is_read_from_its_beginning(
    ledger: Ledger, kafka_server: str, kafka_topic: str
) -> None:
    publish(kafka_server, kafka_topic, lines(30))
    run(ledger, kafka_server, kafka_topic)
    admin = KafkaAdminClient(bootstrap_servers=kafka_server)
    admin.delete_topics([kafka_topic])
    wait_for(lambda: kafka_topic not in admin.list_topics())
    admin.close()
    create_topic(kafka_server, kafka_topic, partitions=3)
    publish(kafka_server, kafka_topic, lines(60, first=21))

    totals = run(ledger, kafka_server, kafka_topic)

    assert (totals.read, totals.recorded, totals.duplicates) == (60, 50, 10)


def test_a_topic_that_is_deleted_meanwhile_is_waited_for_and_the_log_says_so(
    ledger: Ledger, kafka_server: str, kafka_topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    publish(kafka_server, kafka_topic, lines(10))
    stop, totals = Stop(), list[Totals]()
    member = Thread(
        target=run, args=(ledger, kafka_server, kafka_topic),
        kwargs={"until_idle": None, "stop": stop, "on_batch": totals.append}, daemon=True,
    )  # fmt: skip
    member.start()
    wait_for(lambda: bool(totals))
    admin = KafkaAdminClient(bootstrap_servers=kafka_server)
    admin.delete_topics([kafka_topic])
    admin.close()
    wait_for(lambda: "has the topic no more. Create it again" in caplog.text)
    create_topic(kafka_server, kafka_topic, partitions=3)
    publish(kafka_server, kafka_topic, lines(10, first=11))
    wait_for(lambda: "Going on." in caplog.text and ledger.head().position == 20)
    stop.set()
    member.join(10)
    assert not member.is_alive()


# When to end


def test_until_idle_ends_after_everything_was_read(ledger: Ledger, kafka_server: str, kafka_topic: str) -> None:
    publish(kafka_server, kafka_topic, lines(2_000))
    seen: list[int] = []

    totals = run(
        ledger,
        kafka_server,
        kafka_topic,
        until_idle=0.01,
        config={**QUICK, "max_poll_records": 100},
        on_batch=lambda totals: seen.append(totals.read),
    )

    assert totals.read == seen[-1] == 2_000
    assert len(seen) >= 20


class Looking(ConsumerWatch):
    """Notes for partition 0 what it is told, and how many records the ledger holds at that time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.told: list[tuple[int, int]] = []

    def stands(self, partitions: Sequence[PartitionStand]) -> None:
        recorded = self._ledger.head().position
        self.told += [(each.offset, recorded) for each in partitions if each.partition == 0]


def test_what_is_not_in_the_ledger_yet_is_told_as_unread(
    ledger: Ledger, kafka_server: str, kafka_topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "LOOK_SECONDS", 0.0)
    with producer(kafka_server) as out:
        for number in range(40):
            out.send(kafka_topic, record(f"n-{number}"), partition=0)
    watch = Looking(ledger)

    run(ledger, kafka_server, kafka_topic, config={**QUICK, "max_poll_records": 7}, watch=watch)

    assert all(offset <= recorded for offset, recorded in watch.told)
    assert {7, 14, 35} <= {offset for offset, _ in watch.told}
    assert watch.told[-1] == (40, 40)


def test_what_another_member_has_written_is_not_told_as_unread(
    ledger: Ledger, kafka_server: str, kafka_topic: str, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    append = ledger.append

    def late(arrivals: Sequence[Arrival], *, tracking: Sequence[Tracking] = ()) -> list[Verdict]:
        append(arrivals, tracking=tracking)
        raise StaleTrackingError("kafka", 1)

    monkeypatch.setattr(ledger, "append", late)
    monkeypatch.setattr(kafka, "LOOK_SECONDS", 0.0)
    with producer(kafka_server) as out:
        for number in range(5):
            out.send(kafka_topic, record(f"n-{number}"), partition=0)
    watch = Looking(ledger)

    run(ledger, kafka_server, kafka_topic, watch=watch)

    assert watch.told[-1] == (5, 5)
    (dropped,) = {message for message in caplog.messages if message.startswith("Dropped")}
    assert dropped.endswith("reading on from there: kafka is recorded up to 1 or beyond.")
    assert "Stop one" not in caplog.text, "members of a group take over from each other all the time"


def test_offset_zero_is_an_offset(ledger: Ledger, kafka_server: str, kafka_topic: str) -> None:
    publish(kafka_server, kafka_topic, [b"garbage"])

    assert run(ledger, kafka_server, kafka_topic).read == 1
    assert run(ledger, kafka_server, kafka_topic).read == 0


def test_an_empty_topic_ends_idle_too(ledger: Ledger, kafka_server: str, kafka_topic: str) -> None:
    assert run(ledger, kafka_server, kafka_topic).read == 0


def test_records_that_kafka_deleted_unread_stop_everything_until_the_gap_is_accepted(
    ledger: Ledger, kafka_server: str, kafka_topic: str
) -> None:
    def send(first: int) -> None:
        with producer(kafka_server) as out:
            for line in lines(10, first=first):
                out.send(kafka_topic, line, partition=0)

    send(1)
    run(ledger, kafka_server, kafka_topic)
    send(11)
    delete_before(kafka_server, kafka_topic, partition=0, offset=15)

    with pytest.raises(LostRecordsError, match=r"-0: offsets 10 to 14 are no longer in Kafka.*--accept-gap"):
        run(ledger, kafka_server, kafka_topic)
    assert ledger.head().position == 10

    assert run(ledger, kafka_server, kafka_topic, accept_gap=True).recorded == 5
    assert contents(ledger) == sorted(lines(10) + lines(5, first=16))


def test_an_offset_that_kafka_calls_out_of_range_is_looked_up_again(
    ledger: Ledger, kafka_server: str, kafka_topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(kafka_server, kafka_topic, lines(10))
    poll, errors = KafkaConsumer.poll, [OffsetOutOfRangeError(), OffsetOutOfRangeError()]

    def failing(consumer: Any, **options: Any) -> Any:
        if consumer.assignment() and errors:
            raise errors.pop()
        return poll(consumer, **options)

    monkeypatch.setattr(KafkaConsumer, "poll", failing)

    assert run(ledger, kafka_server, kafka_topic).recorded == 10
    assert not errors


def test_a_topic_whose_first_records_are_gone_is_read_from_where_it_begins(
    ledger: Ledger, kafka_server: str, kafka_topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    with producer(kafka_server) as out:
        for line in lines(10):
            out.send(kafka_topic, line, partition=1)
    delete_before(kafka_server, kafka_topic, partition=1, offset=4)

    assert run(ledger, kafka_server, kafka_topic).recorded == 6
    assert f"{kafka_topic}-1 begins at offset 4" in caplog.text


def delete_before(bootstrap: str, topic: str, *, partition: int, offset: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.delete_records({TopicPartition(topic, partition): offset})
    admin.close()


# What is refused at the start


def test_unknown_topic_is_named_with_the_nearest_and_not_created(
    ledger: Ledger, kafka_server: str, kafka_topic: str
) -> None:
    wrong = kafka_topic + "x"

    with pytest.raises(WrongInputError) as told:
        run(ledger, kafka_server, wrong)

    assert f"No topic {wrong!r}. Did you mean {kafka_topic!r}?" in str(told.value)
    assert f"--create --topic {wrong}" in str(told.value)
    admin = KafkaAdminClient(bootstrap_servers=kafka_server)
    assert wrong not in admin.list_topics()
    admin.close()


def test_no_kafka_at_the_address_is_said_quickly(ledger: Ledger) -> None:
    started = time.monotonic()
    with pytest.raises(KafkaUnreachableError, match=r"No Kafka answers at 127\.0\.0\.1:1\."):
        run(ledger, "127.0.0.1:1", "actions")
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    "bootstrap",
    ["localhost", "localhost:", ":9092", "localhost:x", "localhost:0", "localhost:65536", "localhost:٩٠٩٢", ""],
)
def test_an_address_that_is_none_is_wrong_input(ledger: Ledger, bootstrap: str) -> None:
    with pytest.raises(WrongInputError, match="Write HOST:PORT"):
        run(ledger, bootstrap, "actions")


def test_a_group_without_a_name_is_told_before_anybody_is_asked(ledger: Ledger) -> None:
    with pytest.raises(WrongInputError, match="The consumer group has no name"):
        run(ledger, "127.0.0.1:1", "actions", group=" ")
    with pytest.raises(WrongInputError, match="The consumer group has no name"):
        try_reading(bootstrap="127.0.0.1:1", topic="actions", group=" ", config={})


# What is left behind


class _Circle:
    """Only the garbage collector takes it away."""

    def __init__(self) -> None:
        self.itself = self


def test_what_grew_old_while_the_collector_was_off_is_taken_away(
    ledger: Ledger, kafka_server: str, kafka_topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "COLLECT_SECONDS", 0.0)
    publish(kafka_server, kafka_topic, lines(100))
    left: list[bool] = []
    known: list[weakref.ref[_Circle]] = []

    def batch(_: Totals) -> None:
        left.append(bool(known) and known[0]() is not None)
        if not known:
            # Given something that another thread held while the young generations were looked through
            circle = _Circle()
            gc.collect(1)
            known.append(weakref.ref(circle))

    totals = run(
        ledger, kafka_server, kafka_topic, on_batch=batch, config={**QUICK, "max_poll_records": 20}
    )  # fmt: skip
    assert totals.recorded == 100
    assert len(left) > 2
    assert not any(left), "a member would grow with every batch"
