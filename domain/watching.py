"""Time what a batch goes through, for those who watch: once a batch and stage, never for each record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Stage(NamedTuple):
    """One stage of a batch, in nanoseconds since 1970."""

    name: str
    of: str | None
    begun_ns: int
    ended_ns: int

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_ns - self.begun_ns) / 1e9


class BatchTimes:
    """The stages of one batch, in the order in which they ended. Belongs to one thread at a time."""

    def __init__(self) -> None:
        # One look at the wall clock: it may be set meanwhile, and stages would end before they began.
        self._since_1970_ns = time.time_ns() - time.perf_counter_ns()
        self.begun_ns = self._now()
        self.stages: list[Stage] = []

    @contextmanager
    def stage(self, name: str, of: str | None = None) -> Iterator[None]:
        """What is inside is a stage (of one view, for instance), whether it succeeds or fails."""
        begun = self._now()
        try:
            yield
        finally:
            self.stages.append(Stage(name, of, begun, self._now()))

    def _now(self) -> int:
        return self._since_1970_ns + time.perf_counter_ns()
