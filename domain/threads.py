"""Have all processors at work on what can be counted apart."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from itertools import pairwise
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.compiled import COMPILED

Item = TypeVar("Item")
Result = TypeVar("Result")

ROUNDS: Final = 16
PART_MIN: Final = 100_000
"""Fewer items are not worth another thread."""


def processors() -> int:
    """How many threads can run at once."""
    if not COMPILED:
        return 1  # the interpreter runs one at a time
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _workers() -> ThreadPoolExecutor:
    """Threads that are kept: one that is begun anew for a few milliseconds is often given the very processor on
    which its maker runs, and waits for it."""
    return ThreadPoolExecutor(max(1, processors() - 1), thread_name_prefix="kaoji-core")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.cache_clear)


def at_once(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What work gives for each item: for the first on this thread, for the others meanwhile on others.

    Raises what work raises, when none is at work any more.
    """
    first, *others = items
    if not others:
        return [work(first)]
    waiting = [_workers().submit(work, item) for item in others]
    try:
        results = [work(first)]
        for item, each in zip(others, waiting, strict=True):
            # What no thread has begun, for they have other work, is quicker done than waited for.
            results.append(work(item) if each.cancel() else each.result())
        return results
    finally:
        wait([each for each in waiting if not each.cancel()])


def dealt(items: NDArray[Any], hands: int) -> list[NDArray[Any]]:
    """The items dealt out in rounds, some neighbours at a time to each hand: neighbours lie near each other in
    memory and cost alike, and those far from each other do not."""
    some = np.array_split(items, hands * ROUNDS)
    return [np.concatenate(some[hand::hands]) for hand in range(hands)]


def in_parts(size: int, function: Callable[..., None], *arguments: Any) -> None:
    """Call `function(begin, end, *arguments)` for stretches that together are 0 to `size`, on all processors.

    The function must write what no other stretch reads.
    """

    def work(part: tuple[int, int]) -> None:
        function(*part, *arguments)

    at_once(work, stretches(size, PART_MIN))


def stretches(size: int, least: int) -> list[tuple[int, int]]:
    """Where stretches begin and end that together are 0 to `size`: one for each processor, or fewer, so that none
    is shorter than `least`."""
    parts = max(1, min(processors(), size // least))
    return list(pairwise(size * part // parts for part in range(parts + 1)))
