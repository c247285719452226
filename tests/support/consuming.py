"""Consuming in tests: short runs in this process, and a process of its own that can be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from kafka import KafkaProducer

from consumers.kafka import OffsetLedger, consume
from consumers.pipeline import Totals
from domain.ledger.ledger import Ledger, open_ledger
from tests.support.ledgers import record

ROOT = Path(__file__).parents[2]
QUICK = {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 500}


def now() -> int:
    return time.time_ns() // 1000


@contextmanager
def opened(store: str, folder: Path) -> Iterator[Ledger]:
    ledger = open_ledger(store, keys=folder / "keys.db", clock=now)
    try:
        yield ledger
    finally:
        ledger.close()


def run(ledger: OffsetLedger, bootstrap: str, topic: str, **options: Any) -> Totals:
    """Consume until nothing new comes."""
    return consume(
        ledger, bootstrap=bootstrap, topic=topic, clock=now, **{"until_idle": 0.5, "config": QUICK, **options}
    )


def lines(count: int, *, first: int = 1) -> list[bytes]:
    return [record(f"a-{number}", subject=f"case-{number % 17}") for number in range(first, first + count)]


def producer(bootstrap: str, **options: Any) -> KafkaProducer:
    return KafkaProducer(bootstrap_servers=bootstrap, acks="all", **options)


def contents(ledger: Ledger) -> list[bytes]:
    """All facts in the ledger, in an order of their own."""
    return sorted(event.facts for event in ledger.read(after=0, limit=1_000_000))


def wait_for(condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class Wrapped:
    """A ledger that does something of its own on the way."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.classify, self.head, self.max_tracking_id = ledger.classify, ledger.head, ledger.max_tracking_id


class Said:
    """What a process says on standard error, collected while it runs."""

    def __init__(self, one: subprocess.Popen[str]) -> None:
        self._lines: list[str] = []
        assert one.stderr is not None
        Thread(target=self._lines.extend, args=(one.stderr,), daemon=True).start()

    def text(self) -> str:
        return "".join(self._lines)


@contextmanager
def process(
    store: str,
    folder: Path,
    bootstrap: str,
    topic: str,
    *,
    batch: int = 500,
    idle: float = 2,
    group: str = "kaoji",
) -> Iterator[subprocess.Popen[str]]:
    """A consumer that can be killed."""
    arguments = [store, folder / "keys.db", bootstrap, topic, batch, idle, group]
    one = subprocess.Popen(
        [sys.executable, "-m", "tests.support.kafka_process", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield one
    finally:
        one.kill()
        one.communicate()
