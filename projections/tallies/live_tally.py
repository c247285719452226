"""Keep the tally of a context up with the history: a batch costs what the cases cost that it touches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Final

import numpy as np

from domain.directory import Directory
from domain.measuring.contributions import Contributions
from domain.measuring.counting import Period, count_tally
from domain.measuring.limits import Rules
from domain.measuring.rollup import By, roll_up, sizes_for, trees_of
from domain.measuring.sums import Sums
from domain.measuring.tally import Tally
from domain.measuring.tally_table import TallyTable
from domain.rules.context import Context
from domain.threads import at_once, dealt, processors
from projections.history.columns import History
from projections.tallies.case_chains import CaseChains
from projections.tallies.case_changes import CaseChanges
from projections.tallies.chain_rows import Codes
from projections.tallies.excerpt import CaseRows
from projections.tallies.tallies import rules_for

ROWS_AT_ONCE: Final = 1 << 20
"""A longer stretch is followed piece by piece, so that it takes no more memory than this many rows do."""

CASES_AT_ONCE_MIN: Final = 500
"""Fewer cases are not worth another thread."""


class LiveTally:
    """What all actions up to a position count for, under one context; resident and derived, never stored.

    For the cases that new actions touch (their own, and those entered or left by a reference that resolves) it
    takes away what they counted for and adds what they count for now. So it equals a count from the beginning,
    whatever the batches were.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._begin()

    def _begin(self) -> None:
        self.cases = CaseRows()
        self._chains = CaseChains()
        self._table = TallyTable()
        self._adding = Lock()
        self._hands = [CaseChanges() for _ in range(processors())]
        self._rules: tuple[tuple[int, ...], Rules] | None = None
        self._history: History | None = None

    @property
    def history(self) -> History:
        """The history that it follows."""
        assert self._history is not None, "a tally follows a history before it is asked"
        return self._history

    @property
    def position(self) -> int:
        """The last position that is counted."""
        return self._chains.position

    def follow(self, history: History) -> None:
        """Count what the history has beyond the position reached.

        If that fails, nothing is counted any more: the next time begins at the beginning.
        """
        if history.position < self.position:
            return
        try:
            for end in range(self.position + ROWS_AT_ONCE, history.position, ROWS_AT_ONCE):
                self._follow(history.upto(end))
            self._follow(history)
        except BaseException:
            self._begin()
            raise

    def _follow(self, history: History) -> None:
        begin = self.position
        self._history = history
        self.cases.grow(history)
        rules = self._rules_for(history)
        news = self._chains.news(history, self.cases)
        gone = [told.copy() for told in self._told(0, news.changed, rules, since=0)]
        touched = self._chains.take(history, news)
        # In all others new rows only came to those that were there.
        others = np.delete(touched, np.searchsorted(touched, news.changed))
        self._count(gone, [(news.changed, 0), (others, begin)], rules)

    def _count(self, gone: Sequence[Contributions], stretches: Sequence[tuple[Codes, int]], rules: Rules) -> None:
        """Take away what is gone, and add what the cases of some subjects count for, less what they counted for as
        of a position.

        Cases do not know of each other, and sums are integers: each thread takes some, and adds as it comes.
        """
        hands = max(1, min(len(self._hands), sum(each.size for each, _ in stretches) // CASES_AT_ONCE_MIN))
        dealt_out = [(dealt(subjects, hands), since) for subjects, since in stretches]

        def count(hand: int) -> None:
            for told in gone[hand::hands]:
                self._add(told, sign=-1)
            for parts, since in dealt_out:
                for told in self._told(hand, parts[hand], rules, since=since):
                    self._add(told)

        at_once(count, range(hands))

    def _told(self, hand: int, subjects: Codes, rules: Rules, *, since: int) -> Iterator[Contributions]:
        zone, to_instant = self.context.zone, self.context.due_precision == "instant"
        return self._hands[hand].told(
            subjects, self._chains, self.history, rules, zone, to_instant=to_instant, since=since
        )

    def _add(self, told: Contributions, *, sign: int = 1) -> None:
        with self._adding:
            self._table.add(told, sign=sign)

    def _rules_for(self, history: History) -> Rules:
        known = tuple(len(history.words_of(name)) for name in ("procedure", "reason", "step"))
        if self._rules is None or self._rules[0] != known:
            self._rules = known, rules_for(history, self.context)
        return self._rules[1]

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
