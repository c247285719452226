"""Fold the history of whole cases into contributions: who gets counted where, in which measure, on which day.

A pure function of effective actions in case order. It does not know whether it runs live, in a rebuild, as of
an earlier position or for an explanation; contributions are integers and add up in any order.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.cases import FIRST_OWN, LAST_OWN, NOBODY, Actions, Cases, Role, Shares
from domain.compiled import compiled
from domain.limits import NEVER, UNKNOWN, Rules, limit_day, within
from domain.tally import WHOLE, Measure

PER_ACTION = 10
"""No action gives more attributions than this (two stocks opened and closed, and a decision's six)."""


CONTRIBUTION_RECORD = np.dtype(
    [
        ("numerator", np.int64),  # millionths
        ("denominator", np.int64),
        ("case", np.int64),  # index into Cases.starts
        ("row", np.int64),  # the action that decides: index into Cases.actions
        ("person", np.int32),
        ("unit", np.int32),
        ("procedure", np.int32),
        ("day", np.int32),
        ("measure", np.int8),
    ],
    align=True,
)
"""One share of one counted thing."""

Contributions: TypeAlias = "np.recarray[Any, Any]"
"""Records of CONTRIBUTION_RECORD."""


def measure(cases: Cases, rules: Rules, *, rows_max: int = 1_000_000) -> Contributions:
    """Contributions of all `cases` under `rules`, in case order. Works in chunks of about `rows_max` rows."""
    chunks: list[Contributions] = []
    case, count = 0, cases.starts.size - 1
    room = max(min(rows_max, _room(cases, count)), _largest_case(cases))
    buffer: Contributions = np.empty(room, CONTRIBUTION_RECORD).view(np.recarray)
    while case < count:
        filled, case = fold_cases(cases.starts, cases.actions, cases.shares, rules, buffer, case)
        chunks.append(buffer[:filled].copy().view(np.recarray))
    if len(chunks) == 1:
        return chunks[0]
    return np.concatenate([buffer[:0], *chunks]).view(np.recarray)


def _room(cases: Cases, count: int) -> int:
    """Rows that are enough for all cases at once, where those are few."""
    return count * _largest_case(cases)


def _largest_case(cases: Cases) -> int:
    """Rows that no case exceeds."""
    if cases.starts.size < 2:
        return 0
    shares = int((cases.actions.share_stop - cases.actions.share_start).max(initial=0))
    return int(np.diff(cases.starts).max()) * PER_ACTION * (shares + 1)


@compiled
def fold_cases(
    starts: NDArray[np.int64], actions: Actions, shares: Shares, rules: Rules, out: Contributions, begin: int
) -> tuple[int, int]:
    """Fold cases from `begin` on until all are done or `out` might not hold the next one.

    Returns the rows filled and the first case not folded. Arrays are passed one by one: numba counts references
    to those in a tuple at every access, which made this four times slower.
    """
    filled = 0
    case = begin
    while case < starts.size - 1:
        first = starts[case]
        stop = starts[case + 1]
        parts = 0
        for row in range(first, stop):
            parts = max(parts, actions[row].share_stop - actions[row].share_start)
        if filled + (stop - first) * PER_ACTION * (parts + 1) > out.size:
            return filled, case
        if actions[first].role >= Role.TARGET_SET:
            filled = fold_target(actions, out, filled, case, first, stop)
        else:
            filled = fold_case(actions, shares, rules, out, filled, case, first, stop)
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
def landmarks(actions: Actions, first: int, stop: int) -> Landmarks:
    """Find the landmarks among the rows `first` to `stop` of one case."""
    decision, withdrawal, closing, rating, last_own = -1, -1, -1, -1, -1
    opened, faulty = False, False
    for row in range(first, stop):
        role = actions[row].role
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
        elif role == Role.ERROR_FOUND and not actions[row].overturned:
            faulty = True
    return Landmarks(decision, withdrawal, closing, rating, last_own, opened, faulty)


class Credit(NamedTuple):
    """To whom a thing counts; each is looked up separately, in the last action that names it."""

    owner: int  # the row that names the owner, with participants; -1 where none does
    unit: int
    procedure: int


@compiled
def fold_case(
    actions: Actions, shares: Shares, rules: Rules, out: Contributions,
    filled: int, case: int, first: int, stop: int,
) -> int:  # fmt: skip
    """One case: its decisions, its closing, its rating, and its stock from day to day. Returns rows filled."""
    marks = landmarks(actions, first, stop)
    owner, unit, procedure, due = -1, NOBODY, NOBODY, -1
    received, opened = False, False
    for row in range(first, stop):
        role = actions[row].role
        if not FIRST_OWN <= role <= LAST_OWN:
            continue
        if actions[row].owner >= 0:
            owner = row
        if actions[row].unit >= 0:
            unit = actions[row].unit
        if actions[row].procedure >= 0:
            procedure = actions[row].procedure
        if actions[row].due_kind > 0:
            due = row
        received |= role == Role.RECEIVED
        opened |= role == Role.OPENED
        credit = Credit(owner, unit, procedure)
        filled = fold_decision(actions, shares, rules, out, filled, case, first, row, stop, due, credit, marks)
        if row == marks.closing and marks.opened:
            filled = emit(actions, shares, out, filled, case, row, Measure.CLOSURE, credit, True)
        day = actions[row].day
        until = next_own_day(actions, row, stop)
        if until == day:
            continue
        undecided = (marks.decision < 0 or marks.decision > row) and (
            marks.withdrawal < 0 or marks.withdrawal > row
        )
        if received and undecided:
            limit = limit_day(actions, rules, first, row, due, procedure, False)
            begin = max(day, limit)
            filled = emit_stock(
                actions, shares, out, filled, case, row, Measure.TIMELINESS_OVERDUE, credit, begin, until
            )
        if opened and (marks.closing < 0 or marks.closing > row):
            limit = limit_day(actions, rules, first, row, due, procedure, True)
            begin = max(day, limit)
            filled = emit_stock(
                actions, shares, out, filled, case, row, Measure.CLOSURE_OVERDUE, credit, begin, until
            )
    if marks.rating >= 0:
        filled = fold_rating(actions, shares, out, filled, case, first, marks)
    return filled


@compiled
def fold_decision(
    actions: Actions, shares: Shares, rules: Rules, out: Contributions, filled: int, case: int,
    first: int, row: int, stop: int, due: int, credit: Credit, marks: Landmarks,
) -> int:  # fmt: skip
    """What the action at `row` counts for as a decision, and as the decision of a licence case."""
    role = actions[row].role
    if is_decision(role):
        revoked = overturned(actions, row, stop)
        filled = emit(actions, shares, out, filled, case, row, Measure.REVOCATION, credit, revoked)
    if row == marks.decision:
        met, unknown = decided_in_time(actions, rules, first, row, due, credit.procedure)
        rated = marks.rating >= 0
        filled = emit(actions, shares, out, filled, case, row, Measure.TIMELINESS, credit, met)
        filled = emit(actions, shares, out, filled, case, row, Measure.ERROR, credit, marks.faulty)
        filled = emit(actions, shares, out, filled, case, row, Measure.RESPONSE, credit, rated)
        filled = emit(actions, shares, out, filled, case, row, Measure.INCOMPLETE, credit, unknown)
    return filled


@compiled
def is_decision(role: int) -> bool:
    """Whether a review can mean it."""
    return bool(role == Role.GRANTED or role == Role.REFUSED or role == Role.PENALISED or role == Role.DISMISSED)


@compiled
def decided_in_time(
    actions: Actions, rules: Rules, first: int, row: int, due: int, procedure: int
) -> tuple[bool, bool]:
    """Whether the decision at `row` kept the limit, and whether that limit could not be computed."""
    if due >= 0:
        return within(actions, rules, row, due), False
    limit = limit_day(actions, rules, first, row, due, procedure, False)
    if limit == UNKNOWN:
        return False, True
    return bool(actions[row].day <= limit), False


@compiled
def overturned(actions: Actions, row: int, stop: int) -> bool:
    """Whether a standing adverse review means the decision at `row`: by its id, or as the case's last
    decision before the review."""
    if actions[row].overturned:
        return True
    for later in range(row + 1, stop):
        if actions[later].role == Role.ADVERSE_REVIEW:
            return True
        if is_decision(actions[later].role):
            return False
    return False


@compiled
def next_own_day(actions: Actions, row: int, stop: int) -> int:
    """Day of the case's next own action after `row`; NEVER when this was the last."""
    for later in range(row + 1, stop):
        if FIRST_OWN <= actions[later].role <= LAST_OWN:
            return int(actions[later].day)
    return NEVER


@compiled
def fold_rating(
    actions: Actions, shares: Shares, out: Contributions, filled: int, case: int, first: int, marks: Landmarks
) -> int:
    """The case's rating; what it does not name comes from the decision, the closing or the last action."""
    row = marks.rating
    owner = row if actions[row].owner >= 0 else -1
    unit, procedure = actions[row].unit, actions[row].procedure
    if (owner < 0 or unit < 0) and marks.last_own < 0:
        return filled
    anchor = marks.last_own
    if marks.decision >= 0:
        anchor = marks.decision
    elif marks.closing >= 0:
        anchor = marks.closing
    for back in range(anchor, first - 1, -1):
        if FIRST_OWN <= actions[back].role <= LAST_OWN:
            if owner < 0 and actions[back].owner >= 0:
                owner = back
            if unit < 0:
                unit = actions[back].unit
            if procedure < 0:
                procedure = actions[back].procedure
    good = actions[row].rating >= 4
    return emit(
        actions, shares, out, filled, case, row, Measure.SATISFACTION, Credit(owner, unit, procedure), good
    )


@compiled
def fold_target(actions: Actions, out: Contributions, filled: int, case: int, first: int, stop: int) -> int:
    """One plan target: due on the day finally in force, completed by then or not; cancelled ones left out."""
    due = -1
    for row in range(first, stop):
        if actions[row].role == Role.TARGET_SET and (due < 0 or actions[row].day <= actions[due].due_day):
            due = row
    if due < 0:
        return filled
    completed = False
    for row in range(first, stop):
        if actions[row].day <= actions[due].due_day:
            if actions[row].role == Role.TARGET_CANCELLED and actions[row].reason >= 0:
                return filled
            if actions[row].role == Role.TARGET_COMPLETED:
                completed = True
    target = actions[due]
    credit = Credit(due, target.unit, target.procedure)
    hit = WHOLE if completed else 0
    return emit_one(out, filled, case, due, Measure.PLAN, credit, target.owner, target.due_day, hit, WHOLE)


@compiled
def emit_stock(
    actions: Actions, shares: Shares, out: Contributions, filled: int, case: int, row: int,
    measure: int, credit: Credit, begin: int, until: int,
) -> int:  # fmt: skip
    """Open and overdue from day `begin` until day `until`: +1 on the one, -1 on the other."""
    if begin >= until:
        return filled
    filled = emit_on(actions, shares, out, filled, case, row, measure, credit, begin, False, 1)
    if until != NEVER:
        filled = emit_on(actions, shares, out, filled, case, row, measure, credit, until, False, -1)
    return filled


@compiled
def emit(
    actions: Actions, shares: Shares, out: Contributions, filled: int, case: int, row: int,
    measure: int, credit: Credit, hit: bool,
) -> int:  # fmt: skip
    """Count one thing on the day of its deciding action."""
    return emit_on(actions, shares, out, filled, case, row, measure, credit, actions[row].day, hit, 1)


@compiled
def emit_on(
    actions: Actions, shares: Shares, out: Contributions, filled: int, case: int, row: int,
    measure: int, credit: Credit, day: int, hit: bool, sign: int,
) -> int:  # fmt: skip
    """Count one thing for the owner and the participants; their shares are WHOLE together."""
    if credit.owner < 0:
        part = WHOLE if hit else 0
        return emit_one(out, filled, case, row, measure, credit, NOBODY, day, part, sign * WHOLE)
    rest = WHOLE
    for share in range(actions[credit.owner].share_start, actions[credit.owner].share_stop):
        part = shares[share].part
        rest -= part
        hits = part if hit else 0
        filled = emit_one(out, filled, case, row, measure, credit, shares[share].staff, day, hits, sign * part)
    if rest > 0:
        owner = actions[credit.owner].owner
        hits = rest if hit else 0
        filled = emit_one(out, filled, case, row, measure, credit, owner, day, hits, sign * rest)
    return filled


@compiled
def emit_one(
    out: Contributions, filled: int, case: int, row: int,
    measure: int, credit: Credit, person: int, day: int, numerator: int, denominator: int,
) -> int:  # fmt: skip
    """Write one row of contributions; returns the rows filled."""
    out[filled].measure = measure
    out[filled].person = person
    out[filled].unit = credit.unit
    out[filled].procedure = credit.procedure
    out[filled].day = day
    out[filled].numerator = numerator
    out[filled].denominator = denominator
    out[filled].case = case
    out[filled].row = row
    return filled + 1
