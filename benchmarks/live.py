"""Follow the history with a tally, batch by batch, over a short history and a long one."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.measuring import Figures, processor_seconds
from benchmarks.synthetic import context
from benchmarks.synthetic_history import made_history
from projections.history.columns import History
from projections.tallies.live_tally import LiveTally
from projections.tallies.tallies import count

BATCH = 10_000
BATCHES = 20


def live(actions: int) -> Figures:
    """Tally maintenance in batches of 10,000; the peer counts everything anew for each batch.

    In a history of ten times as many actions over the same years cases begin ten times as densely, and a batch
    touches more of them. So the first tenth of the long history is followed too: as short as the short one, and as
    dense as the long one.
    """
    short, long = made_history(max(actions // 10, 2_000)), made_history(actions)
    begun = long.upto(short.position)
    return (
        _figures(short, f"{short.position} actions")
        | _figures(begun, f"{short.position} actions as dense as {long.position}")
        | _figures(long, f"{long.position} actions")
    )


def _figures(history: History, name: str) -> Figures:
    """Follow a history, and hold the tally to one that is counted anew."""
    batch = min(BATCH, history.position // (2 * BATCHES))
    seconds, used, tally = _follow(history, batch)
    started, used_before = time.perf_counter(), processor_seconds()
    again = count(history, context()).tally()
    anew = time.perf_counter() - started, processor_seconds() - used_before
    assert tally.tally() == again, "the same tally, followed or counted anew"
    return {
        f"{name}: per second": round(batch / median(seconds)),
        f"{name}: per processor second": round(batch / median(used)),
        f"{name}: seconds a batch": median(seconds),
        f"{name}: processor seconds a batch": median(used),
        f"{name}: most seconds a batch": max(seconds),
        f"{name}: most processor seconds a batch": max(used),
        f"{name}: counted anew, seconds": anew[0],
        f"{name}: counted anew, processor seconds": anew[1],
    }


def _follow(history: History, batch: int) -> tuple[list[float], list[float], LiveTally]:
    """Seconds and processor seconds for each of the last batches."""
    tally = LiveTally(context())
    begin = history.position - BATCHES * batch
    tally.follow(history.upto(begin))
    seconds, used = [], []
    for end in range(begin + batch, history.position + 1, batch):
        known = history if end == history.position else history.upto(end)
        started, used_before = time.perf_counter(), processor_seconds()
        tally.follow(known)
        seconds.append(time.perf_counter() - started)
        used.append(processor_seconds() - used_before)
    return seconds, used, tally
