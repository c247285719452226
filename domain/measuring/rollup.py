"""Roll counts up: for each person, each unit with all below it, each process, or the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from domain.directory import Directory
from domain.measuring.counting import Counts, Grid, Period, Sizes, count_tally
from domain.measuring.populations import CELLS, VALUED, Population, cells_asked
from domain.measuring.sums import Sums, Values
from domain.measuring.tally import Tally
from domain.rules.procedures import Register

By = Literal["staff", "unit", "process", "all"]

WHOLE_SUBJECT: Final = "all"
UNKNOWN_PROCESS: Final = "unknown-process"


def trees_of(directory: Directory, from_day: int, to_day: int) -> NDArray[np.int32]:
    """Number of the tree of units that stands on each day of a period, the first being 0."""
    epochs = [day for day in directory.epochs() if from_day < day <= to_day]
    return np.searchsorted(epochs, np.arange(from_day, max(from_day, to_day) + 1), side="right").astype(np.int32)


def roll_up(
    counts: Counts, period: Period, directory: Directory, register: Register,
    *, by: By, staff: Sequence[str], units: Sequence[str], procedures: Sequence[str],
) -> Sums:  # fmt: skip
    """Sums of the subjects that anything was counted for, in order of code points."""
    groups = _groups(period, directory, register, by, staff, units, procedures)
    names = sorted({name for subjects in groups for name in subjects})
    place = {name: number for number, name in enumerate(names)}
    member = np.array([code for code, subjects in enumerate(groups) for _ in subjects], np.int64)
    subject = np.array([place[name] for subjects in groups for name in subjects], np.int64)
    grid = {"staff": counts.persons, "all": counts.persons, "unit": counts.units, "process": counts.procedures}[by]
    cells = _added(grid, member, subject, len(names))
    values = {
        population: _histogram(counts, period, by, population, groups_at=(member, subject), size=len(grid))
        for population in sorted(VALUED)
    } if counts.valued.size else {}  # fmt: skip
    return _without_empty(Sums(names, cells, values))


def sums_of(tally: Tally, directory: Directory, register: Register, *, from_day: int, to_day: int, by: By) -> Sums:
    """Sums of a tally over a period, rolled up."""
    period = Period(from_day, to_day, trees_of(directory, from_day, to_day))
    counts = count_tally(
        tally.rows, period, sizes_for(by, tally.staff, tally.units, tally.procedures), with_values=True
    )
    return roll_up(
        counts, period, directory, register, by=by,
        staff=tally.staff, units=tally.units, procedures=tally.procedures,
    )  # fmt: skip


def sizes_for(by: By, staff: Sequence[str], units: Sequence[str], procedures: Sequence[str]) -> Sizes:
    """Room for what is counted by that kind of subject, and for what names none."""
    return Sizes(
        persons=len(staff) + 1 if by in ("staff", "all") else 0,
        units=len(units) + 1 if by == "unit" else 0,
        procedures=len(procedures) + 1 if by == "process" else 0,
    )


def _groups(
    period: Period, directory: Directory, register: Register, by: By,
    staff: Sequence[str], units: Sequence[str], procedures: Sequence[str],
) -> list[Sequence[str]]:  # fmt: skip
    """The subjects to which each row of a grid counts; the last row is for what names none."""
    if by == "staff":
        return [*((name,) for name in staff), ()]
    if by == "all":
        return [(WHOLE_SUBJECT,)] * (len(staff) + 1)
    if by == "process":
        return [*((register.process_of(code) or UNKNOWN_PROCESS,) for code in procedures), (UNKNOWN_PROCESS,)]
    first_days = [period.first + int(np.searchsorted(period.tree_of_day, tree)) for tree in range(period.trees)]
    return [*(directory.ancestors(unit, day) for unit in units for day in first_days), ()]


def _added(grid: Grid, member: NDArray[np.int64], subject: NDArray[np.int64], size: int) -> Grid:
    """The rows of a grid added up by subject."""
    if member.size == size and size == len(grid) - 1 and np.array_equal(member, np.arange(size)):
        cells = np.empty((size, CELLS), np.int64)
        cells[subject] = grid[:-1]
        return cells
    counted = np.flatnonzero((grid != 0).any(axis=1)[member])
    cells = np.zeros((size, CELLS), np.int64)
    np.add.at(cells, subject[counted], grid[member[counted]])
    return cells


def _histogram(
    counts: Counts, period: Period, by: By, population: Population,
    *, groups_at: tuple[NDArray[np.int64], NDArray[np.int64]], size: int,
) -> Values:  # fmt: skip
    """How often each value occurred for each subject."""
    rows = counts.valued[counts.valued["kind"] >> 8 == population].view(np.recarray)
    code: NDArray[Any]
    if by in ("staff", "all"):
        code = rows.person.astype(np.int64)
    elif by == "process":
        code = rows.procedure.astype(np.int64)
    else:
        tree = period.tree_of_day[rows.day - period.first]
        code = np.where(rows.unit >= 0, rows.unit.astype(np.int64) * period.trees + tree, -1)
    code = np.where(code < 0, size - 1, code)
    member, subject = groups_at
    order = np.argsort(member, kind="stable")
    first = np.searchsorted(member[order], code)
    many = np.searchsorted(member[order], code, "right") - first
    row = np.repeat(np.arange(len(rows)), many)
    nth = np.arange(row.size) - np.repeat(np.cumsum(many) - many, many)
    of_subject = subject[order[first[row] + nth]]
    return _values(of_subject, rows.value[row], rows.part[row])


def _values(subject: NDArray[np.int64], value: NDArray[np.int32], part: NDArray[np.int32]) -> Values:
    if not subject.size:
        return Values.none()
    order = np.lexsort((value, subject))
    subject, value = subject[order], value[order]
    starts = np.flatnonzero(np.append(True, (np.diff(subject) != 0) | (np.diff(value) != 0)))
    sums = np.add.reduceat(part[order].astype(np.int64), starts)
    kept = starts[sums != 0]
    return Values(subject[kept].astype(np.int32), value[kept], sums[sums != 0])


def counted_subjects(sums: Sums, *, asked: int) -> Sums:
    """Only subjects that a fold asked for so much would have found, of sums that hold more."""
    return _without_empty(sums, cells_asked(asked))


def _without_empty(sums: Sums, cells: NDArray[np.bool_] | None = None) -> Sums:
    """Only subjects that anything was counted for, in any cell or in some."""
    looked_at = sums.cells if cells is None else sums.cells[:, cells]
    counted: NDArray[np.bool_] = (looked_at != 0).any(axis=1)
    if counted.all():
        return sums
    renumbered = (np.cumsum(counted) - 1).astype(np.int32)
    values = {}
    for name, each in sums.values.items():
        kept = counted[each.subject]
        values[name] = Values(renumbered[each.subject[kept]], each.value[kept], each.part[kept])
    names = [name for name, is_counted in zip(sums.subjects, counted.tolist(), strict=True) if is_counted]
    return Sums(names, sums.cells[counted], values)
