"""Batches are read as the client reads them, whatever is in them, at less cost."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import KafkaError
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from consumers.kafka_records import PartitionRecords

PARTITION = TopicPartition("actions", 3)
Written = list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]]

some_bytes = st.one_of(st.none(), st.binary(max_size=200))
some_headers = st.lists(st.tuples(st.text(max_size=70), st.one_of(st.none(), st.binary(max_size=70))), max_size=3)
some_records = st.lists(st.tuples(some_bytes, some_bytes, some_headers), min_size=1, max_size=80)


def batch(
    records: Written, *, codec: int = 0, first: int = 0, magic: int = 2, time: int = 1_700_000_000_000
) -> bytes:
    builder = MemoryRecordsBuilder(magic=magic, compression_type=codec, batch_size=1 << 24, offset=first)
    for number, (key, value, headers) in enumerate(records):
        assert builder.append(time + 7 * number * number, key, value, headers if magic == 2 else []) is not None
    builder.close()
    return bytes(builder.buffer())


def told(kind: Any, text: bytes, *, fetch_offset: int = 0, at_once: int = 7) -> list[Any]:
    """What a reader hands over in small portions, and how it ends."""
    found: list[Any] = []
    reader = kind(
        fetch_offset, PARTITION, MemoryRecords(text), isolation_level=IsolationLevel.READ_COMMITTED,
        aborted_transactions=[], on_drain=lambda _: found.append("drained"),
    )  # fmt: skip
    try:
        while reader:
            found += [
                (one.offset, one.timestamp, one.key, one.value, list(one.headers)) for one in reader.take(at_once)
            ]
            found.append(("next", reader.next_fetch_offset))
    except KafkaError as error:
        found.append(("error", type(error).__name__, reader.next_fetch_offset))
    return found


def assert_read_alike(text: bytes, **options: int) -> None:
    assert told(PartitionRecords, text, **options) == told(Fetcher.PartitionRecords, text, **options)


def assert_read_alike_unchecked(text: bytes, **options: int) -> None:
    """The same where checksums are not looked at, so that a test may change a batch."""

    def unchecked(kind: Any) -> Any:
        return lambda *positional, **named: kind(*positional, check_crcs=False, **named)

    assert told(unchecked(PartitionRecords), text, **options) == told(
        unchecked(Fetcher.PartitionRecords), text, **options
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(some_records, st.sampled_from([0, 1])), min_size=1, max_size=3), st.integers(0, 30))
def test_batches_are_read_as_the_client_reads_them(batches: list[tuple[Written, int]], fetch_offset: int) -> None:
    text, first = b"", 0
    for records, codec in batches:
        text += batch(records, codec=codec, first=first)
        first += len(records) + 2
    assert_read_alike(text, fetch_offset=fetch_offset)


@pytest.mark.parametrize(("codec", "magic"), list(product([0, 1], [1, 2])))
def test_large_batches_of_every_format_are_read_as_the_client_reads_them(codec: int, magic: int) -> None:
    headers: list[tuple[str, bytes | None]] = [("content-type", b"application/cloudevents+json")]
    records: Written = [(b"case-%d" % (n % 9), b"x" * (n * 37 % 9_000), headers) for n in range(1_000)]
    assert_read_alike(batch(records, codec=codec, magic=magic), at_once=500)


@settings(max_examples=120, deadline=None)
@given(some_records, st.data())
def test_damaged_batches_are_told_as_the_client_tells_them(records: Written, data: st.DataObject) -> None:
    text = bytearray(batch(records))
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(61, len(text) - 1))] = data.draw(st.integers(0, 255))

    assert_read_alike_unchecked(bytes(text))


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=5), st.integers(1, 8))
def test_batches_that_are_passed_over_leave_the_same_next_offset(
    batches: list[tuple[int, bool]], at_once: int
) -> None:
    # Given some batches among which some are Kafka's own marks
    text, first = b"", 0
    for size, is_control in batches:
        one = bytearray(batch([(b"k", b"v", [])] * size, first=first))
        one[22] |= 0x20 if is_control else 0
        text += one
        first += size + 1
    # Then both readers say the same after each portion, also where portions end beside a mark
    assert_read_alike_unchecked(text, at_once=at_once)


def test_a_batch_whose_checksum_does_not_fit_is_not_read() -> None:
    text = bytearray(batch([(b"k", b"v", [])]))
    text[-1] ^= 1
    assert told(PartitionRecords, bytes(text)) == [("error", "CorruptRecordError", 0)]


def test_equal_headers_are_one_tuple() -> None:
    headers: list[tuple[str, bytes | None]] = [("content-type", b"application/cloudevents+json")]
    records: Written = [(b"case-%d" % n, b"x" * (n * 37 % 9_000), headers) for n in range(1_000)]
    taken = PartitionRecords(0, PARTITION, MemoryRecords(batch(records))).take()
    # The client's own reader, which reads what the quick one is not sure of, makes one for each.
    assert len(taken) == 1_000
    assert len({id(record.headers) for record in taken}) == 1
