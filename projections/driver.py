"""Drive projections: read the ledger by position in batches, apply, commit views and checkpoints together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple, Protocol

from domain.errors import KaojiError, UnreachableError
from domain.garbage import without_collections
from domain.ledger.ledger import Ledger
from domain.ledger.records import Recorded
from domain.log_events import REBUILD_RESUMED, VIEW_OUTDATED
from domain.watching import BatchTimes
from projections.batch import Batch
from projections.changes import Changes, write_changes
from projections.damage import MissingEventsError, PoisonEventError
from projections.patience import LOOK_SECONDS, Patience
from projections.store import DATABASE_ERRORS, Checkpoint, Connection, Skip, Unskip, ViewMovedError, ViewStore

BATCH_MAX = 10_000
MOVED_SECONDS = 0.1
SKIPPED_TOPIC = "kaoji.Skipped.v1"
"""Of what a view is shown in the place of an event that it leaves out; it stands nowhere in the ledger."""

Progress = Callable[[str, int, int], None]
"""Called with (projection, position reached, position aimed at) after each batch."""

Watch = Callable[[BatchTimes, Sequence[Checkpoint], int], None]
"""Called after each batch with its stages (read, apply of each view, write), where views stand now, its events."""


class Projection(Protocol):
    """Code that turns recorded events into the rows of a view."""

    name: str
    format: int
    """Rises when the view's rows change their form: a view in an older one is built anew."""

    def apply(
        self, store: ViewStore, connection: Connection, build: Checkpoint, batch: Sequence[Recorded]
    ) -> Changes:
        """What changes with a batch that follows the checkpoint. Reads the view, and writes nothing."""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Where the ledger and the live views stood when none was left to be carried on."""

    position: int
    live: Mapping[str, Checkpoint]
    """By projection, paused ones included."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a projection is behind the ledger, in positions."""

    projection: str
    position: int
    behind: int
    paused: bool = False


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

    def __init__(
        self,
        ledger: Ledger,
        store: ViewStore,
        projections: Sequence[Projection],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.ledger = ledger
        self.store = store
        self._monotonic, self._sleep = monotonic, sleep
        # Projections remember things from batch to batch: one thread at a time has them work.
        self._turn = Lock()
        self.projections = {each.name: each for each in projections}
        self.watch: Watch = _nobody
        self._patience = Patience()
        self.patience_seconds = 0.0
        """For so long views that another process was seen to carry are left to it; then they are carried here."""
        self.live_builds: Mapping[str, int] = {}
        """By projection, as last seen. What is kept of a view says nothing of one that was built anew."""

    def catch_up(
        self,
        *,
        only: str | None = None,
        upto: int | None = None,
        batch_max: int = BATCH_MAX,
        progress: Progress = no_progress,
    ) -> int:
        """Bring every live view (or one) up to the ledger's head as it stands now; returns that position.

        Whoever knows that it needs no more says `upto` which position. Views that are paused stay where they are.
        Raises PoisonEventError for one that cannot go on, after all others have.
        """
        return self.caught_up(only=only, upto=upto, batch_max=batch_max, progress=progress).position

    def caught_up(
        self,
        *,
        only: str | None = None,
        upto: int | None = None,
        batch_max: int = BATCH_MAX,
        progress: Progress = no_progress,
    ) -> CaughtUp:
        """The same, and which builds were seen to be live at its end."""
        head = self.ledger.head().position if upto is None else upto
        names = list(self.projections) if only is None else [only]
        poison: PoisonEventError | None = None
        while True:
            try:
                with self.store.reading() as connection:
                    # All at once: every question to a server begins here.
                    paused = self.store.pauses(connection)
                    live = {each.projection: each for each in self.store.builds(connection) if each.live}
                going = [self.projections[name] for name in names if name not in paused]
                builds = [
                    found
                    if (found := live.get(each.name)) is not None and found.format == each.format
                    else self._current(each, batch_max, progress)
                    for each in going
                ]
                behind = sorted({each.position for each in builds if each.position < head})
                others_at_work = self._patience.others_at_work(
                    builds, now=self._monotonic(), seconds=self.patience_seconds
                )
                if not behind:
                    break
                if others_at_work:
                    self._sleep(LOOK_SECONDS)
                    for each in builds:
                        progress(each.projection, each.position, head)
                    continue
                # Views that stand at one position read the ledger together, up to where the next ones stand.
                together = [each for each in builds if each.position == behind[0]]
                self._carry(together, [*behind, head][1], batch_max, progress)
            except ViewMovedError:
                continue
            except PoisonEventError as error:
                # One view that stumbles does not keep the others.
                names = [name for name in names if name != error.projection]
                poison = poison or error
        if poison is not None:
            raise poison
        live |= {each.projection: each for each in builds}
        # Numbers rise: a thread that looked earlier does not take back what another one has seen since.
        seen = self.live_builds
        self.live_builds = {name: max(each.build, seen.get(name, 0)) for name, each in live.items()}
        return CaughtUp(head, live)

    def rebuild(
        self,
        name: str,
        *,
        batch_max: int = BATCH_MAX,
        rate: int | None = None,
        anew: bool = False,
        unskips: Sequence[Unskip] = (),
        progress: Progress = no_progress,
    ) -> int:
        """Build a view anew beside the live one, which serves until the swap. Returns the position reached.

        A rebuild that was given up (killed, cancelled) is gone on with, unless it is to begin `anew`. `rate`: at
        most so many events a second, for a machine that has other work. A paused view is rebuilt up to where it
        stands. `unskips`: what it takes in again; others leave that out until the swap, which ends the skips.
        """
        build = self._begun_rebuild(name, unskips, anew=anew)
        while True:
            try:
                build = self._rebuilt(build, batch_max, rate, progress)
            except ViewMovedError:
                # Somebody else is at the same rebuild: whoever comes second goes on from where the first one is.
                with self.store.reading() as connection:
                    found = self.store.rebuild_under_way(connection, name)
                    if found is None:
                        return self.store.live(connection, name).position
                build = found
            except UnreachableError:
                raise
            except Exception:
                # One that cannot come to its end is of no use. Ctrl-C and kills leave it to be gone on with.
                with self.store.transaction() as connection:
                    self.store.drop_build(connection, build)
                raise
            else:
                progress(name, build.position, build.position)
                return build.position

    def _rebuilt(self, build: Checkpoint, batch_max: int, rate: int | None, progress: Progress) -> Checkpoint:
        """Fill a build to its end, and make it live."""
        # All there is by now, however little: what cannot be taken in is found here, not within the swap.
        (build,) = self._carry([build], self._aim(build.projection), batch_max, progress, rate=rate)
        while (aim := self._aim(build.projection)) - build.position > batch_max:
            (build,) = self._carry([build], aim, batch_max, progress, rate=rate)
        with self._turn, self.store.transaction() as connection:
            build = self._carry_rest(build, connection, aim, batch_max)
            self.store.make_live(connection, build)
        return build

    def _begun_rebuild(self, name: str, unskips: Sequence[Unskip] = (), *, anew: bool) -> Checkpoint:
        wanted = self.projections[name].format, sorted(each.position for each in unskips)
        with self.store.transaction() as connection:
            self.store.begin_alone(connection)
            found = self.store.rebuild_under_way(connection, name)
            if found is None or anew or (found.format, self.store.taken_in_again(connection, found)) != wanted:
                # Made before the other one is dropped: whoever is still at that must not take this one for it.
                begun = self.store.new_build(connection, name, format=wanted[0])
                if found is not None:
                    self.store.drop_build(connection, found)
                self.store.begin_rebuild(connection, begun)
                found = begun
            elif found.position:
                REBUILD_RESUMED.log(view=name, position=found.position)
            for each in unskips:
                self.store.unskip(connection, found, each)
        return found

    def _aim(self, name: str) -> int:
        """How far a rebuild is to come: the ledger's head; a view that is paused stays where it is."""
        with self.store.reading() as connection:
            live = self.store.find_live(connection, name)
            if live is not None and name in self.store.pauses(connection):
                return live.position
        return self.ledger.head().position

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
            lags, paused = [], self.store.pauses(connection)
            for name in sorted(self.projections):
                found = self.store.find_live(connection, name)
                position = 0 if found is None else found.position
                lags.append(Lag(name, position, max(0, head - position), name in paused))
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
            VIEW_OUTDATED.log(view=projection.name)
            self.rebuild(projection.name, batch_max=batch_max, progress=progress)
            return self._current(projection, batch_max, progress)
        return found

    def _carry(
        self,
        builds: Sequence[Checkpoint],
        upto: int,
        batch_max: int,
        progress: Progress,
        *,
        rate: int | None = None,
    ) -> Sequence[Checkpoint]:
        """Carry builds that stand at one position: each batch is read once, and all move in one transaction."""
        limit = batch_max
        while (position := builds[0].position) < upto:
            begun, times = self._monotonic(), BatchTimes()
            with without_collections():
                with times.stage("read"):
                    batch = self._read(position, min(limit, upto - position))
                try:
                    builds = self._take_in(builds, batch, times)
                except PoisonEventError:
                    if len(batch) == 1:
                        raise
                    # Which of them it is: what precedes it goes in, in ever smaller batches.
                    limit = len(batch) // 2
                    continue
            self.watch(times, builds, len(batch))
            for build in builds:
                progress(build.projection, build.position, upto)
            if rate is not None:
                self._sleep(max(0.0, len(batch) / rate - (self._monotonic() - begun)))
        return builds

    def _carry_rest(self, build: Checkpoint, connection: Connection, upto: int, batch_max: int) -> Checkpoint:
        """What was recorded while the build ran, up to where the live view stands: none is lost in the swap."""
        # Held: nobody carries the live view beyond what is taken in here.
        live = self.store.hold(connection, self.store.live(connection, build.projection))
        end = min(max(upto, live.position), self.ledger.head().position)
        while build.position < end:
            batch = self._read(build.position, min(batch_max, end - build.position))
            changes = self._changes([build], connection, batch, BatchTimes())
            (build,) = self._write([build], connection, batch, changes)
            _told_written(changes)
        return build

    def _read(self, position: int, limit: int) -> Sequence[Recorded]:
        batch = self.ledger.read(after=position, limit=limit)
        for expected, event in enumerate(batch, position + 1):
            if event.position != expected:
                raise MissingEventsError(expected)
        if not batch:
            raise MissingEventsError(position + 1)
        return Batch(batch)

    def _take_in(
        self, builds: Sequence[Checkpoint], batch: Sequence[Recorded], times: BatchTimes
    ) -> Sequence[Checkpoint]:
        """Work out what changes, then write it: SQLite has one writer, and recording is not to wait for a view."""
        with self._turn:
            with self.store.reading() as connection:
                if not set(builds) <= set(self.store.builds(connection)):
                    raise ViewMovedError("Another one carried the views on.")
                changes = self._changes(builds, connection, batch, times)
            try:
                with times.stage("write"), self.store.transaction() as connection:
                    advanced = self._write(builds, connection, batch, changes)
            except ViewMovedError:
                # Another process carries the views: doing the same beside it would only cost both of them time.
                self._sleep(MOVED_SECONDS)
                raise
            _told_written(changes)
        return advanced

    def _changes(
        self, builds: Sequence[Checkpoint], connection: Connection, batch: Sequence[Recorded], times: BatchTimes
    ) -> _AllChanges:
        skips = self._skips(connection, batch)
        changes = {}
        # The history last: what it needs is read in a thread while the others are at work.
        for build in reversed(builds):
            taken = _without(batch, {each.position for each in skips if _leaves_out(build, each)})
            try:
                with times.stage("apply", build.projection):
                    changes[build.projection] = self.projections[build.projection].apply(
                        self.store, connection, build, taken
                    )
            except (KaojiError, MemoryError, OSError, *DATABASE_ERRORS):
                raise
            except Exception as error:
                raise PoisonEventError(build.projection, batch[0].position, error) from error
        return _AllChanges(skips, changes)

    def _write(
        self,
        builds: Sequence[Checkpoint],
        connection: Connection,
        batch: Sequence[Recorded],
        changes: _AllChanges,
    ) -> Sequence[Checkpoint]:
        # The checkpoints first: whoever comes second finds them moved before it has written anything.
        advanced = [self.store.advance(connection, build, batch[-1].position) for build in builds]
        self._patience.moving(advanced)
        # Looked up again behind the checkpoint, which `hold` waits for: all that come to a skip see it, or none.
        if self._skips(connection, batch) != changes.skips:
            raise ViewMovedError("A position is to be left out since.")
        for build in builds:
            write_changes(self.store, connection, build, changes.of[build.projection].changes)
        return advanced

    def _skips(self, connection: Connection, batch: Sequence[Recorded]) -> Sequence[Skip]:
        return self.store.skips(connection, after=batch[0].position - 1, upto=batch[-1].position)


class _AllChanges(NamedTuple):
    """What a batch changes in each view, where these positions are left out."""

    skips: Sequence[Skip]
    of: Mapping[str, Changes]


def _told_written(changes: _AllChanges) -> None:
    for each in changes.of.values():
        each.written()


def _leaves_out(build: Checkpoint, skip: Skip) -> bool:
    return skip.projection == build.projection and skip.taken_in_by != build.build


def _nobody(_times: BatchTimes, _builds: Sequence[Checkpoint], _events: int) -> None:
    """Nobody watches."""


def _without(batch: Sequence[Recorded], positions: set[int]) -> Sequence[Recorded]:
    """The batch with something that no view takes notice of in the place of what is skipped."""
    if not positions:
        return batch
    return [
        each._replace(topic=SKIPPED_TOPIC, facts=b"{}", commitment=None) if each.position in positions else each
        for each in batch
    ]
