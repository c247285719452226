"""Measure by turns: our way and its peers in the same run, several times, the medians compared."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping

Figures = dict[str, float | int | str]
ROUNDS = 5


def by_turns(ways: Mapping[str, Callable[[], object]], *, items: int, rounds: int = ROUNDS) -> Figures:
    """Seconds and items a second of each way (medians over rounds run A B A B …), and ratios to the first."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()  # once without the clock: caches, compiled code
    for _ in range(rounds):
        for name, way in ways.items():
            gc.collect()
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    figures: Figures = {}
    ours = next(iter(ways))
    for name, all_rounds in seconds.items():
        median = statistics.median(all_rounds)
        figures[f"{name}: seconds"] = median
        figures[f"{name}: per second"] = round(items / median)
        if name != ours:
            ratios = [theirs / mine for theirs, mine in zip(all_rounds, seconds[ours], strict=True)]
            figures[f"{ours} against {name}"] = statistics.median(ratios)
    return figures


def machine() -> str:
    """What the figures were measured on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
