"""Kept files that are damaged, foreign, outdated or half written are derived again, to the right answer."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from api.bootstrap import Kaoji
from api.verification import verification
from domain.log_events import EVENT_ATTRIBUTE
from domain.rules.calendars import load_calendar
from projections.history.columns import History
from projections.history.kept_arrays import KeptArrays, UnfitFileError, write_arrays
from projections.tallies.tallies import count
from tests.drafted_actions import LIMITS, Event
from tests.projections.test_kept_files import assert_same, derived, process
from tests.strategies import random_history
from tests.support.product import context, record

RULES = context(LIMITS, load_calendar("weekdays"))
EVENTS: list[Event] = random_history(5, 150)


def read(kaoji: Kaoji) -> History:
    """The history with its case files, as a command uses them."""
    history = kaoji.history()
    assert_same(history, derived(kaoji), RULES)
    return history


def kept(folder: Path) -> dict[str, Path]:
    return {path.stem.partition("-")[0]: path for path in (folder / "kept").glob("*.kept")}


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    events = [getattr(each, EVENT_ATTRIBUTE, None) for each in caplog.records]
    return [event.name for event in events if event is not None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with kept files, and the process that made them gone."""
    with process(tmp_path) as kaoji:
        record(kaoji, EVENTS[:120])
        count(kaoji.history(), RULES)
    assert kept(tmp_path).keys() == {"cases", "columns"}
    return tmp_path


def regions(path: Path) -> dict[str, int]:
    """A byte in every region that matters."""
    file = KeptArrays(path)
    found = {"magic": 3, "size of the head": 19, "checksum of the head": 27, "head": 60}
    for name, (place, size, _room, _checksum) in file._places.items():
        if size:
            found |= {f"{name} begins": place, f"{name} amid": place + size // 2, f"{name} ends": place + size - 1}
    return found


@pytest.mark.parametrize("which", ["cases", "columns"])
def test_a_byte_that_flipped_anywhere_changes_no_answer(
    folder: Path, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = kept(folder)[which]
    whole = path.read_bytes()
    for region, place in regions(path).items():
        caplog.clear()
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])

        with process(folder) as kaoji:
            history = read(kaoji)
            for part in ("rows", "shares", "references", "links", "amended", "amended_shares"):
                for name, column in getattr(history, part).items():
                    assert np.array_equal(column, getattr(derived(kaoji), part)[name]), f"{region}: {part}.{name}"

        assert "kept-file-unfit" in logged(caplog), region


@pytest.mark.parametrize("spoil", ["cut off", "empty", "other bytes", "gone"])
@pytest.mark.parametrize("which", ["cases", "columns"])
def test_files_that_are_no_files_of_ours_are_made_anew(folder: Path, which: str, spoil: str) -> None:
    path = kept(folder)[which]
    whole = path.read_bytes()
    spoilt = {"cut off": whole[: len(whole) // 2], "empty": b"", "other bytes": b"x" * len(whole)}
    path.unlink()
    if spoil != "gone":
        path.write_bytes(spoilt[spoil])

    with process(folder) as kaoji:
        position = read(kaoji).position
    assert KeptArrays(path).told["position"] == position


def test_files_of_another_ledger_are_not_believed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    # Given files of another ledger, and at the position of these the same action, recorded at the same instant
    other, position = tmp_path_factory.mktemp("other"), KeptArrays(kept(folder)["cases"]).told["position"]
    shutil.copytree(folder / "kept", other / "kept")
    with process(folder) as kaoji:
        last = json.loads(kaoji.ledger.read_positions([position])[0].facts)
    with process(other) as kaoji:
        rest = [each for each in EVENTS[:120] if (each["source"], each["id"]) != (last["source"], last["id"])]
        record(kaoji, [*rest[::-1], last])
        assert kaoji.ledger.head().position == position
        # Then they are not taken for files of this one
        read(kaoji)


def test_files_of_a_copy_that_went_another_way_are_not_believed(folder: Path) -> None:
    # Given a backup, files kept of what came after it, and the backup put in place
    shutil.copy(folder / "kaoji.db", folder / "backup.db")
    for path in kept(folder).values():
        path.unlink()
    with process(folder) as kaoji:
        record(kaoji, EVENTS[120:])
        position = read(kaoji).position
    for path in folder.glob("kaoji.db*"):
        path.unlink()
    shutil.copy(folder / "backup.db", folder / "kaoji.db")

    # When other actions are recorded at the same positions
    with process(folder) as kaoji:
        record(kaoji, random_history(99, 150))
        assert read(kaoji).position > position
        read(kaoji).upto(position)


def test_files_of_a_build_that_was_replaced_are_taken_away(folder: Path) -> None:
    before = {name: path.stat().st_ino for name, path in kept(folder).items()}
    foreign = folder / "kept" / "cases-of-a-zone-of-old.kept"
    shutil.copy(kept(folder)["cases"], foreign)

    with process(folder) as kaoji:
        kaoji.driver.rebuild("history")
        read(kaoji)

    assert not foreign.exists()
    assert all(path.stat().st_ino != before[name] for name, path in kept(folder).items())


def test_files_of_another_program_are_made_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.tallies.kept_files._sources_digest", lambda: "another")
    with process(folder) as kaoji:
        read(kaoji)
    assert {KeptArrays(path).told["sources"] for path in kept(folder).values()} == {"another"}


def test_who_cannot_keep_files_answers_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "kept").write_text("a file where the folder would be")
    with caplog.at_level(logging.WARNING), process(tmp_path) as kaoji:
        record(kaoji, EVENTS)
        read(kaoji)
        read(kaoji)
    assert logged(caplog) == ["files-not-kept"]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_process_killed_while_it_writes_leaves_the_old_file(tmp_path: Path, step: str) -> None:
    path = tmp_path / "some.kept"
    write_arrays(path, {"made": "first"}, {"numbers": np.arange(5_000)})
    module, _, name = step.rpartition(".")
    killed = (
        "import numpy, os, pathlib; from pathlib import Path\n"
        "from projections.history.kept_arrays import write_arrays\n"
        f"{module}.{name} = lambda *_: os._exit(9)\n"
        f"write_arrays(Path({str(path)!r}), {{'made': 'second'}}, {{'numbers': numpy.arange(9_000)}})"
    )
    assert subprocess.run([sys.executable, "-c", killed]).returncode == 9
    assert KeptArrays(path).told == {"made": "first"}
    (left,) = tmp_path.glob("*.unfinished")

    write_arrays(path, {"made": "third"}, {"numbers": np.arange(3)})
    assert left.exists(), "somebody may be writing it"
    os.utime(left, (0, 0))
    write_arrays(path, {"made": "fourth"}, {"numbers": np.arange(3)})

    assert list(tmp_path.iterdir()) == [path]
    assert KeptArrays(path).array("numbers", np.int64)[:3].tolist() == [0, 1, 2]


def test_what_a_process_writes_to_its_arrays_stays_its_own(tmp_path: Path) -> None:
    path = tmp_path / "some.kept"
    write_arrays(path, {}, {"numbers": np.arange(4), "none": np.empty(0, np.int32)})
    array = KeptArrays(path).array("numbers", np.int64)
    array[:6] = 7
    assert KeptArrays(path).array("numbers", np.int64)[:6].tolist() == [0, 1, 2, 3, 0, 0]
    with pytest.raises(UnfitFileError):
        KeptArrays(tmp_path / "none.kept")


def _swapped(path: Path, name: str, change: Callable[[NDArray[np.uint8]], None]) -> None:
    """Forge a file: other values under true checksums."""
    file = KeptArrays(path)
    kinds = {each: np.dtype(np.uint8) for each in file._places}
    arrays = {each: file.array(each, kind)[: file.size(each, kind)].copy() for each, kind in kinds.items()}
    change(arrays[name])
    write_arrays(path, file.told, arrays)


@pytest.mark.parametrize(("which", "name"), [("cases", "actions"), ("cases", "spans"), ("columns", "rows.owner")])
@pytest.mark.parametrize("from_scratch", [False, True])
def test_verification_finds_a_forged_file(folder: Path, which: str, name: str, from_scratch: bool) -> None:
    def change(content: NDArray[np.uint8]) -> None:
        content[content.size // 2] ^= 1

    with process(folder) as kaoji:
        assert verification(kaoji, from_scratch=from_scratch)["ok"]
    _swapped(kept(folder)[which], name, change)

    with process(folder) as kaoji:
        found = verification(kaoji, from_scratch=from_scratch)

    assert not found["ok"]
    (fault,) = found["faults"]
    assert str(kept(folder)[which]) in fault
    assert "differs from a rebuild" in fault


def test_verification_finds_a_damaged_file(folder: Path) -> None:
    path = kept(folder)["cases"]
    path.write_bytes(path.read_bytes()[:-9_000])
    with process(folder) as kaoji:
        (fault,) = verification(kaoji)["faults"]
    assert str(path) in fault
