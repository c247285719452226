"""Keep the tally of a context up with the history: a batch costs what the cases cost that it touches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.context import Context
from domain.counting import Period, count_tally
from domain.directory import Directory
from domain.fold import Contributions, fold, fold_in_chunks
from domain.limits import Rules
from domain.rollup import By, roll_up, sizes_for, trees_of
from domain.sums import Sums
from domain.tally import Tally
from domain.tally_table import TallyTable
from projections.case_files import case_files
from projections.excerpt import CaseRows, Rows, subjects_of
from projections.history.columns import History
from projections.tallies import rules_for

ROWS_MAX = 200_000
"""More new rows than these are counted faster from the beginning than case by case."""


class LiveTally:
    """What all actions up to a position count for, under one context; resident and derived, never stored.

    For the cases that new actions touch (their own, and those entered or left by a reference that resolves) it
    takes away what they counted for and adds what they count for now. So it equals a count from the beginning,
    whatever the batches were.
    """

    def __init__(self, context: Context, *, rows_max: int = ROWS_MAX) -> None:
        self.context = context
        self.rows_max = rows_max
        self.cases = CaseRows()
        self._table = TallyTable()
        self._rules: tuple[tuple[int, ...], Rules] | None = None
        self._links = self._amended = 0
        self._history: History | None = None

    @property
    def history(self) -> History:
        """The history that it follows."""
        assert self._history is not None, "a tally follows a history before it is asked"
        return self._history

    @property
    def position(self) -> int:
        """The last position that is counted."""
        return self.cases.position

    def follow(self, history: History) -> None:
        """Count what the history has beyond the position reached."""
        begin = self.position
        self.cases.grow(history)
        self._history = history
        if history.position - begin > self.rows_max:
            self._count_anew(history)
        elif history.position > begin:
            self._count_touched(history, begin)
        self._links, self._amended = history.links["position"].size, history.amended["target"].size

    def _count_anew(self, history: History) -> None:
        self._table = TallyTable()
        files = case_files(history, self.context.zone, to_instant=self.context.due_precision == "instant")
        for chunk in fold_in_chunks(files.cases, self._rules_for(history)):
            self._table.add(chunk)

    def _count_touched(self, history: History, begin: int) -> None:
        subjects = subjects_of(history, self._touched(history, begin))
        rows = self.cases.rows_of(subjects)
        now = self.cases.excerpt(rows)
        before = now.upto(int(np.searchsorted(rows, begin)))
        rules = self._rules_for(history)
        if before.position:
            self._table.add(self._counted(before, rules, subjects), sign=-1)
        self._table.add(self._counted(now, rules, subjects))

    def _touched(self, history: History, begin: int) -> Rows:
        """New rows, those which they change, and those which hang on these."""
        links, amended = history.links, history.amended
        rows = np.unique(
            np.concatenate(
                [
                    np.arange(begin, history.position),
                    links["position"][self._links :] - 1,
                    links["target"][self._links :] - 1,
                    amended["target"][self._amended :] - 1,
                ]
            )
        )
        return np.union1d(rows, np.fromiter(self.cases.linked(rows), np.int64))

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
        words = self.history.words_of
        return self._table.tally(words("staff"), words("unit"), words("procedure"))

    def sums(self, directory: Directory, *, from_day: int, to_day: int, by: By, with_values: bool = True) -> Sums:
        """Sums over a period for every subject of a kind that anything was counted for, rolled up."""
        words = self.history.words_of
        staff, units, procedures = words("staff"), words("unit"), words("procedure")
        period = Period(from_day, to_day, trees_of(directory, from_day, to_day))
        counts = count_tally(
            self._table.places, period, sizes_for(by, staff, units, procedures), with_values=with_values
        )
        return roll_up(
            counts, period, directory, self.context.register, by=by,
            staff=staff, units=units, procedures=procedures,
        )  # fmt: skip
