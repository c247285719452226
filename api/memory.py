"""Have free memory go back to the system at once, in a process that works in batches for long."""

from __future__ import annotations

import ctypes
import os
from typing import Final

LARGE_BYTES: Final = 1 << 20
"""From this size on a block is taken from the system by itself, and goes back to it by itself."""
SPARE_BYTES: Final = 2 * LARGE_BYTES
"""So much may stay free at the end of what a thread's smaller blocks are cut from."""

# As <malloc.h> numbers them.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3


def give_back_free_memory() -> None:
    """For the whole process, from now on. Before anything imports Arrow, which looks up its allocator once.

    Left alone, glibc raises the size of what it takes by itself with each larger block that is freed, up to 32 MB.
    All below is then cut from where small blocks lie too: what is free under one of these does not go back, nor do
    up to 64 MB at the end. So whoever merges arrays, ever longer ones, holds more and more without using it.
    Arrow's own allocator keeps what short-lived threads have freed.

    Other C libraries have no such size to be set: there everything is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_TRIM_THRESHOLD, SPARE_BYTES)
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
