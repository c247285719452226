"""Derive tallies from the history: what the actions known so far count for, under a context."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from domain.context import Context
from domain.fold import Contributions, measure
from domain.limits import Rules, compile_rules
from domain.tally import Tally
from projections.case_files import CaseFiles, case_files
from projections.history.columns import History


@dataclass(frozen=True)
class Counted:
    """Contributions beside the case files that they were measured on."""

    files: CaseFiles
    rules: Rules
    contributions: Contributions
    history: History

    def tally(self) -> Tally:
        """The sum of the contributions: rows of one key may still repeat."""
        rows, words = self.contributions, self.history.words_of
        return Tally(
            measure=np.ascontiguousarray(rows.measure),
            person=np.ascontiguousarray(rows.person),
            unit=np.ascontiguousarray(rows.unit),
            procedure=np.ascontiguousarray(rows.procedure),
            day=np.ascontiguousarray(rows.day),
            numerator=np.ascontiguousarray(rows.numerator),
            denominator=np.ascontiguousarray(rows.denominator),
            staff=words("staff"),
            units=words("unit"),
            procedures=words("procedure"),
        )


def count(history: History, context: Context, *, subjects: Iterable[int] | None = None) -> Counted:
    """Measure all cases and targets of the history, or those of the given subject codes."""
    files = case_files(history, context.zone, subjects=subjects)
    rules = compile_rules(context, procedures=history.words_of("procedure"), reasons=history.words_of("reason"))
    return Counted(files, rules, measure(files.cases, rules), history)
