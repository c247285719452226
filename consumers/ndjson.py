"""Read NDJSON: one structured CloudEvent a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from consumers.byte_streams import UnreadableInputError, strip_bom
from consumers.lines import LINE_BYTES_MAX, read_lines
from consumers.mapping_run import bare
from domain.actions.actions import check_action
from domain.actions.refusals import RefusedError
from domain.ledger.records import Arrival


def read_ndjson(chunks: Iterator[bytes], *, name: str, clock: Callable[[], int]) -> Iterator[Arrival]:
    """An arrival for each line that is not blank; places are `NAME:LINE`."""
    for number, content, whole in read_lines(utf8_chunks(chunks, name)):
        if not content or content.isspace():
            continue
        place = f"{name}:{number}"
        if not whole:
            yield Arrival(place, content, None, _too_large())
            continue
        try:
            yield Arrival(place, content, check_action(content, now=clock()), None)
        except RefusedError as refusal:
            yield Arrival(place, content, None, bare(refusal))


def utf8_chunks(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The chunks without a byte order mark. Raises UnreadableInputError for UTF-16."""
    for number, chunk in enumerate(strip_bom(chunks)):
        if number == 0 and chunk.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise UnreadableInputError(f"{name}: is UTF-16. Save it as UTF-8: iconv -f UTF-16 -t UTF-8 {name}")
        yield chunk


def _too_large() -> RefusedError:
    return RefusedError(
        "too-large",
        f"The line is longer than {LINE_BYTES_MAX:,} bytes, of which the first are kept: send evidence by "
        "reference, not inside the record.",
    )
