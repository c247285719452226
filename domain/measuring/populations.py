"""What can be counted: populations of things that happened or stand open, and the attributes each has or lacks.

The fold says of every member of a population which attributes it has, as bits of a *pattern*; a measure then
adds up the patterns it asks for. So a new measure needs no new fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Population(IntEnum):
    """What is counted, once for each member. The numbers stand in tallies: never change one."""

    DECISION = 0
    """Every standing grant, refusal, penalty and dismissal, on its day."""
    DECIDED = 1
    """Licence cases, on the day of their decision. Value: calendar days from the start to it, if there was one."""
    CLOSED = 2
    """Enforcement cases that were opened, on the day of their closing. Value: calendar days from the opening, if
    it came before."""
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

NO_VALUE: Final = -1
"""Value of such a member that has none, as its start is not known: it counts as a member, but sums, means and
quantiles of values leave it out."""

IN_TIME_STOCK: Final = 1 << len(Population)
"""Asks a fold also for what stands open and is not overdue; else stocks hold what is overdue only."""
CONFORMITY: Final = 1 << (len(Population) + 1)
"""Asks a fold whether cases took the required steps; else they count as not conforming."""
EVERYTHING: Final = (1 << (len(Population) + 2)) - 1
"""All that can be asked of a fold, as a set of bits: 1 << population, and the two above."""

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


def asked_for(selections: Iterable[Sequence[int]]) -> int:
    """What a fold must be asked for, so that the sums over these selections of cells come out."""
    asked = 0
    for selection in selections:
        chosen = set(selection)
        for population in Population:
            first, stop = int(FIRST_CELL[population]), int(FIRST_CELL[population + 1])
            patterns = {each - first for each in chosen if first <= each < stop}
            if patterns:
                asked |= 1 << population
            if population in STOCKS and any(not pattern & 1 for pattern in patterns):
                asked |= IN_TIME_STOCK
            if "conforming" in ATTRIBUTES[population]:
                bit = pattern_of(population, ["conforming"])
                if {pattern ^ bit for pattern in patterns} != patterns:
                    asked |= CONFORMITY
    return asked


def cells_asked(asked: int) -> NDArray[np.bool_]:
    """By cell, whether a fold that is asked for so much may count it."""
    found = np.zeros(CELLS, np.bool_)
    for population in Population:
        if asked & 1 << population:
            found[FIRST_CELL[population] : FIRST_CELL[population + 1]] = True
        if population in STOCKS and not asked & IN_TIME_STOCK:
            found[cell(population, 0)] = False
    return found


def kind_of(chosen: int) -> int:
    """Population << 8 | pattern of a cell."""
    population = int(np.searchsorted(FIRST_CELL, chosen, side="right")) - 1
    return population << 8 | (chosen - int(FIRST_CELL[population]))
