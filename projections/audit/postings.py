"""Keep for every code the rows that bear it: blocks of rows ordered by code, and bitmaps of the blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS: Final = 65_536
"""A row's number within its block fits into two bytes."""
GROUP_BLOCKS: Final = 64
"""The blocks in which a code stands are the bits of one number."""

Rows = NDArray[np.int64]
Codes = NDArray[Any]


class Wanted(Protocol):
    """Some codes of a vocabulary."""

    def among(self, codes: Codes) -> NDArray[np.intp]:
        """Which of these codes, sorted and without repeats, are wanted: their indices, rising."""


@dataclass(frozen=True, slots=True)
class OneCode:
    """Nothing but this code."""

    code: int

    def among(self, codes: Codes) -> NDArray[np.intp]:
        """Its index, or none."""
        first, stop = _places(codes, self.code, self.code + 1)
        return np.arange(first, stop)


@dataclass(frozen=True, slots=True)
class CodeRange:
    """The codes from `low` to `high`, both inclusive."""

    low: int
    high: int

    def among(self, codes: Codes) -> NDArray[np.intp]:
        """The indices of a stretch."""
        first, stop = _places(codes, self.low, self.high + 1)
        return np.arange(first, stop)


@dataclass(frozen=True, slots=True)
class CodeSet:
    """The codes at which `table` is true; it is long enough for every code there is."""

    table: NDArray[np.bool_]

    def among(self, codes: Codes) -> NDArray[np.intp]:
        """The indices of those that are in the set."""
        return np.flatnonzero(self.table[codes])


@dataclass(frozen=True, slots=True)
class _Block:
    """`rows[starts[i]:starts[i + 1]]` bear `codes[i]`; both rise."""

    codes: Codes
    starts: NDArray[np.int32]
    rows: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class _Group:
    """In which of up to 64 blocks each code stands: bit b of `blocks[i]` for `codes[i]`."""

    codes: Codes
    blocks: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Standing:
    """The rows of a block that bear some codes."""

    block: _Block
    found: NDArray[np.intp]
    first: int
    """The number of the block's first row."""

    def count(self) -> int:
        """How many there are; a row that bears two codes counts twice."""
        starts, found = self.block.starts, self.found
        if found.size == 1:
            return int(starts[found[0] + 1] - starts[found[0]])
        return int((starts[found + 1] - starts[found]).sum())

    def rows(self) -> Rows:
        """Which they are, numbered through all blocks, rising and once each."""
        starts, found = self.block.starts, self.found
        if not found.size:
            return np.empty(0, np.int64)
        if found.size == 1:
            return self.block.rows[starts[found[0]] : starts[found[0] + 1]] + np.int64(self.first)
        sizes = starts[found + 1] - starts[found]
        # Each stretch counts on from its own start.
        at = np.arange(sizes.sum()) + np.repeat(starts[found] - (np.cumsum(sizes) - sizes), sizes)
        return distinct(self.block.rows[at]) + np.int64(self.first)


@dataclass(frozen=True, slots=True)
class Postings:
    """Immutable: adding a block gives new postings, which share all the blocks before."""

    blocks: tuple[_Block, ...] = ()
    groups: tuple[_Group, ...] = ()
    block_rows: int = BLOCK_ROWS

    def with_block(self, codes: Codes, rows: NDArray[Any]) -> Postings:
        """One more block: `rows[i]` (0 to block_rows - 1) bears `codes[i]`. Pairs may come in any order, twice."""
        block = _sorted_block(codes, rows)
        number = len(self.blocks) % GROUP_BLOCKS
        groups = self.groups if number else (*self.groups, _Group(block.codes[:0], np.empty(0, np.uint64)))
        last = _with_bit(groups[-1], block.codes, number)
        return Postings((*self.blocks, block), (*groups[:-1], last), self.block_rows)

    def blocks_with(self, wanted: Wanted) -> NDArray[np.bool_]:
        """For each block whether a wanted code stands in it."""
        bits = np.array(
            [np.bitwise_or.reduce(each.blocks[wanted.among(each.codes)]) for each in self.groups], np.dtype("<u8")
        )
        return np.unpackbits(bits.view(np.uint8), count=len(self.blocks), bitorder="little").view(np.bool_)

    def standing(self, block: int, wanted: Wanted) -> Standing:
        """The rows of a block that bear a wanted code: how many, and which, if asked for."""
        at = self.blocks[block]
        return Standing(at, wanted.among(at.codes), block * self.block_rows)

    def rows_of_each(self, wanted: Rows) -> Rows:
        """The rows of all blocks that bear one of a few codes (rising), in no order."""
        found = [np.empty(0, np.int64)]
        for number, group in enumerate(self.groups):
            at, there = _found_among(group.codes, wanted)
            if not there.any():
                continue
            blocks = int(np.bitwise_or.reduce(group.blocks[at[there]]))
            for block in range(number * GROUP_BLOCKS, len(self.blocks)):
                if not blocks:
                    break
                if blocks & 1:
                    found += self._rows_of_few(block, wanted[there])
                blocks >>= 1
        return np.concatenate(found)

    def _rows_of_few(self, block: int, wanted: Rows) -> list[Rows]:
        part = self.blocks[block]
        at, there = _found_among(part.codes, wanted)
        return [
            part.rows[part.starts[index] : part.starts[index + 1]].astype(np.int64) + block * self.block_rows
            for index in at[there].tolist()
        ]

    @property
    def size(self) -> int:
        """How many rows are in the blocks."""
        return len(self.blocks) * self.block_rows

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        inner = sum(each.codes.nbytes + each.starts.nbytes + each.rows.nbytes for each in self.blocks)
        return inner + sum(each.codes.nbytes + each.blocks.nbytes for each in self.groups)


def among(rows: Rows, known: Rows) -> NDArray[np.bool_]:
    """Which rows are among the known ones, which rise."""
    if not known.size:
        return np.zeros(rows.size, np.bool_)
    return np.asarray(known[np.minimum(np.searchsorted(known, rows), known.size - 1)] == rows)


def distinct(rows: NDArray[Any]) -> NDArray[Any]:
    """The same in order and once each."""
    rows = np.sort(rows)
    return rows[np.concatenate([[True], rows[1:] != rows[:-1]])] if rows.size else rows


def _places(codes: Codes, *wanted: int) -> tuple[int, ...]:
    """How many of the sorted codes are less than each of these."""
    # A number of another type would have numpy turn all the codes into that type first.
    limits = np.iinfo(codes.dtype)
    return tuple(
        int(codes.searchsorted(codes.dtype.type(max(each, limits.min)))) if each <= limits.max else codes.size
        for each in wanted
    )


def _found_among(codes: Codes, wanted: Rows) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where each wanted code (rising) would stand in sorted `codes`, and whether it does."""
    if not codes.size:
        return np.zeros(wanted.size, np.intp), np.zeros(wanted.size, np.bool_)
    at = np.minimum(codes.searchsorted(np.minimum(wanted, codes[-1]).astype(codes.dtype)), codes.size - 1)
    return at, codes[at] == wanted


def _sorted_block(codes: Codes, rows: NDArray[Any]) -> _Block:
    """Order the pairs by (code, row): they are packed into one number each, as small as it can be."""
    if not codes.size:
        return _Block(np.empty(0, np.int32), np.zeros(1, np.int32), np.empty(0, np.uint16))
    lowest = int(codes.min())
    narrow = int(codes.max()) - lowest < 1 << 16
    pairs: NDArray[np.unsignedinteger[Any]] = (codes - lowest).astype(np.uint32 if narrow else np.uint64)
    pairs <<= 16
    pairs |= rows.astype(pairs.dtype)
    pairs.sort()
    again = pairs[1:] == pairs[:-1]
    if again.any():
        pairs = pairs[np.concatenate([[True], ~again])]
    ordered = pairs >> 16
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return _Block(
        _narrowed(ordered[begins].astype(np.int64) + lowest),
        np.append(begins, ordered.size).astype(np.int32),
        (pairs & 0xFFFF).astype(np.uint16),
    )


def _narrowed(codes: NDArray[np.int64]) -> Codes:
    """Codes of words fit into four bytes; positions in the ledger need not."""
    fits = codes[0] >= -(1 << 31) and codes[-1] < 1 << 31
    return codes.astype(np.int32) if fits else codes


def _with_bit(group: _Group, codes: Codes, number: int) -> _Group:
    both = np.concatenate([group.codes, codes])
    both.sort(kind="stable")  # which merges two runs that are sorted already
    both = both[np.concatenate([[True], both[1:] != both[:-1]])] if both.size else both
    blocks = np.zeros(both.size, np.uint64)
    blocks[np.searchsorted(both, group.codes)] = group.blocks
    blocks[np.searchsorted(both, codes)] |= np.uint64(1) << np.uint64(number)
    return _Group(both, blocks)
