"""Consume actions from Kafka into the ledger: each one exactly once, whatever dies on the way."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from eventsourcing.persistence import Tracking

from consumers.cloudevents import to_arrivals
from consumers.dead_letters import DRAIN_SECONDS_MAX, STOP_SECONDS_MAX, DeadLetters
from consumers.kafka_connecting import CLOSE_SECONDS_MAX, KafkaUnreachableError
from consumers.kafka_log import KafkaAccessError, heard
from consumers.kafka_member import Member, Records
from consumers.kafka_records import KafkaRecord
from consumers.kafka_settings import check_kafka_settings
from consumers.pipeline import ActionLedger, Intake, Refused, Totals
from consumers.senders import Binding
from consumers.stopping import Stop
from consumers.watch import ConsumerWatch
from consumers.writing import AbandonedBatchError, BatchWriter, answered, quick_switching
from domain.errors import UnreachableError
from domain.garbage import collector_off
from domain.ledger.errors import StaleTrackingError
from domain.ledger.records import Arrival
from domain.log_events import (
    BATCH_ABANDONED,
    BATCH_DROPPED,
    CONSUMER_GOING_ON,
    CONSUMER_STARTED,
    CONSUMER_WAITING,
    STORE_SILENT,
)
from domain.watching import BatchTimes

TOPIC = "administrative-actions"
GROUP = "kaoji"
POLL_SECONDS_MAX = 0.2
SILENCE_SECONDS_MAX = 3.0
WAIT_SECONDS_MAX = 10.0
LOOK_SECONDS = 1.0
COLLECT_SECONDS = 1.0


class OffsetLedger(ActionLedger, Protocol):
    """What consuming asks of a ledger: it keeps offsets with the actions, and refuses one that does not rise."""

    def max_tracking_id(self, name: str) -> int | None:
        """The last offset recorded under this name; None when there is none."""


def consume(
    ledger: OffsetLedger,
    *,
    bootstrap: str,
    clock: Callable[[], int],
    topic: str = TOPIC,
    group: str = GROUP,
    config: Mapping[str, object] | None = None,
    until_idle: float | None = None,
    stop: Stop | None = None,
    on_batch: Callable[[Totals], None] | None = None,
    refused: Refused | None = None,
    accept_gap: bool = False,
    binding: Binding | None = None,
    letters: DeadLetters | None = None,
    watch: ConsumerWatch | None = None,
) -> Totals:
    """Record the topic's actions as one member of a consumer group, until told to stop.

    One poll is one transaction: actions, refused records and offsets together. Kafka's own commit is advice for
    lag monitors; where to go on is read from the ledger. A batch that another member has written already is
    refused by the ledger and dropped here. A batch is fetched and checked while the last one is being written; it
    is never written before that one is.

    `config`: kafka-python's names (`security_protocol`, `ssl_cafile` …), see `read_kafka_settings`.
    `until_idle`: end after that many seconds without a new record, once everything there was is read.
    `stop`: set by a signal handler; the batch at hand is finished and the group left.
    `on_batch` is given the totals after every batch, `refused` every record that is quarantined.
    `binding`: the sources that the topic's senders may use; without one any.
    `letters` publishes what is refused; it is stopped at the end.
    `watch` is told what goes on, batch by batch.
    `accept_gap`: go on where Kafka has deleted records that were never read.

    Kafka or the store going away later is waited for. Raises UnreachableError when Kafka does not answer, or keeps
    us out, at the start, WrongInputError (unknown topic, wrong setting, records lost) with what to do.
    """
    settings = check_kafka_settings(config or {})
    stop = stop or Stop()
    with heard() as log:
        member = Member(
            bootstrap=bootstrap,
            topic=topic,
            group=group,
            settings=settings,
            last_offset=answered(ledger.max_tracking_id, stop=stop),
            accept_gap=accept_gap,
            log=log,
        )
        try:
            intake = Intake(ledger, refused=refused)
            run = _Run(
                intake, member, clock=clock, stop=stop, until_idle=until_idle, on_batch=on_batch, binding=binding,
                letters=letters, watch=watch or ConsumerWatch(),
            )  # fmt: skip
            if not stop.is_set():
                CONSUMER_STARTED.log(topic=topic, bootstrap=bootstrap, group=group)
            with collector_off(), quick_switching():
                run.to_the_end()
            return intake.totals
        finally:
            member.close(seconds_max=stop.left(CLOSE_SECONDS_MAX))
            if letters is not None:
                letters.stop(seconds_max=stop.left(STOP_SECONDS_MAX if stop.is_set() else DRAIN_SECONDS_MAX))


@dataclass(frozen=True)
class _Batch:
    """What one poll brought, checked, and what goes into the ledger with it."""

    records: Records
    arrivals: Sequence[Arrival]
    tracking: Sequence[Tracking]
    times: BatchTimes


class _Run:
    """The loop of one member: poll, check, append; and what to do when nothing comes."""

    def __init__(
        self,
        intake: Intake,
        member: Member,
        *,
        clock: Callable[[], int],
        stop: Stop,
        until_idle: float | None,
        on_batch: Callable[[Totals], None] | None,
        binding: Binding | None,
        letters: DeadLetters | None,
        watch: ConsumerWatch,
    ) -> None:
        self._intake, self._member, self._clock, self._binding = intake, member, clock, binding
        self._stop, self._until_idle, self._on_batch = stop, until_idle, on_batch
        self._letters, self._watch = letters, watch
        self._waits = _Waits(stop, watch)
        self._writer = BatchWriter(self._write, stop=stop, silent=self._waits.silent)
        self._looked_at = self._collected_at = 0.0
        self._silent_since = time.monotonic()
        self._changes = 0

    def to_the_end(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    if self._step():
                        break
                except StaleTrackingError as error:
                    # Its own words are for two who write under one name by mistake; members of a group do not.
                    BATCH_DROPPED.log(reason=f"{error.name} is recorded up to {error.tracking_id} or beyond.")
                    self._watch.dropped()
                    self._start_over()
                except UnreachableError as error:
                    if isinstance(error, KafkaAccessError) and not self._member.was_let_in:
                        # Whether we may join the group and read the topic is told only by now: the start, still.
                        raise
                    # Nothing of this batch counts as read: what is in the ledger decides where to go on.
                    self._waits.wait(str(error))
                    self._start_over()
                    self._silent_since = time.monotonic()
            self._settle_and_tell()
        except KafkaAccessError:
            raise
        except (AbandonedBatchError, StaleTrackingError, UnreachableError) as error:
            # Told to stop: what is not in the ledger is read again by whoever comes next.
            BATCH_ABANDONED.log(reason=str(error))
        finally:
            self._writer.close()
        self._member.send_advice()

    def _step(self) -> bool:
        """One poll and what follows from it. Whether the silence has lasted long enough to end."""
        if self._member.is_unplaced():
            # What is being written decides from where these partitions are read.
            self._settle_and_tell()
        times = BatchTimes()
        with times.stage("poll"):
            records = self._member.poll(seconds_max=0.0 if self._writer.busy else POLL_SECONDS_MAX)
        self._tell_stands()
        if self._letters is not None:
            self._letters.follow(leads=self._member.leads())
        if not records:
            return self._silence() if not self._settle_and_tell() else False
        batch = self._checked(records, times)
        done = self._settle()
        self._writer.begin(batch)
        self._tell(done)
        return False

    def _checked(self, records: Records, times: BatchTimes) -> _Batch:
        self._watch.took()
        with times.stage("check"):
            arrivals = to_arrivals(*_placed(records), now=self._clock())
            if self._binding is not None:
                arrivals = [self._binding.bound(each) for each in arrivals]
        return _Batch(records, arrivals, self._member.tracking(records), times)

    def _write(self, batch: _Batch) -> None:
        with batch.times.stage("record"):
            self._intake.take(batch.arrivals, tracking=batch.tracking)

    def _settle(self) -> Totals | None:
        """Wait for the batch that is being written, if there is one; the totals with it. Raises what it raised."""
        batch = self._writer.settle()
        if batch is None:
            return None
        with batch.times.stage("commit"):
            self._member.recorded(batch.records)
        totals = self._intake.totals
        self._watch.recorded(batch.times, batch.records, totals)
        self._waits.over()
        self._silent_since = time.monotonic()
        return totals

    def _tell(self, done: Totals | None) -> None:
        """Tell of a batch that is in the ledger, while the next one may be on its way there."""
        if done is None:
            return
        if self._on_batch is not None:
            self._on_batch(done)
        now = time.monotonic()
        if now - self._collected_at >= COLLECT_SECONDS:
            # The collector is off meanwhile. All generations are looked through: what another thread has at work
            # grows old with the first look, and would stay for ever where only the young ones are. It takes some
            # milliseconds, for what was there at the beginning is frozen.
            gc.collect()
            self._collected_at = now

    def _settle_and_tell(self) -> bool:
        done = self._settle()
        self._tell(done)
        return done is not None

    def _start_over(self) -> None:
        with suppress(StaleTrackingError, UnreachableError):
            # Only where telling of the batch before has failed is one still on its way.
            self._settle()
        self._member.start_over()

    def _tell_stands(self) -> None:
        """Tell who watches, once a second."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS and (stands := self._member.stands()) is not None:
            self._looked_at = now
            self._watch.stands(stands)

    def _silence(self) -> bool:
        """Whether the silence has lasted long enough to end. Raises UnreachableError when Kafka is why."""
        now = time.monotonic()
        if self._member.changes != self._changes:
            # Partitions have just come or gone: what they hold has yet to be asked for.
            self._changes, self._silent_since = self._member.changes, now
        silent = now - self._silent_since
        if self._until_idle is not None and silent >= self._until_idle and self._member.at_end():
            return True
        if silent >= SILENCE_SECONDS_MAX and self._waits.due():
            if not self._member.answers():
                raise KafkaUnreachableError("Kafka does not answer.")
            if (refusal := self._member.refusal()) is not None:
                raise refusal
            if not self._member.has_topic():
                raise KafkaUnreachableError(
                    "Kafka has the topic no more. Create it again: it is read from its beginning then."
                )
            self._waits.over()
        return False


class _Waits:
    """Waits that grow while something is away: one log line each, and one when it is back."""

    def __init__(self, stop: Stop, watch: ConsumerWatch) -> None:
        self._stop, self._watch = stop, watch
        self._seconds = 0.0
        self._silent = False
        self._looked_at = time.monotonic()

    def silent(self, seconds: float) -> None:
        """The store has had a batch for so long."""
        self._silent = True
        STORE_SILENT.log(seconds=seconds)

    def wait(self, reason: str) -> None:
        """Wait, longer each time in a row, or until told to stop."""
        self._seconds = min(WAIT_SECONDS_MAX, self._seconds * 2 or 1.0)
        CONSUMER_WAITING.log(reason=reason, seconds=self._seconds)
        self._watch.waits()
        self._stop.wait(self._seconds)
        self._looked_at = time.monotonic()

    def over(self) -> None:
        """What was waited for is there."""
        if self._seconds or self._silent:
            CONSUMER_GOING_ON.log()
            self._watch.goes_on()
        self._seconds, self._silent = 0.0, False

    def due(self) -> bool:
        """Whether it is time to look again whether anything is away."""
        now = time.monotonic()
        if now - self._looked_at < SILENCE_SECONDS_MAX:
            return False
        self._looked_at = now
        return True


def _placed(records: Records) -> tuple[list[KafkaRecord], list[str]]:
    """All records, partition by partition, and the place of each."""
    found: list[KafkaRecord] = []
    places: list[str] = []
    for partition in sorted(records):
        begin = f"{partition.topic}-{partition.partition}@"
        found += records[partition]
        places += [f"{begin}{record.offset}" for record in records[partition]]
    return found, places
