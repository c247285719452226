"""Integrity: the RFC 9162 tree over the ledger's events; proofs that an event is in it and that it only grew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from struct import Struct

EMPTY_ROOT = sha256(b"").digest()

_POSITION_AND_TIME = Struct(">BQq").pack
_NODE = b"\x01"


def leaf(position: int, recorded_at: int, facts: bytes, commitment: bytes | None) -> bytes:
    """Return the leaf of an event: SHA-256(0x00, position, time, SHA-256(facts), commitment or nothing)."""
    start = _POSITION_AND_TIME(0, position, recorded_at)
    return sha256(start + sha256(facts).digest() + (commitment or b"")).digest()


def leaves(events: Iterable[tuple[int, int, bytes, bytes | None]]) -> list[bytes]:
    """Return the leaves of many events, each (position, recorded_at, facts, commitment)."""
    pack, hashed = _POSITION_AND_TIME, sha256
    return [
        hashed(pack(0, position, at) + hashed(facts).digest() + (commitment or b"")).digest()
        for position, at, facts, commitment in events
    ]


def node(left: bytes, right: bytes) -> bytes:
    """Return the inner node over two."""
    return sha256(_NODE + left + right).digest()


class Tree:
    """Accumulates leaves in order, keeping only the roots of its perfect subtrees, largest first.

    `peaks` and `size` are all there is to store: `Tree(size=…, peaks=…)` goes on from them.
    """

    def __init__(self, *, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if len(peaks) != size.bit_count():
            raise ValueError(f"A tree of {size} leaves has {size.bit_count()} peaks, not {len(peaks)}.")
        self.size = size
        self._peaks = list(peaks)

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The roots of the perfect subtrees, largest first."""
        return tuple(self._peaks)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Append leaves."""
        for digest in leaves:
            self._append(digest, 1)

    def extend_perfect(self, root: bytes, count: int) -> None:
        """Append a perfect subtree of `count` leaves (a stored block, say) by its root.

        `count` is a power of two, and the size so far a multiple of it.
        """
        if count <= 0 or count & (count - 1) or self.size % count:
            raise ValueError(f"A subtree of {count} leaves cannot follow {self.size} leaves.")
        self._append(root, count)

    def root(self) -> bytes:
        """Return the root of all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        digest = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            digest = node(peak, digest)
        return digest

    def _append(self, digest: bytes, count: int) -> None:
        carried, peaks = self.size // count, self._peaks
        while carried & 1:
            digest = sha256(_NODE + peaks.pop() + digest).digest()
            carried >>= 1
        peaks.append(digest)
        self.size += count


# A function that returns the root of the leaves with start <= index < stop; it may take whole blocks as they are.
Subtree = Callable[[int, int], bytes]


def subtree_of(leaves: Sequence[bytes]) -> Subtree:
    """Return the look-up of roots over leaves held in memory."""

    def root(start: int, stop: int) -> bytes:
        tree = Tree()
        tree.extend(leaves[start:stop])
        return tree.root()

    return root


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the audit path of leaf `index` (from 0) in the tree of the first `size` leaves; RFC 9162, 2.1.3.1."""
    if not 0 <= index < size:
        raise ValueError(f"Leaf {index} is not in a tree of {size} leaves.")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(subtree(middle, stop))
            stop = middle
        else:
            path.append(subtree(start, middle))
            start = middle
    path.reverse()
    return path


def includes(leaf_digest: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Check an audit path: is this leaf at `index` in the tree of `size` leaves with that root?"""
    if not 0 <= index < size:
        return False
    at, last, digest = index, size - 1, leaf_digest
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            digest = node(sibling, digest)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digest = node(digest, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and digest == root


def consistency_proof(old_size: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that the tree of `size` leaves begins with that of `old_size`; RFC 9162, 2.1.4.1."""
    if not 0 < old_size <= size:
        raise ValueError(f"A tree of {size} leaves does not continue one of {old_size}.")
    path: list[bytes] = []
    start, stop, whole = 0, size, True
    while old_size != stop:
        middle = start + _split(stop - start)
        if old_size <= middle:
            path.append(subtree(middle, stop))
            stop = middle
        else:
            path.append(subtree(start, middle))
            start, whole = middle, False
    if not whole:
        path.append(subtree(start, stop))
    path.reverse()
    return path


def continues(old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Check a consistency proof: does the tree with `root` begin with the leaves of the one with `old_root`?"""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not path and old_root == root
    steps = list(path)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    at, last = old_size - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old, new = steps[0], steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node(sibling, old), node(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == old_root and new == root


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
