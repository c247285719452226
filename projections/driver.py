"""Drive projections: read the ledger by position in batches, apply, commit view and checkpoint together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.ledger.ledger import Ledger
from domain.ledger.records import Recorded
from projections.damage import MissingEventsError
from projections.store import Checkpoint, Connection, ViewMovedError, ViewStore

BATCH_MAX = 10_000

Progress = Callable[[str, int, int], None]
"""Called with (projection, position reached, position aimed at) after each batch."""


class Projection(Protocol):
    """Code that turns recorded events into the rows of a view."""

    name: str

    def apply(
        self, store: ViewStore, connection: Connection, build: Checkpoint, batch: Sequence[Recorded]
    ) -> None:
        """Apply a batch that follows the checkpoint, inside the caller's transaction."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a projection is behind the ledger, in positions."""

    projection: str
    position: int
    behind: int


def no_progress(_projection: str, _position: int, _aim: int) -> None:
    """Show nothing."""


class Driver:
    """Carries projections along the ledger. Any number of processes may do so: one wins, the others notice."""

    def __init__(self, ledger: Ledger, store: ViewStore, projections: Sequence[Projection]) -> None:
        self.ledger = ledger
        self.store = store
        self.projections = {each.name: each for each in projections}

    def catch_up(
        self, *, only: str | None = None, batch_max: int = BATCH_MAX, progress: Progress = no_progress
    ) -> int:
        """Bring every live view (or one) up to the ledger's head as it stands now; returns that position."""
        head = self.ledger.head().position
        for projection in self.projections.values() if only is None else [self.projections[only]]:
            while True:
                with self.store.reading() as connection:
                    found = self.store.find_live(connection, projection.name)
                if found is not None and found.position >= head:
                    break
                try:
                    if found is None:
                        with self.store.transaction() as connection:
                            found = self.store.live(connection, projection.name)
                    self._carry(projection, found, head, batch_max, progress)
                except ViewMovedError:
                    continue
        return head

    def rebuild(self, name: str, *, batch_max: int = BATCH_MAX, progress: Progress = no_progress) -> int:
        """Build a view anew beside the live one, which serves until the swap. Returns the position reached."""
        projection = self.projections[name]
        with self.store.transaction() as connection:
            build = self.store.new_build(connection, name)
        try:
            build = self._carry(projection, build, self.ledger.head().position, batch_max, progress)
            with self.store.transaction() as connection:
                build = self._carry_rest(projection, build, connection, batch_max)
                self.store.make_live(connection, build)
        except BaseException:
            with self.store.transaction() as connection:
                self.store.drop_build(connection, build)
            raise
        return build.position

    def build_beside(self, name: str, *, upto: int, batch_max: int = BATCH_MAX) -> Checkpoint:
        """A fresh build up to a position, for comparison; drop it with `store.drop_build`."""
        with self.store.transaction() as connection:
            build = self.store.new_build(connection, name)
        try:
            return self._carry(self.projections[name], build, upto, batch_max, no_progress)
        except BaseException:
            with self.store.transaction() as connection:
                self.store.drop_build(connection, build)
            raise

    def lags(self) -> list[Lag]:
        """Position and distance of every live view."""
        head = self.ledger.head().position
        with self.store.reading() as connection:
            lags = []
            for name in sorted(self.projections):
                found = self.store.find_live(connection, name)
                position = 0 if found is None else found.position
                lags.append(Lag(name, position, max(0, head - position)))
        return lags

    def _carry(
        self, projection: Projection, build: Checkpoint, upto: int, batch_max: int, progress: Progress
    ) -> Checkpoint:
        while build.position < upto:
            batch = self._read(build.position, min(batch_max, upto - build.position))
            with self.store.transaction() as connection:
                build = self._apply(projection, build, connection, batch)
            progress(projection.name, build.position, upto)
        return build

    def _carry_rest(
        self, projection: Projection, build: Checkpoint, connection: Connection, batch_max: int
    ) -> Checkpoint:
        """What was recorded while the build ran, up to where the live view stands: none is lost in the swap."""
        live = min(self.store.live(connection, projection.name).position, self.ledger.head().position)
        while build.position < live:
            batch = self._read(build.position, min(batch_max, live - build.position))
            build = self._apply(projection, build, connection, batch)
        return build

    def _read(self, position: int, limit: int) -> Sequence[Recorded]:
        batch = self.ledger.read(after=position, limit=limit)
        for expected, event in enumerate(batch, position + 1):
            if event.position != expected:
                raise MissingEventsError(expected)
        if not batch:
            raise MissingEventsError(position + 1)
        return batch

    def _apply(
        self, projection: Projection, build: Checkpoint, connection: Connection, batch: Sequence[Recorded]
    ) -> Checkpoint:
        # The checkpoint first: whoever comes second finds it moved before it has written anything.
        advanced = self.store.advance(connection, build, batch[-1].position)
        projection.apply(self.store, connection, build, batch)
        return advanced
