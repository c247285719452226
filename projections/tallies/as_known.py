"""Count as of an earlier position: the same pass without later rows, put right where they changed earlier ones."""

from __future__ import annotations

import numpy as np

from domain.measuring.counting import Counts, Period, Sizes, count_cases
from projections.tallies.case_files import case_files
from projections.tallies.excerpt import CaseRows, subjects_of
from projections.tallies.laid_over import changed_since
from projections.tallies.tallies import Counted


def counts_as_known(
    counted: Counted,
    cases: CaseRows,
    position: int,
    period: Period,
    sizes: Sizes,
    *,
    asked: int,
    with_values: bool,
) -> Counts:
    """What `counted` would count if its history ended at `position`; `cases` may know more of the history.

    Case files hold actions as they stand at their own end. Cases in which something recorded later changed an
    earlier action are taken out as they stand and put in as they stood; they are few.
    """
    history, zone = counted.history, counted.context.zone

    def passed(counted_cases: Counted, upto: int) -> Counts:
        return count_cases(
            counted_cases.files.cases, counted_cases.files.spans, counted.rules, period, sizes,
            asked=asked, upto=upto, with_values=with_values,
        )  # fmt: skip

    counts = passed(counted, position)
    changed = changed_since(history, position)
    if not changed.size:
        return counts
    subjects = subjects_of(cases.history, np.union1d(changed, cases.linked(changed)))
    rows = cases.rows_of(subjects)
    now = cases.excerpt(rows).upto(int(np.searchsorted(rows, history.position)))
    known = int(np.searchsorted(rows, position))
    to_instant = counted.context.due_precision == "instant"
    for sign, excerpt in ((-1, now), (1, now.upto(known))):
        files = case_files(excerpt, zone, to_instant=to_instant, subjects=subjects)
        few = passed(Counted(files, counted.rules, counted.context, excerpt), known)
        counts.add(few, sign=sign)
    return counts
