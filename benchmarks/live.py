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
    """Tally maintenance in batches of 10,000; the peer counts everything anew for each batch."""
    figures: Figures = {}
    for size in (max(actions // 10, 2_000), actions):
        history = made_history(size)
        batch = min(BATCH, size // (2 * BATCHES))
        seconds, used, tally = _follow(history, batch)
        started, used_before = time.perf_counter(), processor_seconds()
        again = count(history, context()).tally()
        anew = time.perf_counter() - started, processor_seconds() - used_before
        assert tally.tally() == again, "the same tally, followed or counted anew"
        figures[f"{size} actions: per second"] = round(batch / median(seconds))
        figures[f"{size} actions: per processor second"] = round(batch / median(used))
        figures[f"{size} actions: seconds a batch"] = median(seconds)
        figures[f"{size} actions: processor seconds a batch"] = median(used)
        figures[f"{size} actions: most seconds a batch"] = max(seconds)
        figures[f"{size} actions: counted anew, seconds"] = anew[0]
        figures[f"{size} actions: counted anew, processor seconds"] = anew[1]
    return figures


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
