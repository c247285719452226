"""Connect to Kafka as reading exactly once needs it, and tell its errors: whether to wait, or what to mend."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from kafka import KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    AuthorizationError,
    KafkaConfigurationError,
    KafkaError,
    LogTruncationError,
    RetriableError,
    SaslAuthenticationFailedError,
    UnsupportedCodecError,
)

from consumers.kafka_codecs import bound_codecs
from consumers.kafka_log import ClientLog, KafkaAccessError, hear_last_words
from consumers.kafka_settings import Setting
from domain.errors import UnknownNameError, UnreachableError, WrongInputError
from domain.log_events import BROKER_SILENT
from domain.ports import port_number

CONNECT_SECONDS_MAX = 4.0
_BOOTSTRAP_MS_MAX = 8_000
CLOSE_SECONDS_MAX = 2.0

BATCH_SETTINGS: Mapping[str, Setting] = {
    # A batch is what one poll brings: large enough that a transaction costs little for each record. However small,
    # it waits some ten milliseconds for keys and rows to be on the disk.
    "max_poll_records": 10_000,
    "fetch_max_bytes": 16 * 1024 * 1024,
    "max_partition_fetch_bytes": 4 * 1024 * 1024,
}
_DEFAULTS: Mapping[str, Setting] = {
    **BATCH_SETTINGS,
    # A member that died holds its partitions for this long; nothing is lost meanwhile, it only waits.
    "session_timeout_ms": 10_000,
    # A heartbeat tells a member that others come or go. Until all have heard of it, none of them reads.
    "heartbeat_interval_ms": 500,
    "reconnect_backoff_max_ms": 1_000,
    "request_timeout_ms": 15_000,
}


class KafkaUnreachableError(UnreachableError):
    """No Kafka answers at the address."""


class KafkaRefusedError(WrongInputError):
    """Kafka answers, and does not let us in or does not let us read."""


class LostRecordsError(WrongInputError):
    """Kafka no longer has records that the ledger has not read: going on would lose them silently."""


def connect(bootstrap: str, group: str, settings: Mapping[str, Setting], log: ClientLog) -> KafkaConsumer:
    """A client that is in. Raises KafkaUnreachableError, KafkaAccessError, WrongInputError."""
    if not group.strip():
        raise WrongInputError("The consumer group has no name. Give one with --group, or leave --group out.")
    # Asked before the client is built: once refused, it waits ever longer before it tries again.
    if not any_answers(bootstrap, seconds_max=CONNECT_SECONDS_MAX):
        raise KafkaUnreachableError(
            f"No Kafka answers at {bootstrap}. Is it running, and is that the address it listens on?"
        )
    bound_codecs()
    hear_last_words()
    try:
        return KafkaConsumer(
            **{**_DEFAULTS, **settings},
            bootstrap_servers=bootstrap.split(","),
            bootstrap_timeout_ms=_BOOTSTRAP_MS_MAX,
            group_id=group,
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            partition_assignment_strategy=[CooperativeStickyAssignor],
            metrics_enabled=False,
        )
    except KafkaError as error:
        raise log.refusal(bootstrap) or translated(error, bootstrap) from error


def check_topic(consumer: KafkaConsumer, topic: str, bootstrap: str, settings: Mapping[str, Setting]) -> None:
    """Raises WrongInputError where there is no such topic, or none that we may see."""
    may_be_hidden = settings.get("security_protocol", "PLAINTEXT") != "PLAINTEXT"
    known = consumer.topics()
    if topic in known:
        return
    unknown = UnknownNameError("topic", topic, known)
    raise WrongInputError(
        f"{unknown} Create it first: kafka-topics.sh --bootstrap-server {bootstrap} --create "
        f"--topic {topic} --partitions 12"
        # Kafka does not tell an account of topics that it may not see.
        + ("; or, where it is there, give the account the right to read it." if may_be_hidden else "")
    )


def translated(error: KafkaError, bootstrap: str) -> UnreachableError | WrongInputError:
    """An error of the client as one of ours: whether to wait, or what to mend."""
    if isinstance(error, AuthorizationError | SaslAuthenticationFailedError):
        return KafkaAccessError(
            f"Kafka at {bootstrap} does not let us in: {error}. "
            "Check the account in --kafka-config and its right to read the topic and the group."
        )
    if isinstance(error, KafkaConfigurationError):
        return KafkaRefusedError(f"The Kafka settings do not fit together: {error}.")
    if isinstance(error, UnsupportedCodecError):
        return KafkaRefusedError(f"Records are compressed in a way that is not installed here: {error}.")
    if isinstance(error, LogTruncationError):
        return LostRecordsError(
            f"Kafka at {bootstrap} has lost records that were read already: {error}. "
            "Ask who runs it about an unclean leader election; the ledger keeps what it has read."
        )
    if isinstance(error, RetriableError):
        return KafkaUnreachableError(f"Kafka at {bootstrap} does not answer: {error}.")
    return KafkaRefusedError(f"Kafka at {bootstrap} cannot be read: {error}.")


def any_answers(bootstrap: str, *, seconds_max: float) -> bool:
    """Whether one of the addresses HOST:PORT[,HOST:PORT…] accepts a connection. Raises WrongInputError."""
    for address in _addresses(bootstrap):
        try:
            socket.create_connection(address, timeout=seconds_max).close()
        except OSError as error:
            BROKER_SILENT.log(address=f"{address[0]}:{address[1]}", reason=str(error))
        else:
            return True
    return False


def _addresses(bootstrap: str) -> list[tuple[str, int]]:
    found = []
    for part in bootstrap.split(","):
        host, _, port = part.strip().rpartition(":")
        number = port_number(port)
        if not (host and number):
            raise WrongInputError(f"{part.strip()!r} is no Kafka address. Write HOST:PORT, several with commas.")
        found.append((host.strip("[]"), number))
    return found
