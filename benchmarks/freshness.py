"""Send actions at a steady rate; measure how long after sending each one is recorded, and part of the scores."""

from __future__ import annotations

import time
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.bootstrap import opened
from benchmarks.consume import PARTITIONS
from benchmarks.measuring import Figures
from benchmarks.running import (
    STILL_SECONDS_MAX,
    Command,
    Consumer,
    Place,
    Sender,
    Server,
    at_work,
    held,
    place,
    until,
)
from benchmarks.traffic import AT_ONCE, Traffic
from domain.errors import UnreachableError

RATE: Final = 5_000
WARM_SECONDS: Final = 5.0
"""What was sent meanwhile is no steady state: the first tally is made, and what waited for it."""
ASK_SECONDS: Final = 0.2
LOOK_SECONDS: Final = 1.0
_SCORES: Final = "/scores?policy=gx-2012&from=2011-01-01&to=2011-12-31&by=staff"
_STORES: Final = {"postgres": "PostgreSQL", "sqlite": "SQLite"}


def freshness(
    actions: int, *, rate: int = RATE, partitions: int = PARTITIONS, store: str | None = None
) -> Figures:
    """From sending until `kaoji serve` shows scores with it, at `rate` actions a second, `actions` of them.

    `kaoji consume` takes them in. Somebody asks for the scores of all staff every ASK_SECONDS; each answer names
    the position up to which it holds everything. Memory and open files are those of the consumer, after a quarter
    of the time and at the end. `store`: postgres or sqlite; without it one after the other.
    """
    figures: Figures = {}
    for name in _STORES if store is None else [store]:
        try:
            with place(name, partitions=partitions) as at:
                figures |= _measured(_STORES[name], at, actions, rate)
        except UnreachableError as error:
            figures[f"{_STORES[name]}: freshness"] = f"not measured: {error}"
    return figures


class _Answers(NamedTuple):
    """What was seen from outside: when scores with everything up to a position came; memory and open files."""

    times: NDArray[np.float64]
    positions: NDArray[np.int64]
    held: NDArray[np.float64]
    processor_seconds: float


def _measured(name: str, at: Place, actions: int, rate: int) -> Figures:
    consumer = Consumer(at)
    with at_work(consumer):
        until(lambda _: True, consumer, seconds=0.1)
        server = Server(at)
        with at_work(server):
            _first_answer(server)
            sender = Sender(at, size=actions, first=0, count=actions, rate=rate)
            answers = _asked(server, consumer, actions)
            sender.wait()
            server.end()
        totals = consumer.totals()
    assert totals["recorded"] == totals["read"] == actions, f"every action once: {totals}"
    sent, recorded = _times(at, actions, np.load(sender.times))
    seen = answers.times[np.searchsorted(answers.positions, np.arange(1, actions + 1))]
    steady = slice(int(min(actions // 2, rate * WARM_SECONDS)), None)
    late = answers.held[len(answers.held) // 4 :]
    return {
        f"{name}: sent per second": round((actions - 1) / (sent.max() - sent.min())),
        **_ages(f"{name}: recorded after", (recorded - sent)[steady]),
        **_ages(f"{name}: in scores after", (seen - sent)[steady]),
        f"{name}: answers": len(answers.times),
        f"{name}: processor microseconds each, consumer": answers.processor_seconds / actions * 1e6,
        f"{name}: memory MB after a quarter": round(late[0][0] / 1e6),
        f"{name}: memory MB at the end": round(late[-1][0] / 1e6),
        f"{name}: open files after a quarter": int(late[0][1]),
        f"{name}: open files at the end": int(late[-1][1]),
    }


def _first_answer(server: Server) -> None:
    while server.ask(_SCORES) is None:
        time.sleep(0.1)


def _asked(server: Server, consumer: Command, actions: int) -> _Answers:
    """Ask until the scores hold everything. Fails where they stand still."""
    found: list[tuple[float, int]] = []
    looks = [held(consumer.process.pid)]
    begun = moved = time.monotonic()
    while not found or found[-1][1] < actions:
        position = int(server.ask(_SCORES)["as_of"])
        now = time.monotonic()
        if not found or position > found[-1][1]:
            found.append((time.time(), position))
            moved = now
        assert now - moved < STILL_SECONDS_MAX, f"the scores stand still at {found[-1][1]}"
        if now - begun >= LOOK_SECONDS * len(looks):
            looks.append(held(consumer.process.pid))
        time.sleep(max(0.0, ASK_SECONDS - (time.monotonic() - now)))
    times, positions = zip(*found, strict=True)
    looks.append(held(consumer.process.pid))
    return _Answers(np.array(times), np.array(positions), np.array(looks, float), looks[-1][2] - looks[0][2])


def _times(at: Place, actions: int, sent_at: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When what lies at each position was sent, and when it was recorded: seconds since 1970."""
    traffic, after = Traffic(actions), 0
    sent, recorded = np.empty(actions), np.empty(actions)
    with opened(at.settings, create=False) as kaoji:
        while events := kaoji.ledger.read(after=after, limit=10_000):
            numbers = np.array([traffic.number(event.facts) for event in events])
            sent[after : after + len(events)] = sent_at[numbers // AT_ONCE]
            recorded[after : after + len(events)] = [event.recorded_at / 1e6 for event in events]
            after += len(events)
    assert after == actions, f"{actions} sent, {after} recorded"
    return sent, recorded


def _ages(name: str, ages: NDArray[np.float64]) -> Figures:
    return {
        f"{name}, p50 seconds": float(np.percentile(ages, 50)),
        f"{name}, p99 seconds": float(np.percentile(ages, 99)),
        f"{name}, most seconds": float(ages.max()),
    }
