"""Compile the scoring core where numba is installed; run the same lines as plain Python where it is not.

The functions so marked use integers and arrays only, so both ways give the same bits. `NUMBA_DISABLE_JIT=1`
(numba's own switch) also runs them uncompiled.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
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


ROOMS = ("domain", "projections")
"""Where there are marked functions."""


def core_digest() -> str:
    """SHA-256 of the sources of all marked functions, in hexadecimal digits."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        source = path.read_bytes()
        if b"@compiled" in source:
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + source)
    return digest.hexdigest()


def _cache_folder() -> Path | None:
    """Where machine code is kept, of these very sources; None where nothing can be written.

    numba itself looks only at the file of the function called, not at those that are inlined from others: after
    an upgrade it would go on with the old rules.
    """
    name = f"core-{core_digest()[:16]}"
    for place in _places():
        folder = place / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def _places() -> Iterator[Path]:
    """Beside the code; else, or if the code is nobody's to write to, with the user's other caches."""
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(given)
        return
    yield Path(__file__).parent / "__pycache__"
    yield Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "kaoji"


CACHE: Path | None = _cache_folder() if COMPILED else None
"""The folder of the machine code; None: every process compiles anew, for ten to fifteen seconds."""
if CACHE:
    numba.config.CACHE_DIR = str(CACHE)

OPTIONS = {"cache": CACHE is not None, "nogil": True, "forceinline": True, "_nrt": False}
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
