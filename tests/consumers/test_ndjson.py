"""NDJSON in every packing: what is read, what is counted, what is refused, and where a file breaks off."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from secrets import token_hex
from types import SimpleNamespace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from consumers.byte_streams import UnreadableInputError
from consumers.files import WrongFormatError, open_files
from consumers.lines import LINE_BYTES_MAX, read_lines
from domain.errors import WrongInputError
from domain.ledger.records import Arrival
from tests.support.ledgers import NOW, record

ONE, TWO, THREE = record(1), record(2), record(3)
PACKINGS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


def arrivals(path: Path | str) -> list[Arrival]:
    (file,) = open_files([str(path)], clock=lambda: NOW)
    return list(file)


def ids(found: list[Arrival]) -> list[str | None]:
    return [arrival.action.id if arrival.action else None for arrival in found]


def given_file(folder: Path, content: bytes, suffix: str = "") -> Path:
    path = folder / f"actions.ndjson{suffix}"
    path.write_bytes(PACKINGS[suffix](content))
    return path


@pytest.mark.parametrize("suffix", PACKINGS)
def test_each_line_becomes_one_action_whatever_the_packing(tmp_path: Path, suffix: str) -> None:
    path = given_file(tmp_path, ONE + b"\n" + TWO + b"\r\n" + THREE, suffix)
    found = arrivals(path)
    assert ids(found) == ["1", "2", "3"]
    assert [arrival.place for arrival in found] == [f"{path}:{line}" for line in (1, 2, 3)]
    assert [arrival.received for arrival in found] == [ONE, TWO, THREE]


def test_blank_lines_are_not_read_but_keep_their_numbers(tmp_path: Path) -> None:
    path = given_file(tmp_path, b"\n" + ONE + b"\n \t\r\n\r\n" + TWO + b"\n\n")
    assert [arrival.place for arrival in arrivals(path)] == [f"{path}:2", f"{path}:5"]


def test_byte_order_mark_is_stripped_at_the_start_only(tmp_path: Path) -> None:
    path = given_file(tmp_path, b"\xef\xbb\xbf" + ONE + b"\n\xef\xbb\xbf" + TWO + b"\n")
    first, second = arrivals(path)
    assert first.received == ONE
    assert first.action is not None
    assert second.refusal is not None
    assert second.refusal.code == "malformed-json"


def test_refused_line_keeps_its_bytes_and_code_and_no_traceback(tmp_path: Path) -> None:
    (refused,) = arrivals(given_file(tmp_path, b"{no json}\n"))
    assert refused.received == b"{no json}"
    assert refused.refusal is not None
    assert refused.refusal.code == "malformed-json"
    assert refused.refusal.__traceback__ is None


def test_line_over_the_limit_is_refused_with_its_first_mebibyte(tmp_path: Path) -> None:
    long = b'{"a":"' + b"x" * (3 * LINE_BYTES_MAX) + b'"}'
    first, refused, last = arrivals(given_file(tmp_path, ONE + b"\n" + long + b"\n" + TWO))
    assert ids([first, last]) == ["1", "2"]
    assert refused.refusal is not None
    assert refused.refusal.code == "too-large"
    assert refused.received == long[:LINE_BYTES_MAX]


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_line_of_exactly_the_limit_is_whole(ending: bytes) -> None:
    content = b"x" * LINE_BYTES_MAX
    chunks = [content[:1000], content[1000:] + ending]
    assert [(line.content, line.whole) for line in read_lines(iter(chunks))] == [(content, True)]
    (longer,) = read_lines(iter([b"y", *chunks]))
    assert (len(longer.content), longer.whole) == (LINE_BYTES_MAX, False)


@given(st.lists(st.binary(max_size=6).map(lambda data: data.replace(b"\r", b""))), st.lists(st.integers(0, 40)))
def test_lines_do_not_depend_on_how_the_bytes_are_cut(parts: list[bytes], cuts: list[int]) -> None:
    text = b"\n".join(parts)
    at = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    chunks = [text[start:end] for start, end in pairwise(at)]
    expected = text.removesuffix(b"\n").split(b"\n") if text else []
    assert [line.content for line in read_lines(iter(chunks))] == expected


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_several_members_are_read_on(tmp_path: Path, suffix: str) -> None:
    pack = PACKINGS[suffix]
    path = tmp_path / f"actions.ndjson{suffix}"
    path.write_bytes(pack(ONE + b"\n" + TWO[:10]) + pack(TWO[10:] + b"\n") + pack(b"") + pack(THREE))
    assert ids(arrivals(path)) == ["1", "2", "3"]


def test_frames_longer_than_a_sip_are_read_on(tmp_path: Path) -> None:
    # What cannot be packed stays long, so frames begin and end in the middle of what was read at once.
    records = [record(number, title=token_hex(3000)) for number in range(20)]
    path = tmp_path / "actions.ndjson.zst"
    path.write_bytes(b"".join(zstandard.compress(one + b"\n") for one in records))
    assert [arrival.received for arrival in arrivals(path)] == records


def test_zero_bytes_after_the_last_gzip_member_are_padding(tmp_path: Path) -> None:
    path = tmp_path / "actions.ndjson.gz"
    path.write_bytes(gzip.compress(ONE) + b"\0" * 1024)
    assert ids(arrivals(path)) == ["1"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("damage", ["truncated", "trailing", "damaged"])
def test_what_stands_before_a_break_is_given_out_then_the_file_is_named(
    tmp_path: Path, suffix: str, damage: str
) -> None:
    pack = PACKINGS[suffix]
    second = pack(b"".join(record(number) + b"\n" for number in range(1000)))
    broken = {
        "truncated": second[: len(second) // 2],
        "trailing": second + b"garbage!",
        "damaged": second[:4] + b"\xff" * 400 + second[404:],
    }[damage]
    path = tmp_path / f"actions.ndjson{suffix}"
    path.write_bytes(pack(ONE + b"\n") + broken)
    (file,) = open_files([str(path)], clock=lambda: NOW)
    found: list[Arrival] = []
    with pytest.raises(UnreadableInputError, match="Fetch it again") as caught:
        found.extend(file)
    assert str(path) in str(caught.value)
    assert ids(found)[0] == "1"


@pytest.mark.parametrize("pack", PACKINGS.values())
def test_standard_input_is_unpacked_by_what_it_begins_with(
    monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=_Trickle(pack(ONE + b"\n" + TWO))))
    found = arrivals("-")
    assert ids(found) == ["1", "2"]
    assert found[1].place == "stdin:2"


def test_action_on_a_slow_pipe_is_given_before_the_next_one_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    class Pipe(io.RawIOBase):
        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            line = next(source, b"")
            sent.append(line)
            buffer[: len(line)] = line
            return len(line)

        def readable(self) -> bool:
            return True

    def lines() -> Iterator[bytes]:
        yield ONE + b"\n"
        yield TWO + b"\n"

    source = lines()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(Pipe())))
    (file,) = open_files(["-"], clock=lambda: NOW)
    assert next(iter(file)).received == ONE
    assert sent == [ONE + b"\n"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing.ndjson", None, "no such file"),
        ("actions.txt", b"", "Known: .ndjson"),
        ("actions.ndjson.gz", ONE, "not packed with gzip"),
        ("actions.ndjson.zst", b"", "not packed with zstd"),
        ("actions.ndjson", ONE.decode().encode("utf-16"), "is UTF-16"),
        ("log.xes", b"<log/>", "kaoji mapping suggest"),
        ("table.csv.gz", gzip.compress(b"a,b", mtime=0), "needs a mapping"),
    ],
)
def test_wrong_file_is_answered_with_a_sentence(
    tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WrongInputError, match=sentence) as caught:
        arrivals(path)
    assert name in str(caught.value)


def test_folder_is_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder.ndjson"
    folder.mkdir()
    with pytest.raises(UnreadableInputError, match="is a folder"):
        arrivals(folder)


def test_a_wrong_name_is_found_before_the_first_file_is_read(tmp_path: Path) -> None:
    good = given_file(tmp_path, ONE)
    with pytest.raises(UnreadableInputError, match="no such file"):
        open_files([str(good), str(tmp_path / "missing.ndjson")], clock=lambda: NOW)
    with pytest.raises(WrongFormatError, match="once only"):
        open_files(["-", "-"], clock=lambda: NOW)


def test_progress_is_told_in_bytes_of_the_file(tmp_path: Path) -> None:
    path = given_file(tmp_path, ONE + b"\n" + TWO, ".gz")
    (file,) = open_files([str(path)], clock=lambda: NOW)
    assert file.bytes_read == 0
    list(file)
    assert file.bytes_read == file.size_bytes == path.stat().st_size


class _Trickle(io.RawIOBase):
    """A pipe that hands over three bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, count: int = -1) -> bytes:
        return self._data.read(3 if count < 0 else min(3, count))
