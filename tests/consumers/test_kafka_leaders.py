"""A partition whose leader has moved while nothing was read from it is found again at once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import NewTopic

from api.demo.kafka_node import KafkaCluster, cache_folder
from consumers.kafka_log import ClientLog
from consumers.kafka_member import KafkaUnreachableError, Member
from domain.errors import UnreachableError
from tests.support.consuming import QUICK, lines, producer, wait_for
from tests.support.missing import missing

pytestmark = pytest.mark.kafka
PARTITION = TopicPartition("moving", 0)


@pytest.fixture(scope="module")
def two_brokers() -> Iterator[str]:
    try:
        with KafkaCluster(2, cache_folder(os.environ)) as cluster:
            yield cluster.bootstrap
    except UnreachableError as error:
        missing("Kafka", str(error))


def test_a_leader_that_moved_while_partitions_were_held_is_found_in_one_try(two_brokers: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=two_brokers)
    admin.create_topics([NewTopic(PARTITION.topic, num_partitions=1, replica_assignments={0: [1]})])
    with producer(two_brokers) as out:
        for line in lines(3):
            out.send(PARTITION.topic, line, partition=0)
    log = ClientLog()
    member = Member(
        bootstrap=two_brokers, topic=PARTITION.topic, group="g", settings=QUICK,
        last_offset=lambda _: None, log=log,
    )  # fmt: skip
    wait_for(lambda: bool(member.poll(seconds_max=0.1)))

    member.start_over()
    admin.alter_partition_reassignments({PARTITION: [2]})
    wait_for(lambda: not admin.list_partition_reassignments())
    tries, records = 0, {}
    begun = time.monotonic()
    while not records and time.monotonic() - begun < 60:
        try:
            records = member.poll(seconds_max=0.1)
        except KafkaUnreachableError as error:
            print(error, time.monotonic() - begun)
            tries += 1

    assert [each.offset for each in records[PARTITION]] == [0, 1, 2]
    assert tries <= 1
    member.close()
    admin.close()
