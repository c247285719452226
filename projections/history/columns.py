"""Hold the history in memory as columns, and read on as it grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from projections.damage import DamagedViewError
from projections.history.parts import read_whole
from projections.history.rows import Vocabulary, new_vocabulary
from projections.history.segments import SCHEMAS, texts
from projections.store import Checkpoint, Connection, ViewStore

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class History:
    """All recorded actions up to `position`, one row a position: row r stands for position r + 1.

    `rows`, `shares`, `references`, `links`, `amended` and `amended_shares` have the columns of
    `projections.history.segments.SCHEMAS` as arrays of integers; ids stay in Arrow until asked for.
    """

    position: int
    build: int
    rows: Columns
    shares: Columns
    references: Columns
    links: Columns
    amended: Columns
    amended_shares: Columns
    ids: pa.Table
    words: Vocabulary = field(repr=False)

    def words_of(self, vocabulary: str) -> Sequence[str]:
        """The words of a vocabulary by code."""
        return self.words[vocabulary].words

    def upto(self, position: int) -> History:
        """The history as it was known when `position` was the last one. Words keep their codes."""
        if position >= self.position:
            return self

        def cut(columns: Columns, by: str) -> Columns:
            kept = columns[by] <= position
            return {name: column[kept] for name, column in columns.items()}

        return History(
            position=position,
            build=self.build,
            rows={name: column[:position] for name, column in self.rows.items()},
            shares=cut(self.shares, "position"),
            references=cut(self.references, "position"),
            links=cut(self.links, "known_at"),
            amended=cut(self.amended, "known_at"),
            amended_shares=cut(self.amended_shares, "known_at"),
            ids=self.ids.slice(0, position),
            words=self.words,
        )


def load_history(store: ViewStore, connection: Connection, build: Checkpoint) -> History:
    """Read a whole build; an empty one has no rows. Raises DamagedViewError."""
    tables = {name: read_whole(store, connection, build, name) for name in SCHEMAS}
    if not tables["rows"].num_rows == tables["ids"].num_rows == build.position:
        raise DamagedViewError(build.projection, f"it does not hold each of its {build.position:,} positions")
    words = new_vocabulary()
    for each in tables["words"].to_pylist():
        words[each["vocabulary"]].code(each["word"])
    words["subject"].extend(texts(tables["subjects"]["word"]))
    return History(
        position=build.position,
        build=build.build,
        rows=_columns(tables["rows"]),
        shares=_columns(tables["shares"]),
        references=_columns(tables["references"].select(["position", "kind"])),
        links=_columns(tables["links"]),
        amended=_columns(tables["amended"]),
        amended_shares=_columns(tables["amended_shares"]),
        ids=tables["ids"],
        words=words,
    )


def _columns(table: pa.Table) -> Columns:
    return {name: table[name].to_numpy() for name in table.column_names}


def differences(live: History, rebuilt: History) -> list[str]:
    """In what two histories of the same position differ, column by column; empty when they are equal."""
    faults = []
    for name, words in live.words.items():
        if words.words != rebuilt.words[name].words:
            faults.append(f"history: the words of {name} differ from a rebuild")
    for part in ("rows", "shares", "references", "links", "amended", "amended_shares"):
        ours, theirs = getattr(live, part), getattr(rebuilt, part)
        for column in ours:
            if not np.array_equal(ours[column], theirs[column]):
                faults.append(
                    f"history: {part}.{column} differs from a rebuild{_where(ours[column], theirs[column])}"
                )
    if not live.ids.equals(rebuilt.ids):
        faults.append("history: the ids differ from a rebuild")
    return faults


def _where(ours: NDArray[Any], theirs: NDArray[Any]) -> str:
    if ours.shape != theirs.shape:
        return f" ({ours.size} against {theirs.size} entries)"
    return f", first at entry {int(np.flatnonzero(ours != theirs)[0]) + 1}"
