"""A partition whose leader has moved while nothing was read from it is found again in one try."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import NewTopic

from consumers.kafka_connecting import KafkaUnreachableError
from consumers.kafka_log import heard
from consumers.kafka_member import Member, Records
from tests.support.consuming import QUICK, lines, producer, wait_for
from tests.support.kafka import started_cluster

pytestmark = pytest.mark.kafka
PARTITION = TopicPartition("moving", 0)
TRIES_MAX = 4


def _leader(admin: KafkaAdminClient) -> int:
    (topic,) = admin.describe_topics([PARTITION.topic])
    return int(topic["partitions"][0]["leader_id"])


def test_a_leader_that_moved_while_its_partition_was_held_is_found_again() -> None:
    with started_cluster(2) as cluster, heard() as log, ExitStack() as stack:
        admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
        stack.callback(admin.close)
        admin.create_topics([NewTopic(PARTITION.topic, replica_assignments={PARTITION.partition: [1]})])
        with producer(cluster.bootstrap) as out:
            for line in lines(3):
                out.send(PARTITION.topic, line, partition=PARTITION.partition)
        member = Member(
            bootstrap=cluster.bootstrap, topic=PARTITION.topic, group="one", settings=QUICK,
            last_offset=lambda _: None, log=log,
        )  # fmt: skip
        stack.callback(member.close)
        wait_for(lambda: bool(member.poll(seconds_max=0.1)))

        member.start_over()
        # What was asked for before is answered by then: nobody but us hears that the leader has moved.
        time.sleep(1.5)
        admin.alter_partition_reassignments({PARTITION: [2]})
        wait_for(lambda: _leader(admin) == 2)
        found: Records = {}
        failed = 0
        while not found and failed < TRIES_MAX:
            try:
                found = member.poll(seconds_max=0.1)
            except KafkaUnreachableError:
                failed += 1
                member.start_over()

        assert [each.offset for each in found[PARTITION]] == [0, 1, 2]
        assert failed <= 1
