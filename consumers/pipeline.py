"""Take arrivals into the ledger in batches, or only say what would become of them; one way for every input."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from typing import Any, Final, Protocol

import numpy as np
from eventsourcing.persistence import Tracking

from consumers.interruption import Interruption
from consumers.seen_actions import SeenActions, entries
from domain.errors import KaojiError
from domain.garbage import collector_off
from domain.ledger.ledger import CONFLICT, CONFLICT_REMEDY
from domain.ledger.records import Arrival, Head, Verdict

BATCH_MAX: Final = 5_000
BATCH_BYTES_MAX: Final = 32 * 1024 * 1024
_BATCHES_BETWEEN_COLLECTIONS: Final = 50
_kind: Final[Callable[[Verdict], str]] = attrgetter("kind")

Refused = Callable[[Arrival, Verdict], None]


class ActionLedger(Protocol):
    """What the intake asks of a ledger."""

    def append(self, arrivals: Sequence[Arrival], *, tracking: Sequence[Tracking] = ()) -> list[Verdict]:
        """Record and quarantine in one transaction."""

    def classify(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        """What `append` would do."""

    def head(self) -> Head:
        """The last position."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of all that was read so far; `position` is the last in the ledger, `seconds` the time taken."""

    read: int = 0
    recorded: int = 0
    duplicates: int = 0
    quarantined: int = 0
    position: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As `kaoji ingest` prints it."""
        return asdict(self)


class Intake:
    """Batches arrivals into a ledger and counts. A dry run writes nothing and counts what would be.

    `refused` is told of every record that is quarantined. An interruption (SIGINT, SIGTERM, in the main thread)
    leaves `totals` as they stand: a batch is then either in the ledger and in `totals`, or in neither.
    """

    def __init__(
        self,
        ledger: ActionLedger,
        *,
        dry_run: bool = False,
        batch_max: int = BATCH_MAX,
        batch_bytes_max: int = BATCH_BYTES_MAX,
        refused: Refused | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        assert batch_max > 0, "a batch holds something"
        self._ledger = ledger
        self._seen = SeenActions() if dry_run else None
        self._batch_max, self._batch_bytes_max = batch_max, batch_bytes_max
        self._refused = refused
        self._monotonic = monotonic
        self._started = monotonic()
        self._interruption = Interruption()
        self._totals = Totals(position=ledger.head().position)

    @property
    def totals(self) -> Totals:
        """Counts up to now."""
        return replace(self._totals, seconds=round(self._monotonic() - self._started, 3))

    def feed(self, arrivals: Iterable[Arrival]) -> Iterator[Totals]:
        """Take in everything, batch by batch, yielding the totals after each.

        Where the input breaks off with an error, what came before it is taken in first.
        """
        with self._interruption, collector_off():
            for number, batch in enumerate(self._batches(arrivals)):
                self.take(batch)
                if number % _BATCHES_BETWEEN_COLLECTIONS == 0:
                    # Only what batches left behind is looked through; the rest was frozen.
                    gc.collect()
                yield self.totals

    def take(self, batch: Sequence[Arrival], *, tracking: Sequence[Tracking] = ()) -> list[Verdict]:
        """Take in one batch in one transaction, with the tracking of the source it came from."""
        with self._interruption.shield():
            if self._seen is None:
                verdicts = self._ledger.append(batch, tracking=tracking)
            else:
                verdicts = self._judge(batch, self._seen)
            self._count(verdicts)
        if self._refused is not None:
            for arrival, verdict in zip(batch, verdicts, strict=True):
                if verdict.kind == "quarantined":
                    self._refused(arrival, verdict)
        return verdicts

    def _batches(self, arrivals: Iterable[Arrival]) -> Iterator[list[Arrival]]:
        batch: list[Arrival] = []
        size = 0
        rest = iter(arrivals)
        while True:
            try:
                arrival = next(rest, None)
            except KaojiError:
                # An input that breaks off: what was read of it is kept.
                if batch:
                    yield batch
                raise
            if arrival is None:
                break
            batch.append(arrival)
            size += len(arrival.received)
            if len(batch) >= self._batch_max or size >= self._batch_bytes_max:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _judge(self, batch: Sequence[Arrival], seen: SeenActions) -> list[Verdict]:
        """What the ledger would answer if the batches before this one had been recorded."""
        verdicts = self._ledger.classify(batch)
        # Computed once: a key is a digest.
        keys = [arrival.action.key if arrival.action is not None else None for arrival in batch]
        new = {keys[index] for index in _recorded(verdicts)}
        # All that bear a key which is new to the ledger, repeats within the batch too: an earlier batch decides
        # about each of them.
        at = [index for index, key in enumerate(keys) if key is not None and key in new]
        met = entries(
            [(key, action) for i in at if (key := keys[i]) is not None and (action := batch[i].action) is not None]
        )
        for index, answer in zip(at, seen.compare(met), strict=True):
            if answer == "other":
                verdicts[index] = Verdict("quarantined", None, CONFLICT, CONFLICT_REMEDY)
            elif answer == "equal" or verdicts[index].kind == "duplicate":
                verdicts[index] = Verdict("duplicate", None, None, None)
        recorded = _recorded(verdicts)
        seen.remember(met[np.isin(at, recorded)])
        for position, index in enumerate(recorded, start=self._totals.position + 1):
            verdicts[index] = Verdict("recorded", position, None, None)
        return verdicts

    def _count(self, verdicts: Sequence[Verdict]) -> None:
        kinds = Counter(map(_kind, verdicts))
        # Positions rise, so the last one is the highest.
        positions = (verdict.position for verdict in reversed(verdicts) if verdict.kind == "recorded")
        totals = self._totals
        self._totals = replace(
            totals,
            read=totals.read + len(verdicts),
            recorded=totals.recorded + kinds["recorded"],
            duplicates=totals.duplicates + kinds["duplicate"],
            quarantined=totals.quarantined + kinds["quarantined"],
            position=next(positions, None) or totals.position,
        )


def _recorded(verdicts: Sequence[Verdict]) -> list[int]:
    return [index for index, verdict in enumerate(verdicts) if verdict.kind == "recorded"]
