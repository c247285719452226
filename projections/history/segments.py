"""Write parts of the history as Parquet and read them back: any columnar engine can open them as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from projections.history.rows import ROW_COLUMNS

_COLUMN_TYPES = {"type": pa.uint8(), "time": pa.int64(), "due_kind": pa.uint8(), "due": pa.int64()}
_COLUMN_TYPES |= {"rating": pa.uint8(), "present": pa.uint8()}
_ROW_FIELDS = [pa.field(name, _COLUMN_TYPES.get(name, pa.int32())) for name in ROW_COLUMNS]


def _fields(**types: pa.DataType) -> list[pa.Field[Any]]:
    return [pa.field(name, kind) for name, kind in types.items()]


SCHEMAS: Mapping[str, pa.Schema] = {
    # One row a position, from the segment's first position on.
    "rows": pa.schema(_ROW_FIELDS),
    "ids": pa.schema(_fields(id=pa.string(), sequence=pa.string())),
    "shares": pa.schema(_fields(position=pa.int64(), staff=pa.int32(), part=pa.int32())),
    # New words, in the order of their codes.
    "words": pa.schema(_fields(vocabulary=pa.string(), word=pa.string())),
    # What an action means, and (once both have come) where that is and since which position it is known.
    "references": pa.schema(_fields(position=pa.int64(), kind=pa.uint8(), source=pa.string(), id=pa.string())),
    "links": pa.schema(_fields(position=pa.int64(), kind=pa.uint8(), target=pa.int64(), known_at=pa.int64())),
    # The row of an action as corrected, from the position on at which that is known.
    "amended": pa.schema([*_fields(target=pa.int64(), known_at=pa.int64()), *_ROW_FIELDS]),
    "amended_shares": pa.schema(
        _fields(target=pa.int64(), known_at=pa.int64(), staff=pa.int32(), part=pa.int32())
    ),
}


def to_table(part: str, rows: Sequence[Sequence[object]]) -> pa.Table:
    """Rows of one part as an Arrow table."""
    schema = SCHEMAS[part]
    if not rows:
        return schema.empty_table()
    columns = zip(*rows, strict=True)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def encode(table: pa.Table) -> tuple[str, bytes]:
    """(SHA-256, Parquet file) of a part."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=1)
    content = sink.getvalue().to_pybytes()
    return hashlib.sha256(content).hexdigest(), content


def decode(part: str, content: bytes) -> pa.Table:
    """The part that `encode` wrote."""
    # Without Arrow's threads: they may still start while the process ends, which then aborts.
    file = pq.ParquetFile(pa.BufferReader(content), pre_buffer=False)
    return file.read(use_threads=False).cast(SCHEMAS[part])


def concatenate(part: str, tables: Sequence[pa.Table]) -> pa.Table:
    """Parts of consecutive segments as one."""
    return pa.concat_tables([SCHEMAS[part].empty_table(), *tables]).combine_chunks()
