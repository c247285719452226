"""Measure by turns: our way and its peers in the same run, several times, the medians compared."""

from __future__ import annotations

import gc
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping

Figures = dict[str, float | int | str]
ROUNDS = 5


def by_turns(
    ways: Mapping[str, Callable[[], object]], *, items: int, rounds: int = ROUNDS, warm: bool = False
) -> Figures:
    """Seconds and items a second of each way (medians over rounds run A B A B …), and ratios to the first.

    Processor seconds are those of all threads and of processes that ended: where other work runs on the machine,
    they say more than seconds by the clock. `warm`: each way was gone once already.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    if not warm:
        for way in ways.values():
            way()  # once without the clock: caches, compiled code
    for _ in range(rounds):
        for name, way in ways.items():
            gc.collect()
            started, used = time.perf_counter(), processor_seconds()
            way()
            seconds[name].append(time.perf_counter() - started)
            processor[name].append(processor_seconds() - used)
    figures: Figures = {}
    ours = next(iter(ways))
    for name, all_rounds in seconds.items():
        median = statistics.median(all_rounds)
        figures[f"{name}: seconds"] = median
        figures[f"{name}: processor seconds"] = statistics.median(processor[name])
        figures[f"{name}: per second"] = round(items / median)
        if name != ours:
            ratios = [theirs / mine for theirs, mine in zip(all_rounds, seconds[ours], strict=True)]
            figures[f"{ours} against {name}"] = statistics.median(ratios)
    return figures


def processor_seconds() -> float:
    """Used so far by this process and by its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def machine() -> str:
    """What the figures were measured on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
