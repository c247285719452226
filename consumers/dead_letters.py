"""Publish refused records to a Kafka topic: each at least once, after it was committed, in order of its number."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any, Final, NamedTuple

import msgspec
from eventsourcing.persistence import Tracking
from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError

from consumers.cloudevents import open_binary_envelope
from consumers.kafka_connecting import CONNECT_SECONDS_MAX, KafkaUnreachableError, any_answers
from consumers.kafka_log import ClientLog, heard
from consumers.kafka_settings import check_kafka_settings
from domain.actions.refusals import RECORD_BYTES_MAX
from domain.errors import UnreachableError, WrongInputError
from domain.ledger.errors import StaleTrackingError
from domain.ledger.ledger import Ledger
from domain.ledger.quarantine import ANY, Entry
from domain.log_events import LETTER_TOO_LARGE, LETTERS_KNOWN, LETTERS_WAITING

LOOK_SECONDS: Final = 0.5
WAIT_SECONDS_MAX: Final = 30.0
STOP_SECONDS_MAX: Final = 1.5
"""What is left when a signal comes has so long to go out; a process must be gone in five seconds."""
DRAIN_SECONDS_MAX: Final = 30.0
"""And so long where the end was not asked for by a signal."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KAFKA_PLACE: Final = re.compile(r"(.+)-([0-9]+)@([0-9]+)", re.DOTALL)

Headers = list[tuple[str, bytes]]


class Letter(NamedTuple):
    """A refused record as it is published."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def letter_of(entry: Entry) -> Letter:
    """The same key and value as the record had; headers say why it was refused and where it came from.

    A record that came by file or HTTP has no key: its subject is taken. The value is left out, and a header says
    so, where only its first 1 MiB was kept or its bytes were given up.
    """
    place = _KAFKA_PLACE.fullmatch(entry.place)
    value, headers = _received(entry)
    said: dict[str, object] = {
        "entry": entry.entry_id,
        "code": entry.code,
        "remedy": entry.remedy,
        "place": entry.place,
        "refused_at": (_EPOCH + timedelta(microseconds=entry.refused_at)).isoformat(timespec="microseconds"),
        "sha256": entry.sha256.hex(),
    }
    if place is not None:
        said |= dict(zip(("topic", "partition", "offset"), place.groups(), strict=True))
    if _is_left_out(entry):
        said["value"] = "left out"
    headers += [(f"kaoji_{name}", str(text).encode()) for name, text in said.items()]
    key = entry.key
    if place is None and key is None and entry.subject is not None:
        key = entry.subject.encode()
    return Letter(key, value, headers)


def _is_left_out(entry: Entry) -> bool:
    return entry.raw is None or len(entry.raw) >= RECORD_BYTES_MAX


def _received(entry: Entry) -> tuple[bytes | None, Headers]:
    if entry.raw is None or _is_left_out(entry):
        return None, []
    if entry.form == "binary":
        value, headers = open_binary_envelope(msgspec.json.decode(entry.raw))
        # The client sends no header without a value; an empty one says as much.
        return value, [(name, text or b"") for name, text in headers if not name.startswith("kaoji_")]
    return entry.raw, []


class DeadLetterTopic:
    """The topic; connects when it is made. Raises UnreachableError or WrongInputError with what to do."""

    def __init__(self, bootstrap: str, topic: str, *, config: Mapping[str, object] | None = None) -> None:
        self._bootstrap, self.topic = bootstrap, topic
        settings = check_kafka_settings(config or {})
        self._settings = {name: value for name, value in settings.items() if name in KafkaProducer.DEFAULT_CONFIG}
        self._producer: Any = None
        with heard() as log:
            self.name = self._named(log)

    def publish(self, letters: Iterable[Letter], *, seconds_max: float) -> None:
        """Send all of them and wait until Kafka has them. Raises KafkaUnreachableError; some may be there then."""
        try:
            producer = self._connected()
            sent = [(letter, self._sent(producer, letter)) for letter in letters]
            producer.flush(timeout=seconds_max)
            for letter, answer in sent:
                if _is_too_large(answer):
                    headers = [*letter.headers, ("kaoji_value", b"left out")]
                    answer = self._sent(producer, letter._replace(value=None, headers=headers))
                    producer.flush(timeout=seconds_max)
                if _is_too_large(answer):
                    LETTER_TOO_LARGE.log(topic=self.topic, entry=dict(letter.headers)["kaoji_entry"].decode())
                elif answer.exception is not None:
                    raise answer.exception
        except KafkaError as error:
            self.close(seconds_max=0)
            raise KafkaUnreachableError(
                f"Kafka at {self._bootstrap} does not take dead letters for {self.topic}: {error}."
            ) from error

    def close(self, *, seconds_max: float = 1.0) -> None:
        """Let go of the connection; the next letter makes another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=seconds_max)

    def _sent(self, producer: Any, letter: Letter) -> Any:
        # The client refuses a record that has neither key nor value.
        value = b"" if letter.key is None and letter.value is None else letter.value
        try:
            return producer.send(self.topic, value=value, key=letter.key, headers=letter.headers)
        except MessageSizeTooLargeError:
            return None

    def _connected(self) -> Any:
        if self._producer is None:
            if not any_answers(self._bootstrap, seconds_max=CONNECT_SECONDS_MAX):
                raise KafkaUnreachableError(f"No Kafka answers at {self._bootstrap}.")
            self._producer = KafkaProducer(
                **{
                    **self._settings,
                    "bootstrap_servers": self._bootstrap.split(","),
                    "bootstrap_timeout_ms": 8_000,
                    "acks": "all",
                    # At least once is enough; an idempotent producer dies of one record that is too large.
                    "enable_idempotence": False,
                    "max_in_flight_requests_per_connection": 1,
                    "compression_type": "gzip",
                    "allow_auto_create_topics": False,
                    "linger_ms": 5,
                    "max_request_size": 2 * RECORD_BYTES_MAX,
                    "max_block_ms": 4_000,
                    "request_timeout_ms": 5_000,
                    "delivery_timeout_ms": 10_000,
                    "metrics_enabled": False,
                }
            )
        return self._producer

    def _named(self, log: ClientLog) -> str:
        """The name under which the ledger keeps how far this topic has come; a topic made anew has another."""
        try:
            producer = self._connected()
            try:
                known = producer.partitions_for(self.topic)
            except (KafkaError, ValueError):  # the client's own word for a name that no topic can have
                known = None
            if not known:
                raise WrongInputError(
                    f"There is no topic {self.topic!r} for dead letters. Create it first: kafka-topics.sh "
                    f"--bootstrap-server {self._bootstrap} --create --topic {self.topic} --partitions 3"
                )
            cluster = producer._metadata
            found = cluster.topic_id(self.topic)
            topic = self.topic if found is None else base64.urlsafe_b64encode(found.bytes).decode().rstrip("=")
            return f"dead-letters:{cluster.cluster_id}/{topic}"
        except KafkaError as error:
            raise log.refusal(self._bootstrap) or KafkaUnreachableError(
                f"No Kafka takes dead letters at {self._bootstrap}: {error}."
            ) from error
        finally:
            self.close()


def _is_too_large(answer: Any) -> bool:
    return answer is None or isinstance(answer.exception, MessageSizeTooLargeError)


class DeadLetters:
    """Publishes what the quarantine has and the topic has not, beside the consumer, on a thread of its own.

    The quarantine is the truth: an entry is committed with its batch first. How far the topic has come is kept in
    the ledger too, after Kafka has answered; so a crash in between publishes some letters twice, and loses none.
    Of the members of a group the one that holds the first partition publishes.
    """

    def __init__(
        self,
        ledger: Ledger,
        topic: DeadLetterTopic,
        *,
        look_seconds: float = LOOK_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._topic = ledger, topic
        self._look_seconds, self._monotonic = look_seconds, monotonic
        self._leads = False
        self._stopping = Event()
        self._deadline = float("inf")
        self._wait_seconds = 0.0
        self._thread: Thread | None = None

    def follow(self, *, leads: bool) -> None:
        """Say whether it is for this process to publish; begins with the first call."""
        self._leads = leads
        if self._thread is None:
            self._thread = Thread(target=self._run, name="dead-letters", daemon=True)
            self._thread.start()

    def stop(self, *, seconds_max: float = STOP_SECONDS_MAX) -> None:
        """Publish what is left as far as the time suffices; the rest goes out with the next start."""
        self._deadline = self._monotonic() + seconds_max
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(seconds_max + 0.5)
        self._topic.close(seconds_max=0)

    def publish_pending(self) -> int:
        """Publish what the topic has not yet, until nothing is left or it is time to stop; how many it was.

        Raises UnreachableError when Kafka or the store does not answer.
        """
        done = 0
        after = self._ledger.max_tracking_id(self._topic.name) or 0
        for chunk in self._ledger.quarantine.chunks(ANY, after=after):
            left = self._deadline - self._monotonic()
            if left <= 0 or not self._leads:
                break
            self._topic.publish(map(letter_of, chunk), seconds_max=min(10.0, left))
            self._note(chunk)
            done += len(chunk)
        return done

    def _note(self, chunk: Sequence[Entry]) -> None:
        try:
            self._ledger.track(Tracking(self._topic.name, chunk[-1].entry_id))
        except StaleTrackingError:
            # Another member has published these as well: both held the first partition for a moment.
            LETTERS_KNOWN.log(entry=chunk[-1].entry_id)

    def _run(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            try:
                if self._leads:
                    self.publish_pending()
                    self._wait_seconds = 0.0
            except (UnreachableError, WrongInputError) as error:
                self._wait_seconds = min(WAIT_SECONDS_MAX, self._wait_seconds * 2 or 1.0)
                LETTERS_WAITING.log(reason=str(error), seconds=self._wait_seconds)
            if stopping:
                return
            self._stopping.wait(max(self._look_seconds, self._wait_seconds))
