"""Cut out of the history what some cases rest on: their rows, and the rows that these are linked with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from projections.history.columns import Columns, History, Ids
from projections.tallies.entries import Entries, Rows, with_room

SCORED = (
    "type", "subject", "source", "time", "unit", "owner", "procedure", "reason", "outcome", "of_case", "due_kind",
    "due", "rating", "present", "step",
)  # fmt: skip
"""The columns that counting reads."""

ENDS: Final = {
    "shares": ("position",),
    "references": ("position",),
    "links": ("position", "target"),
    "amended": ("target",),
    "amended_shares": ("target",),
}
"""The columns of each other part that say to which rows an entry belongs."""

SAYING: Final = ("links", "amended", "amended_shares")
"""The parts that say something of rows which others have long been behind."""


class CaseRows:
    """Which rows stand under a subject, and which are linked with which; grows with the history.

    What an excerpt costs does not depend on how long the history is.
    """

    def __init__(self) -> None:
        self.position = 0
        self._history: History | None = None
        self._rows = Entries()  # by subject
        self._reviews = Entries()  # by the subject of the case that they mean
        self._review_row = np.empty(0, np.int32)
        self._said = Entries()  # by row: what the other parts say of it
        self._said_in, self._said_number = np.empty(0, np.int32), np.empty(0, np.int32)
        self._known = dict.fromkeys(SAYING, 0)

    def grow(self, history: History) -> None:
        """Take in what the history has beyond the position reached."""
        begin, end = self.position, history.position
        self._rows.grow(history.rows["subject"][begin:end])
        of_case = history.rows["of_case"][begin:end]
        reviews = np.flatnonzero(of_case >= 0)
        self._review_row = _appended(self._review_row, self._reviews.size, reviews + begin)
        self._reviews.grow(of_case[reviews])
        for part, name in enumerate(SAYING):
            columns: Columns = getattr(history, name)
            for key in ENDS[name]:
                rows = columns[key][self._known[name] :] - 1
                numbers = np.arange(self._known[name], columns[key].size)
                self._said_in = _appended(self._said_in, self._said.size, np.full(rows.size, part))
                self._said_number = _appended(self._said_number, self._said.size, numbers)
                self._said.grow(rows)
            self._known[name] = columns[ENDS[name][0]].size
        self.position = end
        self._history = history

    @property
    def history(self) -> History:
        """The history that it knows."""
        assert self._history is not None, "it grows before it is asked"
        return self._history

    def rows_of(self, subjects: NDArray[np.int32]) -> Rows:
        """Rows on which the cases of these subjects rest, rising: also of other subjects, if linked with them."""
        own = np.concatenate([self._rows.of(subjects), self._review_row[self._reviews.of(subjects)]])
        return np.union1d(own, self.linked(own))

    def linked(self, rows: Rows) -> Rows:
        """All rows that some rows are linked with, over any number of links, rising; and they themselves, if
        linked."""
        links = self.history.links
        found: set[int] = set()
        while rows.size:
            numbers = self._numbers_of(rows, "links")["links"]
            ends = np.concatenate([links["position"][numbers], links["target"][numbers]]) - 1
            more = set(ends.tolist()) - found
            found |= more
            rows = np.fromiter(more, np.int64)
        return np.array(sorted(found), np.int64)

    def excerpt(self, rows: Rows) -> History:
        """A history of these rows alone, as `excerpt_of` cuts it."""
        entries = {
            "shares": _entries_at(self.history.shares, rows),
            "references": _entries_at(self.history.references, rows),
            **self._numbers_of(rows, *SAYING),
        }
        return excerpt_of(self.history, rows, entries)

    def _numbers_of(self, rows: Rows, *names: str) -> dict[str, Rows]:
        """By part: the numbers of its entries that say something of these rows, rising."""
        entries = self._said.of(rows)
        part, number = self._said_in[entries], self._said_number[entries]
        return {name: np.unique(number[part == SAYING.index(name)]) for name in names}


def excerpt_of(history: History, rows: Rows, entries: Mapping[str, NDArray[Any]]) -> History:
    """A history of these rows alone, in their order: row r of it is row `rows[r]`.

    `entries` choose those of the other parts that belong to the rows, by number or by flag. What became known at a
    position became known with the last of the rows up to it.
    """

    def part(name: str) -> Columns:
        columns: Columns = getattr(history, name)
        found = {column: columns[column][entries[name]] for column in columns}
        for end in ENDS[name]:
            found[end] = np.searchsorted(rows, found[end] - 1) + 1
        if "known_at" in found:
            found["known_at"] = np.searchsorted(rows, found["known_at"] - 1, "right")
        return found

    parts: dict[str, Any] = {name: part(name) for name in ENDS}
    return History(
        position=rows.size,
        build=history.build,
        rows={name: history.rows[name][rows] for name in SCORED},
        ids=SomeIds(history.ids, rows),
        words=history.words,
        **parts,
    )


def subjects_of(history: History, rows: Rows) -> NDArray[np.int32]:
    """Codes of the subjects under which some rows stand, or which they mean; each once, rising."""
    both = np.concatenate([history.rows["subject"][rows], history.rows["of_case"][rows]])
    found: NDArray[np.int32] = np.unique(both[both >= 0])
    return found


def _appended(values: NDArray[np.int32], size: int, more: NDArray[np.int64]) -> NDArray[np.int32]:
    """So many values and more."""
    values = with_room(values, size + more.size)
    values[size : size + more.size] = more
    return values


@dataclass(frozen=True)
class SomeIds:
    """Ids of some rows of a history."""

    ids: Ids
    rows: Rows

    def take(self, rows: Any) -> pa.Table:
        """Ids of some of these rows."""
        return self.ids.take(self.rows[rows])


def _entries_at(part: Columns, rows: Rows) -> Rows:
    """Numbers of the entries of a part, sorted by position, that belong to the rows."""
    begin = np.searchsorted(part["position"], rows + 1, "left")
    many = np.searchsorted(part["position"], rows + 1, "right") - begin
    return np.repeat(begin - np.cumsum(many) + many, many) + np.arange(many.sum())
