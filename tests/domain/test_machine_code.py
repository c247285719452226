"""Machine code that was kept gives what plain Python gives, and is believed only where it is what was written."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from domain import compiled as room
from domain import machine_code
from domain.compiled import COMPILED, Marked
from domain.hints import natural, prefetch
from tests.support.command_line import ROOT

pytestmark = pytest.mark.skipif(not COMPILED, reason="nothing is compiled here")

RECORD = np.dtype([("small", np.int32), ("large", np.int64), ("flag", np.bool_)])
COUNTED = """
import sys
from domain.measuring.limits import counted_days
import numpy as np

print(counted_days(0, np.zeros(1, np.int32), True, 11), "numba" in sys.modules)
"""
"""Calls a function that calls another marked one."""


def summed(
    records: Any, column: NDArray[Any], grid: NDArray[np.int64], factor: int, wanted: bool, out: NDArray[np.int64]
) -> tuple[int, int]:
    """Every kind of argument that the core hands over has its part in the sum."""
    total = 0
    for row in range(records.size):
        total += records[row].large * factor - records[row].small
        if records[row].flag == wanted:
            total += column[row]
    for line in range(grid.shape[0]):
        for place in range(grid.shape[1]):
            out[line] += grid[line, place] * (place + 1)
    return total, records.size


def picked(records: Any, order: NDArray[np.int32], out: NDArray[np.int64]) -> None:
    """Sums up the records in an order, with hints."""
    for place in range(order.size):
        prefetch(records, natural(order[min(place + 1, order.size - 1)]))
        out[0] += records[natural(order[place])].large


def picked_from_either_end(records: Any, order: NDArray[np.int32], out: NDArray[np.int64]) -> None:
    """The same without them."""
    for place in range(order.size):
        out[0] += records[order[place]].large


def filled(out: NDArray[np.int64], value: int) -> None:
    for place in range(out.size):
        out[place] = value


def is_above(value: int, least: int) -> bool:
    return value > least


def halved(value: int) -> float:
    return value / 2


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(room, "CACHE", tmp_path)
    return tmp_path


def arguments() -> tuple[Any, ...]:
    records = np.array([(1, 2**40, True), (-7, -5, False), (3, 11, True)], RECORD).view(np.recarray)
    grid = np.arange(24).reshape(4, 6)
    grid.flags.writeable = False
    # Of a record's field, and of every other column, entries do not lie side by side.
    return records, records.small, grid[:, ::2], np.int64(9), np.True_, np.zeros(4, np.int64)


def called(function: Any) -> tuple[Any, list[int]]:
    given = arguments()
    return function(*given), given[-1].tolist()


def test_machine_code_gives_what_plain_python_gives(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a marked function that nobody has called, and one that finds what the first has kept
    expected = called(summed)
    assert called(Marked(summed)) == expected
    (kept,) = cache.glob("*.code")
    # When it is called, then it gives the same, and nothing is compiled
    monkeypatch.setattr(room, "made_call", None)
    assert called(Marked(summed)) == expected
    assert list(cache.glob("*.code")) == [kept]


def test_hints_change_no_result_and_are_in_the_machine_code(cache: Path) -> None:
    # Given a function that says what it reads next, and that no index counts from the end
    records, order = arguments()[0], np.array([2, 0, 2, 1], np.int32)
    given = [(records, order, np.zeros(1, np.int64)) for _ in range(2)]
    # When it is compiled, then it gives the same
    picked(*given[0])
    Marked(picked)(*given[1])
    assert given[0][-1].tolist() == given[1][-1].tolist() == [11 + 2**40 + 11 - 5]
    assert list(cache.glob("*.code"))
    # And the processor is told, and no index is corrected
    hinted, plain = _instructions(picked, given[0]), _instructions(picked_from_either_end, given[0])
    assert ("@llvm.prefetch" in plain, "@llvm.prefetch" in hinted) == (False, True)
    assert (" select " in plain, " select " in hinted) == (True, False)


def test_plain_python_does_not_believe_that_a_negative_number_is_none() -> None:
    assert natural(0) == 0
    with pytest.raises(AssertionError, match="-1 was said not to be negative"):
        natural(-1)


def _instructions(function: Any, given: tuple[Any, ...]) -> str:
    """As the compiler left them."""
    import numba

    dispatcher = room._dispatcher(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    dispatcher.compile(tuple(map(numba.typeof, given)))
    (found,) = dispatcher.inspect_llvm().values()
    return str(found)


def test_arguments_of_other_kinds_get_code_of_their_own(cache: Path) -> None:
    marked = Marked(filled)
    for kind in (np.int32, np.int64, np.float64):
        out = np.zeros(3, kind)
        assert marked(out, 7) is None
        assert out.tolist() == [7, 7, 7]
    assert len(list(cache.glob("*.code"))) == 3


def test_flag_is_handed_back_as_one() -> None:
    marked = Marked(is_above)
    assert [marked(2, 1), marked(1, 2)] == [True, False]
    assert type(marked(2, 1)) is bool


def test_result_that_cannot_be_handed_over_is_left_to_numba(cache: Path) -> None:
    assert Marked(halved)(7) == 3.5
    assert not list(cache.glob("*.code"))


def test_other_argument_is_left_to_numba() -> None:
    assert Marked(halved)(7.0) == 3.5


def test_numba_that_hands_over_other_words_calls_itself(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given that arrays come without an owner, say
    told = machine_code._words_of
    monkeypatch.setattr(machine_code, "_words_of", lambda kind: told(kind)[isinstance(kind, tuple) :])
    # When a function is called, then numba calls it, and nothing is kept
    assert called(Marked(summed)) == called(summed)
    assert not list(cache.glob("*.code"))


@pytest.mark.parametrize("place", [0, 100, -1])
def test_damaged_code_is_made_anew(cache: Path, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    # Given code of which one byte is not what was written
    called(Marked(summed))
    (kept,) = cache.glob("*.code")
    damaged = bytearray(kept.read_bytes())
    damaged[place] ^= 1
    kept.write_bytes(damaged)
    # When another process calls it, then it is right, and the one after finds what is whole
    assert called(Marked(summed)) == called(summed)
    monkeypatch.setattr(room, "made_call", None)
    assert called(Marked(summed)) == called(summed)


def test_code_of_another_machine_is_not_looked_at(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called(Marked(summed))
    monkeypatch.setattr(machine_code, "_machine_digest", lambda: "another processor")
    assert called(Marked(summed)) == called(summed)
    assert len(list(cache.glob("*.code"))) == 2


def ran(folder: Path, *, bytes_max: int = resource.RLIM_INFINITY) -> str:
    """What a process of its own says that keeps its code there, in files of at most so many bytes."""
    return subprocess.run(
        [sys.executable, "-c", COUNTED],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=ROOT,
        capture_output=True, text=True, check=True, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, resource.RLIM_INFINITY)),
    ).stdout.strip()  # fmt: skip


def test_second_process_imports_no_compiler(tmp_path: Path) -> None:
    assert ran(tmp_path) == "7 True"
    assert ran(tmp_path) == "7 False"


def test_nothing_is_kept_that_is_not_checked_before_it_is_believed(tmp_path: Path) -> None:
    ran(tmp_path)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".code"}


def test_folder_without_room_leaves_no_trace_of_what_was_compiled(tmp_path: Path) -> None:
    # Given a folder into which files can be made, and nothing can be written, as on a full disk
    # When a function is called, then it is compiled each time, and right
    assert ran(tmp_path, bytes_max=0) == "7 True"
    assert ran(tmp_path, bytes_max=0) == "7 True"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
