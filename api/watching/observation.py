"""Look at how things stand without touching them: where each view is, how long it has waited, whether it moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from api.bootstrap import Kaoji
from domain.ledger.records import Head
from projections.store import Pause


@dataclass(frozen=True, slots=True)
class ViewStands:
    """One view beside the ledger."""

    name: str
    position: int
    lag: int
    """Positions behind the ledger's head."""
    lag_seconds: float
    """How long the first of these has been in the ledger; 0 where there is none."""
    stall_seconds: float
    """For how long there was work and the view did not move, as far as this process has seen; 0 while paused."""
    paused: Pause | None
    rebuild: int | None
    """How far a rebuild beside it has come."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The ledger's head and every view, by name."""

    head: Head
    views: tuple[ViewStands, ...]


class Observer:
    """Remembers when each view was last seen to move. Changes nothing in the store. Thread-safe."""

    def __init__(self, kaoji: Kaoji, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._kaoji, self._monotonic = kaoji, monotonic
        self._moved: dict[str, tuple[int, float]] = {}
        self._lock = Lock()

    def look(self) -> Observation:
        """How things stand now. Raises UnreachableError."""
        kaoji = self._kaoji
        # The head first: a view is never ahead of it then by what was recorded meanwhile.
        head = kaoji.ledger.head()
        with kaoji.views.reading() as connection:
            pauses = kaoji.views.pauses(connection)
            live = {each.projection: each.position for each in kaoji.views.builds(connection) if each.live}
            names = sorted(kaoji.driver.projections)
            rebuilds = {name: kaoji.views.rebuild_under_way(connection, name) for name in names}
        waiting = self._waiting_since({live.get(name, 0) for name in names}, head)
        views = []
        for name in names:
            position, rebuild = live.get(name, 0), rebuilds[name]
            lag = max(0, head.position - position)
            lag_seconds = max(0, kaoji.clock() - waiting[position]) / 1e6 if lag else 0.0
            still = self._still_seconds(name, position)
            views.append(
                ViewStands(
                    name=name,
                    position=position,
                    lag=lag,
                    lag_seconds=lag_seconds,
                    # It cannot have stalled for longer than there was work.
                    stall_seconds=0.0 if name in pauses else min(lag_seconds, still),
                    paused=pauses.get(name),
                    rebuild=None if rebuild is None else rebuild.position,
                )
            )
        return Observation(head, tuple(views))

    def _waiting_since(self, positions: set[int], head: Head) -> Mapping[int, int]:
        """When the event behind each position was recorded (microseconds)."""
        wanted = [position + 1 for position in sorted(positions) if position < head.position]
        found = self._kaoji.ledger.read_positions(wanted) if wanted else []
        return {event.position - 1: event.recorded_at for event in found}

    def _still_seconds(self, name: str, position: int) -> float:
        with self._lock:
            now = self._monotonic()
            seen = self._moved.get(name)
            if seen is None or seen[0] != position:
                self._moved[name] = seen = (position, now)
            return now - seen[1]
