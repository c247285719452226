"""Append recorded actions to the history: rows, new words, references and what they turn out to mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain.actions.actions import action_key, facts_action
from domain.actions.corrections import apply_corrections, facts_of
from domain.actions.stored_facts import Facts
from domain.ledger.ledger import Ledger
from domain.ledger.records import Recorded
from projections.batch import actions_of
from projections.changes import Changes
from projections.history.links import KnownLinks, Link, LinkKind
from projections.history.parts import appended, read_each, read_whole
from projections.history.rows import NO_ACTION, ROW_COLUMNS, VOCABULARIES, Coder, Words, code_told
from projections.history.told import Column, Told, together, told_of
from projections.history.word_codes import WordCodes
from projections.store import Checkpoint, Connection, ViewStore
from projections.view_formats import format_of

LINK_OF_TYPE = {
    "record.voided": LinkKind.VOIDED,
    "record.corrected": LinkKind.CORRECTED,
    "service.error-cleared": LinkKind.CLEARED,
    "review.decided": LinkKind.OVERTURNED,
}
"""Every other action with `of` is ABOUT what it means."""

Columns = Mapping[str, Any]


class Reference(NamedTuple):
    """An action means another one by its source and id."""

    position: int
    kind: LinkKind
    source: str
    id: str


class HistoryProjection:
    """The one history. Its view is a function of the ledger up to the checkpoint, whatever the batches."""

    name = "history"

    def __init__(self, ledger: Ledger) -> None:
        self.format = format_of(3)
        self._ledger = ledger
        self._state: HistoryState | None = None

    def apply(
        self, store: ViewStore, connection: Connection, build: Checkpoint, batch: Sequence[Recorded]
    ) -> Changes:
        """A batch that follows the checkpoint comes on; small segments are merged, so that they stay few."""
        state = self._state
        if state is None or (state.build, state.position) != (build.build, build.position):
            state = HistoryState.load(store, connection, build)
        self._state = None  # a failed transaction leaves no state behind
        parts = state.take(batch, self._ledger)
        return Changes(
            appended(store, connection, build, parts, rows=len(batch)), written=lambda: self._keep(state)
        )

    def _keep(self, state: HistoryState) -> None:
        self._state = state


class HistoryState:
    """What the writer must know of the history so far: codes of words, and references with their meanings."""

    def __init__(self, build: int, position: int) -> None:
        self.build = build
        self.position = position
        # Every case is a subject; of all others there are few, and a dictionary is quicker.
        self.words: dict[str, Coder] = {name: Words() for name in VOCABULARIES} | {"subject": WordCodes()}
        self.waiting: dict[tuple[str, str], list[tuple[int, LinkKind]]] = defaultdict(list)
        self.links = KnownLinks()

    @classmethod
    def load(cls, store: ViewStore, connection: Connection, build: Checkpoint) -> HistoryState:
        """The state at the checkpoint, read from the parts."""
        state = cls(build.build, build.position)
        for subjects in read_each(store, connection, build, "subjects"):
            state.words["subject"].learn(subjects["word"].combine_chunks())
        words = read_whole(store, connection, build, "words")
        for vocabulary, coder in state.words.items():
            coder.learn(
                words["word"].filter(pc.equal(words["vocabulary"], pa.scalar(vocabulary))).combine_chunks()
            )
        links = read_whole(store, connection, build, "links")
        state.links.add({name: links[name].to_numpy() for name in ("position", "kind", "target")})
        for references in read_each(store, connection, build, "references"):
            waits = pc.invert(pc.is_in(references["position"], links["position"].combine_chunks()))
            for position, kind, source, action_id in _records(references.filter(waits)):
                state.waiting[source, action_id].append((position, LinkKind(kind)))
        return state

    def take(self, batch: Sequence[Recorded], ledger: Ledger) -> dict[str, Columns]:
        """Columns of every part for the batch; the state moves on to its last position.

        Raises UnreadableEventError.
        """
        known = {name: len(words) for name, words in self.words.items()}
        actions = actions_of(batch)
        at, told = actions.positions, actions.told()
        references = _references(at, told)
        links, amendments = self._linked(at, told, references, ledger)
        amended = _amended(amendments, ledger)
        # An amended row is seen right after the action with which it becomes known.
        many = at.size
        target = np.array([each.target for each in amendments], np.int64)
        known_at = np.array([each.known_at for each in amendments], np.int64)
        amended_order = (np.searchsorted(at, known_at) << 32) + np.arange(1, known_at.size + 1)
        order = np.concatenate([np.arange(many) << 32, amended_order])
        coded = code_told(together([told, told_of(amended)]) if amended else told, self.words, order=order)
        own = coded.share_row < many
        theirs = coded.share_row[~own] - many
        parts: dict[str, Columns] = {
            "rows": _spread({name: coded.columns[name][:many] for name in ROW_COLUMNS}, at, batch),
            "ids": _ids(at, told, batch),
            "shares": {
                "position": at[coded.share_row[own]],
                "staff": coded.share_staff[own],
                "part": coded.share_part[own],
            },
            "references": _columns(Reference._fields, references),
            "links": _columns(Link._fields, links),
            "amended": {"target": target, "known_at": known_at}
            | {name: coded.columns[name][many:] for name in ROW_COLUMNS},
            "amended_shares": {
                "target": target[theirs],
                "known_at": known_at[theirs],
                "staff": coded.share_staff[~own],
                "part": coded.share_part[~own],
            },
        }
        self.position = batch[-1].position
        return parts | _words(known, coded.new_words)

    def _linked(
        self, at: NDArray[np.int64], told: Told, references: Sequence[Reference], ledger: Ledger
    ) -> tuple[list[Link], list[Amendment]]:
        """Links that become known in the batch, and the actions whose effective row changes with them."""
        targets = _targets(references, ledger)
        of_position = {each.position: each for each in references}
        links: list[Link] = []
        amendments: list[Amendment] = []
        rows = sorted({*self._meant(told, targets), *np.searchsorted(at, list(of_position)).tolist()})
        keys = [(told["source"][row].as_py(), told["id"][row].as_py()) for row in rows]
        waiting = [position for key in keys for position, _ in self.waiting.get(key, ())]
        near = self.links.near([*targets.values(), *waiting])
        for row, key in zip(rows, keys, strict=True):
            position = int(at[row])
            known = self._links(position, key, of_position.get(position), targets)
            amended: set[int] = set()
            for link in known:
                near.remember(link)
                amended |= near.amended_by(link)
            links += known
            amendments += [
                Amendment(target, position, near.corrections_of(target, position)) for target in sorted(amended)
            ]
        columns = np.array(links, np.int64).reshape(-1, len(Link._fields)).T
        self.links.add(dict(zip(Link._fields, columns, strict=True)))
        return links, amendments

    def _meant(self, told: Told, targets: Mapping[tuple[str, str], int]) -> list[int]:
        """Rows of the actions that earlier ones mean, or others of the batch."""
        ids = {action_id for _, action_id in (*self.waiting, *targets)}
        if len(ids) <= len(told["id"]):
            is_meant: Column = pc.is_in(told["id"], pa.array(sorted(ids), pa.string()))
            rows = np.flatnonzero(is_meant.to_numpy(zero_copy_only=False)).tolist()
        else:
            rows = [row for row, action_id in enumerate(told["id"].to_pylist()) if action_id in ids]
        found = []
        for row in rows:
            key = told["source"][row].as_py(), told["id"][row].as_py()
            if key in self.waiting or key in targets:
                found.append(row)
        return found

    def _links(
        self,
        position: int,
        key: tuple[str, str],
        reference: Reference | None,
        targets: Mapping[tuple[str, str], int],
    ) -> list[Link]:
        """The links that become known with this action: those that waited for it, and its own."""
        waiting = self.waiting.pop(key, ())
        links = [Link(waits, kind, position, position) for waits, kind in waiting]
        if reference is not None:
            target = targets.get((reference.source, reference.id))
            if target is None or target > position:
                self.waiting[reference.source, reference.id].append((position, reference.kind))
            else:
                links.append(Link(position, reference.kind, target, position))
        return links


class Amendment(NamedTuple):
    """The row of an action has to be told anew from a position on, under these corrections."""

    target: int
    known_at: int
    corrections: tuple[int, ...]


def _words(known: Mapping[str, int], new: Mapping[str, Column]) -> dict[str, Columns]:
    """New words with their codes, which go on from those that were known."""
    others = [
        (vocabulary, code, word)
        for vocabulary, words in new.items()
        if vocabulary != "subject"
        for code, word in enumerate(words.to_pylist(), known[vocabulary])
    ]
    begin, subjects = known["subject"], new["subject"]
    return {
        "words": _columns(("vocabulary", "code", "word"), others),
        "subjects": {"code": np.arange(begin, begin + len(subjects)), "word": subjects},
    }


def _references(at: NDArray[np.int64], told: Told) -> list[Reference]:
    refers: Column = pc.and_(pc.is_valid(told["of_source"]), pc.is_valid(told["of_id"]))
    rows = np.flatnonzero(refers.to_numpy(zero_copy_only=False))
    of = [told[name].take(pa.array(rows)).to_pylist() for name in ("type", "of_source", "of_id")]
    return [
        Reference(position, LINK_OF_TYPE.get(kind, LinkKind.ABOUT), source, action_id)
        for position, kind, source, action_id in zip(at[rows].tolist(), *of, strict=True)
    ]


def _targets(references: Sequence[Reference], ledger: Ledger) -> dict[tuple[str, str], int]:
    """Where the actions that the batch refers to stand in the ledger, of those that have come."""
    wanted = {action_key(each.source, each.id): (each.source, each.id) for each in references}
    if not wanted:
        return {}
    return {wanted[key]: position for key, position in ledger.positions_of(sorted(wanted)).items()}


def _amended(amendments: Sequence[Amendment], ledger: Ledger) -> list[Facts]:
    """What the actions are after their corrections."""
    wanted = {position for each in amendments for position in (each.target, *each.corrections)}
    if not wanted:
        return []
    stored = {each.position: facts_action(each.facts) for each in ledger.read_positions(sorted(wanted))}
    return [
        facts_of(apply_corrections(stored[target], [stored[each] for each in corrections]).action)
        for target, _, corrections in amendments
    ]


def _spread(columns: Columns, position: NDArray[np.int64], batch: Sequence[Recorded]) -> Columns:
    """Columns of actions as columns of positions: what else stands in the ledger states nothing."""
    if position.size == len(batch):
        return columns
    spread = {}
    for (name, column), nothing in zip(columns.items(), NO_ACTION, strict=True):
        spread[name] = np.full(len(batch), nothing, column.dtype)
        spread[name][position - batch[0].position] = column
    return spread


def _ids(position: NDArray[np.int64], told: Told, batch: Sequence[Recorded]) -> Columns:
    if position.size == len(batch):
        return {"id": told["id"], "sequence": told["sequence"]}
    row = np.full(len(batch), -1)
    row[position - batch[0].position] = np.arange(position.size)
    where = pa.array(row, mask=row < 0)
    return {"id": pc.fill_null(told["id"].take(where), ""), "sequence": told["sequence"].take(where)}


def _columns(names: Sequence[str], records: Sequence[Sequence[Any]]) -> Columns:
    """Records as columns."""
    return dict(zip(names, zip(*records, strict=True) if records else [()] * len(names), strict=True))


def _records(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
