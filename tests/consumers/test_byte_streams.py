"""Packed files: whatever they unpack to, memory stays flat, and a decompression bomb is refused."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from api.intake import check_files
from api.settings import read_settings
from consumers.byte_streams import RATIO_FREE_BYTES, ByteStream, UnreadableInputError
from consumers.files import open_files
from tests.support.command_line import CommandLine
from tests.support.ledgers import record

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, 9),
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}
packings = pytest.mark.parametrize("suffix", PACKERS)


def packed(folder: Path, suffix: str, data: bytes) -> Path:
    path = folder / f"actions.ndjson{suffix}"
    path.write_bytes(PACKERS[suffix](data))
    return path


@packings
def test_bomb_is_refused_and_nothing_recorded(tmp_path: Path, suffix: str) -> None:
    bomb = packed(tmp_path, suffix, record(1) + b"\n" * (RATIO_FREE_BYTES + 1024 * 1024))
    ended = CommandLine(tmp_path / "kaoji.db").ends(2, "ingest", bomb)
    assert "unpacks to more than 200 times its size" in ended.err
    assert "unpack it yourself" in ended.err
    assert not (tmp_path / "kaoji.db").exists()


@packings
def test_reading_a_bomb_takes_no_memory(tmp_path: Path, suffix: str) -> None:
    stream = ByteStream(str(packed(tmp_path, suffix, b" " * (RATIO_FREE_BYTES * 2))))
    tracemalloc.start()
    with pytest.raises(UnreadableInputError, match="decompression bomb"):
        for _ in stream.chunks():
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    stream.close()
    assert peak < 40 * 1024 * 1024


@packings
def test_short_file_of_repeats_is_read(tmp_path: Path, suffix: str) -> None:
    lines = b"".join(record(number % 3) + b"\n" for number in range(20_000))
    path = packed(tmp_path, suffix, lines)
    with closing(ByteStream(str(path))) as stream:
        assert b"".join(stream.chunks()) == lines


@packings
def test_check_refuses_a_bomb_before_it_looks_at_a_record(tmp_path: Path, suffix: str) -> None:
    # Given a bomb of records, which need the time of day to be checked
    def nobody_asks() -> int:
        raise AssertionError("a record was checked")

    line = record(1) + b"\n"
    bomb = packed(tmp_path, suffix, line * (RATIO_FREE_BYTES // len(line) + 10_000))
    settings = read_settings({}, store=f"sqlite:///{tmp_path / 'kaoji.db'}")
    # When it is asked what would become of it, then it is refused at once
    with pytest.raises(UnreadableInputError, match="decompression bomb"):
        check_files(settings, open_files([str(bomb)], clock=nobody_asks))
