"""Thousands of JSON objects of one shape, kept by column: read as values, or written as text without making any.

A shape is a tree. Its leaves are Arrow arrays of texts, one for each object; what prints the same everywhere is a
constant. The text is joined in Arrow, row by row, and is byte for byte what `json.dumps` writes of the values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
TextColumn: TypeAlias = "pa.Array[Any]"
"""Of strings."""

_ROWS_AT_ONCE: Final = 8_192
"""Arrow's arrays of texts hold 2 GiB, and these stay in the processor's caches."""
_quoted: Final[Callable[[str], str]] = json.encoder.encode_basestring


class Spacing(NamedTuple):
    """What stands between elements, and behind keys."""

    between: str
    behind_keys: str

    def dumps(self, value: Any) -> str:
        """Any value as text."""
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=self)


WIDE: Final = Spacing(", ", ": ")
"""As commands print."""
NARROW: Final = Spacing(",", ":")
"""As the server answers."""


@dataclass(frozen=True, eq=False)
class Texts:
    """A text for each row, or null; `plain` ones hold nothing that JSON escapes."""

    column: TextColumn
    plain: bool = True

    @staticmethod
    def of(texts: Sequence[str | None]) -> Texts:
        """Any texts."""
        return Texts(pa.array(texts, pa.string()), plain=False)


@dataclass(frozen=True, eq=False)
class Constant:
    """The same in every row."""

    value: Any


@dataclass(frozen=True, eq=False)
class Record:
    """An object; null in the rows where `there` is false."""

    fields: Mapping[str, Shape]
    there: Flags | None = None


@dataclass(frozen=True, eq=False)
class Several:
    """A list; null in the rows where `there` is false. Of the elements only those that are `kept` in a row."""

    elements: Sequence[Shape]
    there: Flags | None = None
    kept: Sequence[Flags] | None = None


Shape = Texts | Constant | Record | Several


def is_plain(text: str | None) -> bool:
    """Whether JSON escapes nothing in it."""
    return text is None or _quoted(text) == f'"{text}"'


def values_of(shape: Shape, size: int) -> list[Any]:
    """The value of each of so many rows."""
    if isinstance(shape, Texts):
        texts: list[str | None] = shape.column.to_numpy(zero_copy_only=False).tolist()  # quicker than one by one
        return texts
    if isinstance(shape, Constant):
        return [shape.value] * size
    rows: Iterable[Any]
    if isinstance(shape, Record):
        names = tuple(shape.fields)
        columns = [values_of(each, size) for each in shape.fields.values()]
        rows = (dict(zip(names, each, strict=True)) for each in zip(*columns, strict=True))
    elif not shape.elements:
        rows = ([] for _ in range(size))
    else:
        rows = map(list, zip(*(values_of(each, size) for each in shape.elements), strict=True))
        if shape.kept is not None:
            kept = np.stack(shape.kept, axis=1).tolist()
            rows = (
                [one for one, is_kept in zip(each, which, strict=True) if is_kept]
                for each, which in zip(rows, kept, strict=True)
            )
    if shape.there is None:
        return list(rows)
    return [each if there else None for each, there in zip(rows, shape.there.tolist(), strict=True)]


def json_texts(
    shape: Shape, size: int, spacing: Spacing, *, instead: Mapping[int, Any] | None = None
) -> Iterator[str]:
    """The elements of a list of so many rows, without its brackets, some thousands at a time; `instead` has values
    for rows that do not follow the shape."""
    for begin in range(0, size, _ROWS_AT_ONCE):
        writer = _Writer(begin, min(begin + _ROWS_AT_ONCE, size), spacing)
        rows = writer.joined(writer.parts(shape))
        others = {row - begin: value for row, value in (instead or {}).items() if begin <= row < writer.stop}
        if others:
            listed = rows.to_pylist()
            for row, value in others.items():
                listed[row] = spacing.dumps(value)
            rows = pa.array(listed, pa.string())
        # Texts of an array lie one behind the other, so each brings along what stands between it and the next.
        text = _content(writer.joined([rows, spacing.between]))
        yield text if writer.stop < size else text.removesuffix(spacing.between)


def _content(column: TextColumn) -> str:
    """All texts of an array that is no part of another, one behind the other."""
    _, offsets, content = column.buffers()
    assert offsets is not None, "it is an array of texts"
    assert content is not None, "none of them is empty"
    ends = pa.Array.from_buffers(pa.int32(), len(column) + 1, [None, offsets])
    return content.slice(0, ends[-1].as_py()).to_pybytes().decode()


_Part: TypeAlias = "str | TextColumn"


def joined(parts: Sequence[_Part], between: str = "") -> TextColumn:
    """One text for each row of columns and literals; null where one is."""
    columns: list[Any] = [pa.scalar(each) if isinstance(each, str) else each for each in parts]
    join: Any = pc.binary_join_element_wise  # the stubs know no literals beside columns
    found: TextColumn = join(*columns, pa.scalar(between))
    return found


def where(there: Flags, column: TextColumn, other: str | None) -> TextColumn:
    """The column where it is there, and one text, or null, elsewhere."""
    found: TextColumn = pc.if_else(pa.array(there), column, pa.scalar(other, pa.string()))
    return found


class _Writer:
    """Writes the rows `begin` to `stop - 1`."""

    def __init__(self, begin: int, stop: int, spacing: Spacing) -> None:
        self.begin, self.stop, self._spacing = begin, stop, spacing

    def parts(self, shape: Shape) -> list[_Part]:
        """What one row is joined of: literals, and columns of texts."""
        if isinstance(shape, Constant):
            return [self._spacing.dumps(shape.value)]
        if isinstance(shape, Texts):
            return self._texts(shape)
        if isinstance(shape, Record):
            found = self._record(shape)
        elif shape.kept is None:
            found = ["[", *self._listed([self.parts(each) for each in shape.elements]), "]"]
        else:
            found = ["[", self._chosen(shape.elements, shape.kept), "]"]
        if shape.there is None:
            return found
        return [where(shape.there[self.begin : self.stop], self.joined(found), "null")]

    def joined(self, parts: Sequence[_Part]) -> TextColumn:
        """One text for each row."""
        merged: list[_Part] = []
        for each in parts:
            if isinstance(each, str) and merged and isinstance(merged[-1], str):
                merged[-1] += each
            else:
                merged.append(each)
        if all(isinstance(each, str) for each in merged):
            return pa.array(["".join(map(str, merged))] * (self.stop - self.begin), pa.string())
        return joined(merged)

    def _texts(self, shape: Texts) -> list[_Part]:
        column = shape.column.slice(self.begin, self.stop - self.begin)
        if not shape.plain:
            return [
                pa.array(["null" if each is None else _quoted(each) for each in column.to_pylist()], pa.string())
            ]
        if not column.null_count:
            return ['"', column, '"']
        return [where(column.is_valid().to_numpy(zero_copy_only=False), self.joined(['"', column, '"']), "null")]

    def _record(self, shape: Record) -> list[_Part]:
        fields: list[list[_Part]] = [
            [self._spacing.dumps(name) + self._spacing.behind_keys, *self.parts(each)]
            for name, each in shape.fields.items()
        ]
        return ["{", *self._listed(fields), "}"]

    def _listed(self, elements: Sequence[list[_Part]]) -> Iterator[_Part]:
        for number, parts in enumerate(elements):
            if number:
                yield self._spacing.between
            yield from parts

    def _chosen(self, elements: Sequence[Shape], kept: Sequence[Flags]) -> TextColumn:
        """Of some elements in each row those that are kept."""
        columns: list[_Part] = [
            where(flags[self.begin : self.stop], self.joined([*self.parts(each), self._spacing.between]), "")
            for each, flags in zip(elements, kept, strict=True)
        ]
        # No value ends with what stands between values.
        found: TextColumn = pc.ascii_rtrim(self.joined(columns), characters=self._spacing.between)
        return found
