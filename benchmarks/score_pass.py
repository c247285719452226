"""Fold a resident history into contributions, beside Polars and DuckDB counting one indicator of the six."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl

from benchmarks.given import recorded
from benchmarks.measuring import Figures, by_turns
from domain.cases import FIRST_OWN, LAST_OWN, OVERTURNED, Cases, Role
from domain.directory import Directory
from domain.fold import fold
from domain.policy import load_policy
from domain.populations import Population, cells_with
from domain.tally import WHOLE
from projections.case_files import case_files
from projections.tallies import count


def score_pass(actions: int) -> Figures:
    """All measures of all cases in memory. The peers count decisions made and how many reviews overturned,
    by unit and day: a part of one indicator, since the rest cannot be said in a group-by."""
    with recorded(actions) as kaoji:
        history = kaoji.history()
    context = load_policy("gx-2012").context()
    counted = count(history, context)
    cases = counted.files.cases
    first, last = int(cases.actions.day.min()), int(cases.actions.day.max())
    sums = counted.sums(Directory(), from_day=first, to_day=last, by="all")
    expected = (
        int(sums.cells[0, cells_with(Population.DECISION)].sum()) // WHOLE,
        int(sums.cells[0, cells_with(Population.DECISION, having=["overturned"])].sum()) // WHOLE,
    )
    frame = _frame(cases)
    table = duckdb.connect()
    table.register("actions", frame.to_arrow())

    def with_polars() -> tuple[int, int]:
        found = (
            frame.lazy()
            .filter(pl.col("role").is_in(_DECISIONS))
            .group_by("unit", "day")
            .agg(pl.len().alias("made"), pl.col("overturned").sum())
            .select(pl.col("made").sum(), pl.col("overturned").sum())
            .collect(engine="streaming")
        )
        return tuple(found.row(0))

    def with_duckdb() -> tuple[int, int]:
        found = table.execute(
            "SELECT sum(made)::int, sum(overturned)::int FROM (SELECT unit, day, count(*) AS made, "
            "sum(overturned::int) AS overturned FROM actions WHERE role IN (8, 9, 12, 13) GROUP BY unit, day)"
        ).fetchone()
        assert found is not None
        return found[0], found[1]

    assert with_polars() == with_duckdb() == expected, "equal answers first"
    return by_turns(
        {
            "all measures": lambda: counted.sums(Directory(), from_day=first, to_day=last, by="staff"),
            "every contribution": lambda: fold(cases, counted.rules),
            "Polars, one indicator": with_polars,
            "DuckDB, one indicator": with_duckdb,
            "case order from columns": lambda: case_files(history, context.zone),
        },
        items=cases.actions.size,
    )


_DECISIONS = [int(role) for role in (Role.GRANTED, Role.REFUSED, Role.PENALISED, Role.DISMISSED)]


def _frame(cases: Cases) -> pl.DataFrame:
    """The peers get what they need as columns, units looked up per case beforehand."""
    own = (cases.actions.role >= FIRST_OWN) & (cases.actions.role <= LAST_OWN)
    case = np.repeat(np.arange(cases.starts.size - 1), np.diff(cases.starts))
    roles, overturned = cases.actions.role, (cases.actions.marks & OVERTURNED) != 0
    for review in np.flatnonzero(roles == Role.ADVERSE_REVIEW).tolist():
        before = [row for row in range(int(cases.starts[case[review]]), review) if roles[row] in _DECISIONS]
        if before:
            overturned[before[-1]] = True
    return pl.DataFrame(
        {
            "case": case[own],
            "role": cases.actions.role[own],
            "day": cases.actions.day[own],
            "unit": cases.actions.unit[own],
            "overturned": overturned[own],
        }
    )
