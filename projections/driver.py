"""Drive projections: read the ledger by position in batches, apply, commit views and checkpoints together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.errors import KaojiError
from domain.ledger.ledger import Ledger
from domain.ledger.records import Recorded
from projections.damage import MissingEventsError
from projections.store import Checkpoint, Connection, ViewMovedError, ViewStore

LOG = logging.getLogger(__name__)
BATCH_MAX = 10_000

Progress = Callable[[str, int, int], None]
"""Called with (projection, position reached, position aimed at) after each batch."""


class Projection(Protocol):
    """Code that turns recorded events into the rows of a view."""

    name: str
    format: int
    """Rises when the view's rows change their form: a view in an older one is built anew."""

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


class NewerViewError(KaojiError):
    """A view in a form that a later release writes."""

    def __init__(self, found: Checkpoint, known: int) -> None:
        super().__init__(
            f"The view {found.projection} is in format {found.format}, this release knows {known}: a newer one "
            "has been at work here. Use that."
        )


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
        names = list(self.projections) if only is None else [only]
        while True:
            try:
                builds = [self._current(self.projections[name], batch_max, progress) for name in names]
                behind = sorted({each.position for each in builds if each.position < head})
                if not behind:
                    return head
                # Views that stand at one position read the ledger together, up to where the next ones stand.
                together = [each for each in builds if each.position == behind[0]]
                self._carry(together, [*behind, head][1], batch_max, progress)
            except ViewMovedError:
                continue

    def rebuild(self, name: str, *, batch_max: int = BATCH_MAX, progress: Progress = no_progress) -> int:
        """Build a view anew beside the live one, which serves until the swap. Returns the position reached."""
        with self.store.transaction() as connection:
            build = self.store.new_build(connection, name, format=self.projections[name].format)
        try:
            (build,) = self._carry([build], self.ledger.head().position, batch_max, progress)
            with self.store.transaction() as connection:
                build = self._carry_rest(build, connection, batch_max)
                self.store.make_live(connection, build)
        except BaseException:
            with self.store.transaction() as connection:
                self.store.drop_build(connection, build)
            raise
        return build.position

    def build_beside(self, name: str, *, upto: int, batch_max: int = BATCH_MAX) -> Checkpoint:
        """A fresh build up to a position, for comparison; drop it with `store.drop_build`."""
        with self.store.transaction() as connection:
            build = self.store.new_build(connection, name, format=self.projections[name].format)
        try:
            (build,) = self._carry([build], upto, batch_max, no_progress)
            return build
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

    def _current(self, projection: Projection, batch_max: int, progress: Progress) -> Checkpoint:
        """The live build in the form that is written today. Raises NewerViewError."""
        with self.store.reading() as connection:
            found = self.store.find_live(connection, projection.name)
        if found is None:
            with self.store.transaction() as connection:
                return self.store.live(connection, projection.name, format=projection.format)
        if found.format > projection.format:
            raise NewerViewError(found, projection.format)
        if found.format < projection.format:
            LOG.warning("The view %s is in an older format: it is built anew.", projection.name)
            self.rebuild(projection.name, batch_max=batch_max, progress=progress)
            return self._current(projection, batch_max, progress)
        return found

    def _carry(
        self, builds: Sequence[Checkpoint], upto: int, batch_max: int, progress: Progress
    ) -> Sequence[Checkpoint]:
        """Carry builds that stand at one position: each batch is read once, and all move in one transaction."""
        while (position := builds[0].position) < upto:
            batch = self._read(position, min(batch_max, upto - position))
            with self.store.transaction() as connection:
                builds = self._apply(builds, connection, batch)
            for build in builds:
                progress(build.projection, build.position, upto)
        return builds

    def _carry_rest(self, build: Checkpoint, connection: Connection, batch_max: int) -> Checkpoint:
        """What was recorded while the build ran, up to where the live view stands: none is lost in the swap."""
        live = min(self.store.live(connection, build.projection).position, self.ledger.head().position)
        while build.position < live:
            batch = self._read(build.position, min(batch_max, live - build.position))
            (build,) = self._apply([build], connection, batch)
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
        self, builds: Sequence[Checkpoint], connection: Connection, batch: Sequence[Recorded]
    ) -> Sequence[Checkpoint]:
        # The checkpoints first: whoever comes second finds them moved before it has written anything.
        advanced = [self.store.advance(connection, build, batch[-1].position) for build in builds]
        for build in builds:
            self.projections[build.projection].apply(self.store, connection, build, batch)
        return advanced
