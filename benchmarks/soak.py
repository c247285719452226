"""Let `kaoji consume` work for half an hour at 70 % of what it can; memory, open files and lag must stay flat."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from api.bootstrap import opened
from benchmarks.consume import PARTITIONS
from benchmarks.measuring import Figures
from benchmarks.running import Consumer, Look, Place, Sender, at_work, place, until
from benchmarks.soak_plot import draw
from benchmarks.traffic import Traffic
from domain.errors import UnreachableError
from domain.ledger.records import ACTION_TOPIC

MINUTES: Final = 30.0
SHARE: Final = 0.7
_FLAT: Final = ("memory_bytes", "handles", "lag_actions", "lag_seconds", "shown_lag_seconds")


def soak(
    actions: int,
    *,
    minutes: float = MINUTES,
    partitions: int = PARTITIONS,
    store: str = "postgres",
    into: str = ".",
) -> Figures:
    """A real `kaoji consume`: its top rate over `actions` that wait for it, then so many minutes at 70 % of that.

    The sender stops after these minutes, also where it did not come to the rate: both share the machine. Looks at
    the consumer once a second and writes soak.csv and soak.svg `into` a folder. At the end everything that was
    sent is in the ledger once, and in the views. `store`: postgres or sqlite.
    """
    try:
        with place(store, partitions=partitions) as at:
            run = _Run(at, actions)
            looks = run.soaked(minutes)
            run.check()
    except UnreachableError as error:
        return {"soak": f"not measured: {error}"}
    figures = Path(into) / "soak.csv"
    write(figures, looks)
    draw(figures, figures.with_suffix(".svg"))
    return run.figures | told(looks)


class _Run:
    """One consumer from its start to its end, and what was sent to it."""

    def __init__(self, at: Place, size: int) -> None:
        self._at, self._size, self._sent = at, size, 0
        self.figures: Figures = {}

    def soaked(self, minutes: float) -> list[Look]:
        """A look a second while actions come at a steady rate; seconds count from the first."""
        self._sent = self._send(self._size, rate=0).wait()
        consumer = Consumer(self._at)
        with at_work(consumer):
            looks = until(lambda look: look.shown >= self._sent, consumer, seconds=0.1)
            begun = max((look.seconds for look in looks if look.shown == 0), default=looks[0].seconds)
            top = self._sent / (looks[-1].seconds - begun)
            rate = max(1, int(top * SHARE))
            self.figures = {"top rate: per second": round(top), "soak: wanted per second": rate}
            sender = self._send(int(rate * minutes * 60), rate=rate, seconds=minutes * 60)
            found = self._watched(consumer, sender)
            sent = sender.wait()
            self._sent += sent
            until(lambda look: look.shown >= self._sent, consumer, seconds=0.2)
            told_to_end = time.monotonic()
            totals = consumer.totals()
            self.figures |= {
                "soak: sent": sent,
                "seconds from SIGTERM to its end": time.monotonic() - told_to_end,
            }
        everything = {"read": self._sent, "recorded": self._sent, "duplicates": 0, "quarantined": 0}
        assert everything.items() <= totals.items(), f"{self._sent} sent, and {totals}"
        return found

    def _send(self, count: int, *, rate: int, seconds: float = 0.0) -> Sender:
        return Sender(self._at, size=self._size, first=self._sent, count=count, rate=rate, seconds=seconds)

    def _watched(self, consumer: Consumer, sender: Sender) -> list[Look]:
        # The sender makes its actions before it sends the first.
        until(lambda look: look.position > self._size, consumer, seconds=0.2)
        begun, looks = time.monotonic(), list[Look]()
        while True:
            look = consumer.look()
            assert look is not None, "it listens until it is told to end"
            looks.append(look._replace(seconds=look.seconds - begun))
            if not sender.at_work():
                return looks
            time.sleep(max(0.0, begun + len(looks) - time.monotonic()))

    def check(self) -> None:
        """Everything that was sent is in the ledger exactly once, and in all views."""
        traffic, seen, after = Traffic(self._size), np.zeros(self._sent, np.uint8), 0
        with opened(self._at.settings, create=False) as kaoji:
            head = kaoji.ledger.head().position
            assert {each.position for each in kaoji.driver.lags()} == {head}, "all views are up with the ledger"
            while events := kaoji.ledger.read(after=after, limit=10_000):
                for event in events:
                    assert event.topic == ACTION_TOPIC, f"nothing else was recorded: {event.topic}"
                    seen[traffic.number(event.facts)] += 1
                after = events[-1].position
        assert after == head == self._sent, f"{self._sent} sent, {head} recorded"
        assert (seen == 1).all(), "each action once"
        self.figures["recorded, each once"] = head


def write(file: Path, looks: Sequence[Look]) -> None:
    """Looks as CSV."""
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(Look._fields)
        for look in looks:
            rows.writerow([round(value, 2) for value in look])


def told(looks: Sequence[Look]) -> Figures:
    """Whether it was flat: medians of the first and of the last quarter, and the slope by least squares."""
    seconds = np.array([look.seconds for look in looks])
    quarter = max(1, len(looks) // 4)
    figures: Figures = {"soak: minutes": float(seconds[-1] / 60), "soak: looks": len(looks)}
    for name in _FLAT:
        values = np.array([getattr(look, name) for look in looks], float) / (1e6 if name == "memory_bytes" else 1)
        label = {"memory_bytes": "memory MB", "handles": "open files"}.get(name, name.replace("_", " "))
        figures[f"{label}: first quarter"] = float(np.median(values[:quarter]))
        figures[f"{label}: last quarter"] = float(np.median(values[-quarter:]))
        figures[f"{label}: most"] = float(values.max())
        if len(looks) > 2:
            figures[f"{label}: slope a minute"] = float(np.polyfit(seconds / 60, values, 1)[0])
    if len(looks) > 2:
        read = np.array([look.read for look in looks], float)
        memory = np.array([look.memory_bytes for look in looks], float)
        figures["memory: bytes more for each action"] = float(np.polyfit(read, memory, 1)[0])
        spent = looks[-1].seconds - looks[0].seconds
        figures["soak: read per second"] = round((looks[-1].read - looks[0].read) / spent)
        used = looks[-1].processor_seconds - looks[0].processor_seconds
        figures["processors used by the consumer"] = used / spent
    return figures
