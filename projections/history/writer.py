"""Append recorded actions to the history: rows, new words, references and what they turn out to mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import pyarrow as pa

from domain.actions import action_key, facts_action
from domain.corrections import apply_corrections, facts_of
from domain.facts import Facts, read_facts
from domain.ledger.ledger import Ledger
from domain.ledger.records import ACTION_TOPIC, Recorded
from projections.history.rows import (
    NO_ACTION,
    Vocabulary,
    new_vocabulary,
    row_of,
    shares_of,
)
from projections.history.segments import SCHEMAS, concatenate, decode, encode, to_table
from projections.store import PARTS, Checkpoint, Connection, ViewStore

SEGMENT_ROWS_MAX = 262_144
"""Merging reads and writes whole segments: this bounds the memory that it takes."""


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


class HistoryProjection:
    """The one history. Its view is a function of the ledger up to the checkpoint, whatever the batches."""

    name = "history"

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
        parts = {name: to_table(name, rows) for name, rows in state.take(batch, self._ledger).items()}
        _write_segment(store, connection, build, batch[0].position, batch[-1].position, parts)
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
        wanted = ["words", "references", "links"]
        rows = store.rows(
            connection, PARTS, build, "part", "content", order="first_position", among=("part", wanted)
        )
        tables = {part: [decode(part, row[1]) for row in rows if row[0] == part] for part in wanted}
        for vocabulary, word in _records(concatenate("words", tables["words"])):
            state.words[vocabulary].code(word)
        linked = set()
        for position, kind, target, known_at in _records(concatenate("links", tables["links"])):
            linked.add(position)
            state.remember(position, LinkKind(kind), target, known_at)
        for position, kind, source, action_id in _records(concatenate("references", tables["references"])):
            if position not in linked:
                state.waiting[source, action_id].append((position, LinkKind(kind)))
        return state

    def remember(self, position: int, kind: LinkKind, target: int, known_at: int) -> None:
        """Keep a link that later amendments depend on."""
        if kind == LinkKind.VOIDED:
            self.voided[target] = min(known_at, self.voided.get(target, known_at))
        elif kind == LinkKind.CORRECTED:
            self.corrections[target].append((position, known_at))
            self.corrected[position] = (target, known_at)

    def take(self, batch: Sequence[Recorded], ledger: Ledger) -> dict[str, list[tuple[object, ...]]]:
        """Rows of every part for the batch; the state moves on to its last position."""
        parts: dict[str, list[tuple[object, ...]]] = {name: [] for name in SCHEMAS}
        known = {name: len(words.words) for name, words in self.words.items()}
        decoded = [read_facts(each.facts) if each.topic == ACTION_TOPIC else None for each in batch]
        targets = _targets(decoded, ledger)
        for recorded, facts in zip(batch, decoded, strict=True):
            position = recorded.position
            if facts is None:
                parts["rows"].append(NO_ACTION)
                parts["ids"].append(("", None))
                continue
            parts["rows"].append(row_of(facts, self.words))
            parts["ids"].append((facts.id, facts.sequence))
            parts["shares"] += [(position, *share) for share in shares_of(facts, self.words)]
            amended: set[int] = set()
            for link in self._links(position, facts, targets, parts):
                parts["links"].append(link)
                self.remember(*link)
                amended |= self._amended_by(*link)
            for target in sorted(amended):
                self._amend(target, position, ledger, parts)
        for name, words in self.words.items():
            parts["words"] += [(name, word) for word in words.words[known[name] :]]
        self.position = batch[-1].position
        return parts

    def _links(
        self,
        position: int,
        facts: Facts,
        targets: dict[tuple[str, str], int],
        parts: dict[str, list[tuple[object, ...]]],
    ) -> list[tuple[int, LinkKind, int, int]]:
        """The links that become known with this action: its own, and those that waited for it."""
        links = []
        for waiting, kind in self.waiting.pop((facts.source, facts.id), ()):
            links.append((waiting, kind, position, position))
        reference = _reference(facts)
        if reference is not None:
            kind, source, action_id = reference
            parts["references"].append((position, kind, source, action_id))
            target = targets.get((source, action_id))
            if target is None or target > position:
                self.waiting[source, action_id].append((position, kind))
            else:
                links.append((position, kind, target, position))
        return links

    def _amended_by(self, position: int, kind: LinkKind, target: int, known_at: int) -> set[int]:
        """Actions whose effective row changes with a link: the corrected one, or that of a voided correction."""
        if kind == LinkKind.CORRECTED:
            return {target}
        if kind == LinkKind.VOIDED and target in self.corrected:
            return {self.corrected[target][0]}
        # A void of a correction that still waits shows when the correction's own target comes.
        del position, known_at
        return set()

    def _amend(
        self, target: int, known_at: int, ledger: Ledger, parts: dict[str, list[tuple[object, ...]]]
    ) -> None:
        """Write the row that `target` has from `known_at` on, under all corrections in force by then."""
        corrections = [
            position
            for position, since in self.corrections[target]
            if since <= known_at and self.voided.get(position, known_at + 1) > known_at
        ]
        stored = {
            each.position: facts_action(each.facts) for each in ledger.read_positions([target, *corrections])
        }
        outcome = apply_corrections(stored[target], [stored[position] for position in corrections])
        effective = facts_of(outcome.action)
        parts["amended"].append((target, known_at, *row_of(effective, self.words)))
        parts["amended_shares"] += [(target, known_at, *share) for share in shares_of(effective, self.words)]


def _reference(facts: Facts) -> tuple[LinkKind, str, str] | None:
    of = facts.data.of
    if of is None or of.source is None or of.id is None:
        return None
    return LINK_OF_TYPE.get(facts.type, LinkKind.ABOUT), of.source, of.id


def _targets(decoded: Sequence[Facts | None], ledger: Ledger) -> dict[tuple[str, str], int]:
    """Where the actions that the batch refers to stand in the ledger, of those that have come."""
    wanted = {}
    for facts in decoded:
        reference = _reference(facts) if facts is not None else None
        if reference is not None:
            _, source, action_id = reference
            wanted[action_key(source, action_id)] = (source, action_id)
    if not wanted:
        return {}
    found = ledger.positions_of(sorted(wanted))
    return {wanted[key]: position for key, position in found.items()}


def _records(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _write_segment(
    store: ViewStore,
    connection: Connection,
    build: Checkpoint,
    first: int,
    last: int,
    parts: dict[str, pa.Table],
) -> None:
    """Write the new segment, merged with the small ones before it: every row is rewritten O(log n) times."""
    old = store.rows(
        connection,
        PARTS,
        build,
        "first_position",
        "last_position",
        order="first_position",
        among=("part", ["rows"]),
    )
    merged_from = first
    for begin, end in reversed([(row[0], row[1]) for row in old]):
        if end - begin + 1 > 2 * (last - merged_from + 1) or last - begin + 1 > SEGMENT_ROWS_MAX:
            break
        merged_from = begin
    if merged_from < first:
        before = store.rows(
            connection, PARTS, build, "part", "content", "first_position",
            order="first_position", after=("first_position", merged_from - 1),
        )  # fmt: skip
        for name in SCHEMAS:
            earlier = [decode(name, row[1]) for row in before if row[0] == name]
            parts[name] = concatenate(name, [*earlier, parts[name]])
        for begin in sorted({row[2] for row in before}):
            store.remove(connection, PARTS, build, first_position=begin)
    rows = []
    for name, table in parts.items():
        if table.num_rows:
            sha256, content = encode(table)
            rows.append(
                {
                    "first_position": merged_from,
                    "part": name,
                    "last_position": last,
                    "sha256": sha256,
                    "content": content,
                }
            )
    store.add(connection, PARTS, build, rows)
