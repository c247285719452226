"""Score everybody over a year from resident case files, beside Polars and DuckDB on the same actions."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import peers_duckdb, peers_polars
from benchmarks.made_cases import made_cases, read_tables
from benchmarks.measuring import Figures, by_turns
from benchmarks.ours import ours
from benchmarks.peer_tables import Answer, PeerTables
from benchmarks.peers_polars import Way
from benchmarks.synthetic import FROM_DAY, TO_DAY

IN_MEMORY_MAX: Final = 20_000_000
"""With more actions the peers read Parquet, and Polars' in-memory engine is left out: they would not fit."""

COPIED_MAX: Final = 1 << 29


def score_pass(actions: int) -> Figures:
    """All six indicators and the five everys, for all staff and all procedures, over one year of several."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = made_cases(actions, tables_in=folder)
        size, held = made.cases.actions.size, made.bytes_held
        expected = ours(made)
        assert expected.staff.any(), "something is counted"
        asked = {"staff": made.staff, "procedures": made.procedures, "from_day": FROM_DAY, "to_day": TO_DAY}
        mine: dict[str, Way] = {"ours": lambda: ours(made)}
        if actions <= IN_MEMORY_MAX:
            peers = _resident_peers(read_tables(folder, made.staff), asked)
            _assert_equal(peers, expected)
            figures = by_turns(mine | peers, items=size, rounds=9, warm=True)
        else:
            figures = by_turns(mine, items=size, rounds=3, warm=True)
            mine.clear()
            del made  # one after the other, or they would not fit
            peers = _peers_on_parquet(folder, asked)
            _assert_equal(peers, expected)
            figures |= by_turns(peers, items=size, rounds=1, warm=True)
    seconds = float(figures["ours: seconds"])
    copied = copy_seconds(held)
    return figures | {
        "ours against the fastest peer": min(float(figures[f"{peer}: seconds"]) for peer in peers) / seconds,
        "bytes read by a pass": held,
        "copying these bytes: seconds": copied,
        "share of the memory's bandwidth": copied / seconds,
    }


def _assert_equal(peers: Mapping[str, Way], expected: Answer) -> None:
    for peer, way in peers.items():
        assert way() == expected, f"equal answers first: {peer}"


def _resident_peers(tables: PeerTables, asked: Mapping[str, int]) -> dict[str, Way]:
    frames, database = peers_polars.lazy(tables), peers_duckdb.resident(tables)
    return {
        "Polars, streaming": lambda: peers_polars.score(frames, **asked, engine="streaming"),
        "Polars, in memory": lambda: peers_polars.score(frames, **asked, engine="in-memory"),
        "DuckDB": lambda: peers_duckdb.score(database, **asked),
    }


def _peers_on_parquet(folder: Path, asked: Mapping[str, int]) -> dict[str, Way]:
    frames, database = peers_polars.scanned(str(folder)), peers_duckdb.scanned(str(folder))
    return {
        "Polars, streaming Parquet": lambda: peers_polars.score(frames, **asked, engine="streaming"),
        "DuckDB on Parquet": lambda: peers_duckdb.score(database, **asked),
    }


def copy_seconds(size: int) -> float:
    """The least time in which this machine copies so many bytes, with as many threads as it has cores.

    Of more than COPIED_MAX, that of so many is scaled up.
    """
    threads, some = len(os.sched_getaffinity(0)), min(size, COPIED_MAX)
    source, target = np.ones(some, np.uint8), np.zeros(some, np.uint8)
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            started = time.perf_counter()
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), parts))
            best = min(best, time.perf_counter() - started)
    return best * size / some
