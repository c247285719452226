"""What a marked function may tell the compiler and the processor, beside what it computes.

Hints change no result.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from numpy.typing import NDArray


def natural(number: int) -> int:
    """The number, which is not negative.

    Python counts a negative index from the end. Where the compiler cannot see that there is none, every access
    corrects its index first, and keeps the length of the array at hand for it. The compiler believes what is said
    here; plain Python looks.
    """
    assert number >= 0, f"{number} was said not to be negative"
    return number


def prefetch(records: NDArray[Any], index: int) -> None:
    """Have the processor fetch what lies there, which is needed soon, and go on meanwhile."""


@cache
def teach_numba() -> None:
    """Have numba compile the hints. Raises ImportError."""
    # Nothing of it says of what type it is.
    ir, numba, codegen, arrays = map(
        import_module, ("llvmlite.ir", "numba.extending", "numba.core.cgutils", "numba.np.arrayobj")
    )
    types: Any = import_module("numba.types")
    number, place = ir.IntType(32), ir.IntType(8).as_pointer()
    assume = ir.FunctionType(ir.VoidType(), [ir.IntType(1)])
    fetch = ir.FunctionType(ir.VoidType(), [place, number, number, number])
    to_read, into_all_caches, data = number(0), number(3), number(1)

    def lower_natural(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = context.cast(builder, arguments[0], signature.args[0], types.int64)
        is_natural = builder.icmp_signed(">=", found, found.type(0))
        builder.call(builder.module.declare_intrinsic("llvm.assume", [], assume), [is_natural])
        return found

    def lower_prefetch(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index = signature.args
        at = context.cast(builder, arguments[1], index, types.int64)
        records = arrays.make_array(array)(context, builder, arguments[0])
        found = builder.bitcast(codegen.get_item_pointer(context, builder, array, records, [at]), place)
        hint = builder.module.declare_intrinsic("llvm.prefetch", [place], fetch)
        builder.call(hint, [found, to_read, into_all_caches, data])
        return context.get_dummy_value()

    numba.type_callable(natural)(lambda _context: lambda _number: types.int64)
    numba.lower_builtin(natural, types.Integer)(lower_natural)
    numba.type_callable(prefetch)(lambda _context: lambda _records, _index: types.none)
    numba.lower_builtin(prefetch, types.Array, types.Integer)(lower_prefetch)
