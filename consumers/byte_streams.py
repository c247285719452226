"""Open a file or standard input as plain bytes, whatever it is packed in, and tell how far it was read."""

from __future__ import annotations

import os
import stat
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from domain.errors import WrongInputError

CHUNK_BYTES: Final = 256 * 1024
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_UTF8_BOM: Final = b"\xef\xbb\xbf"
# A zstd frame may ask its reader for a window of 2 GiB; 128 MiB is what `zstd` itself writes at most by default.
_ZSTD_WINDOW_BYTES_MAX: Final = 128 * 1024 * 1024
_SIP_BYTES: Final = 512
RATIO_MAX: Final = 200
"""Actions pack 10 to 60 times; what unpacks to far more was made to fill up whoever unpacks it."""
RATIO_FREE_BYTES: Final = 64 * 1024 * 1024
"""Up to this size nobody asks: a short file of repeats is no danger."""


class UnreadableInputError(WrongInputError):
    """A file that cannot be opened, or that breaks off before its end."""


class ByteStream:
    """The plain bytes of one input, in chunks of bounded size; `bytes_read` counts packed bytes.

    `name` is what places are called by. Raises UnreadableInputError when the input cannot be opened, or while
    it is read when it breaks off: what came before the break has then been given out already.
    """

    def __init__(self, path: str) -> None:
        self.name = "stdin" if path == "-" else path
        self.path = path
        self._file: BinaryIO = _standard_input() if path == "-" else _open(path)
        self._head = b""
        self.size_bytes: int | None = None if path == "-" else _size(self._file)
        self.bytes_read = 0
        try:
            self._packing = self._sniff()
        except UnreadableInputError:
            self.close()
            raise

    @property
    def packed(self) -> bool:
        """Whether it is unpacked while it is read."""
        return self._packing is not None

    def chunks(self) -> Iterator[bytes]:
        """The unpacked bytes from the beginning; to be called once."""
        try:
            if self._packing == "gzip":
                yield from self._in_proportion(self._gunzip())
            elif self._packing == "zstd":
                yield from self._in_proportion(self._unzstd())
            else:
                while chunk := self._read():
                    yield chunk
        except OSError as error:
            raise UnreadableInputError(f"{self.name}: cannot be read further ({error.strerror}).") from error

    def close(self) -> None:
        """Close the file; standard input is left to who opened it."""
        if self.path != "-":
            self._file.close()

    def _sniff(self) -> str | None:
        try:
            self._head = self._read_exactly(len(_ZSTD_MAGIC))
        except OSError as error:
            raise UnreadableInputError(f"{self.name}: cannot be read ({error.strerror}).") from error
        if self._head.startswith(_GZIP_MAGIC):
            return "gzip"
        if _is_zstd(self._head):
            return "zstd"
        for suffix, packing in ((".gz", "gzip"), (".zst", "zstd")):
            if self.path.endswith(suffix):
                raise UnreadableInputError(
                    f"{self.name}: ends in {suffix} but is not packed with {packing}. "
                    "Rename it, or fetch it again."
                )
        return None

    def _read_exactly(self, count: int) -> bytes:
        """A pipe may hand over its first bytes one by one."""
        head = b""
        while len(head) < count and (more := self._file.read(count - len(head))):
            head += more
        return head

    def _read(self) -> bytes:
        if self._head:
            chunk, self._head = self._head, b""
        elif self.path == "-" and hasattr(self._file, "read1"):
            # A sender that writes slowly must not have to fill a chunk before its first action is read.
            chunk = self._file.read1(CHUNK_BYTES)
        else:
            chunk = self._file.read(CHUNK_BYTES)
        self.bytes_read += len(chunk)
        return chunk

    def _gunzip(self) -> Iterator[bytes]:
        """Every member, one after the other; zero bytes after the last (tape padding) are passed over."""
        pending = self._read()
        while pending:
            member = zlib.decompressobj(wbits=31)
            while not member.eof:
                if not pending:
                    pending = self._read()
                    if not pending:
                        raise self._truncated("gzip")
                try:
                    plain = member.decompress(pending, CHUNK_BYTES)
                except zlib.error as error:
                    raise self._damaged("gzip", str(error)) from error
                pending = member.unconsumed_tail
                if plain:
                    yield plain
            pending = (member.unused_data or self._read()).lstrip(b"\0")
            while not pending and (more := self._read()):
                pending = more.lstrip(b"\0")

    def _unzstd(self) -> Iterator[bytes]:
        """Every frame, one after the other, fed in sips: 4 packed bytes can mean 128 KiB, so a sip 16 MiB."""
        unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES_MAX)
        pending = memoryview(self._read())
        while pending:
            frame = unpacker.decompressobj()
            while not frame.eof:
                if not pending and not (pending := memoryview(self._read())):
                    raise self._truncated("zstd")
                try:
                    plain = frame.decompress(pending[:_SIP_BYTES])
                except zstandard.ZstdError as error:
                    raise self._damaged("zstd", str(error)) from error
                pending = pending[_SIP_BYTES:]
                if plain:
                    yield plain
            if frame.unused_data:
                pending = memoryview(frame.unused_data + pending.tobytes())
            pending = pending or memoryview(self._read())

    def _in_proportion(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks, until they are far more than what they were packed in."""
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > RATIO_FREE_BYTES and size > RATIO_MAX * self.bytes_read:
                raise UnreadableInputError(
                    f"{self.name}: unpacks to more than {RATIO_MAX} times its size, as a decompression bomb does. "
                    "If it is none, unpack it yourself and read the plain file."
                )
            yield chunk

    def _truncated(self, packing: str) -> UnreadableInputError:
        return UnreadableInputError(
            f"{self.name}: the {packing} file breaks off after {self.bytes_read:,} bytes. "
            "Fetch it again whole; what was recorded so far is recognised and not recorded twice."
        )

    def _damaged(self, packing: str, reason: str) -> UnreadableInputError:
        return UnreadableInputError(
            f"{self.name}: the {packing} data is damaged near byte {self.bytes_read:,} ({reason}). "
            "Fetch it again whole; what was recorded so far is recognised and not recorded twice."
        )


def strip_bom(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks without a UTF-8 byte order mark at their very beginning."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= len(_UTF8_BOM):
            break
    yield head.removeprefix(_UTF8_BOM)
    yield from chunks


def _standard_input() -> BinaryIO:
    # A process may be started with it closed.
    if sys.stdin is None:
        raise UnreadableInputError("Standard input is closed. Name a file, or send something into it.")
    return sys.stdin.buffer


def _open(path: str) -> BinaryIO:
    if not path:
        raise UnreadableInputError("A file name is empty. Name a file, or `-` for standard input.")
    file = Path(path)
    try:
        if file.is_dir():
            raise UnreadableInputError(f"{path}: is a folder. Name the files in it, such as {path}/*.ndjson.")
        return file.open("rb")
    except FileNotFoundError as error:
        raise UnreadableInputError(f"{path}: no such file. Check the path.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableInputError(f"{path}: cannot be opened ({reason}).") from error


def _size(file: BinaryIO) -> int | None:
    """Size of a regular file; a pipe has none."""
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _is_zstd(head: bytes) -> bool:
    """A frame, or one that is to be skipped, as some packers write first."""
    return head == _ZSTD_MAGIC or (head[1:] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F)
