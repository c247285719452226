"""Derive sums from the history: what the actions known so far count for, under a context."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from domain.directory import Directory
from domain.measuring.contributions import Contributions
from domain.measuring.counting import Period, count_cases
from domain.measuring.fold import fold
from domain.measuring.limits import Rules, compile_rules
from domain.measuring.populations import EVERYTHING
from domain.measuring.rollup import By, roll_up, sizes_for, trees_of
from domain.measuring.spans import cases_reaching
from domain.measuring.sums import Sums
from domain.measuring.tally import TALLY_RECORD, Tally
from domain.rules.context import Context
from projections.history.columns import History
from projections.tallies.case_files import CaseFiles, case_files
from projections.tallies.kept_files import KeptFiles
from projections.tallies.laid_over import dense


@dataclass(frozen=True)
class Counted:
    """The case files of a history under a context, ready to be counted over any period."""

    laid: CaseFiles
    """Files that count what the history's own would, as of its position."""
    rules: Rules
    context: Context
    history: History
    loose: bool = False
    """Whether there may be cases among them that never count, or actions later than the history."""

    @cached_property
    def files(self) -> CaseFiles:
        """The history's own files: its cases and actions, and nothing else."""
        return dense(self.laid, self.history.position) if self.loose else self.laid

    def sums(
        self, directory: Directory, *, from_day: int, to_day: int, by: By,
        asked: int = EVERYTHING, with_values: bool = True, threads: int | None = None,
    ) -> Sums:  # fmt: skip
        """Sums over a period for every subject of a kind that anything was counted for, rolled up."""
        words = self.history.words_of
        period = Period(from_day, to_day, trees_of(directory, from_day, to_day))
        sizes = sizes_for(by, words("staff"), words("unit"), words("procedure"))
        counts = count_cases(
            self.laid.cases,
            self.laid.spans,
            self.rules,
            period,
            sizes,
            asked=asked,
            upto=self.history.position,
            with_values=with_values,
            threads=threads,
        )
        return roll_up(
            counts, period, directory, self.context.register, by=by,
            staff=words("staff"), units=words("unit"), procedures=words("procedure"),
        )  # fmt: skip

    def reaching(self, from_day: int, to_day: int) -> CaseFiles:
        """The files of the cases that may count between two days."""
        position = self.history.position
        chosen = cases_reaching(self.laid.spans, from_day=from_day, to_day=to_day, upto=position)
        return dense(self.laid, position, chosen)

    def contributions(self, *, asked: int = EVERYTHING) -> Contributions:
        """What every action counts for, one by one."""
        return fold(self.files.cases, self.rules, asked=asked)

    def tally(self, *, asked: int = EVERYTHING) -> Tally:
        """The sum of all contributions by day: it merges with that of other cases."""
        found = self.contributions(asked=asked)
        rows = np.zeros(found.size, TALLY_RECORD)
        for name in TALLY_RECORD.names or ():
            rows[name] = found[name]
        words = self.history.words_of
        return Tally(rows, words("staff"), words("unit"), words("procedure")).merged()


def count(history: History, context: Context, *, subjects: Iterable[int] | None = None) -> Counted:
    """Make the files of all cases and targets of the history ready, or of those of the given subject codes.

    Those of all are kept for the next process, where the history says so.
    """
    rules = rules_for(history, context)
    keeper = None if history.resident is None or subjects is not None else history.resident.keeper
    kept_files = keeper if isinstance(keeper, KeptFiles) else None
    if kept_files is not None and (laid := kept_files.laid_over(history, context)) is not None:
        return Counted(laid, rules, context, history, loose=True)
    files = case_files(history, context.zone, to_instant=context.due_precision == "instant", subjects=subjects)
    if kept_files is not None:
        kept_files.keep(history, context, files)
    return Counted(files, rules, context, history)


def rules_for(history: History, context: Context) -> Rules:
    """A context compiled for the codes of a history."""
    words = history.words_of
    return compile_rules(
        context,
        procedures=words("procedure"),
        reasons=words("reason"),
        steps=words("step"),
    )
