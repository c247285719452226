"""Put the parts together: the one place that knows them all."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING

from api.settings import Settings
from domain.errors import WrongInputError
from domain.ledger.ledger import Ledger, open_ledger
from projections.directory import DirectoryProjection
from projections.driver import Driver, Progress, no_progress
from projections.history.columns import History, load_history
from projections.history.writer import HistoryProjection
from projections.integrity import IntegrityProjection
from projections.known_directory import KnownDirectory
from projections.numbering import Numbering
from projections.rulebook import RulebookProjection
from projections.store import ViewStore, open_views
from projections.tallies.kept_files import KeptFiles
from projections.tallies.standing import Standing

if TYPE_CHECKING:
    from projections.audit.trail import AuditTrail

Clock = Callable[[], int]


def system_clock() -> int:
    """Microseconds since 1970-01-01T00:00Z."""
    return time.time_ns() // 1_000


class PositionError(WrongInputError):
    """A position that the ledger does not have."""


@dataclass
class Kaoji:
    """One ledger with its views, ready to be asked. Close it, or use `opened`."""

    settings: Settings
    ledger: Ledger
    views: ViewStore
    driver: Driver
    clock: Clock
    directory: KnownDirectory = field(default_factory=KnownDirectory)
    numbering: Numbering = field(default_factory=Numbering)
    kept_files: KeptFiles | None = None
    """Where case files are kept for the next process, if anywhere."""
    standing: Standing | None = None
    """Kept while a server runs: what contexts count for, up with the history."""
    _history: History | None = None
    _lock: Lock = field(default_factory=Lock)

    @cached_property
    def audit_trail(self) -> AuditTrail:
        """What is kept between audits. Only these import it."""
        from projections.audit.trail import AuditTrail

        return AuditTrail()

    def history(self, *, upto: int | None = None, progress: Progress = no_progress) -> History:
        """The history up to the ledger's head, or at least a position: catches up first, and goes on from what it
        loaded before."""
        known = self._history
        if known is not None and upto is not None and upto <= known.position and self._is_live(known):
            return known
        live = self.driver.caught_up(upto=upto, progress=progress).live.get(HistoryProjection.name)
        if known is not None and live is not None and (known.build, known.position) == (live.build, live.position):
            return known
        with self._lock, self.views.reading() as connection:
            build = self.views.find_live(connection, HistoryProjection.name)
            if build is None:
                raise AssertionError("catching up makes every live view")
            self._history = load_history(
                self.views, connection, build, before=self._history, keeper=self.kept_files
            )
            return self._history

    def _is_live(self, known: History) -> bool:
        """Whether its build was live when this process last looked: one that replaced it may hold what was left
        out."""
        return known.build == self.driver.live_builds.get(HistoryProjection.name)

    def close(self) -> None:
        """Give back connections and files."""
        self.views.close()
        self.ledger.close()


@contextmanager
def opened(settings: Settings, *, create: bool = True, clock: Clock = system_clock) -> Iterator[Kaoji]:
    """The ledger and views that the settings name; with `create=False` only if they exist."""
    ledger = open_ledger(settings.store, keys=settings.keys, clock=clock, create=create)
    try:
        views = open_views(settings.store)
    except BaseException:
        ledger.close()
        raise
    driver = Driver(
        ledger,
        views,
        [HistoryProjection(ledger), DirectoryProjection(), IntegrityProjection(), RulebookProjection()],
    )
    kaoji = Kaoji(settings, ledger, views, driver, clock, kept_files=_kept_files(settings, ledger, views))
    try:
        yield kaoji
    finally:
        kaoji.close()


def _kept_files(settings: Settings, ledger: Ledger, views: ViewStore) -> KeptFiles | None:
    """In a folder of this ledger's own, where the settings name a place."""
    if settings.cache is None:
        return None
    return KeptFiles(settings.cache / str(ledger.ledger_id), stamp=partial(stamp, ledger, views))


def stamp(ledger: Ledger, views: ViewStore, position: int) -> str | None:
    """What tells the event at a position, and what the history leaves out by then, from those of another ledger,
    or of a copy that went another way; None where the ledger does not reach."""
    if position > ledger.head().position:
        return None
    digest = hashlib.sha256(str(ledger.ledger_id).encode())
    for event in ledger.read_positions([position]):
        digest.update(f"{event.recorded_at} {event.topic} ".encode() + event.facts)
    with views.reading() as connection:
        for skip in views.skips(connection, upto=position):
            if skip.projection == HistoryProjection.name:
                digest.update(f" without {skip.position}".encode())
    return digest.hexdigest()
