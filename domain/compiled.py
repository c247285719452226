"""Compile the scoring core where numba is installed; run the same lines as plain Python where it is not.

The functions so marked use integers and arrays only, so both ways give the same bits. `NUMBA_DISABLE_JIT=1`
(numba's own switch) also runs them uncompiled.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from functools import cache, cached_property, update_wrapper
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import Any, Final, ParamSpec, TypeVar, cast

from domain.hints import teach_numba
from domain.log_events import CORE_SLOW
from domain.machine_code import Call, Kinds, kept_call, kinds_of, made_call

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

COMPILED: bool = find_spec("numba") is not None and os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
"""Whether marked functions run as machine code; `kaoji status` says so. An installation without numba scores more
slowly, to the same bits."""


ROOMS = ("domain", "projections")
"""Where there are marked functions."""
_IMPORTED: Final = re.compile(rf"^ *(?:from|import) ((?:{'|'.join(ROOMS)})[.\w]*)".encode(), re.MULTILINE)


def core_sources() -> dict[str, bytes]:
    """Sources of the modules with marked functions and of whatever these import of ours, by name.

    A constant that a marked function names is in its machine code, wherever it was defined, and from whatever
    others it was computed.
    """
    root = Path(__file__).parents[1]
    paths = [path for room in ROOMS for path in (root / room).rglob("*.py")]
    sources = {str(path)[len(str(root)) + 1 : -3].replace(os.sep, "."): path.read_bytes() for path in paths}
    core: dict[str, bytes] = {}
    ahead = [name for name, source in sources.items() if b"@compiled" in source]
    while ahead:
        name = ahead.pop()
        if name not in sources:
            # A package: which of its modules was meant is not looked at.
            ahead += [each for each in sources if each.startswith(f"{name}.")]
        elif name not in core:
            core[name] = sources[name]
            ahead += [each.decode() for each in _IMPORTED.findall(core[name])]
    return core


def core_digest() -> str:
    """SHA-256 of all that can be in machine code, in hexadecimal digits."""
    digest = hashlib.sha256()
    for name, source in sorted(core_sources().items()):
        digest.update(name.encode() + b"\0" + source)
    return digest.hexdigest()


def _cache_folder() -> Path | None:
    """Where machine code is kept, of these very sources; None where nothing can be written.

    Not of the file of the function called alone: what is inlined comes from others, and after an upgrade the old
    rules would go on.
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
"""The folder of the machine code; None: every process compiles anew, a quarter of a minute to score, a half to
follow."""

SLOW_BECAUSE: str | None = (
    "It runs uncompiled, a hundred times slower. Install numba, and unset NUMBA_DISABLE_JIT."
    if not COMPILED
    else "It is compiled anew by every command: neither its folder nor the user's cache can be written. "
    "Name a folder in NUMBA_CACHE_DIR."
    if CACHE is None
    else None
)
"""Why counting takes far longer than it need, and what to do; None where it does not."""

OPTIONS = {"nogil": True, "forceinline": True, "_nrt": False}
"""Without numba's own cache, which fails where a file of it is damaged or a disk full: `machine_code` is ours.
Without reference counts (`_nrt`), which cost more than the fold itself and make threads wait for each other:
marked functions fill arrays that they are given, and make none. Calls are inlined, for each would hand over every
array in seven words."""


_compiling = RLock()
"""LLVM and numba work for one thread at a time."""


class Marked:
    """A function of the core, which becomes machine code when it is first called with arguments of some kinds."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.py_func = function
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._calls: dict[Kinds | None, Call] = {}

    def __call__(self, *arguments: Any) -> Any:
        """What the function gives for these."""
        kinds = kinds_of(arguments)
        call = self._calls.get(kinds) or self._made(kinds, arguments)
        return call(*arguments)

    def _made(self, kinds: Kinds | None, arguments: tuple[Any, ...]) -> Call:
        with _compiling:
            try:
                self._calls[kinds] = self._machine_code(kinds, arguments) or self._by_numba
            except ImportError:
                _say_that_numba_is_broken()
                self._calls[kinds] = self.py_func
            return self._calls[kinds]

    def _machine_code(self, kinds: Kinds | None, arguments: tuple[Any, ...]) -> Call | None:
        """What was kept, or is compiled and kept now; None where numba must call. Raises ImportError."""
        if CACHE is None or kinds is None:
            return None
        if found := kept_call(CACHE, self._name, kinds):
            return found
        bare = _dispatcher(self.py_func, no_cpython_wrapper=True, no_cfunc_wrapper=True)
        return made_call(CACHE, self._name, kinds, bare, arguments)

    @cached_property
    def _by_numba(self) -> Any:
        return _dispatcher(self.py_func)

    @property
    def _numba_type_(self) -> Any:
        """As what numba knows it where another marked function calls it."""
        return self._by_numba._numba_type_


def _dispatcher(function: Callable[..., Any], **options: Any) -> Any:
    """numba's own way to compile and call it. Raises ImportError."""
    if broken := broken_numba():
        raise ImportError(broken)
    import numba

    teach_numba()
    return numba.njit(**{**OPTIONS, **options})(function)


@cache
def broken_numba() -> str | None:
    """Why numba, which is installed, compiles nothing, such as a NumPy that it does not know; None if it does."""
    try:
        import_module("numba")
    except ImportError as error:
        return f"numba cannot be imported ({error}). Install a numba that fits what else is installed."
    return None


@cache
def _say_that_numba_is_broken() -> None:
    CORE_SLOW.log(reason=broken_numba() or "llvmlite cannot be imported. Install numba anew.")


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Mark a function of the core: machine code, cached on disk, without the interpreter lock."""
    return cast(Callable[Parameters, Result], Marked(function)) if COMPILED else function
