"""The conditions of an audit: what each says of rows, and where the index has the rows for which it can hold."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.actions.types import ACTION_TYPES
from domain.directory import Directory
from domain.zones import Zone
from projections.audit.index import STAFF_ROLES, UNIT_TYPES, AuditIndex, utc_day
from projections.audit.postings import CodeRange, CodeSet, OneCode, Postings, Rows, Wanted
from projections.audit.views import At, Mask, View
from projections.history.columns import History
from projections.history.rows import subject_word

ASKED_MAX = 256
"""Units whose subtrees are kept at hand."""
DAYS_ALL = 10_000_000
"""Further than any day of an action from 1970-01-01."""


class Condition(Hashable, Protocol):
    """One thing that an audit asks for."""

    @property
    def exact(self) -> bool:
        """Whether it holds for every row that is looked up for it."""

    def holds(self, view: View, at: At) -> Mask:
        """For each of these rows, whether it is as asked."""

    def looked_up(self, index: AuditIndex) -> Sequence[tuple[Postings, Wanted]]:
        """The postings in which each row stands for which it holds; in none if it can hold for no row."""


@dataclass(frozen=True, eq=False)
class OfType:
    """The type is one of these."""

    table: Mask
    """By code of a type."""

    exact: ClassVar[bool] = True

    @staticmethod
    def like(pattern: str) -> OfType:
        """A name, or the beginning of names with * at its end."""
        table = np.zeros(256, np.bool_)
        for name, kind in ACTION_TYPES.items():
            table[kind.code] = name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
        return OfType(table)

    def holds(self, view: View, at: At) -> Mask:
        """By the table."""
        return self.table[view.columns["type"][at]]

    def looked_up(self, index: AuditIndex) -> Sequence[tuple[Postings, Wanted]]:
        """The postings of types."""
        return [(index.type, CodeSet(self.table))]


@dataclass(frozen=True)
class AtTime:
    """It happened in [from_time, to_time), in microseconds; None leaves an end open."""

    from_time: int | None
    to_time: int | None

    exact: ClassVar[bool] = False

    def holds(self, view: View, at: At) -> Mask:
        """By comparison."""
        time = view.columns["time"][at]
        if self.from_time is None:
            return np.asarray(time < self.to_time)
        if self.to_time is None:
            return np.asarray(time >= self.from_time)
        return np.asarray((time >= self.from_time) & (time < self.to_time))

    def looked_up(self, index: AuditIndex) -> Sequence[tuple[Postings, Wanted]]:
        """The postings of days in UTC, the days at both ends as a whole."""
        first = -DAYS_ALL if self.from_time is None else utc_day(self.from_time)
        last = DAYS_ALL if self.to_time is None else utc_day(self.to_time - 1)
        return [(index.day, CodeRange(first, last))]


@dataclass(frozen=True)
class OfStaff:
    """A person is in it in any role, has a share in it, or is what it is about. -1 is a code that nobody has."""

    staff: int
    subject: int

    exact: ClassVar[bool] = True

    @staticmethod
    def named(name: str, history: History) -> OfStaff:
        """The person of that id."""
        return OfStaff(
            history.words["staff"].find(name), history.words["subject"].find(subject_word("staff", name))
        )

    def holds(self, view: View, at: At) -> Mask:
        """By all roles, the shares and the subject."""
        subject = view.columns["subject"][at]
        found: Mask = subject == self.subject if self.subject >= 0 else np.zeros(subject.size, np.bool_)
        if self.staff >= 0:
            for role in STAFF_ROLES:
                found |= view.columns[role][at] == self.staff
            found |= view.with_share(self.staff, at)
        return found

    def looked_up(self, index: AuditIndex) -> Sequence[tuple[Postings, Wanted]]:
        """The postings of staff, and those of subjects."""
        return [(index.staff, OneCode(self.staff)), (index.subject, OneCode(self.subject))]


@dataclass(frozen=True, eq=False)
class OfUnit:
    """It is of a unit, or about one, that stood below the unit asked for, or is it, on the day of the action."""

    zone: Zone
    epochs: NDArray[np.int32]
    below: Mask
    """By number of epochs begun and code of the unit; the last column is for actions without one."""
    subjects: NDArray[np.int64]
    """Codes of the units as subjects, rising."""
    subjects_below: Mask
    """By number of epochs begun and index into `subjects`."""

    exact: ClassVar[bool] = False

    def holds(self, view: View, at: At) -> Mask:
        """By the tree of the day. Days are worked out only for rows that can be meant."""
        unit = view.columns["unit"][at]
        about = UNIT_TYPES[view.columns["type"][at]]
        found: Mask = self._ever[unit] | about
        rows = np.flatnonzero(found)
        if self.epochs.size:
            epoch = np.searchsorted(self.epochs, self.zone.day_of(view.columns["time"][at][rows]), "right")
        else:
            epoch = np.zeros(rows.size, np.intp)
        found[rows] = self.below[epoch, unit[rows]]
        which = np.flatnonzero(about[rows])
        if which.size and self.subjects.size:
            subject = view.columns["subject"][at][rows[which]]
            place = np.minimum(np.searchsorted(self.subjects, subject), self.subjects.size - 1)
            found[rows[which]] |= self.subjects_below[epoch[which], place] & (self.subjects[place] == subject)
        return found

    def looked_up(self, index: AuditIndex) -> Sequence[tuple[Postings, Wanted]]:
        """The postings of units: those ever below, and all actions about units."""
        return [(index.unit, CodeSet(np.concatenate([[True], self._ever[:-1]])))]

    @cached_property
    def _ever(self) -> Mask:
        return np.asarray(self.below.any(axis=0))


@dataclass(frozen=True, eq=False)
class UnitTree:
    """The directory's tree as arrays: for each epoch which unit stands above which."""

    zone: Zone
    epochs: NDArray[np.int32]
    names: dict[str, int]
    """The codes of units in the history come first, then units that only the directory knows."""
    parents: NDArray[np.int32]
    """By number of epochs begun and unit; one beyond the last where there is none above."""
    coded: int
    subjects: NDArray[np.int64]
    subject_units: Rows
    """The unit that each of `subjects` is."""
    _asked: dict[str, OfUnit] = field(default_factory=dict)

    @staticmethod
    def of(history: History, directory: Directory, zone: Zone) -> UnitTree:
        """The tree for the units that history and directory know."""
        coded = history.words_of("unit")
        epochs = directory.epochs()
        days = [epochs[0] - 1 if epochs else 0, *epochs]
        names = dict.fromkeys([*coded, *directory.units(-DAYS_ALL, DAYS_ALL)])
        for name in list(names):
            names |= dict.fromkeys(above for day in days if (above := directory.parent(name, day)) is not None)
        numbers = {name: number for number, name in enumerate(names)}
        none = len(numbers)
        parents = np.full((len(days), none + 1), none, np.int32)
        for epoch, day in enumerate(days):
            for name, number in numbers.items():
                above = directory.parent(name, day)
                if above is not None:
                    parents[epoch, number] = numbers[above]
        words = history.words["subject"]
        pairs = sorted((words.find(subject_word("unit", name)), number) for name, number in numbers.items())
        known = np.array([pair for pair in pairs if pair[0] >= 0], np.int64).reshape(-1, 2)
        return UnitTree(zone, np.array(epochs, np.int32), numbers, parents, len(coded), known[:, 0], known[:, 1])

    def below(self, unit: str, history: History) -> OfUnit:
        """The condition for a unit with all below it."""
        if unit not in self.names:
            return self._unheard_of(unit, history)
        found = self._asked.get(unit)
        if found is None:
            if len(self._asked) >= ASKED_MAX:
                self._asked.clear()
            found = self._asked[unit] = self._condition(self.names[unit])
        return found

    def _unheard_of(self, unit: str, history: History) -> OfUnit:
        """One that nothing is below, since the actions about it, if any, are voided."""
        code, epochs = history.words["subject"].find(subject_word("unit", unit)), self.parents.shape[0]
        subjects = np.array([code] if code >= 0 else [], np.int64)
        below = np.zeros((epochs, self.coded + 1), np.bool_)
        return OfUnit(self.zone, self.epochs, below, subjects, np.ones((epochs, subjects.size), np.bool_))

    def _condition(self, unit: int) -> OfUnit:
        epoch = np.arange(self.parents.shape[0])[:, np.newaxis]
        below: Mask = np.zeros(self.parents.shape, np.bool_)
        below[:, unit] = True
        while True:  # One level more each time; the directory lets no circle close.
            more = below | below[epoch, self.parents]
            if np.array_equal(more, below):
                break
            below = more
        return OfUnit(
            self.zone,
            self.epochs,
            below[:, np.array([*range(self.coded), below.shape[1] - 1])],
            self.subjects,
            below[:, self.subject_units],
        )
