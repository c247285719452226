"""Cut chunks of bytes into lines, never holding more of a line than an action may be long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

LINE_BYTES_MAX: Final = 1024 * 1024


class Line(NamedTuple):
    """One line without its end (LF or CRLF); `whole` is false where only the first 1 MiB was kept."""

    number: int
    content: bytes
    whole: bool


def read_lines(chunks: Iterator[bytes]) -> Iterator[Line]:
    """All lines, empty ones too, numbered from 1; a last line may lack its end."""
    number = 0
    begun = bytearray()
    begun_bytes = 0
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        if ended:
            number += 1
            begun_bytes += len(ended[0])
            _keep(begun, ended[0])
            yield _line(number, bytes(begun), begun_bytes)
            begun.clear()
            begun_bytes = 0
            for content in ended[1:]:
                number += 1
                yield _line(number, content, len(content))
        begun_bytes += len(rest)
        _keep(begun, rest)
    if begun_bytes:
        yield _line(number + 1, bytes(begun), begun_bytes)


def _keep(begun: bytearray, more: bytes) -> None:
    """One byte beyond the limit is kept, so that a line of exactly 1 MiB may still end in CR."""
    begun += more[: LINE_BYTES_MAX + 1 - len(begun)]


def _line(number: int, content: bytes, length: int) -> Line:
    if content.endswith(b"\r") and len(content) == length:
        content, length = content[:-1], length - 1
    if length > LINE_BYTES_MAX:
        return Line(number, content[:LINE_BYTES_MAX], False)
    return Line(number, content, True)
