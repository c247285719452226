"""Mapping files: what is wrong in one is said with file, line and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from consumers.mapping import MappingError, load_mapping, parse_mapping, shipped_mappings
from consumers.mapping_format import Constants, Fields
from domain.actions.data import FIELDS
from domain.errors import UnknownNameError

GOOD = """\
source = "/x"
input = "xes"
zone = "Asia/Shanghai"

[case]
subject = "concept:name"

[case.fields]
owner = "responsible"

[case.actions.received]
type = "licensing.received"
time = "start"
fields.due = { from = "deadline", as = "date" }

[events]
time = "time:timestamp"
activity = "concept:name"
default = "licensing.step-done"

[events.types]
"Grant it" = "licensing.granted"
"""


def test_good_mapping_is_read() -> None:
    mapping = parse_mapping(GOOD, name="good")
    assert mapping.rules.case.actions["received"].fields.due is not None
    assert mapping.text == GOOD


@pytest.mark.parametrize(
    ("old", "new", "where", "sentence"),
    [
        ('source = "/x"\n', "", "m.toml", "source: This key is missing"),
        ('input = "xes"', 'input = "xls"', "m.toml:2", "Unknown value 'xls'. Did you mean 'xes'?"),
        ("Asia/Shanghai", "Asia/Shangai", "m.toml:3", "Did you mean 'Asia/Shanghai'"),
        ("[case]\nsubject", "[case]\nsubjekt", "m.toml:6", "Unknown key. Did you mean 'subject'?"),
        ('owner = "resp', 'owners = "resp', "m.toml:9", "Unknown key. Did you mean 'owner'?"),
        ('owner = "responsible"', "owner = 5", "m.toml:9", "case.fields.owner"),
        ("licensing.received", "licensing.recieved", "m.toml:12", "Did you mean 'licensing.received'?"),
        ('time = "start"', 'tyme = "start"', "m.toml:13", "Known: constants, fields, id, time, type."),
        ('time = "start"\n', "", "m.toml:11", "This key is missing"),
        ('as = "date"', 'as = "day"', "m.toml:14", "Unknown value 'day'. Known: date"),
        ('default = "', 'default = "x', "m.toml:19", "No action type 'xlicensing.step-done'"),
        ('= "licensing.granted"', '= "licensing.grant"', "m.toml:22", "Did you mean 'licensing.granted'"),
        ('activity = "concept:name"\n', "", "m.toml:16", "need `activity`"),
        ("[events]", "[events", "m.toml:16", "not valid TOML"),
        ("[events]", "[csv]\n[events]", "m.toml", '[csv] is for input = "csv"'),
        ('input = "xes"', 'input = "csv"', "m.toml", "Rows of a table need an id"),
        ('"Grant it" =', '"Grant it" = 5 #', "m.toml:22", ""),
        ('activity = "concept:name"', 'activity = ""', "m.toml:18", "is empty"),
        ('zone = "Asia/Shanghai"', 'zone = "Asia/Shanghai"\ncsv = 5', "m.toml:4", "csv"),
        ("fields.due =", "fields.changes.due =", "m.toml:14", ""),
        ("fields.due =", "fields.of =", "m.toml:14", "Unknown key"),
    ],
)
def test_fault_is_said_with_file_line_and_key(old: str, new: str, where: str, sentence: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if new.startswith("fields.changes"):
        parse_mapping(text, name="m.toml")
        return
    with pytest.raises(MappingError) as caught:
        parse_mapping(text, name="m.toml")
    message = str(caught.value)
    assert message.startswith(f"{where}: ")
    assert sentence in message


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ('id = { parts = ["case", "index"] }', "have no number in their case"),
        ('id = "n"\nnumbered = true', "have no number in their case"),
        ('id = { from = "n", parts = ["case"] }', "State either `from`"),
        ("id = {}", "State either `from`"),
        ('id = { parts = ["row"] }', "Unknown value 'row'"),
        ('id = "n"\nsequence = "s"\nnumbered = true', "not both"),
    ],
)
def test_ids_of_a_table_must_come_out_of_its_rows(lines: str, sentence: str) -> None:
    text = GOOD.replace('input = "xes"', 'input = "csv"').replace("[events]", f"[events]\n{lines}")
    with pytest.raises(MappingError, match=re.escape(sentence)):
        parse_mapping(text, name="m.toml")


def test_mapping_that_makes_nothing_is_refused() -> None:
    text = 'source = "/x"\ninput = "xes"\nzone = "UTC"\n[case]\nsubject = "a"\n'
    with pytest.raises(MappingError, match="makes no action"):
        parse_mapping(text, name="m")


def test_every_known_field_of_an_action_can_be_mapped() -> None:
    assert list(Fields.model_fields) == list(FIELDS)
    structured = {"participants", "evidence", "of", "changes"}
    assert list(Constants.model_fields) == [name for name in FIELDS if name not in structured]


def test_mapping_is_found_by_name_or_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_mapping(str(path)).rules.source == "/x"
    assert load_mapping("adopted", adopted={"adopted": GOOD}).name == "adopted"
    assert load_mapping("receipt_wabo").rules.source == "/wabo/receipt"
    with pytest.raises(UnknownNameError, match=r"Did you mean 'receipt_wabo'\?.*kaoji mapping suggest"):
        load_mapping("receipt_wab", adopted={"mine": GOOD})
    with pytest.raises(MappingError, match="cannot be read"):
        load_mapping("missing.toml")


@pytest.mark.parametrize("name", shipped_mappings())
def test_shipped_mappings_are_valid(name: str) -> None:
    assert load_mapping(name).rules.title
