"""Compile the scoring core where numba is installed; run the same lines as plain Python where it is not.

The functions so marked use integers and arrays only, so both ways give the same bits. `NUMBA_DISABLE_JIT=1`
(numba's own switch) also runs them uncompiled.
"""

from __future__ import annotations

from collections.abc import Callable
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


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Mark a function of the core: machine code, cached on disk, without the interpreter lock."""
    if numba is None:
        return function
    decorated: Callable[Parameters, Result] = numba.njit(cache=True, nogil=True)(function)
    return decorated
