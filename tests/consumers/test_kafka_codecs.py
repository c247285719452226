"""Batches that unpack out of all proportion stop the consumer with a sentence, before memory runs out."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import CorruptRecordError
from kafka.record import default_records

from consumers import kafka_codecs
from consumers.kafka_codecs import bound_codecs
from consumers.kafka_connecting import KafkaRefusedError
from tests.support.consuming import lines, opened, producer, run

MIB = 1024 * 1024
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
codecs = pytest.mark.parametrize("codec", PACKERS)


@pytest.fixture(autouse=True)
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller bound, and the client's own codecs again afterwards."""
    for codec in PACKERS:
        name = f"{codec}_decode"
        monkeypatch.setattr(default_records, name, getattr(default_records, name))
    monkeypatch.setattr(kafka_codecs, "BATCH_BYTES_MAX", 8 * MIB)
    bound_codecs()


def unpack(codec: str, packed: bytes) -> bytes:
    found: bytes = getattr(default_records, f"{codec}_decode")(packed)
    return found


@codecs
@given(plain=st.binary(max_size=5_000))
def test_what_was_packed_is_unpacked(codec: str, plain: bytes) -> None:
    assert unpack(codec, PACKERS[codec](plain)) == plain


@codecs
def test_bound_itself_is_within_it(codec: str) -> None:
    assert len(unpack(codec, PACKERS[codec](bytes(8 * MIB)))) == 8 * MIB
    with pytest.raises(CorruptRecordError, match="more than 8 MiB, as a decompression bomb"):
        unpack(codec, PACKERS[codec](bytes(8 * MIB + 1)))


@codecs
def test_bomb_takes_no_more_memory_than_the_bound(codec: str) -> None:
    bomb = PACKERS[codec](bytes(200 * MIB))
    tracemalloc.start()
    with pytest.raises(CorruptRecordError):
        unpack(codec, bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * MIB


@codecs
def test_damaged_batch_is_told_as_such(codec: str) -> None:
    packed = PACKERS[codec](b"x" * 1000)
    with pytest.raises(CorruptRecordError, match=r"cannot be unpacked|breaks off"):
        unpack(codec, b"\0" * 8 + packed[8:])


@pytest.mark.kafka
def test_consumer_stops_at_a_bomb_and_says_where_it_lies(
    tmp_path: Path, kafka_server: str, kafka_topic: str
) -> None:
    with producer(kafka_server) as out:
        for line in lines(3):
            out.send(kafka_topic, line, partition=0)
    with producer(kafka_server, compression_type="zstd", max_request_size=64 * MIB) as out:
        out.send(kafka_topic, bytes(10 * MIB), partition=0)

    with opened(f"sqlite:///{tmp_path}/kaoji.db", tmp_path) as ledger:
        with pytest.raises(KafkaRefusedError, match=rf"{kafka_topic}-0, offset 3,.*decompression bomb"):
            run(ledger, kafka_server, kafka_topic)
        assert ledger.head().position == 3
