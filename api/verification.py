"""Prove that the ledger is complete and untouched, and that every view equals a rebuild of it."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from domain.ledger.merkle import Tree

from api.bootstrap import Kaoji
from domain.ledger.records import Recorded
from projections.directory import DirectoryProjection
from projections.driver import BATCH_MAX, Progress, no_progress
from projections.history.columns import differences, load_history
from projections.history.writer import HistoryProjection
from projections.integrity import IntegrityProjection, leaf_of, leaves_upto
from projections.store import DIRECTORY

FAULTS_MAX = 100
"""A ledger that was rewritten as a whole is said to be so without listing every record."""


def verification(kaoji: Kaoji, *, from_scratch: bool = False, progress: Progress = no_progress) -> dict[str, Any]:
    """What `kaoji verify` prints: events, Merkle root, faults. With `from_scratch` views are rebuilt beside
    the live ones and compared; without it only the ledger itself is read through."""
    head = kaoji.driver.catch_up(progress=progress)
    faults, root = _ledger_faults(kaoji, head, progress)
    faults += _view_faults(kaoji, head, progress) if from_scratch else []
    return {"events": head, "root": root, "ok": not faults, "faults": faults[:FAULTS_MAX]}


def _ledger_faults(kaoji: Kaoji, head: int, progress: Progress) -> tuple[list[str], str]:
    """Read every event, rebuild the Merkle tree, and hold it against the leaves kept when it was recorded."""
    faults: list[str] = []
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, IntegrityProjection.name)
        kept = list(leaves_upto(kaoji.views, connection, build))
    tree, position, recorded_at = Tree(), 0, 0
    while position < head:
        batch = kaoji.ledger.read(after=position, limit=min(BATCH_MAX, head - position))
        if not batch:
            faults.append(f"positions {position + 1} to {head} are missing from the ledger")
            break
        for event in batch:
            faults += _event_faults(event, position, recorded_at, kept)
            tree.extend([leaf_of(event)])
            position, recorded_at = event.position, event.recorded_at
        progress("verify", position, head)
    if len(kept) != head:
        faults.append(f"the ledger ends at {head}, the leaves that were kept at {len(kept)}")
    return faults, tree.root().hex()


def _event_faults(event: Recorded, before: int, recorded_before: int, kept: list[bytes]) -> list[str]:
    faults = []
    if event.position != before + 1:
        faults.append(f"positions {before + 1} to {event.position - 1} are missing from the ledger")
    if event.recorded_at < recorded_before:
        faults.append(f"position {event.position} was recorded before the one that precedes it")
    if event.position <= len(kept) and kept[event.position - 1] != leaf_of(event):
        faults.append(f"position {event.position} is not what was recorded there")
    return faults


def _view_faults(kaoji: Kaoji, head: int, progress: Progress) -> list[str]:
    """Hold every live view against a fresh build of it, row by row."""
    faults: list[str] = []
    for name in (HistoryProjection.name, DirectoryProjection.name):
        fresh = kaoji.driver.build_beside(name, upto=head)
        try:
            with kaoji.views.reading() as connection:
                live = kaoji.views.live(connection, name)
                if name == HistoryProjection.name:
                    ours = load_history(kaoji.views, connection, live).upto(head)
                    faults += differences(ours, load_history(kaoji.views, connection, fresh))
                else:
                    columns = ("position", "type", "subject", "occurred_at", "facts")
                    rows = [
                        kaoji.views.rows(
                            connection, DIRECTORY, each, *columns, order="position", upto=("position", head)
                        )
                        for each in (live, fresh)
                    ]
                    faults += [
                        f"directory: position {(mine or theirs)[0]} differs from a rebuild"
                        for mine, theirs in zip_longest(*rows)
                        if mine is None or theirs is None or tuple(mine) != tuple(theirs)
                    ]
        finally:
            with kaoji.views.transaction() as connection:
                kaoji.views.drop_build(connection, fresh)
        progress(name, head, head)
    return faults
