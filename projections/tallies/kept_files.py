"""Keep case files and columns of the history on this host, so that the next process need not derive them again.

They follow from the history and are never the truth: what is missing, foreign, outdated or damaged is derived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.log_events import FILES_KEPT, FILES_NOT_KEPT, KEPT_FILE_UNFIT
from domain.measuring.cases import CASE_ARRAYS, Cases
from domain.measuring.spans import SPAN_RECORD
from domain.rules.context import Context
from domain.zones import Zone, load_zone
from projections.history.columns import History
from projections.history.kept_arrays import KeptArrays, UnfitFileError, told_in, write_arrays
from projections.history.resident import KEPT, KeptColumns
from projections.store import Checkpoint
from projections.tallies.case_files import CaseFiles, case_files
from projections.tallies.laid_over import Roomy, laid_over

ROWS_MIN: Final = 50_000
"""Of a shorter history nothing is kept: deriving it takes a hundredth of a second."""
WITHIN: Final = (0.5, 1.0625)
"""How far before and behind a file's position others are told by it, as parts of that position. Beyond, so many
cases differ that deriving all is as quick; a history that has grown so far has its files written anew."""
_ENDING: Final = ".kept"
_COLUMNS: Final = "columns"
_ARRAYS: Final[Mapping[str, Any]] = {**CASE_ARRAYS, "spans": SPAN_RECORD, "subject": np.int32}

Made = tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]
"""The arrays of a file, and what it says of itself beside what all say."""


class KeptFiles:
    """The files of one ledger in a folder. Thread-safe, and safe beside other processes."""

    def __init__(
        self,
        folder: Path,
        *,
        stamp: Callable[[int], str | None],
        rows_min: int = ROWS_MIN,
        within: tuple[float, float] = WITHIN,
    ) -> None:
        """`stamp` tells the ledger's event at a position from any that another ledger, or another copy of this
        one, may have there; None where the ledger does not reach."""
        self.folder = folder
        self._stamp = stamp
        self._rows_min, self._within = rows_min, within
        self._said = False

    def columns(self, build: Checkpoint) -> KeptColumns | None:
        """Columns of a build as far as they are kept."""
        file = self._found(_COLUMNS, build.build, upto=build.position)
        return None if file is None else KeptColumns(file, file.told["position"])

    def laid_over(self, history: History, context: Context) -> CaseFiles | None:
        """Kept case files, brought to the history's position; None where it is quicker to derive them.

        They may hold cases that never count, and later actions.
        """
        file = self._found(_name_of(context.zone, context.due_precision), history.build)
        if file is None:
            return None
        position = file.told["position"]
        earliest, latest = self._within
        if not position * earliest <= history.position <= position * latest:
            return None
        try:
            found = laid_over(Roomy(*_files_in(file), position), history, context)
        except UnfitFileError as error:
            KEPT_FILE_UNFIT.log(reason=str(error))
            file.discard()
            return None
        self._keep({_COLUMNS: lambda: (dict(_columns_of(history)), {})}, history)
        return found

    def keep(self, history: History, context: Context, files: CaseFiles) -> None:
        """Write what was derived from a history, unless that state of it or a later one is kept."""
        about = {"zone": context.zone.name, "due_precision": context.due_precision}
        making = {
            _name_of(context.zone, context.due_precision): lambda: (_arrays_of(files), about),
            _COLUMNS: lambda: (dict(_columns_of(history)), {}),
        }
        self._keep(making, history)

    def _keep(self, making: Mapping[str, Callable[[], Made]], history: History) -> None:
        """Write the files that lack, by name: each tells its arrays, and what it says of itself."""
        lacking = [name for name in making if self._lacks(name, history)]
        if not lacking or history.position < self._rows_min:
            return
        stamp = self._stamp(history.position)
        assert stamp is not None, "a history is of its ledger"
        told = _told(history.build, history.position, stamp)
        try:
            for name in lacking:
                arrays, about = making[name]()
                write_arrays(self._path(name), {**told, **about, "name": name}, arrays)
                FILES_KEPT.log(position=history.position, folder=str(self.folder))
            self._remove_outdated(told)
        except OSError as error:
            if not self._said:
                FILES_NOT_KEPT.log(reason=str(error))
            self._said = True

    def paths(self) -> list[Path]:
        """All files that are kept."""
        return sorted(self.folder.glob(f"*{_ENDING}"))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{_ENDING}"

    def faults(self, build: Checkpoint, rebuilt: History) -> list[str]:
        """Files that would be believed, and are not what a rebuild of the history gives."""
        found = []
        for path in self.paths():
            try:
                file = self._found(path.stem, build.build)
                if file is not None and _differs(file, rebuilt):
                    found.append(f"the kept file {path} differs from a rebuild: remove it")
            except UnfitFileError as error:
                found.append(f"the kept file {path} is not as it was written ({error}): remove it")
        return found

    def _found(self, name: str, build: int, *, upto: int | None = None) -> KeptArrays | None:
        """The file of that name, if it was made by this very program from this very build."""
        path = self._path(name)
        if not path.exists():
            return None
        try:
            file = KeptArrays(path)
        except UnfitFileError as error:
            KEPT_FILE_UNFIT.log(reason=str(error))
            with suppress(OSError):
                path.unlink()
            return None
        position = file.told.get("position", 0)
        if upto is not None and position > upto:
            return None
        stamp = self._stamp(position)
        ours = stamp is not None and {**_told(build, position, stamp), "name": name}.items() <= file.told.items()
        return file if ours else None

    def _lacks(self, name: str, history: History) -> bool:
        """Whether no file of that name is of use for this state of the history."""
        file = self._found(name, history.build)
        return file is None or file.told["position"] * self._within[1] < history.position

    def _remove_outdated(self, told: Mapping[str, Any]) -> None:
        """Take away what no process of this program will look at again."""
        for path in self.paths():
            with suppress(OSError):
                try:
                    known = told_in(path)
                except UnfitFileError:
                    known = {}
                if any(known.get(name) != told[name] for name in ("build", "sources")):
                    path.unlink()


def _told(build: int, position: int, stamp: str) -> dict[str, Any]:
    """What a file must say of itself to be believed."""
    return {
        "build": build,
        "sources": _sources_digest(),
        "position": position,
        "stamp": stamp,
    }


@cache
def _sources_digest() -> str:
    """SHA-256 of all that the kept files follow from, beside the history: another program makes others."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for room in ("domain", "projections"):
        for path in sorted((root / room).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _name_of(zone: Zone, due_precision: str) -> str:
    """What case files depend on beside the history; rules come in when they are counted."""
    parts = f"{zone.name} {zone.sha256} {due_precision}"
    return f"cases-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"


def _arrays_of(files: CaseFiles) -> dict[str, NDArray[Any]]:
    return files.cases.arrays | {"spans": files.spans, "subject": files.subject}


def _columns_of(history: History) -> Iterator[tuple[str, NDArray[Any]]]:
    for part, names in KEPT.items():
        for name in names:
            yield f"{part}.{name}", getattr(history, part)[name]


def _differs(file: KeptArrays, rebuilt: History) -> bool:
    """Whether a file holds other arrays than follow from the history. Raises UnfitFileError."""
    history = rebuilt.at(file.told["position"])
    if file.told["name"] == _COLUMNS:
        expected = dict(_columns_of(history))
    else:
        zone, precision = load_zone(file.told["zone"]), file.told["due_precision"]
        if _name_of(zone, precision) != file.told["name"]:
            return True
        expected = _arrays_of(case_files(history, zone, to_instant=precision == "instant"))
    return any(
        not np.array_equal(array, file.array(name, array.dtype)[: file.size(name, array.dtype)])
        for name, array in expected.items()
    )


def _files_in(file: KeptArrays) -> tuple[CaseFiles, dict[str, NDArray[Any]]]:
    """The case files of a file, and their arrays with the room behind them. Raises UnfitFileError."""
    room: dict[str, Any] = {}
    for name, kind in _ARRAYS.items():
        array = file.array(name, kind)
        room[name] = array.view(np.recarray) if array.dtype.names else array
    filled = {name: array[: file.size(name, _ARRAYS[name])] for name, array in room.items()}
    cases = Cases(*(filled.pop(name) for name in CASE_ARRAYS))
    return CaseFiles(cases, **filled), room
