"""Find what was recorded about the units that a case counts for: its own, and those that ever stood above them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from domain.actions.types import ACTION_TYPES
from domain.directory import Directory
from projections.tallies.excerpt import CaseRows

_UNIT_TYPES = [kind.code for name, kind in ACTION_TYPES.items() if name.startswith("unit.")]


class UnitActions:
    """Positions of actions about units above `first`, up to the position that `cases` reach.

    A case moves in the tree only by what was said of a unit on its way up, as that was before or as it is now.
    """

    def __init__(self, cases: CaseRows, directories: Sequence[Directory], *, first: int) -> None:
        self._cases, self._directories, self._first = cases, directories, first
        self._behind: dict[int, Sequence[int]] = {}

    def any(self) -> bool:
        """Whether there are any at all."""
        return bool(self._by_unit)

    def behind(self, case: int) -> Sequence[int]:
        """Those that may have moved a case, given by its code in `subject`."""
        if case not in self._behind:
            above = self._ever_above(self._units_of(case))
            found = {position for unit in above for position in self._by_unit.get(unit, ())}
            self._behind[case] = sorted(found)
        return self._behind[case]

    @cached_property
    def _by_unit(self) -> dict[str, set[int]]:
        """By unit: the actions about it, and what corrects or voids one of them."""
        rows, words = self._cases.history.rows, self._cases.history.words_of("subject")
        found: dict[str, set[int]] = defaultdict(set)
        for row in np.flatnonzero(np.isin(rows["type"], _UNIT_TYPES)).tolist():
            linked = {row, *self._cases.linked(np.array([row])).tolist()}
            if new := {each + 1 for each in linked if each >= self._first}:
                found[words[int(rows["subject"][row])].partition(":")[2]] |= new
        return found

    def _units_of(self, case: int) -> set[str]:
        """Every unit that an action of the case names, as it was sent or as it was corrected."""
        part = self._cases.excerpt(self._cases.rows_of(np.array([case], np.int32)))
        codes = np.union1d(part.rows["unit"], part.amended["unit"])
        words = self._cases.history.words_of("unit")
        return {words[code] for code in codes[codes >= 0].tolist()}

    def _ever_above(self, units: Iterable[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(units)
        while waiting:
            unit = waiting.pop()
            if unit not in found:
                found.add(unit)
                waiting += [parent for each in self._directories for parent in each.parents(unit)]
        return found
