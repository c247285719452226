"""Read Kafka's record batches at little cost: what the client's own reader builds for each record is not needed.

The client's reader takes 5 µs for a record, most of it for sizes, and for headers that are always the same.
This one reads the usual batch in one go; of any other, also a damaged one, the client's reader decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.protocol.consumer import IsolationLevel
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint

Headers = tuple[tuple[str, bytes | None], ...]
_HEADERS_BYTES_MAX: Final = 256
_HEADERS_KEPT_MAX: Final = 1_000


class KafkaRecord(msgspec.Struct, frozen=True, gc=False):
    """One record. Records with equal headers share one tuple of them."""

    offset: int
    timestamp: int
    """When it was sent, in milliseconds since 1970; where the topic says so, when Kafka took it."""
    key: bytes | None
    value: bytes | None
    headers: Headers


class _OtherBatchError(Exception):
    """Not the usual batch."""


class PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # kafka-python has no type hints
    """Takes the place of the client's class of that name."""

    _is_behind_them = False
    """Whether the next offset is that behind a batch without records for us, which came last."""

    def take(self, n: int | None = None) -> list[KafkaRecord]:
        """Up to `n` records; the next offset is set once for all of them."""
        records: list[KafkaRecord] = super().take(n)
        if records:
            self.records_read += len(records)
            if not self._is_behind_them:
                self.next_fetch_offset = records[-1].offset + 1
        return records

    def _unpack_records(self, tp: Any, records: Any, *_deserializers: object) -> Iterator[KafkaRecord]:
        last = None
        while (batch := records.next_batch()) is not None:
            last = batch
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(
                    f"Record batch for partition {tp} at offset {batch.base_offset} failed crc check"
                )
            if self._is_passed_over(batch):
                self._go_behind(batch)
                continue
            self._is_behind_them = False
            yield from _records(batch)
            self.bytes_read += batch.size_in_bytes
        # The last records of a batch may have been removed: behind them it goes on.
        if last is not None and last.magic == 2:
            self._go_behind(last)
        self.drain()

    def _go_behind(self, batch: Any) -> None:
        self.next_fetch_offset, self._is_behind_them = batch.next_offset, True

    def _is_passed_over(self, batch: Any) -> bool:
        """Whether a batch holds no records for us: an aborted transaction's, or Kafka's own marks."""
        if batch.magic != 2:
            return False
        self.leader_epoch = batch.leader_epoch
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)


def read_quickly(consumer: Any) -> None:
    """Have this KafkaConsumer hand over records of ours."""
    consumer._fetcher.PartitionRecords = PartitionRecords


def _records(batch: Any) -> Iterator[KafkaRecord]:
    if isinstance(batch, DefaultRecordBatch):
        try:
            return iter(_read(batch))
        except (_OtherBatchError, IndexError, ValueError):
            pass
    return _read_by_the_client(batch)


def _read_by_the_client(batch: Any) -> Iterator[KafkaRecord]:
    for each in batch:
        if not each.validate_crc():
            raise CorruptRecordError(f"Record at offset {each.offset} failed crc check")
        yield KafkaRecord(each.offset, each.timestamp, each.key, each.value, tuple(each.headers or ()))


def _read(batch: DefaultRecordBatch) -> list[KafkaRecord]:
    """All records of a batch, whose state stays what it is. Raises where anything about it is odd."""
    batch._maybe_uncompress()
    text, place, base = bytes(batch._buffer), batch._pos, batch.base_offset
    sent_by_kafka = batch.timestamp_type == batch.LOG_APPEND_TIME
    sent = batch.max_timestamp if sent_by_kafka else batch.first_timestamp
    found = []
    for _ in range(batch.records_count):
        # Numbers are in zigzag: the lowest bit is the sign. Most have one byte or two and are read on the spot:
        # five calls would cost as much as all the rest.
        length = text[place]
        if length < 0x80:
            place += 1
        elif (high := text[place + 1]) < 0x80:
            length += (high << 7) - 0x80
            place += 2
        else:
            length, place = _long_number(text, place)
        if length & 1 or text[place] >= 0x80:  # attributes, which are not used
            raise _OtherBatchError
        end = place + (length >> 1)
        place += 1
        later = text[place]
        if later < 0x80:
            place += 1
        elif (high := text[place + 1]) < 0x80:
            later += (high << 7) - 0x80
            place += 2
        else:
            later, place = _long_number(text, place)
        delta = text[place]
        if delta < 0x80:
            place += 1
        elif (high := text[place + 1]) < 0x80:
            delta += (high << 7) - 0x80
            place += 2
        else:
            delta, place = _long_number(text, place)
        size = text[place]
        if size < 0x80:
            place += 1
        elif (high := text[place + 1]) < 0x80:
            size += (high << 7) - 0x80
            place += 2
        else:
            size, place = _long_number(text, place)
        key = None
        if not size & 1:
            key = text[place : place + (size >> 1)]
            place += size >> 1
        size = text[place]
        if size < 0x80:
            place += 1
        elif (high := text[place + 1]) < 0x80:
            size += (high << 7) - 0x80
            place += 2
        else:
            size, place = _long_number(text, place)
        value = None
        if not size & 1:
            value = text[place : place + (size >> 1)]
            place += size >> 1
        written = text[place:end]
        headers = _known_headers.get(written)
        if headers is None:
            headers = _read_headers(written)
        place = end
        moment = sent if sent_by_kafka else sent + (later >> 1 ^ -(later & 1))
        found.append(KafkaRecord(base + (delta >> 1 ^ -(delta & 1)), moment, key, value, headers))
    if place != len(text):
        raise _OtherBatchError
    return found


def _long_number(text: bytes, place: int) -> tuple[int, int]:
    """A number as it is written, in zigzag, and the place behind it."""
    number, place = decode_varint(text, place)
    return (number << 1 if number >= 0 else ~(number << 1)), place


_known_headers: Final[dict[bytes, Headers]] = {}


def _read_headers(written: bytes) -> Headers:
    """The headers of a record, which make up the rest of it."""
    count, place = decode_varint(written, 0)
    if count < 0:
        raise _OtherBatchError
    found: list[tuple[str, bytes | None]] = []
    for _ in range(count):
        size, place = decode_varint(written, place)
        if size < 0:
            raise _OtherBatchError
        name = written[place : place + size].decode("utf-8")
        place += size
        size, place = decode_varint(written, place)
        value = None
        if size >= 0:
            value = written[place : place + size]
            place += size
        found.append((name, value))
    if place != len(written):
        raise _OtherBatchError
    headers = tuple(found)
    if len(written) <= _HEADERS_BYTES_MAX:
        if len(_known_headers) >= _HEADERS_KEPT_MAX:
            _known_headers.clear()
        _known_headers[written] = headers
    return headers
