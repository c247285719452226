"""Call marked functions as machine code that an earlier process kept, without importing the compiler.

numba compiles. What it made is kept as an object file for each function and kinds of its arguments (@compiled says
which functions), and LLVM puts that into memory in a hundredth of a second; numba takes a tenth to import, and two
more to load what it keeps itself. So it is imported only where nothing was kept.

Such code is called as numba's own would call it: with the place of the result, that of an error, and every
argument, an array as seven numbers or more. Whether this numba does so is looked at, type by type, when it
compiles. Where it does not, or where an argument or result is of another kind, numba calls.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Word: TypeAlias = Any
"""A type of ctypes."""
Kinds = tuple[Any, ...]
Call = Callable[..., Any]

_POINTER: Final = ctypes.c_void_p
_NUMBER: Final = ctypes.c_int64
_SCALARS: Final[dict[type, Word]] = {
    int: _NUMBER,
    np.int64: _NUMBER,
    np.int32: ctypes.c_int32,
    np.uint64: ctypes.c_uint64,
    bool: ctypes.c_bool,
    np.bool_: ctypes.c_bool,
}
_NUMBERS: Final = {"none": 0, "bool": 1, "int64": 1, "UniTuple(int64 x 2)": 2, "UniTuple(int64 x 3)": 3}
"""What may be returned: how many numbers it makes."""
_DONE: Final = 0
"""What numba's code says of itself where it raised nothing."""


class Code(NamedTuple):
    """Machine code of a function for arguments of some kinds."""

    symbol: str
    returned: str
    content: bytes


def kinds_of(arguments: Sequence[Any]) -> Kinds | None:
    """What numba tells arguments apart by; None where one of them is neither a number nor an array."""
    kinds: list[Any] = []
    for each in arguments:
        if isinstance(each, np.ndarray):
            flags = each.flags
            order = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
            kinds.append((each.dtype, each.ndim, order, flags.writeable))
        elif type(each) in _SCALARS:
            kinds.append(type(each))
        else:
            return None
    return tuple(kinds)


def kept_call(folder: Path, name: str, kinds: Kinds) -> Call | None:
    """The function of that name as it was kept; None where it was not, or is not as it was written."""
    try:
        checksum, _, kept = _path(folder, name, kinds).read_bytes().partition(b"\n")
    except OSError:
        return None
    if checksum != _checksum(kept):
        return None
    head, _, content = kept.partition(b"\n")
    told = json.loads(head)
    return _call(Code(told["symbol"], told["returned"], content), kinds)


def made_call(folder: Path, name: str, kinds: Kinds, dispatcher: Any, arguments: Sequence[Any]) -> Call | None:
    """The function as numba's dispatcher compiles it now, kept for others; None where numba must call it."""
    code = _compiled(dispatcher, kinds, arguments)
    if code is None:
        return None
    kept = json.dumps({"symbol": code.symbol, "returned": code.returned}).encode() + b"\n" + code.content
    with suppress(OSError):  # Without room it is compiled anew the next time.
        _write(_path(folder, name, kinds), _checksum(kept) + b"\n" + kept)
    return _call(code, kinds)


def _compiled(dispatcher: Any, kinds: Kinds, arguments: Sequence[Any]) -> Code | None:
    import llvmlite.binding as llvm
    import numba

    signature = tuple(map(numba.typeof, arguments))
    dispatcher.compile(signature)
    made = dispatcher.overloads[signature]
    returned = str(made.signature.return_type)
    convention = dispatcher.targetctx.call_conv
    called = convention.get_function_type(made.fndesc.restype, made.fndesc.argtypes)
    if returned not in _NUMBERS or not _is_called_so(called, returned, kinds):
        return None
    module = llvm.parse_assembly(dispatcher.inspect_llvm(signature))
    if any(each.is_declaration and not each.name.startswith("llvm.") for each in module.functions):
        return None  # It needs what only numba has in memory.
    return Code(made.fndesc.llvm_func_name, returned, _target_machine().emit_object(module))


def _is_called_so(called: Any, returned: str, kinds: Kinds) -> bool:
    """Whether numba hands over the very words that `_call` does."""
    from llvmlite import ir

    words = [word for kind in kinds for word in _words_of(kind)]
    result, _error, *told = called.args
    numbers = _NUMBERS[returned]
    room = ir.ArrayType(ir.IntType(64), numbers) if numbers > 1 else ir.IntType(8 if returned == "bool" else 64)
    return (
        called.return_type == ir.IntType(32)
        and (numbers == 0 or result == ir.PointerType(room))
        and len(told) == len(words)
        and all(
            isinstance(each, ir.PointerType) if word is _POINTER else each == ir.IntType(8 * ctypes.sizeof(word))
            for each, word in zip(told, words, strict=True)
        )
    )


def _words_of(kind: Any) -> list[Word]:
    """The words in which an argument is handed over."""
    if isinstance(kind, type):
        return [_SCALARS[kind]]
    # Who counts references, and the owner: nobody. Then entries, bytes of each, the place, shape and strides.
    return [_POINTER, _POINTER, _NUMBER, _NUMBER, _POINTER, *[_NUMBER] * (2 * kind[1])]


def _call(code: Code, kinds: Kinds) -> Call:
    """A function that calls machine code. It lets other threads of Python run meanwhile."""
    engine = _loaded(code.content)
    words = [word for kind in kinds for word in _words_of(kind)]
    function = ctypes.CFUNCTYPE(ctypes.c_int32, _POINTER, _POINTER, *words)(
        engine.get_function_address(code.symbol)
    )
    rows_of = [0 if isinstance(kind, type) else _bytes_of_rows(kind) for kind in kinds]
    numbers, is_flag = _NUMBERS[code.returned], code.returned == "bool"

    def call(*arguments: Any, _engine: Any = engine) -> Any:
        handed: list[Any] = []
        for each, row in zip(arguments, rows_of, strict=True):
            if row:
                many = len(each)
                handed += (None, None, many, row, _place_of(each), many, row)
            elif row is None:
                handed += (None, None, each.size, each.itemsize, _place_of(each), *each.shape, *each.strides)
            else:
                handed.append(each if type(each) in (int, bool) else each.item())
        found, error = (_NUMBER * max(1, numbers))(), _POINTER()
        ended = function(ctypes.addressof(found), ctypes.addressof(error), *handed)
        assert ended == _DONE, "a marked function raises nothing"
        if numbers > 1:
            return tuple(found)
        return bool(found[0]) if is_flag else found[0] if numbers else None

    return call


def _bytes_of_rows(kind: Any) -> int | None:
    """How many bytes an entry of a plain array has, one entry behind the other; None of any other array."""
    dtype, dimensions, order, _ = kind
    return int(dtype.itemsize) if (dimensions, order) == (1, "C") else None


def _place_of(array: NDArray[Any]) -> int | None:
    """Where its entries are. That comes first in an array, behind what every object begins with (NumPy's interface
    for C); asking the array for it takes five times as long."""
    return _POINTER.from_address(id(array) + object.__basicsize__).value


def _loaded(content: bytes) -> Any:
    """An engine of LLVM that holds an object file, for as long as it is kept."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(content))
    engine.finalize_object()
    return engine


def _target_machine() -> Any:
    """This very processor, as numba asks for it. Each engine takes its own along."""
    import llvmlite.binding as llvm

    _start_llvm()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="static" if target.name.startswith("x86") else "default",
        codemodel="jitdefault",
        jit=True,
    )


@cache
def _start_llvm() -> None:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@cache
def _machine_digest() -> str:
    """What machine code depends on beside its source: the compiler, LLVM, and the processor."""
    import llvmlite
    import llvmlite.binding as llvm

    _start_llvm()
    spec = find_spec("numba")
    assert spec is not None, "marked functions are compiled where numba is installed"
    assert spec.origin is not None, "numba is a package with files"
    told = [
        Path(spec.origin).with_name("_version.py").read_text(),
        llvmlite.__version__,
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
    ]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()


def _path(folder: Path, name: str, kinds: Kinds) -> Path:
    said = "\0".join([_machine_digest(), name, *map(_text_of, kinds)])
    return folder / f"{name}-{hashlib.sha256(said.encode()).hexdigest()[:16]}.code"


@cache
def _text_of(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else repr(kind)


def _checksum(kept: bytes) -> bytes:
    return hashlib.sha256(kept).hexdigest().encode()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: other processes read. Raises OSError."""
    handle, unfinished = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(unfinished).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(unfinished).unlink()
        raise
