"""Leave the views to another process that is at work on them: doing the same beside it costs both of them time."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Final

from projections.store import Checkpoint

LOOK_SECONDS: Final = 0.02
"""One who waits for the views looks again after so long."""


class Patience:
    """Notices when views move that this process has not moved. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[tuple[str, int], int] = {}
        self._moved_at: float | None = None

    def moving(self, builds: Iterable[Checkpoint]) -> None:
        """This process is about to move these builds to where they stand."""
        with self._lock:
            self._remember(builds)

    def others_at_work(self, builds: Iterable[Checkpoint], *, now: float, seconds: float) -> bool:
        """Whether another process has moved a view that was seen before, and has done so in the last `seconds`."""
        with self._lock:
            if self._remember(builds):
                self._moved_at = now
            return self._moved_at is not None and now - self._moved_at < seconds

    def _remember(self, builds: Iterable[Checkpoint]) -> bool:
        """Whether one of them stands beyond where it was known to be."""
        moved = False
        for each in builds:
            key = each.projection, each.build
            known = self._known.setdefault(key, each.position)
            # One thread may have looked before another one moved it.
            if each.position > known:
                self._known[key], moved = each.position, True
        return moved
