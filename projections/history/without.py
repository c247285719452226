"""The history as if some sources had never sent anything: for asking what hangs on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.actions.actions import facts_action
from domain.actions.corrections import apply_corrections, facts_of
from domain.ledger.ledger import Ledger
from projections.history.columns import Columns, History
from projections.history.links import LinkKind
from projections.history.rows import NO_ACTION, ROW_COLUMNS, VOCABULARIES, Words, code_facts

Flags = NDArray[np.bool_]


def without_sources(history: History, sources: Collection[str], ledger: Ledger) -> History:
    """The same positions, at which what these sources sent states nothing: neither it counts, nor what it says
    about other actions. What others say about it waits."""
    codes = [history.words["source"].find(source) for source in sorted(sources)]
    gone = np.isin(history.rows["source"], [code for code in codes if code >= 0])
    stays = ~gone
    links, references, shares = history.links, history.references, history.shares
    told_anew = _told_anew(links, gone)
    kept = stays[links["position"] - 1] & stays[links["target"] - 1]
    filtered = replace(
        history,
        rows=_Blanked(history.rows, gone),
        links=_with_voids(_some(links, kept), np.flatnonzero(gone) + 1),
        references=_some(references, stays[references["position"] - 1]),
        shares=_some(shares, stays[shares["position"] - 1]),
        resident=None,
    )
    return _amended(filtered, stays, told_anew, ledger)


class _Blanked(Mapping[str, NDArray[Any]]):
    """Columns in which some rows are those of no action; each is copied when it is first asked for."""

    def __init__(self, rows: Columns, gone: Flags) -> None:
        self._rows, self._gone = rows, gone
        self._nothing = dict(zip(ROW_COLUMNS, NO_ACTION, strict=True))
        self._copies: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._copies:
            column = self._rows[name].copy()
            column[self._gone] = self._nothing[name]
            self._copies[name] = column
        return self._copies[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _some(columns: Columns, kept: Flags) -> Columns:
    return {name: column[kept] for name, column in columns.items()}


def _with_voids(links: Columns, positions: NDArray[np.int64]) -> Columns:
    """What reads actions from elsewhere (the directory) takes those that are gone for voided."""
    added = {"position": positions, "kind": LinkKind.VOIDED, "target": positions, "known_at": positions}
    columns = {
        name: np.concatenate([column, np.broadcast_to(np.asarray(added[name], column.dtype), positions.shape)])
        for name, column in links.items()
    }
    order = np.argsort(columns["known_at"], kind="stable")
    return {name: column[order] for name, column in columns.items()}


def _told_anew(links: Columns, gone: Flags) -> NDArray[np.int64]:
    """Actions that stay, and whose corrections do not: one is gone, or the void of one."""
    by_gone = gone[links["position"] - 1]
    corrects = links["kind"] == LinkKind.CORRECTED
    unvoided = links["target"][by_gone & (links["kind"] == LinkKind.VOIDED)]
    changed = corrects & (by_gone | np.isin(links["position"], unvoided))
    targets = np.unique(links["target"][changed])
    return np.asarray(targets[~gone[targets - 1]], np.int64)


def _amended(history: History, stays: Flags, told_anew: NDArray[np.int64], ledger: Ledger) -> History:
    """Amended rows of what stays; of some actions as the corrections leave them that are left."""
    amended, shares = history.amended, history.amended_shares
    kept = stays[amended["target"] - 1] & ~np.isin(amended["target"], told_anew)
    shares_kept = stays[shares["target"] - 1] & ~np.isin(shares["target"], told_anew)
    corrections = _standing_corrections(history, told_anew)
    if not corrections:
        return replace(history, amended=_some(amended, kept), amended_shares=_some(shares, shares_kept))
    wanted = sorted({*corrections, *(each for found in corrections.values() for each in found)})
    stored = {each.position: facts_action(each.facts) for each in ledger.read_positions(wanted)}
    facts = [
        facts_of(apply_corrections(stored[target], [stored[each] for each in found]).action)
        for target, found in corrections.items()
    ]
    words = _vocabulary(history)
    coded = code_facts(facts, words)
    targets = np.array(list(corrections), np.int64)
    rows = {**coded.columns, "target": targets, "known_at": np.full(targets.size, history.position)}
    own = {
        "target": targets[coded.share_row],
        "known_at": np.full(coded.share_row.size, history.position),
        "staff": coded.share_staff,
        "part": coded.share_part,
    }
    return replace(
        history,
        amended=_joined(_some(amended, kept), rows),
        amended_shares=_joined(_some(shares, shares_kept), own),
        words=words,
    )


def _standing_corrections(history: History, targets: NDArray[np.int64]) -> dict[int, Sequence[int]]:
    """Target -> its corrections that are neither gone nor voided, for targets that have any."""
    links = history.links
    voided = links["target"][links["kind"] == LinkKind.VOIDED]
    standing = (links["kind"] == LinkKind.CORRECTED) & np.isin(links["target"], targets)
    standing &= ~np.isin(links["position"], voided)
    found: dict[int, list[int]] = {}
    for target, position in sorted(
        zip(links["target"][standing].tolist(), links["position"][standing].tolist(), strict=True)
    ):
        found.setdefault(target, []).append(position)
    return dict(found)


def _vocabulary(history: History) -> dict[str, Words]:
    """Words that can be added to, beginning with those of the history."""
    found = {}
    for name in VOCABULARIES:
        found[name] = Words()
        found[name].extend(history.words_of(name))
    return found


def _joined(columns: Columns, more: Columns) -> Columns:
    """Both, in the order in which amended rows stand: known_at, then target."""
    joined = {name: np.concatenate([column, more[name].astype(column.dtype)]) for name, column in columns.items()}
    order = np.lexsort((joined["target"], joined["known_at"]))
    return {name: column[order] for name, column in joined.items()}
