"""What the product counts, in the measures that the peers sum up too."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.made_cases import Made
from benchmarks.peer_tables import MEASURES, Answer
from benchmarks.synthetic import FROM_DAY, TO_DAY
from domain.measuring.counting import Grid, Period, Sizes, count_cases
from domain.measuring.populations import Population, asked_for, cells_with
from domain.measuring.sums import sums_over

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


def ours(made: Made, *, threads: int | None = None) -> Answer:
    """What the product counts."""
    period = Period(FROM_DAY, TO_DAY, np.zeros(TO_DAY - FROM_DAY + 1, np.int32))
    sizes = Sizes(persons=made.staff + 1, procedures=made.procedures + 1)
    counts = count_cases(made.cases, made.spans, made.rules, period, sizes, asked=ASKED, threads=threads)
    return Answer(measures_of(counts.persons[:-1]), measures_of(counts.procedures[:-1]))


def measures_of(grid: Grid) -> NDArray[np.int64]:
    """Sums of each measure for each subject."""
    return sums_over(grid, list(_CELLS.values())).T
