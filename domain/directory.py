"""Units and staff as of any day: who stood above whom, who worked where, and what they were called."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from domain.zones import Zone

Value = TypeVar("Value")


class DirectoryAction(NamedTuple):
    """One effective `unit.*` or `staff.*` action: corrected, and not voided."""

    position: int
    type: str
    subject: str
    occurred_at: int
    sequence: int | None
    source: str
    id: str
    data: Mapping[str, Any]


class Directory:
    """A function of the set of actions it was folded from, whatever order they come in.

    What holds on a day is what holds at its end. A parent need not have been opened itself to be a parent. A
    day of closing or leaving is still a day of being open or in post. `without_effect` holds the positions of
    moves and openings whose parent would have closed a circle, `actions` what it was folded from.
    """

    def __init__(self) -> None:
        self.without_effect: tuple[int, ...] = ()
        self.actions: tuple[DirectoryAction, ...] = ()
        self._units: dict[str, _Unit] = {}
        self._staff: dict[str, _Person] = {}
        self._epochs: list[int] = []
        self._ancestors: dict[tuple[str, int], tuple[str, ...]] = {}

    @staticmethod
    def fold(actions: Iterable[DirectoryAction], zone: Zone) -> Directory:
        """The directory that these actions make, taken in the contract's order of actions."""
        directory, refused = Directory(), []
        day: int | None = None
        directory.actions = tuple(sorted(actions, key=_order))
        instants = np.array([action.occurred_at for action in directory.actions], np.int64)
        for action, found in zip(directory.actions, zone.day_of(instants).tolist(), strict=True):
            # Where clocks went back over midnight a day returns for an hour; an order of actions does not.
            day = found if day is None else max(day, found)
            if action.type.startswith("unit."):
                if not directory._fold_unit(action, day):
                    refused.append(action.position)
            elif action.type.startswith("staff."):
                directory._fold_staff(action, day)
        directory.without_effect = tuple(sorted(refused))
        changed = {day for unit in directory._units.values() for day in unit.parent.days}
        directory._epochs = sorted(changed)
        return directory

    def parent(self, unit: str, day: int) -> str | None:
        """The unit above on that day, or None for one that stands alone or that nobody named."""
        known = self._units.get(unit)
        return None if known is None else known.parent.at(day)

    def parents(self, unit: str) -> list[str]:
        """Every unit that stood right above it on some day, in order of the days."""
        known = self._units.get(unit)
        return [] if known is None else [each for each in known.parent.values if each is not None]

    def ancestors(self, unit: str, day: int) -> tuple[str, ...]:
        """The unit itself, then every unit above it on that day, the nearest first."""
        key = (unit, bisect_right(self._epochs, day))
        found = self._ancestors.get(key)
        if found is None:
            chain: list[str] = []
            at: str | None = unit
            while at is not None:
                assert at not in chain, "fold lets no circle close"
                chain.append(at)
                at = self.parent(at, day)
            found = self._ancestors[key] = tuple(chain)
        return found

    def epochs(self) -> list[int]:
        """Days, in order, from whose end on the tree differs from the day before."""
        return list(self._epochs)

    def unit_of(self, staff: str, day: int) -> str | None:
        """Where that person works at the end of the day; None before joining, after leaving, or if unsaid."""
        known = self._staff.get(staff)
        return None if known is None else known.unit.at(day)

    def post(self, staff: str, day: int) -> str | None:
        """The post that the last joining or assignment named."""
        known = self._staff.get(staff)
        return None if known is None else known.post.at(day)

    def competence(self, staff: str, day: int) -> str | None:
        """The competence grade (能级) that the last joining or assignment named."""
        known = self._staff.get(staff)
        return None if known is None else known.competence.at(day)

    def title(self, code: str, day: int) -> str | None:
        """What the unit (else the person) of that code is called; renaming changes it from that day on."""
        known: _Unit | _Person | None = self._units.get(code) or self._staff.get(code)
        return None if known is None else known.title.at(day)

    def units(self, day_from: int, day_to: int) -> list[str]:
        """Units open on any day of the period, by code."""
        return sorted(code for code, unit in self._units.items() if unit.present.overlaps(day_from, day_to))

    def staff(self, day_from: int, day_to: int) -> list[str]:
        """Staff in post on any day of the period, by id."""
        return sorted(code for code, one in self._staff.items() if one.present.overlaps(day_from, day_to))

    def _fold_unit(self, action: DirectoryAction, day: int) -> bool:
        """Whether all of the action took effect."""
        unit = self._units.get(action.subject)
        if unit is None:
            unit = self._units[action.subject] = _Unit()
        if action.type == "unit.closed":
            unit.present.end(day)
            return True
        if action.type == "unit.opened" or not unit.present.spans:
            unit.present.begin(day)
        unit.title = _set(unit.title, day, action.data.get("title"))
        parent = action.data.get("parent")
        if parent is None or action.type == "unit.renamed":
            return True
        if self._closes_circle(action.subject, parent):
            return False
        unit.parent.put(day, parent)
        return True

    def _closes_circle(self, unit: str, parent: str) -> bool:
        at: str | None = parent
        while at is not None and at != unit:
            known = self._units.get(at)
            at = None if known is None else known.parent.last
        return at is not None

    def _fold_staff(self, action: DirectoryAction, day: int) -> None:
        person = self._staff.get(action.subject)
        if person is None:
            person = self._staff[action.subject] = _Person()
        if action.type == "staff.left":
            person.present.end(day)
            person.unit.put(day, None)
            return
        person.present.begin(day)
        data = action.data
        unit = data.get("to_unit")
        person.unit = _set(person.unit, day, data.get("unit") if unit is None else unit)
        person.title = _set(person.title, day, data.get("title"))
        person.post = _set(person.post, day, data.get("post"))
        person.competence = _set(person.competence, day, data.get("competence"))


class _Timeline(msgspec.Struct, Generic[Value]):
    """A value by day: `values[i]` holds from the end of `days[i]`, and no two neighbours are equal."""

    days: list[int] = []  # msgspec makes a new one each time
    values: list[Value | None] = []

    @property
    def last(self) -> Value | None:
        return self.values[-1] if self.values else None

    def at(self, day: int) -> Value | None:
        found = bisect_right(self.days, day)
        return self.values[found - 1] if found else None

    def put(self, day: int, value: Value | None) -> None:
        if self.days and self.days[-1] == day:
            self.days.pop()
            self.values.pop()
        if value != self.last:
            self.days.append(day)
            self.values.append(value)


class _Presence(msgspec.Struct):
    """Spans of days, both ends inclusive; the last one may be open."""

    spans: list[tuple[int, int | None]] = []

    def begin(self, day: int) -> None:
        if not self.spans or self.spans[-1][1] is not None:
            self.spans.append((day, None))

    def end(self, day: int) -> None:
        if self.spans and self.spans[-1][1] is None:
            self.spans[-1] = (self.spans[-1][0], day)

    def overlaps(self, day_from: int, day_to: int) -> bool:
        return any(begun <= day_to and (ended is None or ended >= day_from) for begun, ended in self.spans)


_UNSAID: Final[_Timeline[str]] = _Timeline()
"""Of what nobody stated, for all: most people have no title, and there are very many."""


class _Unit(msgspec.Struct):
    parent: _Timeline[str] = msgspec.field(default_factory=_Timeline)
    title: _Timeline[str] = msgspec.field(default_factory=lambda: _UNSAID)
    present: _Presence = msgspec.field(default_factory=_Presence)


class _Person(msgspec.Struct):
    unit: _Timeline[str] = msgspec.field(default_factory=_Timeline)
    title: _Timeline[str] = msgspec.field(default_factory=lambda: _UNSAID)
    post: _Timeline[str] = msgspec.field(default_factory=lambda: _UNSAID)
    competence: _Timeline[str] = msgspec.field(default_factory=lambda: _UNSAID)
    present: _Presence = msgspec.field(default_factory=_Presence)


def _set(timeline: _Timeline[str], day: int, value: str | None) -> _Timeline[str]:
    """The timeline with a value from a day on; a field that an action does not state leaves what was."""
    if value is None:
        return timeline
    own: _Timeline[str] = _Timeline() if timeline is _UNSAID else timeline
    own.put(day, value)
    return own


def _order(action: DirectoryAction) -> tuple[int, int, int, str, str]:
    sequenced = action.sequence is not None
    return action.occurred_at, int(sequenced), action.sequence or 0, action.source, action.id
