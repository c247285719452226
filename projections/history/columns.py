"""Hold the history in memory as columns, and read on as it grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from projections.history.resident import KEYS, Keeper, Resident, ResidentColumns
from projections.history.rows import VOCABULARIES
from projections.history.source import Snapshot, Source
from projections.history.texts import KnownWords, StoredIds
from projections.store import Checkpoint, Connection, ViewStore

Columns = Mapping[str, NDArray[Any]]

_COMPARED_AT_ONCE: Final = 1_000_000
_STAFF = ("owner", "actor", "supervisor", "recorder")
_COLUMNS_OF: Final = {name: (name,) for name in VOCABULARIES} | {
    "subject": ("subject", "of_case"),
    "staff": _STAFF,
}


class WordList(Protocol):
    """The words of one vocabulary."""

    @property
    def words(self) -> Sequence[str]:
        """Word by code."""

    def find(self, word: str) -> int:
        """Code of a word that may be unknown; NOBODY then."""


class Ids(Protocol):
    """Id and sequence of each action."""

    def take(self, rows: Any) -> pa.Table:
        """Those of some rows (position - 1), in the order asked for."""


@dataclass(frozen=True, eq=False)
class History:
    """All recorded actions up to `position`, one row a position: row r stands for position r + 1.

    `rows`, `shares`, `references`, `links`, `amended` and `amended_shares` have the columns of
    `projections.history.segments.SCHEMAS` as arrays of integers that cannot be written to. One that was loaded
    reads columns, words and ids when they are first asked for, and may raise DamagedViewError then.
    """

    position: int
    build: int
    rows: Columns
    shares: Columns
    references: Columns
    links: Columns
    amended: Columns
    amended_shares: Columns
    ids: Ids
    words: Mapping[str, WordList] = field(repr=False)
    resident: Resident | None = field(default=None, repr=False)
    """What it was loaded with, from which a later state goes on."""

    def words_of(self, vocabulary: str) -> Sequence[str]:
        """The words of a vocabulary by code; there may be more than the history uses."""
        return self.words[vocabulary].words

    def at(self, position: int) -> History:
        """The state of that position, earlier or later, of a history that was loaded."""
        assert self.resident is not None, "it was loaded"
        return self if position == self.position else _at(self.resident, position)

    def upto(self, position: int) -> History:
        """The history as it was known when `position` was the last one. Words keep their codes."""
        if position >= self.position:
            return self
        if self.resident is not None:
            return self.at(position)

        def cut(columns: Columns, by: str) -> Columns:
            kept = columns[by] <= position
            return {name: column[kept] for name, column in columns.items()}

        others: dict[str, Any] = {part: cut(getattr(self, part), key) for part, key in KEYS.items()}
        return replace(
            self,
            position=position,
            rows={name: column[:position] for name, column in self.rows.items()},
            ids=self.ids.take(np.arange(position)),
            **others,
        )


def load_history(
    store: ViewStore,
    connection: Connection,
    build: Checkpoint,
    *,
    before: History | None = None,
    keeper: Keeper | None = None,
) -> History:
    """A build as it stands, to be read as it is used; goes on from an earlier state of the same build.

    What the keeper holds of it is taken from there. Raises DamagedViewError.
    """
    if before is None or before.resident is None or before.build != build.build:
        Snapshot(store, connection, build).whole_segments(after=0)
        kept = None if keeper is None else keeper.columns(build)
        return _at(Resident(Source(store, build), keeper=keeper, kept=kept), build.position)
    return before if before.position == build.position else _at(before.resident, build.position)


def _at(resident: Resident, position: int) -> History:
    return History(
        position=position,
        build=resident.source.build.build,
        **{part: ResidentColumns(resident, part, position) for part in ("rows", *KEYS)},
        ids=StoredIds(resident.source, position),
        words={name: KnownWords(resident.words, name, position) for name in VOCABULARIES},
        resident=resident,
    )


def differences(live: History, rebuilt: History) -> list[str]:
    """In what two histories of the same position differ, column by column; empty when they are equal."""
    faults = []
    for name in VOCABULARIES:
        used = max(_words_used(live, name), _words_used(rebuilt, name))
        if live.words_of(name)[:used] != rebuilt.words_of(name)[:used]:
            faults.append(f"history: the words of {name} differ from a rebuild")
    for part in ("rows", *KEYS):
        ours, theirs = getattr(live, part), getattr(rebuilt, part)
        for column in ours:
            if not np.array_equal(ours[column], theirs[column]):
                faults.append(
                    f"history: {part}.{column} differs from a rebuild{_where(ours[column], theirs[column])}"
                )
    if not all(one.equals(other) for one, other in zip(_all_ids(live), _all_ids(rebuilt), strict=True)):
        faults.append("history: the ids differ from a rebuild")
    return faults


def _words_used(history: History, vocabulary: str) -> int:
    """How many words of a vocabulary the rows use: a loaded history may know later ones."""
    used = [part[name] for part in (history.rows, history.amended) for name in _COLUMNS_OF[vocabulary]]
    if vocabulary == "staff":
        used += [history.shares["staff"], history.amended_shares["staff"]]
    return max(int(codes.max(initial=-1)) for codes in used) + 1


def _all_ids(history: History) -> Iterator[pa.Table]:
    for begin in range(0, history.position, _COMPARED_AT_ONCE):
        yield history.ids.take(np.arange(begin, min(begin + _COMPARED_AT_ONCE, history.position)))


def _where(ours: NDArray[Any], theirs: NDArray[Any]) -> str:
    if ours.shape != theirs.shape:
        return f" ({ours.size} against {theirs.size} entries)"
    return f", first at entry {int(np.flatnonzero(ours != theirs)[0]) + 1}"
