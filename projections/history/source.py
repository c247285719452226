"""Read parts of one build whenever they are wanted, and unpack several at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from projections.damage import DamagedViewError
from projections.history.parts import Part, read_parts, segments_by_part
from projections.store import Checkpoint, Connection, ViewStore

WORKERS_MAX: Final = 8
"""Threads that check and unpack parts, at most; they are gone before an answer is given."""

T = TypeVar("T")


class Source:
    """Where the parts of a build come from. Thread-safe."""

    def __init__(self, store: ViewStore, build: Checkpoint) -> None:
        self._store = store
        self.build = build

    @contextmanager
    def reading(self, position: int) -> Iterator[Snapshot]:
        """A look at the build as it stands now, at `position` or beyond. Raises DamagedViewError.

        Where it has been replaced, its successor serves: what a format says about the ledger up to a position is
        the same in every build.
        """
        with self._store.reading() as connection:
            builds = [
                each
                for each in self._store.builds(connection)  # the live one is the first
                if (each.projection, each.format) == (self.build.projection, self.build.format)
                and each.position >= position
            ]
            same = [each for each in builds if each.build == self.build.build]
            if not (same or builds):
                raise DamagedViewError(self.build.projection, f"it does not reach position {position:,} any more")
            yield Snapshot(self._store, connection, (same or builds)[0])


class Snapshot:
    """One consistent look at a build."""

    def __init__(self, store: ViewStore, connection: Connection, build: Checkpoint) -> None:
        self._store, self._connection = store, connection
        self.build = build
        self._listed: dict[int, Mapping[str, list[tuple[int, int]]]] = {}

    def segments(self, name: str, *, after: int = 0) -> list[tuple[int, int]]:
        """(first, last position) of the segments with such a part that reach beyond a position."""
        if after not in self._listed:
            self._listed[after] = segments_by_part(self._store, self._connection, self.build, after=after)
        return self._listed[after].get(name, [])

    def parts(self, name: str, segments: Iterable[tuple[int, int]]) -> Iterator[Part]:
        """The parts of some segments, in order, read one at a time."""
        for first, last in segments:
            yield from read_parts(self._store, self._connection, self.build, [name], first, last)

    def whole_segments(self, *, after: int) -> list[tuple[int, int]]:
        """The segments beyond a position, which hold every position. Raises DamagedViewError."""
        segments, reach = self.segments("rows", after=after), after
        for first, last in segments:
            if first > reach + 1:
                break
            reach = last
        if reach != self.build.position:
            said = f"it does not hold each of its {self.build.position:,} positions"
            raise DamagedViewError(self.build.projection, said)
        return segments


def in_threads(work: Callable[[Part], T], parts: Iterable[Part], *, many: int) -> Iterator[T]:
    """`work` for each part, in order; `many` says how many there are. One is done without a thread."""
    workers = min(many, WORKERS_MAX, os.cpu_count() or 1)
    if workers < 2:
        yield from map(work, parts)
        return
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[T]] = deque()
        try:
            for part in parts:
                under_way.append(pool.submit(work, part))
                if len(under_way) > 2 * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()
