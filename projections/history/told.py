"""Read what many stored actions say as columns of texts: all at once, or, where that cannot be, one by one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
from numpy.typing import NDArray

from domain.actions.stored_facts import Facts, read_all_facts
from domain.actions.upcasts import all_newest

Column: TypeAlias = Any
"""An Arrow array: the stubs know too little of what can be done with one."""
Told: TypeAlias = Mapping[str, Column]
"""A column for each field of TOLD; null where an action does not state it."""

_ENVELOPE: Final = ("id", "source", "type", "subject", "time", "sequence")
_TEXTS: Final = (
    "procedure",
    "step",
    "unit",
    "owner",
    "actor",
    "supervisor",
    "outcome",
    "due",
    "reason",
    "recorded_by",
    "to_unit",
)
_MEANT: Final = ("source", "id", "case")
PARTICIPANTS: Final = pa.list_(pa.struct([("staff", pa.string()), ("share", pa.float64())]))
TOLD: Final[Mapping[str, pa.DataType]] = {
    **dict.fromkeys((*_ENVELOPE, *_TEXTS, *(f"of_{name}" for name in _MEANT)), pa.string()),
    "rating": pa.float64(),
    "basis": pa.bool_(),
    "evidence": pa.bool_(),
    "participants": PARTICIPANTS,
}
"""`basis` and `evidence` say whether there is any; `of_*` are the members of `of`."""

_PIECE_MIN: Final = 2_000
_PIECE_BYTES_MAX: Final = 1 << 28
_DATA: Final = pa.struct(
    [
        *((name, pa.string()) for name in _TEXTS),
        ("rating", pa.float64()),
        ("basis", pa.list_(pa.string())),
        ("evidence", pa.list_(pa.struct([]))),
        ("participants", PARTICIPANTS),
        ("of", pa.struct([(name, pa.string()) for name in _MEANT])),
    ]
)
_PARSING: Final = pj.ParseOptions(
    explicit_schema=pa.schema([*((name, pa.string()) for name in _ENVELOPE), ("data", _DATA)]),
    newlines_in_values=True,
    unexpected_field_behavior="ignore",
)


def read_told(stored: Sequence[bytes]) -> Told:
    """What stored actions say. Raises msgspec.MsgspecError if one of them cannot be read."""
    stored = all_newest(stored)
    many = max(1, min(os.cpu_count() or 1, len(stored) // _PIECE_MIN))
    borders = [len(stored) * piece // many for piece in range(many + 1)]
    pieces = [stored[begin:end] for begin, end in pairwise(borders)]
    if many == 1:
        return _read_piece(pieces[0])
    # Arrow reads without the interpreter's lock, so that pieces are read at the same time.
    with ThreadPoolExecutor(many) as pool:
        return together(list(pool.map(_read_piece, pieces)))


def together(told: Sequence[Told]) -> Told:
    """Some actions, then others."""
    return told[0] if len(told) == 1 else {name: pa.concat_arrays([each[name] for each in told]) for name in TOLD}


def _read_piece(stored: Sequence[bytes]) -> Told:
    joined = b"\n".join(stored)
    if stored and len(joined) <= _PIECE_BYTES_MAX:
        # One block, for a text must not straddle two; Arrow's own threads would only be in the way.
        reading = pj.ReadOptions(use_threads=False, block_size=len(joined) + 1)
        try:
            source: Any = pa.BufferReader(joined)  # the stubs know no buffers
            table = pj.read_json(source, read_options=reading, parse_options=_PARSING)
        except pa.ArrowInvalid:
            pass  # It is stricter in what nobody asks for, and says less about what is wrong.
        else:
            if table.num_rows == len(stored):
                return _told_of_table(table)
    return told_of(read_all_facts(stored))


def _told_of_table(table: pa.Table) -> Told:
    columns: dict[str, Column] = {name: _whole(table[name]) for name in table.column_names}
    columns |= _members(columns.pop("data"))
    columns |= {f"of_{name}": column for name, column in _members(columns.pop("of")).items()}
    for name in ("basis", "evidence"):
        columns[name] = pa.array(lengths(columns[name]) > 0)
    return {name: columns[name] for name in TOLD}


def _whole(column: Column) -> Column:
    return pa.concat_arrays(column.chunks)


def _members(column: Column) -> dict[str, Column]:
    return {field.name: member for field, member in zip(column.type, column.flatten(), strict=True)}


def told_of(facts: Sequence[Facts]) -> Told:
    """What actions say that were read one by one."""
    data = [each.data for each in facts]
    columns: dict[str, Any] = {name: [getattr(each, name) for each in facts] for name in _ENVELOPE}
    columns |= {name: [getattr(each, name) for each in data] for name in (*_TEXTS, "rating")}
    for name in _MEANT:
        columns[f"of_{name}"] = [None if each.of is None else getattr(each.of, name) for each in data]
    columns |= {name: [bool(getattr(each, name)) for each in data] for name in ("basis", "evidence")}
    columns["participants"] = [
        each.participants and [{"staff": one.staff, "share": one.share} for one in each.participants]
        for each in data
    ]
    return {name: pa.array(columns[name], kind) for name, kind in TOLD.items()}


def lengths(column: Column) -> NDArray[np.int32]:
    """How many members each list has; none where there is no list."""
    found: Column = pc.list_value_length(column)
    many: NDArray[np.int32] = pc.fill_null(found, 0).to_numpy(zero_copy_only=False)
    return many


def texts_at(column: Column) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """UTF-8 of texts that stand one after the other, and where each begins; the last entry is where all end."""
    _, offsets, text = column.buffers()
    if len(column) == 0:
        return np.empty(0, np.uint8), np.zeros(1, np.int32)
    begins = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return np.frombuffer(text, np.uint8), begins
