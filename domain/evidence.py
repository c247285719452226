"""Name the actions on which one counted thing rests: the deciding one, who answered for it, the limit."""

from __future__ import annotations

from collections.abc import Iterator

from domain.cases import FIRST_OWN, LAST_OWN, Cases, Role
from domain.limits import start_row
from domain.tally import Measure

DECISIONS = (Role.GRANTED, Role.REFUSED, Role.PENALISED, Role.DISMISSED)
STOPS = (Role.SUSPENDED, Role.RESUMED)


def evidence_rows(cases: Cases, case: int, measure: Measure, row: int) -> list[int]:
    """Rows of the case that make this contribution, in the case's order. `row` is the deciding one."""
    first, stop = int(cases.starts[case]), int(cases.starts[case + 1])
    if measure == Measure.PLAN:
        return sorted(set(_plan(cases, first, stop, row)))
    rows = {row, *_credit(cases, first, stop, row)}
    if measure in (Measure.TIMELINESS, Measure.TIMELINESS_OVERDUE, Measure.CLOSURE_OVERDUE):
        rows |= set(_limit(cases, first, row, penal=measure == Measure.CLOSURE_OVERDUE))
    if measure in (Measure.CLOSURE, Measure.CLOSURE_OVERDUE):
        rows |= set(_first(cases, first, stop, Role.OPENED))
    if measure == Measure.TIMELINESS_OVERDUE:
        rows |= set(_first(cases, first, stop, Role.RECEIVED))
    if measure == Measure.ERROR:
        rows |= {
            each for each in range(first, stop)
            if cases.actions.role[each] == Role.ERROR_FOUND and not cases.actions.overturned[each]
        }  # fmt: skip
    if measure == Measure.REVOCATION:
        rows |= set(_reviews_by_case(cases, row, stop))
    return sorted(rows)


def _credit(cases: Cases, first: int, stop: int, row: int) -> Iterator[int]:
    """The actions that name owner and unit: looked up separately, back from the deciding one."""
    anchor = row
    if cases.actions.role[row] == Role.RATED:
        anchor = _anchor(cases, first, stop)
    for names in (cases.actions.owner, cases.actions.unit):
        if names[row] >= 0:
            continue
        for back in range(anchor, first - 1, -1):
            if FIRST_OWN <= cases.actions.role[back] <= LAST_OWN and names[back] >= 0:
                yield back
                break


def _anchor(cases: Cases, first: int, stop: int) -> int:
    """Where a rating is filled up from: the decision, else the closing, else the last action of the case."""
    own = [row for row in range(first, stop) if FIRST_OWN <= cases.actions.role[row] <= LAST_OWN]
    withdrawn = False
    for row in own:
        if cases.actions.role[row] == Role.WITHDRAWN:
            withdrawn = True
        if cases.actions.role[row] in (Role.GRANTED, Role.REFUSED) and not withdrawn:
            return row
    for row in own:
        if cases.actions.role[row] in (Role.CLOSED, Role.DISMISSED, Role.TRANSFERRED):
            return row
    return own[-1] if own else first - 1


def _limit(cases: Cases, first: int, row: int, *, penal: bool) -> Iterator[int]:
    for back in range(row, first - 1, -1):
        if FIRST_OWN <= cases.actions.role[back] <= LAST_OWN and cases.actions.due_kind[back]:
            yield back
            return
    start = start_row(cases.actions, first, row, penal)
    if start >= 0:
        yield start
    yield from (each for each in range(first, row + 1) if cases.actions.role[each] in STOPS)


def _first(cases: Cases, first: int, stop: int, role: Role) -> list[int]:
    return [row for row in range(first, stop) if cases.actions.role[row] == role][:1]


def _reviews_by_case(cases: Cases, row: int, stop: int) -> Iterator[int]:
    for later in range(row + 1, stop):
        if cases.actions.role[later] in DECISIONS:
            return
        if cases.actions.role[later] == Role.ADVERSE_REVIEW:
            yield later


def _plan(cases: Cases, first: int, stop: int, due: int) -> Iterator[int]:
    yield due
    for row in range(first, stop):
        if cases.actions.role[row] == Role.TARGET_SET and row <= due:
            yield row
        if (
            cases.actions.role[row] in (Role.TARGET_COMPLETED, Role.TARGET_CANCELLED)
            and cases.actions.day[row] <= cases.actions.due_day[due]
        ):
            yield row
