"""Follow the history with a tally, batch by batch, over a short history and a long one."""

from __future__ import annotations

import time

from benchmarks.measuring import Figures
from benchmarks.synthetic import context
from benchmarks.synthetic_history import made_history
from projections.history.columns import History
from projections.live_tally import LiveTally
from projections.tallies import count

BATCH = 10_000
BATCHES = 10


def live(actions: int) -> Figures:
    """Tally maintenance in batches of 10,000; the peer counts everything anew for each batch."""
    figures: Figures = {}
    for size in (max(actions // 10, 2_000), actions):
        history = made_history(size)
        batch = min(BATCH, size // (2 * BATCHES))
        seconds, tally = _follow(history, batch)
        anew = time.perf_counter()
        again = count(history, context()).tally()
        anew = time.perf_counter() - anew
        assert tally.tally() == again, "the same tally, followed or counted anew"
        median = sorted(seconds)[len(seconds) // 2]
        figures[f"{size} actions: per second"] = round(batch / median)
        figures[f"{size} actions: seconds a batch"] = median
        figures[f"{size} actions: counted anew, seconds"] = anew
    return figures


def _follow(history: History, batch: int) -> tuple[list[float], LiveTally]:
    """Seconds for each of the last batches."""
    tally = LiveTally(context())
    begin = history.position - BATCHES * batch
    tally.follow(history.upto(begin))
    seconds = []
    for end in range(begin + batch, history.position + 1, batch):
        known = history if end == history.position else history.upto(end)
        started = time.perf_counter()
        tally.follow(known)
        seconds.append(time.perf_counter() - started)
    return seconds, tally
