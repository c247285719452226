"""Compile the scoring core where numba is installed; run the same lines as plain Python where it is not.

The functions so marked use integers and arrays only, so both ways give the same bits. `NUMBA_DISABLE_JIT=1`
(numba's own switch) also runs them uncompiled.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

numba: Any
try:
    import numba
except ImportError:  # an installation without it scores more slowly, to the same bits
    numba = None

COMPILED: bool = numba is not None and not numba.config.DISABLE_JIT
"""Whether marked functions run as machine code; `kaoji status` says so."""


OPTIONS = {"cache": True, "nogil": True, "forceinline": True, "_nrt": False}
"""Without reference counts (`_nrt`), which cost more than the fold itself and make threads wait for each other:
marked functions fill arrays that they are given, and make none. Calls are inlined, for each would hand over every
array in seven words."""


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Mark a function of the core: machine code, cached on disk, without the interpreter lock."""
    if numba is None:
        return function
    decorated: Callable[Parameters, Result] = numba.njit(**OPTIONS)(function)
    return decorated


PART_MIN = 100_000
"""Fewer items are not worth another thread."""


def processors() -> int:
    """How many threads can run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_parts(size: int, function: Callable[..., None], *arguments: Any) -> None:
    """Call `function(begin, end, *arguments)` for stretches that together are 0 to `size`, on all processors.

    The function must write what no other stretch reads.
    """
    parts = max(1, min(processors(), size // PART_MIN)) if COMPILED else 1
    borders = [size * part // parts for part in range(parts + 1)]
    if parts == 1:
        function(0, size, *arguments)
        return
    with ThreadPoolExecutor(parts) as pool:
        for each in [pool.submit(function, *pair, *arguments) for pair in pairwise(borders)]:
            each.result()
