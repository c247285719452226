"""Keep columns of the history in memory: read when first wanted, and read on as the build grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import RLock
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.log_events import KEPT_FILE_UNFIT
from projections.damage import DamagedViewError
from projections.history.kept_arrays import KeptArrays, UnfitFileError
from projections.history.parts import Part
from projections.history.rows import ROW_COLUMNS
from projections.history.segments import SCHEMAS, opened
from projections.history.source import Snapshot, Source, in_threads
from projections.history.texts import ResidentWords
from projections.store import Checkpoint

_RARELY_READ: Final = ("actor", "supervisor", "recorder")
KEYS: Final[Mapping[str, str]] = {
    "shares": "position",
    "references": "position",
    "links": "known_at",
    "amended": "known_at",
    "amended_shares": "known_at",
}
"""The column by which each part rises, and by which it is cut."""


class Group(NamedTuple):
    """Columns of a part that are read together: who wants one of them wants most of them."""

    part: str
    names: tuple[str, ...]


_GROUPS: Final = (
    Group("rows", tuple(name for name in ROW_COLUMNS if name not in _RARELY_READ)),
    Group("rows", _RARELY_READ),
    # The rest of a reference is for the writer alone.
    *(Group(part, ("position", "kind") if part == "references" else tuple(SCHEMAS[part].names)) for part in KEYS),
)
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    part: tuple(name for group in _GROUPS if group.part == part for name in group.names)
    for part in ("rows", *KEYS)
}


KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    group.part: group.names for group in _GROUPS if group.names != _RARELY_READ
}
"""The columns that files kept beside the store hold as well."""


class KeptColumns(NamedTuple):
    """Columns of one build up to a position, in a file of this host."""

    file: KeptArrays
    position: int


class Keeper(Protocol):
    """Keeps columns, and what is derived from them, for the next process."""

    def columns(self, build: Checkpoint) -> KeptColumns | None:
        """Columns of a build as far as they are kept."""


class Resident:
    """Columns of one build as far as anybody wanted them. Thread-safe; what it handed out never changes."""

    def __init__(self, source: Source, *, keeper: Keeper | None = None, kept: KeptColumns | None = None) -> None:
        self.source = source
        self.words = ResidentWords(source)
        self.keeper = keeper
        """Where what is derived from this history is kept, if anywhere."""
        self._lock = RLock()
        self._grown = {
            (group.part, name): grown
            for group, grown in [(group, _Grown(group, kept)) for group in _GROUPS]
            for name in group.names
        }

    def column(self, part: str, name: str, position: int) -> NDArray[Any]:
        """A column up to a position, which cannot be written to. Raises DamagedViewError."""
        with self._lock:
            grown = self._grown[part, name]
            grown.wanted = True
            if grown.reach < position:
                self._read_on(position)
            try:
                return grown.at(name, position)
            except UnfitFileError as error:
                grown.forget_kept(error)
                self._read_on(position)
                return grown.at(name, position)

    def _read_on(self, position: int) -> None:
        """Read on all that was ever wanted: who goes on with one group soon wants the others, and one look at the
        store does for all."""
        with self.source.reading(position) as snapshot:
            for grown in dict.fromkeys(self._grown.values()):
                if grown.wanted:
                    try:
                        grown.read_on(snapshot)
                    except UnfitFileError as error:
                        grown.forget_kept(error)
                        grown.read_on(snapshot)
            self.words.read_on(snapshot)


class ResidentColumns(Mapping[str, NDArray[Any]]):
    """The columns of one part up to a position."""

    def __init__(self, resident: Resident, part: str, position: int) -> None:
        self._resident, self._part, self._position = resident, part, position
        self._seen: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in NAMES[self._part]:
            raise KeyError(name)
        if name not in self._seen:
            self._seen[name] = self._resident.column(self._part, name, self._position)
        return self._seen[name]

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES[self._part])

    def __len__(self) -> int:
        return len(NAMES[self._part])

    def upto(self, position: int) -> ResidentColumns:
        """The same, cut earlier."""
        return ResidentColumns(self._resident, self._part, min(position, self._position))


class _Grown:
    """The columns of a group, in arrays with room to spare; `reach` is the last position that was read."""

    def __init__(self, group: Group, kept: KeptColumns | None) -> None:
        self.reach = 0
        self.wanted = False
        self._group, self._size = group, 0
        self._types: dict[str, Any] = {
            name: SCHEMAS[group.part].field(name).type.to_pandas_dtype() for name in group.names
        }
        self._arrays: dict[str, NDArray[Any]] = {}
        self._file: KeptArrays | None = None
        if kept is None or group.names != KEPT.get(group.part):
            self._begin()
        else:
            self._file, self.reach = kept.file, kept.position
            self._size = kept.file.size(f"{group.part}.{group.names[0]}", self._types[group.names[0]])

    def forget_kept(self, error: UnfitFileError) -> None:
        """Read everything from the store; the file goes. Arrays of it that were handed out were in order."""
        KEPT_FILE_UNFIT.log(reason=str(error))
        if self._file is not None:
            self._file.discard()
        self._begin()

    def _begin(self) -> None:
        self._file, self.reach, self._size = None, 0, 0
        self._arrays = {name: np.empty(0, kind) for name, kind in self._types.items()}

    def at(self, name: str, position: int) -> NDArray[Any]:
        """A column up to a position within reach. Raises UnfitFileError if it is kept and damaged."""
        key = KEYS.get(self._group.part)
        size = position
        if key is not None:
            size = int(np.searchsorted(self._array(key)[: self._size], position, "right"))
        view = self._array(name)[:size]
        view.flags.writeable = False
        return view

    def _array(self, name: str) -> NDArray[Any]:
        """All of a column, with its room; one that is kept is looked up when it is first wanted."""
        if name not in self._arrays:
            assert self._file is not None, "what is in no file is here"
            self._arrays[name] = self._file.array(f"{self._group.part}.{name}", self._types[name])
        return self._arrays[name]

    def read_on(self, snapshot: Snapshot) -> None:
        """Read what lies beyond the reach, up to where the build stands.

        Raises DamagedViewError, or UnfitFileError for columns that are kept and damaged.
        """
        if snapshot.build.position <= self.reach:
            return
        if self._group.part == "rows":
            segments = snapshot.whole_segments(after=self.reach)
            self._reserve(snapshot.build.position)
            for _ in in_threads(self._place, snapshot.parts("rows", segments), many=len(segments)):
                pass
            self._size = snapshot.build.position
        else:
            segments = snapshot.segments(self._group.part, after=self.reach)
            parts = snapshot.parts(self._group.part, segments)
            for columns in in_threads(self._beyond, parts, many=len(segments)):
                self._append(columns)
        self.reach = snapshot.build.position

    def _place(self, part: Part) -> None:
        """Put the rows of a segment where they belong."""
        file = opened(part.checked())
        if file.metadata.num_rows != part.last - part.first + 1:
            raise DamagedViewError("history", f"its rows {part.first:,} to {part.last:,} are not all there")
        known = max(0, self.reach - part.first + 1)
        # Column by column: what was unpacked is copied while it is still in the cache.
        for name in self._group.names:
            column = file.read([name], use_threads=False).column(0).to_numpy()
            self._arrays[name][part.first - 1 + known : part.last] = column[known:]

    def _beyond(self, part: Part) -> dict[str, NDArray[Any]]:
        table = opened(part.checked()).read(list(self._group.names), use_threads=False)
        columns = {name: table.column(name).to_numpy() for name in self._group.names}
        known = int(np.searchsorted(columns[KEYS[self._group.part]], self.reach, "right"))
        return {name: column[known:] for name, column in columns.items()}

    def _append(self, columns: Mapping[str, NDArray[Any]]) -> None:
        many = len(columns[self._group.names[0]])
        self._reserve(self._size + many)
        for name, column in columns.items():
            self._arrays[name][self._size : self._size + many] = column
        self._size += many

    def _reserve(self, size: int) -> None:
        """Room for so many: memory that is not written to costs nothing."""
        for name in self._group.names:
            array = self._array(name)
            if array.size < size:
                # Whoever was handed a part of the old one keeps it.
                self._arrays[name] = np.empty(size + size // 4, array.dtype)
                self._arrays[name][: self._size] = array[: self._size]
