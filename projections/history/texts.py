"""Look up the texts of the history: words of vocabularies, and the ids of actions."""

from __future__ import annotations

from collections.abc import Sequence
from threading import RLock
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from projections.damage import DamagedViewError
from projections.history.parts import Part
from projections.history.rows import VOCABULARIES, Words
from projections.history.segments import IDS_GROUP_ROWS, SCHEMAS, concatenate, opened
from projections.history.source import Snapshot, Source, in_threads

_SCANS_MAX: Final = 8
"""Reading through all subjects for one is quicker than making a dictionary of them, this many times."""


class ResidentWords:
    """The words of all vocabularies, as far as they were wanted. Thread-safe; words are only ever added."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = RLock()
        self._reach = {"words": 0, "subjects": 0}
        self._words = {name: Words() for name in VOCABULARIES}
        self._unlisted: list[pa.Array[Any]] = []
        self._unlisted_from, self._scans = 0, 0

    def of(self, vocabulary: str, position: int) -> Words:
        """The words known at a position, and maybe later ones. Raises DamagedViewError."""
        with self._lock:
            self._read_on("subjects" if vocabulary == "subject" else "words", position)
            if vocabulary == "subject" and self._unlisted:
                for each in self._unlisted:
                    self._words["subject"].learn(each)
                self._unlisted = []
            return self._words[vocabulary]

    def find(self, vocabulary: str, word: str, position: int) -> int:
        """Code of a word that may be unknown; NOBODY then."""
        with self._lock:
            if vocabulary != "subject":
                return self.of(vocabulary, position).find(word)
            self._read_on("subjects", position)
            self._scans += len(self._unlisted) > 0
            if self._scans > _SCANS_MAX:
                return self.of(vocabulary, position).find(word)
            begin = len(self._words["subject"].words)
            for each in self._unlisted:
                found = pc.index(each, pa.scalar(word, each.type)).as_py()
                if found >= 0:
                    return begin + int(found)
                begin += len(each)
            return self._words["subject"].find(word)

    def read_on(self, snapshot: Snapshot) -> None:
        """Learn what is new of words that were wanted before. Raises DamagedViewError."""
        with self._lock:
            for part in [part for part, reach in self._reach.items() if 0 < reach < snapshot.build.position]:
                self._read_from(snapshot, part)

    def _read_on(self, part: str, position: int) -> None:
        if self._reach[part] < position:
            with self._source.reading(position) as snapshot:
                self._read_from(snapshot, part)

    def _read_from(self, snapshot: Snapshot, part: str) -> None:
        segments = snapshot.segments(part, after=self._reach[part])
        for table in in_threads(Part.table, snapshot.parts(part, segments), many=len(segments)):
            self._learn(part, table)
        self._reach[part] = snapshot.build.position

    def _learn(self, part: str, table: pa.Table) -> None:
        """Take over what is new in a part; merged ones begin with what is known."""
        vocabularies = ["subject"] if part == "subjects" else [name for name in VOCABULARIES if name != "subject"]
        for name in vocabularies:
            mine = table if part == "subjects" else table.filter(pc.equal(table["vocabulary"], pa.scalar(name)))
            known = len(self._words[name].words)
            if part == "subjects":
                known += sum(map(len, self._unlisted))
            if mine.num_rows == 0:
                continue
            first = mine["code"][0].as_py()
            if first > known:
                raise DamagedViewError("history", f"words of {name} are missing")
            fresh = mine["word"].slice(known - first).combine_chunks()
            if part == "subjects":
                self._unlisted.append(fresh)
            else:
                self._words[name].learn(fresh)


class KnownWords:
    """The words of one vocabulary at a position. Codes that later words got do no harm."""

    def __init__(self, resident: ResidentWords, vocabulary: str, position: int) -> None:
        self._resident, self._vocabulary, self._position = resident, vocabulary, position

    @property
    def words(self) -> Sequence[str]:
        """Word by code."""
        return self._resident.of(self._vocabulary, self._position).words

    def find(self, word: str) -> int:
        """Code of a word that may be unknown; NOBODY then."""
        return self._resident.find(self._vocabulary, word, self._position)


class StoredIds:
    """Id and sequence of each action up to a position, read where they are wanted. Thread-safe."""

    def __init__(self, source: Source, position: int) -> None:
        self._source, self._position = source, position

    def take(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> pa.Table:
        """Those of some rows (position - 1), in the order asked for. Raises DamagedViewError."""
        asked = np.asarray(rows, np.int64)
        wanted = np.unique(asked)
        if wanted.size == 0:
            return SCHEMAS["ids"].empty_table()
        with self._source.reading(self._position) as snapshot:
            segments = [
                (first, last)
                for first, last in snapshot.segments("ids", after=int(wanted[0]))
                if np.searchsorted(wanted, first - 1) < np.searchsorted(wanted, last)
            ]
            parts = snapshot.parts("ids", segments)
            found = concatenate("ids", in_threads(lambda part: _ids_of(part, wanted), parts, many=len(segments)))
        if len(found) != wanted.size:
            raise DamagedViewError("history", "ids of some of its positions are missing")
        return found if np.array_equal(asked, wanted) else found.take(np.searchsorted(wanted, asked))


def _ids_of(part: Part, wanted: NDArray[np.int64]) -> pa.Table:
    """Those of the wanted rows that lie in a segment; only the groups of rows that hold them are unpacked."""
    begin, end = np.searchsorted(wanted, [part.first - 1, part.last])
    row = wanted[begin:end] - (part.first - 1)
    group = row // IDS_GROUP_ROWS
    groups = np.unique(group)
    file = opened(part.checked())
    if file.metadata.num_rows != part.last - part.first + 1:
        raise DamagedViewError("history", "ids of some of its positions are missing")
    table = file.read_row_groups(groups.tolist(), SCHEMAS["ids"].names, use_threads=False)
    if row.size == table.num_rows:
        return table
    # All groups but the last are full, and the last one read comes last.
    return table.take(np.searchsorted(groups, group) * IDS_GROUP_ROWS + row % IDS_GROUP_ROWS)
