"""Score everybody over a year from resident case files, beside Polars and DuckDB on the same actions."""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import peers_duckdb, peers_polars
from benchmarks.made_cases import Made, made_cases, read_tables
from benchmarks.measuring import Figures, by_turns
from benchmarks.peer_tables import MEASURES, Answer
from benchmarks.synthetic import FROM_DAY, TO_DAY
from domain.counting import Grid, Period, Sizes, count_cases
from domain.populations import Population, asked_for, cells_with

IN_MEMORY_MAX: Final = 20_000_000
"""With more actions the peers read Parquet, and Polars' in-memory engine is left out: they would not fit."""

_CELLS: Final = {
    "targets": cells_with(Population.TARGET),
    "targets-completed": cells_with(Population.TARGET, having=["completed"]),
    "ratings": cells_with(Population.RATED),
    "good-ratings": cells_with(Population.RATED, having=["good"]),
    "decided": cells_with(Population.DECIDED),
    "in-time": cells_with(Population.DECIDED, having=["in-time"]),
    "faulty": cells_with(Population.DECIDED, having=["faulty"]),
    "overdue-licences": cells_with(Population.OPEN_LICENCE, having=["overdue"]),
    "closed": cells_with(Population.CLOSED),
    "overdue-enforcement": cells_with(Population.OPEN_ENFORCEMENT, having=["overdue"]),
    "decisions": cells_with(Population.DECISION),
    "overturned": cells_with(Population.DECISION, having=["overturned"]),
    "actions": cells_with(Population.ACTION),
    **{
        every: cells_with(Population.ACTION, having=[every])
        for every in ("responsible", "basis", "evidence", "supervisor", "result")
    },
}
assert tuple(_CELLS) == MEASURES, "in the peers' order"
ASKED: Final = asked_for(_CELLS.values())


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
        figures = by_turns(ways, items=size, rounds=5 if actions < 5_000_000 else 3)
    seconds = [float(figures[f"{peer}: seconds"]) for peer in ways]
    copied = copy_seconds(made.bytes_held)
    return figures | {
        "ours against the fastest peer": min(seconds[1:]) / seconds[0],
        "bytes read by a pass": made.bytes_held,
        "copying these bytes: seconds": copied,
        "share of the memory's bandwidth": copied / seconds[0],
        "cases": made.cases.starts.size - 1,
    }


def ours(made: Made, *, threads: int | None = None) -> Answer:
    """What the product counts."""
    period = Period(FROM_DAY, TO_DAY, np.zeros(TO_DAY - FROM_DAY + 1, np.int32))
    sizes = Sizes(persons=made.staff + 1, procedures=made.procedures + 1)
    counts = count_cases(made.cases, made.rules, period, sizes, asked=ASKED, threads=threads)
    return Answer(measures_of(counts.persons[:-1]), measures_of(counts.procedures[:-1]))


def measures_of(grid: Grid) -> NDArray[np.int64]:
    """Sums of each measure for each subject."""
    return np.stack([grid[:, cells].sum(axis=1) for cells in _CELLS.values()], axis=1)


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
