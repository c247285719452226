"""Score everybody from disk in a fresh process, beside scripts of the peers that read Parquet."""

from __future__ import annotations

import csv
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from api.settings import NOWHERE
from benchmarks.made_cases import made_cases
from benchmarks.made_store import grow_store, settings_in, write_store
from benchmarks.measuring import Figures, by_turns
from benchmarks.peer_tables import MEASURES
from benchmarks.synthetic import world
from benchmarks.synthetic_history import made_history, staff_words

FROM, TO = "2024-01-01", "2024-12-31"
_ROOT: Final = Path(__file__).parents[1]
_RATIOS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "plan-completion": ("targets-completed", ("targets",)),
    "satisfaction": ("good-ratings", ("ratings",)),
    "timeliness": ("in-time", ("decided", "overdue-licences")),
    "error-rate": ("faulty", ("decided",)),
    "closure": ("closed", ("closed", "overdue-enforcement")),
    "revocation": ("overturned", ("decisions",)),
    **{
        f"every-{name}": (name, ("actions",))
        for name in ("responsible", "basis", "evidence", "supervisor", "result")
    },
}
"""Numerator and denominator of each indicator, in the peers' measures."""


GROWN = "kaoji score, grown by 1 % since"


def score_cold(actions: int) -> Figures:
    """`kaoji score` of all staff, eleven indicators, from a store on disk; the peers' scripts on Parquet.

    The peers sum up the same from a table in case order that was prepared for them, corrections applied. Ours
    counts from the case files that the first command kept; it is measured too, and so is one that keeps nothing,
    and one after the ledger has grown. Each is a fresh process; the files are in the page cache.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = _written(folder, actions)
        size = made_cases(actions, tables_in=folder, whole=True).cases.actions.size
        gc.collect()
        ways: dict[str, Callable[[], object]] = {
            "kaoji score": lambda: _kaoji(folder, "all"),
            GROWN: lambda: _kaoji(folder, "before"),
        }
        # Small runs are for the equality of the answers; the engines of Polars run the same queries.
        engines = ("polars-streaming", "polars-in-memory", "duckdb")
        for engine in engines if actions >= 100_000 else engines[::2]:
            ways[engine] = lambda engine=engine: _peer(engine, folder, actions)  # type: ignore[misc]  # a default binds it
        printed = _kaoji(folder, "all")
        assert _kaoji(folder, "before") == printed, f"equal answers first: grown from {known}"
        ours = _parsed(printed)
        for engine in list(ways)[2:]:
            assert np.array_equal(_ratios(_peer(engine, folder, actions)), ours), f"equal answers first: {engine}"
        figures = by_turns(ways, items=size, rounds=3 if actions >= 1_000_000 else 1, warm=True)
        figures |= _derived(folder, size, printed)
        stored = (folder / "kaoji.db").stat().st_size
        parquet = sum(each.stat().st_size for each in folder.glob("*.parquet"))
        kept = sum(each.stat().st_blocks * 512 for each in (folder / "all").rglob("*.kept"))
    seconds = [float(figures[f"{each}: seconds"]) for each in ways]
    return figures | {
        "kaoji score against the fastest peer": min(seconds[2:]) / seconds[0],
        f"{GROWN} against the fastest peer": min(seconds[2:]) / seconds[1],
        "bytes of the store": stored,
        "bytes of the kept files": kept,
        "bytes of the peers' Parquet": parquet,
    }


def _written(folder: Path, actions: int) -> int:
    """A store that grew by a hundredth after a command had kept its files; how many actions these hold."""
    history = made_history(actions, whole=True)
    before = history.position * 100 // 101
    write_store(folder, history, upto=before)
    _kaoji(folder, "before")
    grow_store(folder, history, before, history.position)
    return before


def _derived(folder: Path, size: int, printed: str) -> Figures:
    """The first command, which keeps its files, and one that keeps none."""

    def first() -> str:
        shutil.rmtree(folder / "first", ignore_errors=True)
        return _kaoji(folder, "first")

    assert _kaoji(folder, "none") == printed, "equal answers first: nothing kept"
    ways: dict[str, Callable[[], object]] = {
        "kaoji score, nothing kept": lambda: _kaoji(folder, "none"),
        "kaoji score, the first": first,
    }
    return by_turns(ways, items=size, rounds=1, warm=True)


def _kaoji(folder: Path, kept: str) -> str:
    """The command as one would type it, and what it printed.

    `kept` is where it keeps its files, under the folder; `none` for nowhere.
    """
    command = [sys.executable, "-m", "api.cli", "--format", "csv", "score", "--policy", "synthetic"]
    cache = kept if kept == NOWHERE else str(folder / kept)
    named = {"KAOJI_STORE": settings_in(folder).store, "KAOJI_KEYS": str(folder / "keys.db"), "KAOJI_CACHE": cache}
    done = subprocess.run(
        [*command, "--from", FROM, "--to", TO, "--by", "staff"],
        check=True, capture_output=True, text=True, cwd=_ROOT, env=os.environ | named,
    )  # fmt: skip
    return done.stdout


def _parsed(printed: str) -> NDArray[np.int64]:
    """Numerators and denominators in millionths, of everybody that a table named."""
    rows = list(csv.DictReader(printed.splitlines()))
    place = {person: number for number, person in enumerate(staff_words(world(10**9)))}
    found = np.zeros((len(place), 2 * len(_RATIOS)), np.int64)
    for row in rows:
        sums = [part for code in _RATIOS for part in row[code].split("/")]
        found[place[row["subject"]]] = [int(Decimal(each) * 1_000_000) for each in sums]
    return found


def _peer(engine: str, folder: Path, actions: int) -> NDArray[np.int64]:
    """A peer's script; what it summed up is read from the file that it wrote."""
    out = folder / "answer.npy"
    subprocess.run(
        [sys.executable, "-m", "benchmarks.peers_cold", engine, str(folder), str(world(actions).staff), str(out)],
        check=True, cwd=_ROOT,
    )  # fmt: skip
    found: NDArray[np.int64] = np.load(out)
    return found


def _ratios(sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numerators and denominators by the peers' sums, for as many staff as there can be."""
    column = {name: sums[:, number] for number, name in enumerate(MEASURES)}
    found = np.zeros((world(10**9).staff, 2 * len(_RATIOS)), np.int64)
    for number, (numerator, denominators) in enumerate(_RATIOS.values()):
        found[: len(sums), 2 * number] = column[numerator]
        found[: len(sums), 2 * number + 1] = sum(column[each] for each in denominators)
    return found
