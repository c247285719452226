"""Drafts of mappings: they load, name what is there, and guess what can be guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.files import open_files
from consumers.mapping import parse_mapping
from consumers.suggest import suggest_mapping
from domain.errors import WrongInputError
from tests.support.ledgers import NOW

LOG = Path(__file__).parents[1] / "data" / "receipt_wabo" / "receipt.xes.gz"
ROWS = '案件编号;环节;时间;经办人\nA1;受理;2023-01-02 10:00:00;S1\nA1;"办结""1";2023-01-03 10:00:00;S2\n'


def test_draft_for_a_log_reads_all_of_it() -> None:
    draft = suggest_mapping(str(LOG))
    mapping = parse_mapping(draft, name="draft")
    assert mapping.rules.case.subject == "concept:name"
    (file,) = open_files([str(LOG)], mapping=mapping, clock=lambda: NOW)
    arrivals = list(file)
    assert len(arrivals) == 8577
    assert all(arrival.refusal is None for arrival in arrivals)
    assert arrivals[0].action is not None
    assert arrivals[0].action.data == {
        "owner": "Resource21", "actor": "Resource21", "step": "Confirmation of receipt",
    }  # fmt: skip
    assert '# "T06 Determine necessity of stop advice" = "licensing.step-done"  # 1,416 times' in draft
    assert '#   "channel": 1,434 times, 5 different: "Internet", "Desk", "Post"' in draft


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_draft_for_a_table_finds_its_delimiter_encoding_and_columns(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(ROWS.encode(encoding))
    mapping = parse_mapping(suggest_mapping(str(path)), name="draft")
    assert mapping.rules.csv is not None
    assert mapping.rules.csv.delimiter == ";"
    (file,) = open_files([str(path)], mapping=mapping, clock=lambda: NOW)
    first, second = file
    assert first.action is not None
    assert second.action is not None
    assert first.action.time == "2023-01-02T10:00:00+08:00"
    assert second.action.data == {"step": '办结"1', "actor": "S2"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"a\n"),
        ("t.csv", b'"a\x7f\\",b\n1\n'),
        ("l.xes", b"<log/>"),
        ("l.xes", b"<log><trace><event/></trace></log>"),
    ],
)
def test_draft_of_little_is_valid_all_the_same(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    parse_mapping(suggest_mapping(str(path)), name="draft")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [("t.csv", b"", "is empty"), ("a.ndjson", b"{}", "needs no mapping"), ("l.xes", b"<a/>", "not XES")],
)
def test_draft_of_what_is_none_is_answered_with_a_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WrongInputError, match=sentence):
        suggest_mapping(str(path))


@pytest.mark.parametrize(
    ("table", "time"),
    [
        ("no,begun,ended\nA1,2023-01-02,2023-01-09\n", "begun"),
        ("no,who\nA1,S1\n", "no"),
    ],
)
def test_draft_names_a_column_that_is_there_for_the_time(tmp_path: Path, table: str, time: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(table)
    events = parse_mapping(suggest_mapping(str(path)), name="draft").rules.events
    assert events is not None
    assert events.time == time
