"""One member of a Kafka consumer group whose offsets come from the ledger, never from Kafka."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from eventsourcing.persistence import Tracking
from kafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from kafka.errors import CorruptRecordError, KafkaError, OffsetOutOfRangeError
from kafka.structs import MemberState

from consumers.kafka_connecting import (
    CLOSE_SECONDS_MAX,
    KafkaRefusedError,
    LostRecordsError,
    any_answers,
    check_topic,
    connect,
    translated,
)
from consumers.kafka_joining import finish_joining, keep_answers
from consumers.kafka_log import ClientLog, KafkaAccessError
from consumers.kafka_records import KafkaRecord, read_quickly
from consumers.kafka_settings import Setting
from consumers.watch import PartitionStand
from domain.log_events import (
    CLIENT_CLOSED_BADLY,
    COMMIT_REFUSED,
    GAP_ACCEPTED,
    PARTITION_BEGINS_LATE,
    PARTITION_PLACED,
    TOPIC_RECREATED,
)

_REQUEST_MS_MAX = 1_500
_COMMIT_SECONDS_MIN = 1.0

Records = dict[Any, list[KafkaRecord]]
"""Records of one poll by partition (kafka-python's TopicPartition)."""


class Member:
    """Joins the group, reads each partition from where the ledger stands, and forgets what it loses.

    Every method runs on the caller's thread; only the rebalance listener runs on kafka-python's, and it does no
    more than stop the partitions until the caller's thread has looked up their offsets.
    """

    def __init__(
        self,
        *,
        bootstrap: str,
        topic: str,
        group: str,
        settings: Mapping[str, Setting],
        last_offset: Callable[[str], int | None],
        accept_gap: bool = False,
        log: ClientLog,
    ) -> None:
        self._bootstrap, self._topic, self._log = bootstrap, topic, log
        self._last_offset, self._accept_gap = last_offset, accept_gap
        self._unplaced: set[TopicPartition] = set()
        self._names: dict[TopicPartition, str] = {}
        self._ends: dict[TopicPartition, int] = {}
        # The first and the last offset of what was handed over and is not in the ledger yet.
        self._at_work: dict[TopicPartition, tuple[int, int]] = {}
        self._committed_at = 0.0
        self._advice: dict[TopicPartition, OffsetAndMetadata] = {}
        self.changes = 0
        """How often partitions came or went."""
        self.was_let_in = False
        """Whether Kafka has let us into the group, and has us read the partitions that fell to us."""
        self._consumer = connect(bootstrap, group, settings, log)
        read_quickly(self._consumer)
        keep_answers(self._consumer)
        try:
            check_topic(self._consumer, topic, bootstrap, settings)
            self._topic_id = self._current_topic_id()
            self._consumer.subscribe([topic], listener=_Listener(self))
        except KafkaError as error:
            self.close()
            raise translated(error, bootstrap) from error
        except BaseException:
            self.close()
            raise

    def poll(self, *, seconds_max: float) -> Records:
        """The next records of the partitions that are ours and placed; empty when there are none.

        Raises KafkaUnreachableError when nothing can be read just now (try again), LostRecordsError or
        KafkaRefusedError when trying again is of no use.
        """
        try:
            self._place()
            finish_joining(self._consumer)
            records: Records = self._consumer.poll(timeout_ms=int(seconds_max * 1000))
        except OffsetOutOfRangeError:
            # Retention has overtaken us; placing finds out what was lost, and says so.
            self.start_over()
            return {}
        except CorruptRecordError as error:
            raise KafkaRefusedError(
                f"The record at {self._place_at_hand()} cannot be read: {error.args[-1]}. Nothing behind it "
                "was read. Ask its sender what it is; to go on without it, delete it from the topic "
                "(kafka-delete-records.sh) and consume with --accept-gap."
            ) from error
        except KafkaError as error:
            self._ask_who_leads()
            raise translated(error, self._bootstrap) from error
        if self._topic_was_replaced():
            self.start_over()
            return {}
        self.was_let_in = self.was_let_in or self._is_let_in()
        if records:
            self._log.forget()
        for partition, found in records.items():
            first, _ = self._at_work.get(partition, (found[0].offset, 0))
            self._at_work[partition] = first, found[-1].offset
        return records

    def tracking(self, records: Records) -> list[Tracking]:
        """Rows that make the ledger refuse these records if it has read any of them already.

        The ledger takes a row only if it is above what it has. The first offset says that nothing here was read
        before (else a member that woke too late would write what its successor has written), the last one how far
        this goes. Gaps (control records, aborted ones) do not matter.
        """
        rows = []
        for partition in sorted(records):
            first, last = records[partition][0].offset, records[partition][-1].offset
            rows += [Tracking(self._names[partition], offset) for offset in sorted({first, last})]
        return rows

    def recorded(self, records: Records) -> None:
        """Note that these are in the ledger, and tell Kafka, for who watches the lag; we never read it back."""
        for partition, found in records.items():
            behind = found[-1].offset + 1
            self._advice[partition] = OffsetAndMetadata(behind, "", -1)
            _, last = self._at_work.pop(partition, (0, 0))
            if behind <= last:
                self._at_work[partition] = behind, last
        if time.monotonic() - self._committed_at >= _COMMIT_SECONDS_MIN:
            self.send_advice()

    def send_advice(self) -> None:
        """Send what `recorded` has gathered, for partitions that are still ours."""
        assigned = self._consumer.assignment()
        offsets = {partition: offset for partition, offset in self._advice.items() if partition in assigned}
        self._advice = {}
        self._committed_at = time.monotonic()
        if offsets:
            try:
                self._consumer.commit_async(offsets, callback=_log_commit)
            except KafkaError as error:
                COMMIT_REFUSED.log(reason=str(error))

    def start_over(self) -> None:
        """Look up all offsets in the ledger again, before anything more is read."""
        for partition in self._consumer.assignment():
            self._hold(partition)

    def is_unplaced(self) -> bool:
        """Whether the ledger is about to be asked from where to read some partition."""
        return bool(self._unplaced)

    def _is_let_in(self) -> bool:
        if self._unplaced or self._consumer.group_metadata().state != MemberState.STABLE:
            return False
        # An account without the right to read a topic may still learn where it ends; only a fetch tells.
        held = self._consumer._subscription.assignment.values()
        return all(state.highwater is not None for state in held)

    def at_end(self) -> bool:
        """Whether we are settled in the group and have read all that there was a moment ago."""
        if self._unplaced or self._consumer.group_metadata().state != MemberState.STABLE:
            return False
        partitions = sorted(self._consumer.assignment())
        if not partitions:
            return True
        try:
            ends = self._consumer.end_offsets(partitions, timeout_ms=_REQUEST_MS_MAX)
            return all(
                self._consumer.position(partition, timeout_ms=_REQUEST_MS_MAX) >= ends[partition]
                for partition in partitions
            )
        except KafkaError:
            self._ask_who_leads()
            return False

    def answers(self) -> bool:
        """Whether anything listens where Kafka should be."""
        return any_answers(self._bootstrap, seconds_max=1.0)

    def has_topic(self) -> bool:
        """Whether Kafka had the topic when it was last asked."""
        return self._consumer._cluster.partitions_for_topic(self._topic) is not None

    def refusal(self) -> KafkaAccessError | None:
        """Why Kafka, which answers, keeps us out; None if it does not. What was heard is forgotten."""
        found = self._log.refusal(self._bootstrap, certain=True)
        self._log.forget()
        return found

    def stands(self) -> list[PartitionStand] | None:
        """Where each partition stands: from where on nothing is in the ledger, and the end as Kafka last said.

        None while some are not placed. Asks nobody.
        """
        if self._unplaced:
            return None
        found = []
        # The client's own `position` asks brokers, and may raise.
        for partition, state in sorted(self._consumer._subscription.assignment.items()):
            if state.position is None or partition not in self._ends:
                return None
            end = self._ends[partition] if state.highwater is None else state.highwater
            # Where nothing is at work, what the ledger lacks begins where the client reads on.
            offset, _ = self._at_work.get(partition, (state.position.offset, 0))
            found.append(PartitionStand(partition.topic, partition.partition, offset, end))
        return found

    def leads(self) -> bool:
        """Whether this is the one member that holds the first partition."""
        return any(partition.partition == 0 for partition in self._consumer.assignment())

    def close(self, *, seconds_max: float = CLOSE_SECONDS_MAX) -> None:
        """Leave the group, so that others take over at once, if Kafka answers in time."""
        try:
            self._consumer.close(timeout_ms=int(seconds_max * 1_000))
        except KafkaError as error:
            CLIENT_CLOSED_BADLY.log(reason=str(error))

    def _hold(self, partition: TopicPartition) -> None:
        self._unplaced.add(partition)
        self._consumer.pause(partition)
        # Any offset will do: without one the client would ask Kafka for a committed offset, and follow it.
        self._consumer.seek(partition, 0)

    def _place(self) -> None:
        """Seek every held partition to where the ledger stands, and let it go."""
        held = sorted(self._unplaced & self._consumer.assignment())
        self._unplaced.intersection_update(held)
        if not held:
            return
        begins = self._consumer.beginning_offsets(held, timeout_ms=_REQUEST_MS_MAX)
        ends = self._consumer.end_offsets(held, timeout_ms=_REQUEST_MS_MAX)
        for partition in held:
            name = f"kafka:{self._consumer._cluster.cluster_id}/{self._topic_id}/{partition.partition}"
            self._names[partition], self._ends[partition] = name, ends[partition]
            start = self._start(partition, self._last_offset(name), begins[partition], ends[partition])
            self._consumer.seek(partition, start)
            self._at_work.pop(partition, None)
            self._consumer.resume(partition)
            self._unplaced.discard(partition)
            PARTITION_PLACED.log(place=f"{partition.topic}-{partition.partition}", offset=start)
        # Who leads them has answered: what was heard before that is over.
        self._log.forget()

    def _start(self, partition: TopicPartition, last: int | None, begin: int, end: int) -> int:
        place = f"{partition.topic}-{partition.partition}"
        if last is None:  # Not `if not last`: an offset may be 0.
            if begin > 0:
                PARTITION_BEGINS_LATE.log(place=place, offset=begin)
            return begin
        if last + 1 > end:
            raise LostRecordsError(
                f"{place} ends at offset {end}, but the ledger has read up to {last}: Kafka lost records, or was "
                "restored from an older copy. Create the topic anew (a new topic is read from its beginning)."
            )
        if last + 1 < begin:
            lost = f"{place}: offsets {last + 1} to {begin - 1} are no longer in Kafka, and were never read."
            if not self._accept_gap:
                raise LostRecordsError(
                    f"{lost} Have these actions sent again (or ingest them from a file), then consume with "
                    "--accept-gap; and let the topic keep records for longer (retention.ms)."
                )
            GAP_ACCEPTED.log(reason=lost, offset=begin)
            return begin
        return last + 1

    def _ask_who_leads(self) -> None:
        """Have the client ask who leads each partition now.

        Where a broker answers that it leads one no more, the client's look-up of offsets asks that broker again
        and again, and finds the new leader only with its next routine question (`metadata_max_age_ms`: minutes).
        """
        self._consumer._cluster.request_update()

    def _place_at_hand(self) -> str:
        """Where the client has just stumbled, which its error does not say."""
        at_hand = self._consumer._fetcher._next_partition_records
        if at_hand is None:
            return self._topic
        return f"{self._topic}-{at_hand.topic_partition.partition}, offset {at_hand.next_fetch_offset},"

    def _current_topic_id(self) -> str:
        """The topic's id as Kafka writes it; the name with a Kafka older than 2.8, which has no such ids."""
        # kafka-python offers no public way to the ids it holds; the admin client would ask a broker each time.
        found: UUID | None = self._consumer._cluster.topic_id(self._topic)
        if found is None or found.int == 0:
            return getattr(self, "_topic_id", self._topic)
        return base64.urlsafe_b64encode(found.bytes).decode().rstrip("=")

    def _topic_was_replaced(self) -> bool:
        """Whether the topic was deleted and created anew: its offsets then begin again."""
        current = self._current_topic_id()
        if current == self._topic_id:
            return False
        TOPIC_RECREATED.log(topic=self._topic, id_now=current, id_before=self._topic_id)
        self._topic_id = current
        return True


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no type hints
    """Holds what comes until its offset is known. Runs on kafka-python's thread: no store, no waiting."""

    def __init__(self, member: Member) -> None:
        self._member = member

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._member.changes += 1
        self._member._unplaced.difference_update(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._member.changes += 1
        for partition in assigned:
            self._member._hold(partition)


def _log_commit(_offsets: object, answer: object) -> None:
    if isinstance(answer, Exception):
        COMMIT_REFUSED.log(reason=str(answer))
