"""Append recorded actions to the history: rows, new words, references and what they turn out to mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from domain.actions import action_key, facts_action
from domain.corrections import apply_corrections, facts_of
from domain.facts import Facts, read_all_facts, read_facts
from domain.ledger.ledger import Ledger
from domain.ledger.records import ACTION_TOPIC, Recorded
from projections.damage import UnreadableEventError
from projections.history.parts import read_whole, write_columns
from projections.history.rows import NO_ACTION, ROW_COLUMNS, Vocabulary, code_facts, new_vocabulary
from projections.history.segments import texts
from projections.store import Checkpoint, Connection, ViewStore


class LinkKind(IntEnum):
    """What a reference does to the action it means."""

    VOIDED = 1
    CORRECTED = 2
    CLEARED = 3
    OVERTURNED = 4
    ABOUT = 5


LINK_OF_TYPE = {
    "record.voided": LinkKind.VOIDED,
    "record.corrected": LinkKind.CORRECTED,
    "service.error-cleared": LinkKind.CLEARED,
    "review.decided": LinkKind.OVERTURNED,
}
"""Every other action with `of` is ABOUT what it means."""

Columns = Mapping[str, Any]


class Link(NamedTuple):
    """An action means another one, and both have come."""

    position: int
    kind: LinkKind
    target: int
    known_at: int


class Reference(NamedTuple):
    """An action means another one by its source and id."""

    position: int
    kind: LinkKind
    source: str
    id: str


class HistoryProjection:
    """The one history. Its view is a function of the ledger up to the checkpoint, whatever the batches."""

    name = "history"
    format = 2

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._state: HistoryState | None = None

    def apply(
        self, store: ViewStore, connection: Connection, build: Checkpoint, batch: Sequence[Recorded]
    ) -> None:
        """Add a batch that follows the checkpoint; merges small segments so that their number stays small."""
        state = self._state
        if state is None or (state.build, state.position) != (build.build, build.position):
            state = HistoryState.load(store, connection, build)
        self._state = None  # a failed transaction leaves no state behind
        write_columns(store, connection, build, state.take(batch, self._ledger), rows=len(batch))
        self._state = state


class HistoryState:
    """What the writer must know of the history so far: words, and references with their meanings."""

    def __init__(self, build: int, position: int) -> None:
        self.build = build
        self.position = position
        self.words: Vocabulary = new_vocabulary()
        self.waiting: dict[tuple[str, str], list[tuple[int, LinkKind]]] = defaultdict(list)
        self.corrections: dict[int, list[tuple[int, int]]] = defaultdict(list)  # target -> (position, known_at)
        self.corrected: dict[int, tuple[int, int]] = {}  # position of a correction -> (target, known_at)
        self.voided: dict[int, int] = {}  # target -> known_at

    @classmethod
    def load(cls, store: ViewStore, connection: Connection, build: Checkpoint) -> HistoryState:
        """The state at the checkpoint, read from the parts."""
        state = cls(build.build, build.position)
        tables = {
            name: read_whole(store, connection, build, name)
            for name in ("words", "subjects", "references", "links")
        }
        for vocabulary, _, word in _records(tables["words"]):
            state.words[vocabulary].code(word)
        state.words["subject"].extend(texts(tables["subjects"]["word"]))
        linked = set()
        for position, kind, target, known_at in _records(tables["links"]):
            linked.add(position)
            state.remember(Link(position, LinkKind(kind), target, known_at))
        for position, kind, source, action_id in _records(tables["references"]):
            if position not in linked:
                state.waiting[source, action_id].append((position, LinkKind(kind)))
        return state

    def remember(self, link: Link) -> None:
        """Keep a link that later amendments depend on."""
        if link.kind == LinkKind.VOIDED:
            self.voided[link.target] = min(link.known_at, self.voided.get(link.target, link.known_at))
        elif link.kind == LinkKind.CORRECTED:
            self.corrections[link.target].append((link.position, link.known_at))
            self.corrected[link.position] = (link.target, link.known_at)

    def take(self, batch: Sequence[Recorded], ledger: Ledger) -> dict[str, Columns]:
        """Columns of every part for the batch; the state moves on to its last position."""
        known = {name: len(words.words) for name, words in self.words.items()}
        position, facts = _decoded(batch)
        references = _references(position, facts)
        links, amendments = self._linked(position, facts, references, ledger)
        amended = _amended(amendments, ledger)
        # An amended row is seen right after the action with which it becomes known.
        many, at = len(facts), np.array(position, np.int64)
        target = np.array([each.target for each in amendments], np.int64)
        known_at = np.array([each.known_at for each in amendments], np.int64)
        order = [row << 32 for row in range(many)]
        order += [(row << 32) + index for index, row in enumerate(np.searchsorted(at, known_at).tolist(), 1)]
        coded = code_facts([*facts, *amended], self.words, order=order)
        own = coded.share_row < many
        theirs = coded.share_row[~own] - many
        parts: dict[str, Columns] = {
            "rows": _spread({name: coded.columns[name][:many] for name in ROW_COLUMNS}, at, batch),
            "ids": _ids(at, facts, batch),
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
        return parts | self._new_words(known)

    def _new_words(self, known: Mapping[str, int]) -> dict[str, Columns]:
        new = [
            (name, code, words.words[code])
            for name, words in self.words.items()
            if name != "subject"
            for code in range(known[name], len(words.words))
        ]
        subjects = self.words["subject"].words
        return {
            "words": _columns(("vocabulary", "code", "word"), new),
            "subjects": {
                "code": np.arange(known["subject"], len(subjects)),
                "word": subjects[known["subject"] :],
            },
        }

    def _linked(
        self, position: Sequence[int], facts: Sequence[Facts], references: Sequence[Reference], ledger: Ledger
    ) -> tuple[list[Link], list[Amendment]]:
        """Links that become known in the batch, and the actions whose effective row changes with them."""
        targets = _targets(references, ledger)
        of_position = {each.position: each for each in references}
        meant = [
            row
            for row, each in enumerate(facts)
            if (key := (each.source, each.id)) in self.waiting or key in targets
        ]
        links: list[Link] = []
        amendments: list[Amendment] = []
        for row in sorted({*meant, *np.searchsorted(position, list(of_position)).tolist()}):
            at, each = position[row], facts[row]
            known = self._links(at, each, of_position.get(at), targets)
            amended: set[int] = set()
            for link in known:
                self.remember(link)
                amended |= self._amended_by(link)
            links += known
            amendments += [Amendment(target, at, self._corrections_of(target, at)) for target in sorted(amended)]
        return links, amendments

    def _links(
        self, position: int, facts: Facts, reference: Reference | None, targets: Mapping[tuple[str, str], int]
    ) -> list[Link]:
        """The links that become known with this action: those that waited for it, and its own."""
        waiting = self.waiting.pop((facts.source, facts.id), ())
        links = [Link(waits, kind, position, position) for waits, kind in waiting]
        if reference is not None:
            target = targets.get((reference.source, reference.id))
            if target is None or target > position:
                self.waiting[reference.source, reference.id].append((position, reference.kind))
            else:
                links.append(Link(position, reference.kind, target, position))
        return links

    def _amended_by(self, link: Link) -> set[int]:
        """Actions whose effective row changes with a link: the corrected one, or that of a voided correction."""
        if link.kind == LinkKind.CORRECTED:
            return {link.target}
        if link.kind == LinkKind.VOIDED and link.target in self.corrected:
            return {self.corrected[link.target][0]}
        # A void of a correction that still waits shows when the correction's own target comes.
        return set()

    def _corrections_of(self, target: int, known_at: int) -> tuple[int, ...]:
        """Corrections of an action that are in force at a position."""
        return tuple(
            position
            for position, since in self.corrections[target]
            if since <= known_at and self.voided.get(position, known_at + 1) > known_at
        )


class Amendment(NamedTuple):
    """The row of an action has to be told anew from a position on, under these corrections."""

    target: int
    known_at: int
    corrections: tuple[int, ...]


def _decoded(batch: Sequence[Recorded]) -> tuple[list[int], list[Facts]]:
    """Positions and facts of the actions among the events. Raises UnreadableEventError."""
    actions = [each for each in batch if each.topic == ACTION_TOPIC]
    try:
        return [each.position for each in actions], read_all_facts([each.facts for each in actions])
    except msgspec.MsgspecError:
        for each in actions:
            try:
                read_facts(each.facts)
            except msgspec.MsgspecError as error:
                raise UnreadableEventError(each.position, error) from error
        raise


def _references(position: Sequence[int], facts: Sequence[Facts]) -> list[Reference]:
    found = []
    for at, each in [(at, each) for at, each in zip(position, facts, strict=True) if each.data.of is not None]:
        of = each.data.of
        if of is not None and of.source is not None and of.id is not None:
            found.append(Reference(at, LINK_OF_TYPE.get(each.type, LinkKind.ABOUT), of.source, of.id))
    return found


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


def _ids(position: NDArray[np.int64], facts: Sequence[Facts], batch: Sequence[Recorded]) -> Columns:
    ids: list[str] = [""] * len(batch)
    sequences: list[str | None] = [None] * len(batch)
    for row, each in zip((position - batch[0].position).tolist(), facts, strict=True):
        ids[row], sequences[row] = each.id, each.sequence
    return {"id": ids, "sequence": sequences}


def _columns(names: Sequence[str], records: Sequence[Sequence[Any]]) -> Columns:
    """Records as columns."""
    return dict(zip(names, zip(*records, strict=True) if records else [()] * len(names), strict=True))


def _records(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
