"""Create a topic and publish records to it: what a sending system does, for the demo, tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError, TopicAlreadyExistsError

from domain.errors import UnreachableError

_CONTENT_TYPE = [("content-type", b"application/cloudevents+json")]
_BOOTSTRAP_MS_MAX = 10_000
_PRODUCING: Final[Mapping[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "gzip",
    "bootstrap_timeout_ms": _BOOTSTRAP_MS_MAX,
    "linger_ms": 50,
    "batch_size": 256 * 1024,
}


class PublishError(UnreachableError):
    """Kafka did not take the records; the message says what Kafka said."""


def create_topic(bootstrap: str, topic: str, *, partitions: int, replicas: int = -1) -> None:
    """Make sure that `topic` exists; one that is there already is left as it is. `-1`: the cluster's default."""
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=_BOOTSTRAP_MS_MAX)
        try:
            wanted = {topic: {"num_partitions": partitions, "replication_factor": replicas}}
            admin.create_topics(wanted, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            return
        finally:
            admin.close()
    except KafkaError as error:
        raise PublishError(f"Kafka at {bootstrap} does not create the topic {topic}: {error}.") from error


def publish(bootstrap: str, topic: str, lines: Iterable[bytes], *, config: Mapping[str, Any] | None = None) -> int:
    """Send every line as a structured CloudEvent, key = its subject (none: no key); returns how many were sent.

    Returns when Kafka has acknowledged all of them (`acks=all`, idempotent: none is lost, doubled or reordered).
    """
    failures: list[BaseException] = []
    sent = 0
    try:
        producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), **{**_PRODUCING, **(config or {})})
        try:
            for line in lines:
                if not line.strip():
                    continue
                answer = producer.send(topic, value=line, key=_subject(line), headers=_CONTENT_TYPE)
                answer.add_errback(failures.append)
                sent += 1
            producer.flush()
        finally:
            producer.close()
    except KafkaError as error:
        raise PublishError(f"Kafka at {bootstrap} does not take records for {topic}: {error}.") from error
    if failures:
        raise PublishError(f"Kafka at {bootstrap} refused {len(failures)} records for {topic}: {failures[0]}.")
    return sent


class _Keyed(msgspec.Struct):
    subject: str | None = None


_KEYED = msgspec.json.Decoder(_Keyed)


def _subject(line: bytes) -> bytes | None:
    """The key of a record: all actions of one case go to one partition. A broken line has none."""
    try:
        subject = _KEYED.decode(line).subject
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if subject is None else subject.encode()
