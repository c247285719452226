"""Consuming while members die, sleep and share, and while Kafka or the store is away: each record once."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import psycopg
import pytest
from kafka import KafkaAdminClient
from kafka.coordinator.consumer import ConsumerCoordinator
from kafka.errors import KafkaTimeoutError
from kafka.net.manager import KafkaConnectionManager

from consumers import writing
from consumers.kafka_topics import create_topic, publish
from consumers.pipeline import Totals
from consumers.stopping import Stop
from domain.errors import UnreachableError
from domain.ledger.ledger import Ledger
from domain.ledger.records import Verdict
from tests.support.consuming import QUICK, Said, Wrapped, contents, lines, opened, process, producer, run, wait_for
from tests.support.kafka import started_kafka

pytestmark = pytest.mark.kafka


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/kaoji.db"


@pytest.fixture
def sqlite_store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/kaoji.db"


@pytest.fixture
def ledger(sqlite_store: str, tmp_path: Path) -> Iterator[Ledger]:
    with opened(sqlite_store, tmp_path) as one:
        yield one


def test_sigterm_ends_within_five_seconds_with_the_batch_recorded(
    sqlite_store: str, tmp_path: Path, kafka_server: str, kafka_topic: str
) -> None:
    publish(kafka_server, kafka_topic, lines(200))
    with process(sqlite_store, tmp_path, kafka_server, kafka_topic) as one:
        assert one.stdout is not None
        one.stdout.readline()
        sent = time.monotonic()
        one.send_signal(signal.SIGTERM)
        out, _ = one.communicate(timeout=5)
        assert time.monotonic() - sent < 5

    assert one.returncode == 0
    totals = json.loads(out.splitlines()[-1])
    with opened(sqlite_store, tmp_path) as ledger:
        assert ledger.head().position == totals["recorded"] == totals["read"]


def test_a_killed_consumer_leaves_the_same_ledger_as_an_undisturbed_one(
    store: str, tmp_path: Path, kafka_server: str, kafka_topic: str
) -> None:
    seed = int(os.environ.get("KAOJI_SEED", random.randrange(1 << 32)))
    print(f"KAOJI_SEED={seed}")
    chance = random.Random(seed)
    sent = lines(3_000)
    sent += chance.sample(sent, 100) + [b"garbage %d" % number for number in range(50)]
    chance.shuffle(sent)
    publish(kafka_server, kafka_topic, sent)

    for group in ("first", "second", "third"):  # Else each would wait until the session of the dead has ended.
        with process(store, tmp_path, kafka_server, kafka_topic, batch=20, group=group) as one:
            assert one.stdout is not None
            for _ in range(chance.randrange(1, 40)):
                one.stdout.readline()
            time.sleep(chance.random() * 0.02)
            one.kill()

    with opened(store, tmp_path) as ledger:
        totals = run(ledger, kafka_server, kafka_topic)
        assert 0 < totals.read < len(sent)
        assert contents(ledger) == sorted(lines(3_000))
        assert ledger.head().position == 3_000
        entries = ledger.quarantine.list(raw=True)
        assert sorted(entry.raw or b"" for entry in entries) == sorted(b"garbage %d" % n for n in range(50))
        assert {entry.times_seen for entry in entries} == {1}


def test_two_members_share_the_partitions_and_record_everything_once(
    store: str, tmp_path: Path, kafka_server: str, kafka_topic: str
) -> None:
    with opened(store, tmp_path) as ledger:
        stop, read = Stop(), [0, 0]

        def member(number: int) -> None:
            read[number] = run(
                ledger,
                kafka_server,
                kafka_topic,
                until_idle=None,
                stop=stop,
                config={**QUICK, "max_poll_records": 50},
            ).read

        publish(kafka_server, kafka_topic, lines(500))
        threads = [Thread(target=member, args=(number,), daemon=True) for number in range(2)]
        threads[0].start()
        wait_for(lambda: ledger.head().position > 0)
        threads[1].start()
        for first in range(501, 3_001, 250):
            publish(kafka_server, kafka_topic, lines(250, first=first))
            time.sleep(0.05)
        wait_for(lambda: ledger.head().position >= 3_000)
        stop.set()
        for thread in threads:
            thread.join(10)

        assert min(read) > 0
        assert sum(read) == 3_000
        assert contents(ledger) == sorted(lines(3_000))


def test_idle_is_not_counted_while_a_dead_member_still_holds_the_partitions(
    sqlite_store: str, tmp_path: Path, ledger: Ledger, kafka_server: str, kafka_topic: str
) -> None:
    publish(kafka_server, kafka_topic, lines(2_000))
    with process(sqlite_store, tmp_path, kafka_server, kafka_topic, batch=20) as one:
        assert one.stdout is not None
        one.stdout.readline()
        one.kill()

    totals = run(ledger, kafka_server, kafka_topic, until_idle=0.1)

    assert 0 < totals.read < 2_000
    assert contents(ledger) == sorted(lines(2_000))


class OvertakenLedger(Wrapped):
    """A ledger in which another member writes just before the first batch is written."""

    overtake: Callable[[], None] | None = None

    def append(self, *arguments: Any, **options: Any) -> list[Verdict]:
        overtake, self.overtake = self.overtake, None
        if overtake:
            overtake()
        return self.ledger.append(*arguments, **options)


def test_a_batch_that_overlaps_what_a_successor_wrote_is_dropped_whole(
    ledger: Ledger, kafka_server: str, kafka_topic: str
) -> None:
    with producer(kafka_server) as out:
        for number in range(100):
            out.send(kafka_topic, b"garbage %d" % number, partition=0)
    stop, successor = Stop(), []

    def overtake() -> None:
        successor.append(
            run(
                ledger,
                kafka_server,
                kafka_topic,
                group="successor",
                config={**QUICK, "max_poll_records": 30},
                on_batch=lambda _: stop.set(),
                stop=stop,
            )
        )

    overtaken = OvertakenLedger(ledger)
    overtaken.overtake = overtake
    totals = run(overtaken, kafka_server, kafka_topic)

    # Told to stop by its first batch, the successor finishes the one that is under way too.
    assert (successor[0].read, totals.read) == (60, 40)
    entries = ledger.quarantine.list()
    assert [entry.place for entry in entries] == [f"{kafka_topic}-0@{offset}" for offset in range(100)]
    assert {entry.times_seen for entry in entries} == {1}


def test_a_member_that_wakes_after_its_successor_wrote_records_nothing_twice(
    sqlite_store: str, tmp_path: Path, ledger: Ledger, kafka_server: str, kafka_topic: str
) -> None:
    garbage = [b"garbage %d" % number for number in range(200)]
    publish(kafka_server, kafka_topic, lines(400) + garbage)
    with process(sqlite_store, tmp_path, kafka_server, kafka_topic, batch=20) as one:
        assert one.stdout is not None
        for _ in range(5):
            one.stdout.readline()
        freeze_between_writes(one, tmp_path / "kaoji.db")
        # The successor is in another group: it need not wait until the sleeper's session has ended.
        successor = run(ledger, kafka_server, kafka_topic, group="successor")
        one.send_signal(signal.SIGCONT)
        out, _ = one.communicate(timeout=30)

    sleeper = json.loads(out.splitlines()[-1])
    assert one.returncode == 0
    assert successor.read + sleeper["read"] == 600
    assert contents(ledger) == sorted(lines(400))
    entries = ledger.quarantine.list()
    assert (len(entries), {entry.times_seen for entry in entries}) == (200, {1})


def freeze_between_writes(one: subprocess.Popen[str], store: Path) -> None:
    """Whoever sleeps in the middle of a write keeps everybody out of an SQLite file until it wakes."""
    with closing(sqlite3.connect(store, timeout=0.2, isolation_level=None)) as other:
        while True:
            one.send_signal(signal.SIGSTOP)
            # Until it stands still it might begin to write behind the look.
            os.waitid(os.P_PID, one.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            with suppress(sqlite3.OperationalError):
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
                return
            one.send_signal(signal.SIGCONT)
            time.sleep(0.01)


class HangingLedger(Wrapped):
    """A ledger whose store hangs until that was told of twice."""

    def __init__(self, ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
        super().__init__(ledger)
        self.caplog = caplog

    def append(self, *arguments: Any, **options: Any) -> list[Verdict]:
        wait_for(lambda: "has not answered for 2 s" in self.caplog.text)
        return self.ledger.append(*arguments, **options)


class BreakingLedger(Wrapped):
    """A ledger whose store goes away the first two times."""

    failed = 0

    def append(self, *arguments: Any, **options: Any) -> list[Verdict]:
        if self.failed < 2:
            self.failed += 1
            raise UnreachableError("The store is away.")
        return self.ledger.append(*arguments, **options)


def test_a_store_outage_is_waited_for(
    ledger: Ledger, kafka_server: str, kafka_topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    publish(kafka_server, kafka_topic, lines(30))
    breaking = BreakingLedger(ledger)

    totals = run(breaking, kafka_server, kafka_topic)

    assert (totals.read, totals.recorded, breaking.failed) == (30, 30, 2)
    waits = [message for message in caplog.messages if "Waiting" in message]
    assert waits == [f"The store is away. Waiting {seconds} s before the next try." for seconds in (1, 2)]


def test_a_store_that_hangs_is_waited_for_and_told_of(
    ledger: Ledger, kafka_server: str, kafka_topic: str, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(writing, "SILENT_SECONDS", 1.0)
    publish(kafka_server, kafka_topic, lines(30))

    totals = run(HangingLedger(ledger, caplog), kafka_server, kafka_topic)

    assert totals.recorded == 30
    told = [message for message in caplog.messages if "has not answered" in message or "Going on" in message]
    assert told == [
        *(f"The store has not answered for {seconds} s, and is waited for." for seconds in (1, 2)),
        "Going on.",
    ]


def test_a_kafka_outage_is_waited_for(sqlite_store: str, tmp_path: Path, ledger: Ledger) -> None:
    with started_kafka() as node:
        create_topic(node.bootstrap, "actions", partitions=1)
        publish(node.bootstrap, "actions", lines(10))
        with process(sqlite_store, tmp_path, node.bootstrap, "actions", idle=3_600) as one:
            said = Said(one)
            wait_for(lambda: ledger.head().position == 10)
            node.kill()
            wait_for(lambda: said.text().count("Waiting") >= 1)
            node.restart()
            publish(node.bootstrap, "actions", lines(10, first=11))
            wait_for(lambda: ledger.head().position == 20, seconds=30)
            node.kill()
            one.send_signal(signal.SIGTERM)
            assert one.wait(timeout=5) == 0

    assert "Going on." in said.text()
    assert contents(ledger) == sorted(lines(20))


@dataclass
class Joins:
    """What kafka-python has asked for, and heard, about joining its group."""

    coordinators: dict[object, Any] = field(default_factory=dict)
    """The coordinator of each future that stands for a join."""
    answers: int = 0
    taken: int = 0


def joins_under_way(monkeypatch: pytest.MonkeyPatch) -> Joins:
    """Watches all joins from now on."""
    joins = Joins()
    made: list[Any] = []
    make, ask = ConsumerCoordinator.__init__, ConsumerCoordinator._do_join_and_sync_async
    call_soon, take = KafkaConnectionManager.call_soon, ConsumerCoordinator._on_join_complete_async

    def making(coordinator: Any, *arguments: Any, **options: Any) -> None:
        make(coordinator, *arguments, **options)
        made.append(coordinator)

    async def asking(coordinator: Any) -> Any:
        answer = await ask(coordinator)
        joins.answers += 1
        return answer

    async def taking(coordinator: Any, *arguments: Any) -> Any:
        joins.taken += 1
        return await take(coordinator, *arguments)

    def scheduling(manager: Any, task: Any, *arguments: Any) -> Any:
        future = call_soon(manager, task, *arguments)
        if made and task == made[-1]._do_join_and_sync_async:
            joins.coordinators[future] = made[-1]
        return future

    monkeypatch.setattr(ConsumerCoordinator, "__init__", making)
    monkeypatch.setattr(ConsumerCoordinator, "_do_join_and_sync_async", asking)
    monkeypatch.setattr(ConsumerCoordinator, "_on_join_complete_async", taking)
    monkeypatch.setattr(KafkaConnectionManager, "call_soon", scheduling)
    return joins


def test_a_join_that_is_answered_between_two_polls_is_not_asked_for_again(
    ledger: Ledger, kafka_server: str, kafka_topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kafka-python throws the answer away, so all members join once more, and none of them reads meanwhile."""
    joins = joins_under_way(monkeypatch)
    wait_for_future = KafkaConnectionManager.wait_for
    missed: list[int] = []

    async def between_two_polls(manager: Any, future: Any, timeout_ms: float | None) -> Any:
        found = await wait_for_future(manager, future, timeout_ms)
        if future in joins.coordinators and joins.answers not in missed and len(missed) < 3:
            missed.append(joins.answers)
            raise KafkaTimeoutError
        return found

    monkeypatch.setattr(KafkaConnectionManager, "wait_for", between_two_polls)
    publish(kafka_server, kafka_topic, lines(20))

    totals = run(ledger, kafka_server, kafka_topic)

    assert totals.recorded == 20
    assert missed, "no answer was missed"
    assert joins.answers == joins.taken


def test_a_join_that_is_answered_just_as_a_poll_gives_up_is_finished(
    tmp_path: Path, kafka_server: str, kafka_topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kafka-python forgets such a join: without a heartbeat it is put out of the group, and polls without rest."""
    late: list[object] = []
    joins = joins_under_way(monkeypatch)
    wait_for_future = KafkaConnectionManager.wait_for

    async def too_late(manager: Any, future: Any, timeout_ms: float | None) -> Any:
        found = await wait_for_future(manager, future, timeout_ms)
        coordinator = joins.coordinators.get(future)
        if coordinator is not None and not coordinator.rejoin_needed and not late:
            late.append(future)
            raise KafkaTimeoutError
        return found

    monkeypatch.setattr(KafkaConnectionManager, "wait_for", too_late)
    publish(kafka_server, kafka_topic, lines(20))
    stop = Stop()
    given_up = Timer(10, stop.set)
    given_up.start()

    def change_metadata(totals: Totals) -> None:
        if totals.recorded == 20 and not late:
            admin = KafkaAdminClient(bootstrap_servers=kafka_server)
            admin.create_partitions({kafka_topic: 5})
            admin.close()

    with opened(f"sqlite:///{tmp_path}/kaoji.db", tmp_path) as ledger:
        config = {**QUICK, "metadata_max_age_ms": 200}
        totals = run(
            ledger, kafka_server, kafka_topic, stop=stop, config=config, until_idle=1, on_batch=change_metadata
        )
    given_up.cancel()
    assert len(late) == 1
    assert totals.recorded == 20
    assert not stop.is_set(), "the member never settled in its group"


def test_sigterm_ends_within_five_seconds_while_the_store_hangs(
    postgres_url: str, tmp_path: Path, kafka_server: str, kafka_topic: str
) -> None:
    publish(kafka_server, kafka_topic, lines(200))
    plain_url = postgres_url.replace("postgresql+psycopg://", "postgresql://", 1)
    with opened(postgres_url, tmp_path) as ledger:
        # Given a table that somebody keeps locked, and a member that waits for it with a batch in hand
        with (
            psycopg.connect(plain_url) as locking,
            process(postgres_url, tmp_path, kafka_server, kafka_topic) as one,
        ):
            said = Said(one)
            locking.execute("LOCK TABLE stored_events IN ACCESS EXCLUSIVE MODE")
            with psycopg.connect(plain_url, autocommit=True) as looking:
                waiting = b"SELECT 1 FROM pg_locks WHERE NOT granted"
                wait_for(lambda: looking.execute(waiting).fetchone() is not None)
            # When it is told to stop
            one.send_signal(signal.SIGTERM)
            # Then it does
            assert one.wait(timeout=5) == 0
            locking.rollback()
        wait_for(lambda: "on its way into the store" in said.text())
        # And nothing is lost or doubled
        run(ledger, kafka_server, kafka_topic, group="later")
        assert contents(ledger) == sorted(lines(200))
