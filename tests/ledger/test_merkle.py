"""The tree against RFC 9162's own recursive definition, written out plainly here."""

from __future__ import annotations

import struct
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger import merkle

digests = st.integers(0, 2**32).map(lambda number: sha256(number.to_bytes(8, "big")).digest())
leaf_lists = st.lists(digests, max_size=70)
some_leaves = st.lists(digests, min_size=1, max_size=70)


def defined_root(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1.1 (the leaves being hashed already)."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = defined_split(len(leaves))
    return sha256(b"\x01" + defined_root(leaves[:split]) + defined_root(leaves[split:])).digest()


def defined_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = defined_split(len(leaves))
    if index < split:
        return [*defined_path(index, leaves[:split]), defined_root(leaves[split:])]
    return [*defined_path(index - split, leaves[split:]), defined_root(leaves[:split])]


def defined_subproof(old_size: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.4.1."""
    if old_size == len(leaves):
        return [] if whole else [defined_root(leaves)]
    split = defined_split(len(leaves))
    if old_size <= split:
        return [*defined_subproof(old_size, leaves[:split], whole), defined_root(leaves[split:])]
    return [*defined_subproof(old_size - split, leaves[split:], False), defined_root(leaves[:split])]


def defined_split(size: int) -> int:
    split = 1
    while split * 2 < size:
        split *= 2
    return split


def test_a_leaf_binds_position_time_facts_and_commitment() -> None:
    expected = sha256(
        b"\x00" + struct.pack(">Q", 7) + struct.pack(">q", -5) + sha256(b"facts").digest() + b"c" * 32
    ).digest()

    assert merkle.leaf(7, -5, b"facts", b"c" * 32) == expected
    assert merkle.leaf(7, -5, b"facts", None) != expected


@given(leaf_lists, st.data())
def test_root_is_the_defined_one_however_the_leaves_are_batched(leaves: list[bytes], data: st.DataObject) -> None:
    tree, at = merkle.Tree(), 0
    while at < len(leaves):
        count = data.draw(st.integers(1, len(leaves) - at))
        tree.extend(leaves[at : at + count])
        tree = merkle.Tree(size=tree.size, peaks=tree.peaks)
        at += count

    assert tree.root() == defined_root(leaves)


@given(leaf_lists, st.sampled_from([1, 2, 4, 8]))
def test_whole_blocks_can_be_taken_by_their_roots(leaves: list[bytes], block: int) -> None:
    tree, whole = merkle.Tree(), len(leaves) // block * block
    for start in range(0, whole, block):
        tree.extend_perfect(defined_root(leaves[start : start + block]), block)
    tree.extend(leaves[whole:])

    assert tree.root() == defined_root(leaves)


@given(some_leaves, st.data())
def test_inclusion_is_proved_as_defined_and_for_the_right_leaf_only(
    leaves: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    size, root = len(leaves), defined_root(leaves)

    path = merkle.inclusion_proof(index, size, merkle.subtree_of(leaves))

    assert path == defined_path(index, leaves)
    assert merkle.includes(leaves[index], index, size, path, root)
    assert not merkle.includes(sha256(b"x").digest(), index, size, path, root)
    assert not merkle.includes(leaves[index], index, size, [*path, root], root)
    assert not merkle.includes(leaves[index], index, size, path, sha256(b"x").digest())
    assert not merkle.includes(leaves[index], size, size, path, root)
    if path:
        assert not merkle.includes(leaves[index], index, size, path[:-1], root)
        # A path that leads to an inner node only is none, even to somebody who takes that node for the root.
        split = defined_split(size)
        inner = defined_root(leaves[:split] if index < split else leaves[split:])
        assert not merkle.includes(leaves[index], index, size, path[:-1], inner)


@given(some_leaves, st.data())
def test_growth_is_proved_as_defined_and_for_the_true_beginning_only(
    leaves: list[bytes], data: st.DataObject
) -> None:
    old_size = data.draw(st.integers(1, len(leaves)))
    size, root, old_root = len(leaves), defined_root(leaves), defined_root(leaves[:old_size])

    path = merkle.consistency_proof(old_size, size, merkle.subtree_of(leaves))

    assert path == defined_subproof(old_size, leaves, True)
    assert merkle.continues(old_size, old_root, size, root, path)
    assert not merkle.continues(old_size, sha256(b"x").digest(), size, root, path)
    assert not merkle.continues(old_size, old_root, size, sha256(b"x").digest(), path)
    assert not merkle.continues(old_size, old_root, size, root, [*path, root])


def test_impossible_trees_are_refused() -> None:
    with pytest.raises(ValueError, match="2 peaks"):
        merkle.Tree(size=3, peaks=[b"only one"])
    tree = merkle.Tree()
    tree.extend([b"a" * 32])
    with pytest.raises(ValueError, match="cannot follow"):
        tree.extend_perfect(b"b" * 32, 2)
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.inclusion_proof(1, 1, merkle.subtree_of([b"a" * 32]))
