"""Fold the history of whole cases into contributions: who gets counted where, in which measure, on which day.

A pure function of effective actions in case order. It does not know whether it runs live, in a rebuild, as of
an earlier position or for an explanation; contributions are integers and add up in any order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.cases import FIRST_OWN, LAST_OWN, NOBODY, Cases, Role
from domain.compiled import compiled
from domain.limits import NEVER, UNKNOWN, Rules, limit_day, within
from domain.tally import WHOLE, Measure

PER_ACTION = 10
"""No action gives more attributions than this (two stocks opened and closed, and a decision's six)."""


class Contributions(NamedTuple):
    """Rows of equal length: one share of one counted thing each. Numerator and denominator in millionths."""

    measure: NDArray[np.int8]
    person: NDArray[np.int32]
    unit: NDArray[np.int32]
    procedure: NDArray[np.int32]
    day: NDArray[np.int32]
    numerator: NDArray[np.int64]
    denominator: NDArray[np.int64]
    case: NDArray[np.int64]  # index into Cases.starts
    row: NDArray[np.int64]  # the action that decides: index into Cases.role


def measure(cases: Cases, rules: Rules, *, rows_max: int = 1_000_000) -> Contributions:
    """Contributions of all `cases` under `rules`, in case order. Works in chunks of about `rows_max` rows."""
    chunks, case, count = [], 0, cases.starts.size - 1
    room = max(rows_max, _largest_case(cases))
    buffer = _buffer(room)
    while case < count:
        filled, case = fold_cases(cases, rules, buffer, case)
        chunks.append(Contributions(*(column[:filled].copy() for column in buffer)))
    if not chunks:
        return _buffer(0)
    return Contributions(*(np.concatenate(columns) for columns in zip(*chunks, strict=True)))


def _largest_case(cases: Cases) -> int:
    if cases.starts.size < 2:
        return 0
    shares = int((cases.share_stop - cases.share_start).max(initial=0))
    return int(np.diff(cases.starts).max()) * PER_ACTION * (shares + 1)


def _buffer(rows: int) -> Contributions:
    return Contributions(
        np.empty(rows, np.int8),
        *(np.empty(rows, np.int32) for _ in range(4)),
        *(np.empty(rows, np.int64) for _ in range(4)),
    )


@compiled
def fold_cases(cases: Cases, rules: Rules, out: Contributions, begin: int) -> tuple[int, int]:
    """Fold cases from `begin` on until all are done or `out` might not hold the next one.

    Returns the rows filled and the first case not folded.
    """
    filled = 0
    case = begin
    while case < cases.starts.size - 1:
        first = cases.starts[case]
        stop = cases.starts[case + 1]
        shares = 0
        for row in range(first, stop):
            shares = max(shares, cases.share_stop[row] - cases.share_start[row])
        if filled + (stop - first) * PER_ACTION * (shares + 1) > out.measure.size:
            return filled, case
        if cases.role[first] >= Role.TARGET_SET:
            filled = fold_target(cases, out, filled, case, first, stop)
        else:
            filled = fold_case(cases, rules, out, filled, case, first, stop)
        case += 1
    return filled, case


class Landmarks(NamedTuple):
    """Rows of a case on which its counting hangs; -1 where there is none."""

    decision: int  # the first grant or refusal, unless a withdrawal came before
    withdrawal: int  # the first withdrawal, where it came before any decision
    closing: int  # the first of closed, dismissed, transferred
    rating: int  # the first rating
    last_own: int  # the last action of the case itself
    opened: bool
    faulty: bool  # an error was found that is not cleared


@compiled
def landmarks(cases: Cases, first: int, stop: int) -> Landmarks:
    """Find the landmarks among the rows `first` to `stop` of one case."""
    decision, withdrawal, closing, rating, last_own = -1, -1, -1, -1, -1
    opened, faulty = False, False
    for row in range(first, stop):
        role = cases.role[row]
        if FIRST_OWN <= role <= LAST_OWN:
            last_own = row
        if role == Role.GRANTED or role == Role.REFUSED:
            if decision < 0 and withdrawal < 0:
                decision = row
        elif role == Role.WITHDRAWN:
            if decision < 0 and withdrawal < 0:
                withdrawal = row
        elif role == Role.CLOSED or role == Role.DISMISSED or role == Role.TRANSFERRED:
            if closing < 0:
                closing = row
        elif role == Role.OPENED:
            opened = True
        elif role == Role.RATED:
            if rating < 0:
                rating = row
        elif role == Role.ERROR_FOUND and not cases.overturned[row]:
            faulty = True
    return Landmarks(decision, withdrawal, closing, rating, last_own, opened, faulty)


@compiled
def fold_case(
    cases: Cases, rules: Rules, out: Contributions, filled: int, case: int, first: int, stop: int
) -> int:
    """One case: its decisions, its closing, its rating, and its stock from day to day. Returns rows filled."""
    marks = landmarks(cases, first, stop)
    owner, unit, procedure, due = -1, NOBODY, NOBODY, -1
    received, opened = False, False
    for row in range(first, stop):
        role = cases.role[row]
        if not FIRST_OWN <= role <= LAST_OWN:
            continue
        if cases.owner[row] >= 0:
            owner = row
        if cases.unit[row] >= 0:
            unit = cases.unit[row]
        if cases.procedure[row] >= 0:
            procedure = cases.procedure[row]
        if cases.due_kind[row] > 0:
            due = row
        received |= role == Role.RECEIVED
        opened |= role == Role.OPENED
        day = cases.day[row]
        if role == Role.GRANTED or role == Role.REFUSED or role == Role.PENALISED or role == Role.DISMISSED:
            filled = emit(
                cases,
                out,
                filled,
                Measure.REVOCATION,
                owner,
                unit,
                procedure,
                day,
                overturned(cases, row, stop),
                1,
                case,
                row,
            )
        if row == marks.decision:
            met, unknown = decided_in_time(cases, rules, first, row, due, procedure)
            filled = emit(cases, out, filled, Measure.TIMELINESS, owner, unit, procedure, day, met, 1, case, row)
            filled = emit(
                cases, out, filled, Measure.ERROR, owner, unit, procedure, day, marks.faulty, 1, case, row
            )
            filled = emit(
                cases,
                out,
                filled,
                Measure.RESPONSE,
                owner,
                unit,
                procedure,
                day,
                marks.rating >= 0,
                1,
                case,
                row,
            )
            filled = emit(
                cases, out, filled, Measure.INCOMPLETE, owner, unit, procedure, day, unknown, 1, case, row
            )
        if row == marks.closing and marks.opened:
            filled = emit(cases, out, filled, Measure.CLOSURE, owner, unit, procedure, day, True, 1, case, row)
        until = next_own_day(cases, row, stop)
        if until == day:
            continue
        if (
            received
            and (marks.decision < 0 or marks.decision > row)
            and (marks.withdrawal < 0 or marks.withdrawal > row)
        ):
            overdue = limit_day(cases, rules, first, row, due, procedure, False)
            filled = emit_stock(
                cases,
                out,
                filled,
                Measure.TIMELINESS_OVERDUE,
                owner,
                unit,
                procedure,
                day,
                overdue,
                until,
                case,
                row,
            )
        if opened and (marks.closing < 0 or marks.closing > row):
            overdue = limit_day(cases, rules, first, row, due, procedure, True)
            filled = emit_stock(
                cases,
                out,
                filled,
                Measure.CLOSURE_OVERDUE,
                owner,
                unit,
                procedure,
                day,
                overdue,
                until,
                case,
                row,
            )
    if marks.rating >= 0:
        filled = fold_rating(cases, out, filled, case, first, marks)
    return filled


@compiled
def decided_in_time(
    cases: Cases, rules: Rules, first: int, row: int, due: int, procedure: int
) -> tuple[bool, bool]:
    """Whether the decision at `row` kept the limit, and whether that limit could not be computed."""
    if due >= 0:
        return within(cases, rules, row, due), False
    limit = limit_day(cases, rules, first, row, due, procedure, False)
    if limit == UNKNOWN:
        return False, True
    return bool(cases.day[row] <= limit), False


@compiled
def overturned(cases: Cases, row: int, stop: int) -> bool:
    """Whether a standing adverse review means the decision at `row`: by its id, or as the case's last
    decision before the review."""
    if cases.overturned[row]:
        return True
    for later in range(row + 1, stop):
        role = cases.role[later]
        if role == Role.ADVERSE_REVIEW:
            return True
        if role == Role.GRANTED or role == Role.REFUSED or role == Role.PENALISED or role == Role.DISMISSED:
            return False
    return False


@compiled
def next_own_day(cases: Cases, row: int, stop: int) -> int:
    """Day of the case's next own action after `row`; NEVER when this was the last."""
    for later in range(row + 1, stop):
        if FIRST_OWN <= cases.role[later] <= LAST_OWN:
            return int(cases.day[later])
    return NEVER


@compiled
def fold_rating(cases: Cases, out: Contributions, filled: int, case: int, first: int, marks: Landmarks) -> int:
    """The case's rating; what it does not name comes from the decision, the closing or the last action."""
    row = marks.rating
    owner = row if cases.owner[row] >= 0 else -1
    unit, procedure = cases.unit[row], cases.procedure[row]
    if (owner < 0 or unit < 0) and marks.last_own < 0:
        return filled
    anchor = marks.last_own
    if marks.decision >= 0:
        anchor = marks.decision
    elif marks.closing >= 0:
        anchor = marks.closing
    for back in range(anchor, first - 1, -1):
        if FIRST_OWN <= cases.role[back] <= LAST_OWN:
            if owner < 0 and cases.owner[back] >= 0:
                owner = back
            if unit < 0:
                unit = cases.unit[back]
            if procedure < 0:
                procedure = cases.procedure[back]
    good = cases.rating[row] >= 4
    return emit(
        cases, out, filled, Measure.SATISFACTION, owner, unit, procedure, cases.day[row], good, 1, case, row
    )


@compiled
def fold_target(cases: Cases, out: Contributions, filled: int, case: int, first: int, stop: int) -> int:
    """One plan target: due on the day finally in force, completed by then or not; cancelled ones left out."""
    due = -1
    for row in range(first, stop):
        if cases.role[row] == Role.TARGET_SET and (due < 0 or cases.day[row] <= cases.due_day[due]):
            due = row
    if due < 0:
        return filled
    completed = False
    for row in range(first, stop):
        if cases.day[row] <= cases.due_day[due]:
            if cases.role[row] == Role.TARGET_CANCELLED and cases.reason[row] >= 0:
                return filled
            if cases.role[row] == Role.TARGET_COMPLETED:
                completed = True
    return emit_one(
        out, filled, Measure.PLAN, cases.owner[due], cases.unit[due], cases.procedure[due],
        cases.due_day[due], WHOLE if completed else 0, WHOLE, case, due,
    )  # fmt: skip


@compiled
def emit_stock(
    cases: Cases, out: Contributions, filled: int, measure: int, owner: int, unit: int, procedure: int,
    day: int, overdue: int, until: int, case: int, row: int,
) -> int:  # fmt: skip
    """Open and overdue from the later of `day` and `overdue` until `until`: +1 on the one day, -1 on the other."""
    if overdue == UNKNOWN:
        return filled
    begin = max(day, overdue)
    if begin >= until:
        return filled
    filled = emit(cases, out, filled, measure, owner, unit, procedure, begin, False, 1, case, row)
    if until != NEVER:
        filled = emit(cases, out, filled, measure, owner, unit, procedure, until, False, -1, case, row)
    return filled


@compiled
def emit(
    cases: Cases, out: Contributions, filled: int, measure: int, owner: int, unit: int, procedure: int,
    day: int, hit: bool, sign: int, case: int, row: int,
) -> int:  # fmt: skip
    """Count one thing for the owner named at row `owner` and its participants; their shares are WHOLE together."""
    if owner < 0:
        part = WHOLE if hit else 0
        return emit_one(out, filled, measure, NOBODY, unit, procedure, day, part, sign * WHOLE, case, row)
    rest = WHOLE
    for share in range(cases.share_start[owner], cases.share_stop[owner]):
        part = cases.share_part[share]
        rest -= part
        filled = emit_one(
            out, filled, measure, cases.share_staff[share], unit, procedure,
            day, part if hit else 0, sign * part, case, row,
        )  # fmt: skip
    if rest > 0:
        filled = emit_one(
            out, filled, measure, cases.owner[owner], unit, procedure,
            day, rest if hit else 0, sign * rest, case, row,
        )  # fmt: skip
    return filled


@compiled
def emit_one(
    out: Contributions, filled: int, measure: int, person: int, unit: int, procedure: int,
    day: int, numerator: int, denominator: int, case: int, row: int,
) -> int:  # fmt: skip
    """Write one row of contributions; returns the rows filled."""
    out.measure[filled] = measure
    out.person[filled] = person
    out.unit[filled] = unit
    out.procedure[filled] = procedure
    out.day[filled] = day
    out.numerator[filled] = numerator
    out.denominator[filled] = denominator
    out.case[filled] = case
    out.row[filled] = row
    return filled + 1
