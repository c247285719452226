"""Tables as records: header, encodings, and rows that are none."""

from __future__ import annotations

import pytest

from consumers.csv_records import CsvError, CsvTable
from consumers.lines import LINE_BYTES_MAX
from consumers.source_records import RefusedRecord, SourceRecord


def table(data: bytes, *, delimiter: str = ",", encoding: str = "utf-8", size: int = 1000) -> CsvTable:
    chunks = (data[at : at + size] for at in range(0, len(data), size))
    return CsvTable(chunks, name="t.csv", delimiter=delimiter, encoding=encoding)


def row(line: int, **cells: str) -> SourceRecord:
    return SourceRecord(f"t.csv:{line}", cells, cells)


@pytest.mark.parametrize("size", [1, 1000])
def test_rows_become_records_by_the_header(size: int) -> None:
    data = b'\r\nid,what,who\r\n1,"a, ""b""\r\nc",S1\r\n\r\n2,,S2'
    assert list(table(data, size=size).records()) == [
        row(3, id="1", what='a, "b"\r\nc'.replace("\r", ""), who="S1"),
        row(6, id="2", who="S2"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16", "big5"])
def test_encoding_and_delimiter_are_as_the_mapping_says(encoding: str) -> None:
    data = "編號;人員\n一;二\n".encode(encoding)
    assert list(table(data, delimiter=";", encoding=encoding).records()) == [row(2, 編號="一", 人員="二")]


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        (b"1,2", "malformed-json", "has 2 cells, the header 3"),
        (b"1,2,3,4", "malformed-json", "has 4 cells"),
        (b'1,"2"x,3', "malformed-json", "not CSV"),
        (b'1,"2,3', "malformed-json", "close each"),
        (b"1,\xff,3", "bad-value", "not utf-8"),
        (b"1,\0,3", "bad-value", "NUL"),
        (b"1," + b"x" * 200_000 + b",3", "malformed-json", "field limit"),
        (b"1," + b"x" * (LINE_BYTES_MAX + 5) + b",3", "too-large", "longer than 1 MiB"),
    ],
)
def test_row_that_is_none_is_refused_alone(line: bytes, code: str, sentence: str) -> None:
    first, refused, last = table(b"a,b,c\n1,2,3\n" + line + b"\n4,5,6\n", size=100_000).records()
    assert first == row(2, a="1", b="2", c="3")
    assert isinstance(refused, RefusedRecord)
    assert (refused.place, refused.code) == ("t.csv:3", code)
    assert sentence in refused.remedy
    assert refused.received == line[:LINE_BYTES_MAX]
    assert last == row(4, a="4", b="5", c="6")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,,c\n", "has no name"),
        (b"a,b,a\n", "names 'a' twice"),
        (b"a,\xff\n", "header line cannot be read.*encoding"),
        (b'a,"b\n', "header line cannot be read"),
    ],
)
def test_table_without_a_header_is_answered_with_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(CsvError, match=sentence):
        table(data)


@pytest.mark.parametrize("encoding", ["utf-9", "zip", ""])
def test_unknown_encoding_is_answered_with_a_sentence(encoding: str) -> None:
    with pytest.raises(CsvError, match="Try utf-8, gb18030"):
        table(b"a\n", encoding=encoding)


def test_utf_16_that_breaks_off_is_answered_with_a_sentence() -> None:
    with pytest.raises(CsvError, match="is not utf-16"):
        list(table("a\nb\n".encode("utf-16")[:-1], encoding="utf-16").records())


def test_missing_column_is_named_with_those_that_are_there() -> None:
    with pytest.raises(CsvError, match=r"reads the column 'owner'.*names 'a', 'b'"):
        table(b"a,b\n").require(["a", "owner"], mapping="mine")
