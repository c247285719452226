"""Have the Kafka client unpack batches within a bound: a hostile one of 1 MiB can mean many gigabytes."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any, Final

import lz4.frame
import zstandard
from kafka.errors import CorruptRecordError
from kafka.record import default_records

BATCH_BYTES_MAX: Final = 128 * 1024 * 1024
"""Of one batch as it was before packing. Kafka takes 1 MiB packed unless told otherwise; actions pack 60 times."""


def bound_codecs() -> None:
    """From now on, in this process, the client refuses a batch that unpacks to more than BATCH_BYTES_MAX.

    The client has no setting for it. (Snappy needs none: it packs 20 times at most.)
    """
    unpackers: dict[str, Callable[[Any], bytes]] = {"gzip": _gunzip, "lz4": _unlz4, "zstd": _unzstd}
    for name, unpack in unpackers.items():
        setattr(default_records, f"{name}_decode", unpack)


def _gunzip(payload: bytes | memoryview) -> bytes:
    parts: list[bytes] = []
    rest, room = bytes(payload), BATCH_BYTES_MAX + 1
    while rest:
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(rest, room))
        except zlib.error as error:
            raise CorruptRecordError(f"its gzip cannot be unpacked ({error})") from error
        room -= len(parts[-1])
        if room <= 0:
            raise _too_much()
        if not member.eof:
            raise CorruptRecordError("its gzip breaks off")
        rest = member.unused_data
    return b"".join(parts)


def _unlz4(payload: bytes) -> bytes:
    try:
        return _checked(lz4.frame.LZ4FrameDecompressor().decompress(payload, max_length=BATCH_BYTES_MAX + 1))
    except RuntimeError as error:
        raise CorruptRecordError(f"its LZ4 cannot be unpacked ({error})") from error


def _unzstd(payload: bytes) -> bytes:
    unpacker = zstandard.ZstdDecompressor()
    try:
        with unpacker.stream_reader(io.BytesIO(payload), read_across_frames=True) as reader:
            return _checked(reader.read(BATCH_BYTES_MAX + 1))
    except zstandard.ZstdError as error:
        raise CorruptRecordError(f"its zstd cannot be unpacked ({error})") from error


def _checked(plain: bytes) -> bytes:
    if len(plain) > BATCH_BYTES_MAX:
        raise _too_much()
    return plain


def _too_much() -> CorruptRecordError:
    return CorruptRecordError(
        f"its batch unpacks to more than {BATCH_BYTES_MAX // 1024 // 1024} MiB, as a decompression bomb does"
    )
