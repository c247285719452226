"""Read a table with a header line (CSV): each row becomes a record, each cell an attribute of its column."""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from consumers.lines import Line, read_lines
from consumers.source_records import RefusedRecord, SourceRecord
from domain.errors import WrongInputError

_SHOWN_MAX: Final = 30
# What "surrogateescape" makes of bytes that are not in the encoding.
_UNDECODED: Final = re.compile("[\udc80-\udcff]")


class CsvError(WrongInputError):
    """The table as a whole cannot be read: no header, another encoding, a column that is missing."""


class CsvTable:
    """The rows of one table; `columns` is known before the first row is asked for. Raises CsvError.

    Places are `NAME:LINE`, the line on which a row begins. Blank lines are not read. An empty cell says
    nothing: the record lacks that attribute.
    """

    def __init__(
        self, chunks: Iterator[bytes], *, name: str, delimiter: str = ",", encoding: str = "utf-8"
    ) -> None:
        self._name = name
        self._delimiter = delimiter
        self._encoding = _encoding(encoding, name)
        if "\n".encode(self._encoding) != b"\n":
            chunks, self._encoding = _as_utf8(chunks, self._encoding, name), "utf-8"
        self._lines = _Lines(read_lines(chunks), self._encoding)
        self.columns = self._header()

    def records(self) -> Iterator[SourceRecord | RefusedRecord]:
        """Every row below the header, in order; what is no row of this table is given as refused."""
        while (row := self._row()) is not None:
            if isinstance(row, RefusedRecord):
                yield row
                continue
            number, cells, raw = row
            place = f"{self._name}:{number}"
            if len(cells) != len(self.columns):
                yield RefusedRecord(
                    place,
                    raw,
                    "malformed-json",
                    f"The row has {len(cells)} cells, the header {len(self.columns)}: put cells that hold the "
                    f"delimiter {self._delimiter!r} in double quotes, or mend the row.",
                )
            elif (fault := _fault(raw, cells, self._encoding)) is not None:
                yield RefusedRecord(place, raw, "bad-value", fault)
            else:
                record = {name: cell for name, cell in zip(self.columns, cells, strict=True) if cell}
                yield SourceRecord(place, record, record)

    def require(self, wanted: Sequence[str], *, mapping: str) -> None:
        """Raises CsvError when a column the mapping reads is not there."""
        missing = [column for column in wanted if column not in self.columns]
        if missing:
            shown = ", ".join(repr(column) for column in self.columns[:_SHOWN_MAX])
            raise CsvError(
                f"{self._name}: mapping {mapping} reads the column {missing[0]!r}, which the header "
                f"does not name. It names {shown}."
                f" Mend the mapping, or its delimiter ({self._delimiter!r}) and encoding."
            )

    def _header(self) -> list[str]:
        row = self._row()
        if row is None:
            raise CsvError(f"{self._name}: is empty. A table begins with a header line that names its columns.")
        if isinstance(row, RefusedRecord):
            raise CsvError(f"{row.place}: the header line cannot be read. {row.remedy}")
        number, cells, raw = row
        place = f"{self._name}:{number}"
        if (fault := _fault(raw, cells, self._encoding)) is not None:
            raise CsvError(f"{place}: the header line cannot be read. {fault}")
        if not all(cell.strip() for cell in cells):
            raise CsvError(f"{place}: a column has no name in the header line. Name every column.")
        twice = sorted({cell for cell in cells if cells.count(cell) > 1})
        if twice:
            raise CsvError(f"{place}: the header line names {twice[0]!r} twice. Rename one of the columns.")
        return cells

    def _row(self) -> tuple[int, list[str], bytes] | RefusedRecord | None:
        """The next row with the line on which it begins and its bytes; None at the end."""
        first = self._lines.skip_blank()
        if first is None:
            return None
        self._lines.begin_row()
        place = f"{self._name}:{first.number}"
        try:
            cells = next(csv.reader(self._lines, delimiter=self._delimiter, strict=True))
        except _TooLargeRowError:
            raw = self._lines.refuse_row()
            return RefusedRecord(place, raw, "too-large", "The row is longer than 1 MiB; shorten it.")
        except csv.Error as error:
            raw = self._lines.refuse_row()
            return RefusedRecord(
                place,
                raw,
                "malformed-json",
                f"The row is not CSV ({error}): write a double quote inside a quoted cell twice, and close each.",
            )
        return first.number, cells, self._lines.raw


class _TooLargeRowError(Exception):
    """One line of the row is longer than an action may be."""


class _Lines:
    """The lines as text for the csv module, remembering which it took for the row at hand."""

    def __init__(self, lines: Iterator[Line], encoding: str) -> None:
        self._lines = lines
        self._encoding = encoding
        self._again: deque[Line] = deque()
        self._taken: list[Line] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._next()
        if line is None:
            raise StopIteration
        self._taken.append(line)
        if not line.whole:
            raise _TooLargeRowError
        return line.content.decode(self._encoding, "surrogateescape") + "\n"

    @property
    def raw(self) -> bytes:
        """The bytes of the row at hand."""
        return b"\n".join(line.content for line in self._taken)

    def skip_blank(self) -> Line | None:
        """The next line that is not blank, which stays to be read; None at the end."""
        while (line := self._next()) is not None:
            if line.content and not line.content.isspace():
                self._again.appendleft(line)
                return line
        return None

    def begin_row(self) -> None:
        self._taken = []

    def refuse_row(self) -> bytes:
        """Give up only the first line: an open quote must not swallow the good rows below it."""
        first, *others = self._taken
        self._again.extendleft(reversed(others))
        return first.content

    def _next(self) -> Line | None:
        return self._again.popleft() if self._again else next(self._lines, None)


def _fault(raw: bytes, cells: Sequence[str], encoding: str) -> str | None:
    if b"\0" in raw:
        return "The row holds a NUL character (U+0000); remove it."
    if not raw.isascii() and _UNDECODED.search("".join(cells)):
        return f"The row is not {encoding}: state the encoding of the file in the mapping, or mend the row."
    return None


def _encoding(name: str, place: str) -> str:
    try:
        "".encode(name)  # A codec for bytes, such as zip, is no encoding.
        return codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise CsvError(f"{place}: no encoding {name!r} is known. Try utf-8, gb18030 or latin-1.") from error


def _as_utf8(chunks: Iterator[bytes], encoding: str, place: str) -> Iterator[bytes]:
    """Where the byte 0x0A is not the end of a line (UTF-16, UTF-32), text is turned into UTF-8 first."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise CsvError(f"{place}: is not {encoding} ({error}). State its encoding in the mapping.") from error
