"""What can be counted: populations of things that happened or stand open, and the attributes each has or lacks.

The fold says of every member of a population which attributes it has, as bits of a *pattern*; a measure then
adds up the patterns it asks for. So a new measure needs no new fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Population(IntEnum):
    """What is counted, once for each member. The numbers stand in tallies: never change one."""

    DECISION = 0
    """Every standing grant, refusal, penalty and dismissal, on its day."""
    DECIDED = 1
    """Licence cases, on the day of their decision. Value: calendar days from the start to the decision."""
    CLOSED = 2
    """Enforcement cases that were opened, on the day of their closing. Value: calendar days from the opening."""
    RATED = 3
    """The first standing rating of each case, on its day. Value: the rating, 1 to 5."""
    TARGET = 4
    """Plan targets that were not cancelled, on the day they are due."""
    ACTION = 5
    """Every action of a case, on its day."""
    OPEN_LICENCE = 6
    """Licence cases received and undecided: what stands on a day is the sum of all rows up to it."""
    OPEN_ENFORCEMENT = 7
    """Enforcement cases opened and not closed; a stock like the licences."""
    CARD = 8
    """Signals of electronic supervision, on the day they are due to be given."""


ATTRIBUTES: Final[Mapping[Population, tuple[str, ...]]] = {
    Population.DECISION: ("overturned", "penalty"),
    Population.DECIDED: ("in-time", "limit-unknown", "faulty", "rated", "conforming"),
    Population.CLOSED: ("in-time", "limit-unknown", "conforming"),
    Population.RATED: ("good",),
    Population.TARGET: ("completed",),
    Population.ACTION: ("responsible", "basis", "evidence", "supervisor", "result"),
    Population.OPEN_LICENCE: ("overdue",),
    Population.OPEN_ENFORCEMENT: ("overdue",),
    Population.CARD: ("warning", "yellow", "red"),
}
"""Names of the bits of a pattern, the lowest first."""

STOCKS: Final = frozenset({Population.OPEN_LICENCE, Population.OPEN_ENFORCEMENT})
"""Populations whose rows are +1 and -1 by day."""

VALUED: Final = frozenset({Population.DECIDED, Population.CLOSED, Population.RATED})
"""Populations whose members have a value of their own, in whole days or points."""

EVERY_POPULATION: Final = (1 << len(Population)) - 1
"""All of them, as a set of bits: 1 << population."""

FIRST_CELL: Final[NDArray[np.int64]] = np.cumsum([0, *(1 << len(names) for names in ATTRIBUTES.values())])
"""Where the patterns of each population begin among all cells; the last entry is their number."""

CELLS: Final = int(FIRST_CELL[-1])


def cell(population: int, pattern: int) -> int:
    """The cell of a population's pattern."""
    return int(FIRST_CELL[population]) + pattern


def pattern_of(population: Population, attributes: Sequence[str]) -> int:
    """The bits of these attributes."""
    names = ATTRIBUTES[population]
    return sum(1 << names.index(name) for name in attributes)


def cells_with(population: Population, *, having: Sequence[str] = (), lacking: Sequence[str] = ()) -> list[int]:
    """The cells of a population whose members have all of the one and none of the other attributes."""
    wanted, unwanted = pattern_of(population, having), pattern_of(population, lacking)
    return [
        cell(population, pattern)
        for pattern in range(1 << len(ATTRIBUTES[population]))
        if pattern & wanted == wanted and not pattern & unwanted
    ]
