"""A real Apache Kafka for tests: a running one by name, else one that is started out of Maven's artefacts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from typing import TypeVar

import pytest

from api.demo.kafka_node import KafkaCluster, KafkaNode, cache_folder
from domain.errors import UnreachableError
from tests.support.missing import without

_REMEDY = "(KAOJI_TEST_KAFKA=HOST:PORT names one.)"
_numbers = count(1)
Kafka = TypeVar("Kafka")


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[str]:
    """The HOST:PORT of a Kafka that lives as long as the run."""
    named = os.environ.get("KAOJI_TEST_KAFKA")
    if named:
        yield named
        return
    with started_kafka() as node:
        yield node.bootstrap


@pytest.fixture
def kafka_topic(kafka_server: str, request: pytest.FixtureRequest) -> str:
    """A topic of the test's own, with three partitions."""
    # Imported here: every test run loads this file, and few of them need the client.
    from consumers.kafka_topics import create_topic

    name = re.sub(r"[^A-Za-z0-9._-]", "-", f"{request.node.name}-{os.getpid()}-{next(_numbers)}")[-200:]
    create_topic(kafka_server, name, partitions=3)
    return name


@contextmanager
def started_kafka() -> Iterator[KafkaNode]:
    """A node of one's own, which may be killed. Ends the test where none can be started."""
    with _started(KafkaNode(cache_folder(os.environ))) as node:
        yield node


@contextmanager
def started_cluster(nodes: int) -> Iterator[KafkaCluster]:
    """Several nodes of one's own. Ends the test where they cannot be started."""
    with _started(KafkaCluster(nodes, cache_folder(os.environ))) as cluster:
        yield cluster


@contextmanager
def _started(kafka: AbstractContextManager[Kafka]) -> Iterator[Kafka]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(kafka)
        except UnreachableError as error:
            without("Apache Kafka", f"{error} {_REMEDY}")
        yield started
