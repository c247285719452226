"""Score everybody over a year from resident case files, beside Polars and DuckDB on the same actions."""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import peers_duckdb, peers_polars
from benchmarks.made_cases import Made, made_cases, read_tables
from benchmarks.measuring import Figures, by_turns
from benchmarks.ours import ours
from benchmarks.synthetic import FROM_DAY, TO_DAY

IN_MEMORY_MAX: Final = 20_000_000
"""With more actions the peers read Parquet, and Polars' in-memory engine is left out: they would not fit."""


def score_pass(actions: int) -> Figures:
    """All six indicators and the five everys, for all staff and all procedures, over one year of several."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = made_cases(actions, tables_in=folder)
        ways: dict[str, peers_polars.Way] = {"ours": lambda: ours(made)}
        ways |= _peers(made, folder, resident=actions <= IN_MEMORY_MAX)
        expected = ours(made)
        assert expected.staff.any(), "something is counted"
        for peer, way in ways.items():
            assert way() == expected, f"equal answers first: {peer}"
        size = made.cases.actions.size
        figures = by_turns(ways, items=size, rounds=5 if actions < 5_000_000 else 3, warm=True)
    seconds = [float(figures[f"{peer}: seconds"]) for peer in ways]
    copied = copy_seconds(made.bytes_held)
    return figures | {
        "ours against the fastest peer": min(seconds[1:]) / seconds[0],
        "bytes read by a pass": made.bytes_held,
        "copying these bytes: seconds": copied,
        "share of the memory's bandwidth": copied / seconds[0],
        "cases": made.cases.starts.size - 1,
    }


def _peers(made: Made, folder: Path, *, resident: bool) -> dict[str, peers_polars.Way]:
    asked = {"staff": made.staff, "procedures": made.procedures, "from_day": FROM_DAY, "to_day": TO_DAY}
    if not resident:
        frames, database = peers_polars.scanned(str(folder)), peers_duckdb.scanned(str(folder))
        return {
            "Polars, streaming Parquet": lambda: peers_polars.score(frames, **asked, engine="streaming"),
            "DuckDB on Parquet": lambda: peers_duckdb.score(database, **asked),
        }
    tables = read_tables(folder, made.staff)
    frames, database = peers_polars.lazy(tables), peers_duckdb.resident(tables)
    return {
        "Polars, streaming": lambda: peers_polars.score(frames, **asked, engine="streaming"),
        "Polars, in memory": lambda: peers_polars.score(frames, **asked, engine="in-memory"),
        "DuckDB": lambda: peers_duckdb.score(database, **asked),
    }


def copy_seconds(size: int) -> float:
    """The least time in which this machine copies so many bytes, with as many threads as it has cores."""
    threads = len(os.sched_getaffinity(0))
    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            started = time.perf_counter()
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), parts))
            best = min(best, time.perf_counter() - started)
    return best
