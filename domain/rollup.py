"""Sum the rows of a tally for each person, each unit with all below it, each process, or the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from domain.directory import Directory
from domain.procedures import Register
from domain.tally import STOCK_MEASURES, Measure, Tally

By = Literal["staff", "unit", "process", "all"]
Sums = Mapping[int, tuple[int, int]]
"""Measure -> (numerator, denominator), in millionths; measures with nothing counted are left out."""

WHOLE_SUBJECT: Final = "all"
UNKNOWN_PROCESS: Final = "unknown-process"
_MEASURES: Final = len(Measure)
_STOCK: Final = np.isin(np.arange(_MEASURES), sorted(STOCK_MEASURES))


def roll_up(
    tally: Tally, directory: Directory, register: Register, *, from_day: int, to_day: int, by: By
) -> dict[str, Sums]:
    """Subject -> sums over the days `from_day` to `to_day`; subjects with nothing counted are left out.

    Rows of a flow count on the days of the period, and roll up by the tree of their own day; rows of a stock
    count up to its last day, and roll up by the tree of that day.
    """
    stock = _STOCK[tally.measure]
    rows = tally.take((tally.day <= to_day) & (stock | (tally.day >= from_day)))
    if by == "staff":
        return _summed(rows, rows.person, rows.staff)
    if by == "process":
        names = [register.process_of(code) or UNKNOWN_PROCESS for code in rows.procedures]
        return _summed(rows, *_recoded(rows.procedure, [*names, UNKNOWN_PROCESS]))
    if by == "all":
        return _summed(rows, np.zeros(len(rows), np.int32), [WHOLE_SUBJECT])
    return _by_unit(rows, directory, to_day)


def _summed(rows: Tally, subject: NDArray[np.int32], subjects: Sequence[str]) -> dict[str, Sums]:
    """Sums by subject code; -1 is nobody's."""
    known = subject >= 0
    if not known.all():
        rows, subject = rows.take(known), subject[known]
    cells = subject.astype(np.int64) * _MEASURES + rows.measure
    return _by_name(
        _grid(cells, rows.numerator, len(subjects)), _grid(cells, rows.denominator, len(subjects)), subjects
    )


def _by_unit(rows: Tally, directory: Directory, to_day: int) -> dict[str, Sums]:
    """First sum what shares unit and tree, then add each sum to the unit and to all above it."""
    named = rows.unit >= 0
    if not named.all():
        rows = rows.take(named)
    starts = np.asarray(directory.epochs(), np.int64)
    day = np.where(_STOCK[rows.measure], to_day, rows.day)
    trees = len(starts) + 1
    leaves, leaf = np.unique(
        rows.unit.astype(np.int64) * trees + np.searchsorted(starts, day, side="right"), return_inverse=True
    )
    cells = leaf * _MEASURES + rows.measure
    sums = [_grid(cells, column, len(leaves)) for column in (rows.numerator, rows.denominator)]
    codes: dict[str, int] = {}
    below, above = [], []
    for number, key in enumerate(leaves.tolist()):
        unit, tree = divmod(key, trees)
        # Any day of a tree will do; the first tree holds before the first change.
        day_in_tree = int(starts[tree - 1]) if tree else (int(starts[0]) - 1 if len(starts) else to_day)
        for name in directory.ancestors(rows.units[unit], day_in_tree):
            below.append(number)
            above.append(codes.setdefault(name, len(codes)))
    rolled = []
    for grid in sums:
        total = np.zeros((len(codes), _MEASURES), np.int64)
        np.add.at(total, np.asarray(above, np.intp), grid[np.asarray(below, np.intp)])
        rolled.append(total)
    return _by_name(rolled[0], rolled[1], list(codes))


def _grid(cells: NDArray[Any], values: NDArray[np.int64], subjects: int) -> NDArray[np.int64]:
    """Sums by subject and measure. np.add.at stays in int64; a weighted np.bincount would go through floats."""
    grid = np.zeros(subjects * _MEASURES, np.int64)
    np.add.at(grid, cells, values)
    return grid.reshape(subjects, _MEASURES)


def _by_name(
    numerators: NDArray[np.int64], denominators: NDArray[np.int64], subjects: Sequence[str]
) -> dict[str, Sums]:
    counted = (numerators != 0) | (denominators != 0)
    found: dict[str, dict[int, tuple[int, int]]] = {}
    where = np.nonzero(counted)
    cells = zip(
        *(part.tolist() for part in where), numerators[where].tolist(), denominators[where].tolist(), strict=True
    )
    for subject, measure, numerator, denominator in cells:
        sums = found.setdefault(subjects[subject], {})
        # A dictionary that was merged may hold one text twice.
        before = sums.get(measure, (0, 0))
        sums[measure] = (before[0] + numerator, before[1] + denominator)
    return dict(found)


def _recoded(codes: NDArray[np.int32], names: Sequence[str]) -> tuple[NDArray[np.int32], list[str]]:
    """Codes of names that may repeat, as codes of each name once; code -1 is the last name."""
    known: dict[str, int] = {}
    recode = np.array([known.setdefault(name, len(known)) for name in names], np.int32)
    return recode[codes], list(known)
