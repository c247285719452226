"""Try whether Kafka would let us read a topic, as a group that is not joined: before anything is begun."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from consumers.kafka_connecting import CLOSE_SECONDS_MAX, KafkaUnreachableError, check_topic, connect, translated
from consumers.kafka_log import heard
from consumers.kafka_settings import check_kafka_settings

_SECONDS_MAX: Final = 8.0
_POLL_MS: Final = 100


def try_reading(*, bootstrap: str, topic: str, group: str, config: Mapping[str, object]) -> None:
    """Fetch from the topic's end, and ask for the group's offsets. Raises what `consume` raises at its start."""
    # There is nothing at the end, and nothing to wait for.
    settings = {**check_kafka_settings(config), "fetch_max_wait_ms": 0}
    with heard() as log:
        consumer = connect(bootstrap, group, settings, log)
        try:
            check_topic(consumer, topic, bootstrap, settings)
            _try(consumer, topic, bootstrap)
        except KafkaError as error:
            raise translated(error, bootstrap) from error
        finally:
            with suppress(KafkaError):
                consumer.close(timeout_ms=int(CLOSE_SECONDS_MAX * 1_000))


def _try(consumer: KafkaConsumer, topic: str, bootstrap: str) -> None:
    partition = TopicPartition(topic, min(consumer.partitions_for_topic(topic) or {0}))
    consumer.assign([partition])
    consumer.committed(partition, timeout_ms=int(_SECONDS_MAX * 1_000))
    consumer.seek_to_end(partition)
    deadline = time.monotonic() + _SECONDS_MAX
    # Where a partition ends may be seen by whom nothing of it is read to: only the answer to a fetch tells.
    while consumer.highwater(partition) is None:
        if time.monotonic() > deadline:
            raise KafkaUnreachableError(f"Kafka at {bootstrap} lets us in, and hands out nothing of {partition}.")
        consumer.poll(timeout_ms=_POLL_MS)
