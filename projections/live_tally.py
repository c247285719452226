"""Keep the tally of a context up with the history: a batch costs what the cases cost that it touches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from domain.context import Context
from domain.counting import Period, count_tally
from domain.directory import Directory
from domain.fold import Contributions, fold
from domain.limits import Rules
from domain.rollup import By, roll_up, sizes_for, trees_of
from domain.sums import Sums
from domain.tally import Tally
from domain.tally_table import TallyTable
from projections.case_files import case_files
from projections.excerpt import CaseRows, Rows, subjects_of
from projections.history.columns import History
from projections.tallies import rules_for

ROWS_AT_ONCE = 200_000
"""A long stretch of the history is taken in steps: the cases of a step are all in memory at once."""


class LiveTally:
    """What all actions up to a position count for, under one context; resident and derived, never stored.

    For the cases that new actions touch (their own, and those entered or left by a reference that resolves) it
    takes away what they counted for and adds what they count for now. So it equals a count from the beginning,
    whatever the batches were.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._cases = CaseRows()
        self._table = TallyTable()
        self._rules: tuple[tuple[int, ...], Rules] | None = None
        self._links = self._amended = 0
        self._history: History | None = None

    @property
    def position(self) -> int:
        """The last position that is counted."""
        return self._cases.position

    def follow(self, history: History) -> None:
        """Count what the history has beyond the position reached."""
        borders = [*range(self.position, history.position, ROWS_AT_ONCE), history.position]
        for begin, end in pairwise(borders):
            self._follow(history if end == history.position else history.upto(end), begin)
        self._history = history

    def _follow(self, history: History, begin: int) -> None:
        self._cases.grow(history)
        subjects = subjects_of(history, self._touched(history, begin))
        rows = self._cases.rows_of(history, subjects)
        now = self._cases.excerpt(history, rows)
        before = now.upto(int(np.searchsorted(rows, begin)))
        rules = self._rules_for(history)
        if before.position:
            self._table.add(self._counted(before, rules, subjects), sign=-1)
        self._table.add(self._counted(now, rules, subjects))

    def _touched(self, history: History, begin: int) -> Rows:
        """New rows, those which they change, and those which hang on these."""
        rows = set(range(begin, history.position))
        links, amended = history.links, history.amended
        for name in ("position", "target"):
            rows.update((links[name][self._links :] - 1).tolist())
        rows.update((amended["target"][self._amended :] - 1).tolist())
        self._links, self._amended = links["position"].size, amended["target"].size
        found = np.fromiter(rows | self._cases.linked(history, rows), np.int64)
        found.sort()
        return found

    def _rules_for(self, history: History) -> Rules:
        known = tuple(len(history.words_of(name)) for name in ("procedure", "reason", "step"))
        if self._rules is None or self._rules[0] != known:
            self._rules = known, rules_for(history, self.context)
        return self._rules[1]

    def _counted(self, excerpt: History, rules: Rules, subjects: NDArray[np.int32]) -> Contributions:
        to_instant = self.context.due_precision == "instant"
        files = case_files(excerpt, self.context.zone, to_instant=to_instant, subjects=subjects)
        return fold(files.cases, rules)

    def tally(self) -> Tally:
        """All that is counted, by day."""
        words = self._words()
        return self._table.tally(words("staff"), words("unit"), words("procedure"))

    def sums(self, directory: Directory, *, from_day: int, to_day: int, by: By, with_values: bool = True) -> Sums:
        """Sums over a period for every subject of a kind that anything was counted for, rolled up."""
        words = self._words()
        staff, units, procedures = words("staff"), words("unit"), words("procedure")
        period = Period(from_day, to_day, trees_of(directory, from_day, to_day))
        counts = count_tally(
            self._table.places, period, sizes_for(by, staff, units, procedures), with_values=with_values
        )
        return roll_up(
            counts, period, directory, self.context.register, by=by,
            staff=staff, units=units, procedures=procedures,
        )  # fmt: skip

    def _words(self) -> Callable[[str], Sequence[str]]:
        if self._history is None:
            raise AssertionError("a tally follows a history before it is asked")
        return self._history.words_of
