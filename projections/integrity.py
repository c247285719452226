"""Keep the leaves of the ledger's Merkle tree, so that a changed record can be named and a proof is cheap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.ledger.merkle import leaf, leaves
from domain.ledger.records import Recorded
from projections.changes import Change, Changes
from projections.store import BLOCKS, Checkpoint, Connection, ViewStore

BLOCK_LEAVES = 1_024
LEAF_BYTES = 32


class IntegrityProjection:
    """One row holds the leaves of 1,024 positions; the last one grows."""

    name = "integrity"
    format = 1

    def apply(
        self, store: ViewStore, connection: Connection, build: Checkpoint, batch: Sequence[Recorded]
    ) -> Changes:
        """The leaves of a batch that follows the checkpoint come on."""
        position = build.position
        block = position // BLOCK_LEAVES
        open_leaves = b""
        if position % BLOCK_LEAVES:
            rows = store.rows(connection, BLOCKS, build, "leaves", order="block", after=("block", block - 1))
            open_leaves = bytes(rows[0][0])
        content = open_leaves + b"".join(leaves_of(batch))
        size = BLOCK_LEAVES * LEAF_BYTES
        rows_now: list[dict[str, object]] = [
            {"block": block + index, "leaves": content[begin : begin + size]}
            for index, begin in enumerate(range(0, len(content), size))
        ]
        return Changes([Change(BLOCKS, rows_now, gone={"block": block} if open_leaves else None)])


def leaf_of(recorded: Recorded) -> bytes:
    """The leaf that stands for one recorded event."""
    return leaf(recorded.position, recorded.recorded_at, recorded.facts, recorded.commitment)


def leaves_of(batch: Iterable[Recorded]) -> list[bytes]:
    """The leaves of several."""
    return leaves((position, at, facts, commitment) for position, at, _, facts, commitment in batch)


def leaves_upto(store: ViewStore, connection: Connection, build: Checkpoint) -> Iterable[bytes]:
    """The kept leaves in position order."""
    for row in store.rows(connection, BLOCKS, build, "leaves", order="block"):
        content = bytes(row[0])
        for begin in range(0, len(content), LEAF_BYTES):
            yield content[begin : begin + LEAF_BYTES]
