"""Cut out of the history what some cases rest on: their rows, and the rows that these are linked with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from domain.compiled import compiled
from projections.history.columns import Columns, History, Ids

Rows = NDArray[np.int64]
Numbers = dict[int, list[int]]
FIRST_ROOM = 1_024

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


class CaseRows:
    """Which rows stand under a subject, and which are linked with which; grows with the history.

    What an excerpt costs does not depend on how long the history is.
    """

    def __init__(self) -> None:
        self.position = 0
        self._history: History | None = None
        self._before = np.empty(FIRST_ROOM, np.int32)  # row -> the row before it under the same subject
        self._last = np.full(FIRST_ROOM, -1, np.int32)  # subject code -> its last row
        self._reviews: Numbers = defaultdict(list)  # subject code -> rows that mean the case by it
        self._marked = np.zeros(FIRST_ROOM, np.bool_)  # rows that any of the following says something of
        self._links: Numbers = defaultdict(list)  # row -> links from it or to it
        self._amended: Numbers = defaultdict(list)  # row -> its amended rows
        self._amended_shares: Numbers = defaultdict(list)
        self._known = {"links": 0, "amended": 0, "amended_shares": 0}

    def grow(self, history: History) -> None:
        """Take in what the history has beyond the position reached."""
        begin, end = self.position, history.position
        subject = history.rows["subject"][begin:end]
        self._before = _with_room(self._before, end)
        if self._marked.size < self._before.size:
            self._marked = np.pad(self._marked, (0, self._before.size - self._marked.size))
        self._last = _with_room(self._last, int(subject.max(initial=-1)) + 1)
        chain(subject, begin, self._before, self._last)
        of_case = history.rows["of_case"][begin:end]
        for row in np.flatnonzero(of_case >= 0).tolist():
            self._reviews[int(of_case[row])].append(begin + row)
        for position, target, number in self._new(history, "links", "position", "target"):
            self._links[position - 1].append(number)
            self._links[target - 1].append(number)
        for target, number in self._new(history, "amended", "target"):
            self._amended[target - 1].append(number)
        for target, number in self._new(history, "amended_shares", "target"):
            self._amended_shares[target - 1].append(number)
        self.position = end
        self._history = history

    @property
    def history(self) -> History:
        """The history that it knows."""
        assert self._history is not None, "it grows before it is asked"
        return self._history

    def _new(self, history: History, part: str, *keys: str) -> Iterator[tuple[int, ...]]:
        columns, begin = getattr(history, part), self._known[part]
        listed = [columns[key][begin:].tolist() for key in keys]
        self._known[part] = begin + len(listed[0])
        for key in keys:
            self._marked[columns[key][begin:] - 1] = True
        return zip(*listed, range(begin, self._known[part]), strict=True)

    def rows_of(self, subjects: NDArray[np.int32]) -> Rows:
        """Rows on which the cases of these subjects rest, rising: also of other subjects, if linked with them."""
        out = np.empty(FIRST_ROOM, np.int64)
        while (filled := walk(subjects, self._before, self._last, out)) < 0:
            out = np.empty(-filled * 2, np.int64)
        found = {row for subject in subjects.tolist() for row in self._reviews.get(subject, ())}
        own = np.concatenate([out[:filled], np.fromiter(found, np.int64)])
        return np.union1d(own, np.fromiter(self.linked(own), np.int64))

    def linked(self, rows: Rows) -> set[int]:
        """All rows that some rows are linked with, over any number of links; and they themselves, if linked."""
        links = self.history.links
        position, target = links["position"], links["target"]
        waiting = [row for row in rows[self._marked[rows]].tolist() if row in self._links]
        seen = set(waiting)
        while waiting:
            for number in self._links[waiting.pop()]:
                for other in (int(position[number]) - 1, int(target[number]) - 1):
                    if other not in seen:
                        seen.add(other)
                        waiting.append(other)
        return seen

    def excerpt(self, rows: Rows) -> History:
        """A history of these rows alone, as `excerpt_of` cuts it."""
        history, chosen = self.history, rows[self._marked[rows]].tolist()
        entries = {
            "shares": _entries_at(history.shares, rows),
            "references": _entries_at(history.references, rows),
            "links": _entries_of(self._links, chosen),
            "amended": _entries_of(self._amended, chosen),
            "amended_shares": _entries_of(self._amended_shares, chosen),
        }
        return excerpt_of(history, rows, entries)


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


def _with_room(values: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    if size <= values.size:
        return values
    grown = np.full(max(size, 2 * values.size), -1, np.int32)
    grown[: values.size] = values
    return grown


@compiled
def chain(subject: NDArray[np.int32], begin: int, before: NDArray[np.int32], last: NDArray[np.int32]) -> None:
    """Append rows from `begin` on to the chains of their subjects."""
    for number in range(subject.size):
        code = subject[number]
        if code >= 0:
            before[begin + number] = last[code]
            last[code] = begin + number


@compiled
def walk(subjects: NDArray[np.int32], before: NDArray[np.int32], last: NDArray[np.int32], out: Rows) -> int:
    """Write the rows of the subjects; returns how many, or less than 0: minus the room it takes at least."""
    filled = 0
    for number in range(subjects.size):
        row = last[subjects[number]] if subjects[number] < last.size else -1
        while row >= 0:
            if filled < out.size:
                out[filled] = row
            filled += 1
            row = before[row]
    return filled if filled <= out.size else -filled


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


def _entries_of(by_row: Numbers, chosen: list[int]) -> Rows:
    """Numbers of the entries that belong to the rows, rising."""
    return np.array(sorted({number for row in chosen if row in by_row for number in by_row[row]}), np.int64)
