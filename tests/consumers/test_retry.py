"""Records of a log that the mapping could not use, tried again once the mapping is mended."""

from __future__ import annotations

from pathlib import Path

from consumers.files import open_files
from consumers.mapping import parse_mapping
from consumers.retry import Retrial
from domain.actions.refusals import RECORD_BYTES_MAX
from domain.ledger.records import Arrival
from tests.support.ledgers import NOW

TABLE = "nr,what,when,start\nC1,发证,2023-05-04 10:00,never\n".encode("gb18030")
MAPPING = """
source = "/x"
input = "csv"
zone = "Asia/Shanghai"
csv.encoding = "gb18030"
[case]
subject = "nr"
[case.actions.received]
type = "licensing.received"
time = "start"
[events]
id = { parts = ["case", "activity"] }
activity = "what"
time = "when"
[events.types]
"受理" = "licensing.accepted"
"""


def refused(folder: Path) -> list[Arrival]:
    path = folder / "table.csv"
    path.write_bytes(TABLE)
    (file,) = open_files([str(path)], mapping=parse_mapping(MAPPING, name="mine"), clock=lambda: NOW)
    return list(file)


def again(one: Arrival, mapping: str) -> Arrival:
    trial = Retrial(lambda name: parse_mapping(mapping, name=name))
    return trial.arrival(one.kept(), form=one.form, place=one.place, now=NOW)


def test_mended_mapping_makes_the_action_of_a_refused_row(tmp_path: Path) -> None:
    received, granted = refused(tmp_path)
    mended = again(granted, MAPPING + '"发证" = "licensing.granted"\n')
    assert mended.action is not None
    assert (mended.action.type, mended.action.id) == ("licensing.granted", "C1/发证")
    mended = again(received, MAPPING.replace('time = "start"', 'time = "when"'))
    assert mended.action is not None
    assert mended.action.id == "C1/received"


def test_mapping_that_is_as_before_refuses_it_as_before(tmp_path: Path) -> None:
    for one in refused(tmp_path):
        same = again(one, MAPPING)
        assert (same.action, same.received) == (None, one.received)
        assert same.refusal is not None
        assert one.refusal is not None
        assert (same.refusal.code, same.refusal.remedy) == (one.refusal.code, one.refusal.remedy)


def test_record_of_which_nothing_is_made_any_more_says_so(tmp_path: Path) -> None:
    received, granted = refused(tmp_path)
    mended = (
        (received, MAPPING.replace("actions.received", "actions.came")),
        (granted, MAPPING.replace('activity = "what"', 'activity = "what"\nignore = ["发证"]')),
    )
    for one, mapping in mended:
        tried = again(one, mapping)
        assert (tried.action, tried.received) == (None, one.received)
        assert tried.refusal is not None
        assert "drop it if that is right" in tried.refusal.remedy


def test_record_of_which_only_a_part_was_kept_is_not_taken_for_a_whole_one() -> None:
    part = b"x" * RECORD_BYTES_MAX
    tried = again(Arrival("p", part, None, None), MAPPING)
    assert tried.refusal is not None
    assert tried.refusal.code == "too-large"
