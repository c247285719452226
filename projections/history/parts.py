"""The history's parts in the store: what changes as segments are appended, and reading back what was written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any, NamedTuple

import pyarrow as pa

from projections.changes import Change
from projections.damage import DamagedViewError
from projections.history.segments import SCHEMAS, concatenate, decode, encode, to_table
from projections.store import PARTS, Checkpoint, Connection, ViewStore

SEGMENT_ROWS_MAX = 262_144
"""Merging reads and writes whole segments: this bounds the memory that it takes."""
_AT_ONCE_MIN = 2_000


class Part(NamedTuple):
    """One part of one segment as it is stored; checked against its SHA-256 by `checked`."""

    name: str
    first: int
    last: int
    content: bytes
    sha256: str

    def checked(self) -> bytes:
        """The Parquet file. Raises DamagedViewError if it is not what was written."""
        if sha256(self.content).hexdigest() != self.sha256:
            raise DamagedViewError("history", f"its {self.name} are not what was written")
        return self.content

    def table(self) -> pa.Table:
        """All of it. Raises DamagedViewError."""
        return decode(self.name, self.checked())


def read_whole(store: ViewStore, connection: Connection, build: Checkpoint, name: str) -> pa.Table:
    """A part of all segments as one. Raises DamagedViewError."""
    return concatenate(name, read_each(store, connection, build, name))


def read_each(store: ViewStore, connection: Connection, build: Checkpoint, name: str) -> Iterator[pa.Table]:
    """A part segment by segment. Raises DamagedViewError."""
    for segment in segments_of(store, connection, build, name):
        for part in read_parts(store, connection, build, [name], *segment):
            yield part.table()


def segments_of(store: ViewStore, connection: Connection, build: Checkpoint, name: str) -> list[tuple[int, int]]:
    """(first, last position) of the segments that have a part of this name."""
    rows = store.rows(
        connection, PARTS, build, "first_position", "last_position",
        order="first_position", among=("part", [name]),
    )  # fmt: skip
    return [(first, last) for first, last in rows]


def segments_by_part(
    store: ViewStore, connection: Connection, build: Checkpoint, *, after: int
) -> Mapping[str, list[tuple[int, int]]]:
    """The same for each part, of the segments that reach beyond a position."""
    found = defaultdict(list)
    for name, first, last in store.rows(
        connection, PARTS, build, "part", "first_position", "last_position",
        order="first_position", after=("last_position", after),
    ):  # fmt: skip
        found[name].append((first, last))
    return found


def read_parts(
    store: ViewStore, connection: Connection, build: Checkpoint, names: Sequence[str], first: int, last: int
) -> list[Part]:
    """Parts of the segments that lie between two positions, both included."""
    rows = store.rows(
        connection, PARTS, build, "part", "first_position", "last_position", "content", "sha256",
        order="first_position", among=("part", names),
        after=("first_position", first - 1), upto=("first_position", last),
    )  # fmt: skip
    return [Part(name, begin, end, bytes(content), digest) for name, begin, end, content, digest in rows]


def appended(
    store: ViewStore,
    connection: Connection,
    build: Checkpoint,
    parts: Mapping[str, Mapping[str, Any] | pa.Table],
    *,
    rows: int,
) -> list[Change]:
    """What changes as `rows` positions (at most SEGMENT_ROWS_MAX) come to a build that ends at `build.position`.

    `parts` are columns by the names of SCHEMAS, each an array of numpy or Arrow or a list: what is not given is
    empty, and of `rows` and `ids` each column that is not given says that nothing was stated. `words` and
    `subjects` are the new ones only, their codes going on from those before. The checkpoint is the caller's to
    advance, in the transaction that writes them: `checkpoint = store.advance(connection, checkpoint, position)`.
    """
    if not 0 < rows <= SEGMENT_ROWS_MAX:
        raise ValueError(f"A segment has 1 to {SEGMENT_ROWS_MAX:,} rows, not {rows:,}.")
    tables = {}
    for name in SCHEMAS:
        given = parts.get(name, {})
        if isinstance(given, pa.Table):
            tables[name] = given
        elif given or name in ("rows", "ids"):
            tables[name] = to_table(name, given, rows)
    if not tables["rows"].num_rows == tables["ids"].num_rows == rows:
        raise ValueError("Rows and ids are one for each position.")
    first, last = build.position + 1, build.position + rows
    changes: list[Change] = []
    merged_from = _merged_from(segments_of(store, connection, build, "rows"), first, last)
    if merged_from < first:
        merged = read_parts(store, connection, build, list(SCHEMAS), merged_from, last)
        for name in sorted({each.name for each in merged}):
            earlier = [each.table() for each in merged if each.name == name]
            tables[name] = concatenate(name, [*earlier, *([tables[name]] if name in tables else [])])
        changes += [Change(PARTS, gone={"first_position": each}) for each in sorted({one.first for one in merged})]
    place = {"first_position": merged_from, "last_position": last}
    return [*changes, Change(PARTS, [place | each for each in _encoded(tables, merged_from, rows)])]


def _encoded(tables: Mapping[str, pa.Table], first: int, rows: int) -> list[dict[str, object]]:
    """What is stored of each part that has any rows; large ones are packed at the same time."""
    names = [name for name, table in sorted(tables.items()) if table.num_rows]

    def packed(name: str) -> dict[str, object]:
        digest, content = encode(name, tables[name], first=first)
        return {"part": name, "sha256": digest, "content": content}

    if rows < _AT_ONCE_MIN:
        return list(map(packed, names))
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(packed, names))


def _merged_from(segments: Sequence[tuple[int, int]], first: int, last: int) -> int:
    """Where a new segment begins that takes in the small ones before it: a row is rewritten O(log n) times."""
    merged_from = first
    for begin, end in reversed(segments):
        if end - begin + 1 > 2 * (last - merged_from + 1) or last - begin + 1 > SEGMENT_ROWS_MAX:
            break
        merged_from = begin
    return merged_from
