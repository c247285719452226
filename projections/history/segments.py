"""Write parts of the history as Parquet and read them back: any columnar engine can open them as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from projections.history.rows import NO_ACTION, ROW_COLUMNS

_COLUMN_TYPES = {"type": pa.uint8(), "time": pa.int64(), "due_kind": pa.uint8(), "due": pa.int64()}
_COLUMN_TYPES |= {"rating": pa.uint8(), "present": pa.uint8()}


def _fields(**types: pa.DataType) -> list[pa.Field[Any]]:
    return [pa.field(name, kind, nullable=name == "sequence") for name, kind in types.items()]


_ROW_FIELDS = [pa.field(name, _COLUMN_TYPES.get(name, pa.int32()), nullable=False) for name in ROW_COLUMNS]

SCHEMAS: Mapping[str, pa.Schema] = {
    # One row a position, from the segment's first position on.
    "rows": pa.schema(_ROW_FIELDS),
    "ids": pa.schema(_fields(id=pa.string(), sequence=pa.string())),
    "shares": pa.schema(_fields(position=pa.int64(), staff=pa.int32(), part=pa.int32())),
    # New words with their codes, in the order of these; subjects are many, and few readers want them.
    "words": pa.schema(_fields(vocabulary=pa.string(), code=pa.int32(), word=pa.string())),
    "subjects": pa.schema(_fields(code=pa.int32(), word=pa.string())),
    # What an action means, and (once both have come) where that is and since which position it is known.
    "references": pa.schema(_fields(position=pa.int64(), kind=pa.uint8(), source=pa.string(), id=pa.string())),
    "links": pa.schema(_fields(position=pa.int64(), kind=pa.uint8(), target=pa.int64(), known_at=pa.int64())),
    # The row of an action as corrected, from the position on at which that is known.
    "amended": pa.schema([*_fields(target=pa.int64(), known_at=pa.int64()), *_ROW_FIELDS]),
    "amended_shares": pa.schema(
        _fields(target=pa.int64(), known_at=pa.int64(), staff=pa.int32(), part=pa.int32())
    ),
}

# Measured (docs/performance.md): what few actions state is smallest and quickest as plain runs under LZ4, what
# rises or is wide as differences, and the rest through a dictionary.
_RISING = frozenset({"position", "known_at", "target", "code", "subject", "time", "due"})
_SPARSE = frozenset({"recorder", "reason", "outcome", "step", "of_case", "rating", "id", "sequence", "word"})
_WITH_BOUNDS = ["position", "known_at", "time", "type"]
IDS_GROUP_ROWS = 16_384
"""Ids are wanted for a few rows here and there: only the groups that hold them are unpacked."""


def to_table(part: str, columns: Mapping[str, Any], rows: int | None = None) -> pa.Table:
    """Columns of one part as an Arrow table. Of `rows` and `ids`, those left out say that nothing was stated."""
    schema = SCHEMAS[part]
    if part == "rows" and rows is not None:
        nothing = zip(ROW_COLUMNS, NO_ACTION, strict=True)
        columns = {name: np.full(rows, value) for name, value in nothing if name not in columns} | dict(columns)
    if part == "ids" and rows is not None:
        columns = {"id": [""] * rows, "sequence": [None] * rows} | dict(columns)
    return pa.table([_array(columns[field.name], field.type) for field in schema], schema=schema)


def _array(values: Any, kind: pa.DataType) -> pa.Array[Any]:
    if isinstance(values, pa.Array):
        return values.cast(kind)
    if isinstance(values, np.ndarray):
        values = values.astype(kind.to_pandas_dtype(), copy=False)
    return pa.array(values, kind)


def encode(part: str, table: pa.Table, *, first: int) -> tuple[str, bytes]:
    """(SHA-256, Parquet file) of a part of a segment that begins at position `first`.

    Rows and ids are written with their position, which Kaoji itself can do without: others read the files too.
    """
    if part in ("rows", "ids"):
        position = pa.array(np.arange(first, first + table.num_rows))
        table = table.add_column(0, pa.field("position", pa.int64(), nullable=False), position)
    sink = pa.BufferOutputStream()
    names = table.column_names
    pq.write_table(
        table,
        sink,
        compression="lz4",
        use_dictionary=[name for name in names if name not in _RISING | _SPARSE] or False,  # type: ignore[arg-type]  # the stubs know no lists
        column_encoding={name: "DELTA_BINARY_PACKED" for name in names if name in _RISING},
        write_statistics=[name for name in names if name in _WITH_BOUNDS] or False,
        row_group_size=IDS_GROUP_ROWS if part == "ids" else table.num_rows,
    )
    content = sink.getvalue().to_pybytes()
    return hashlib.sha256(content).hexdigest(), content


def opened(content: bytes) -> pq.ParquetFile:
    """A part as `encode` wrote it, to read what is wanted of it."""
    return pq.ParquetFile(pa.BufferReader(content), pre_buffer=False)


def decode(part: str, content: bytes) -> pa.Table:
    """The part that `encode` wrote."""
    # Without Arrow's threads: they may still start while the process ends, which then aborts.
    return opened(content).read(SCHEMAS[part].names, use_threads=False).cast(SCHEMAS[part])


def concatenate(part: str, tables: Iterable[pa.Table]) -> pa.Table:
    """Parts of consecutive segments as one."""
    return pa.concat_tables([SCHEMAS[part].empty_table(), *tables]).combine_chunks()
