"""Name the actions on which one counted member rests: the deciding one, who answered for it, the limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.measuring.cases import (
    FIRST_OWN,
    LAST_OWN,
    OVERTURNED,
    STATES_DUE,
    STATES_STEP,
    Actions,
    Cases,
    Extras,
    Role,
)
from domain.measuring.limits import Rules, counted_limit, start_of, version_in_force
from domain.measuring.populations import ATTRIBUTES, STOCKS, Population
from domain.measuring.stated import due_day_of, step_of

DECISIONS = (Role.GRANTED, Role.REFUSED, Role.PENALISED, Role.DISMISSED)
STOPS = (Role.SUSPENDED, Role.RESUMED, Role.EXTENDED, Role.CORRECTION_REQUESTED)
PENAL = frozenset({Population.CLOSED, Population.OPEN_ENFORCEMENT})
_Column: TypeAlias = NDArray[Any]


class CaseColumns(NamedTuple):
    """Cases for who looks at them row by row: to name a column of a record array takes longer than to read it."""

    actions: Actions
    extras: Extras
    starts: _Column
    day: _Column
    owner: _Column
    unit: _Column
    procedure: _Column
    position: _Column
    role: _Column
    kind: _Column
    states: _Column
    marks: _Column


def columns_of(cases: Cases) -> CaseColumns:
    """The columns of cases, without copying them."""
    records = cases.actions.view(np.ndarray)
    columns = {name: records[name] for name in records.dtype.names if name in CaseColumns._fields}
    return CaseColumns(cases.actions, cases.extras, cases.starts, **columns)


def evidence_rows(
    cases: CaseColumns, rules: Rules, case: int, population: Population, row: int, about: Sequence[str]
) -> list[int]:
    """Rows of the case that make a member count as it does, in the case's order.

    `row` is the deciding one; `about` names the attributes that are asked for, `value` where its days are counted,
    and nothing where only the member itself is.
    """
    first, stop = int(cases.starts[case]), int(cases.starts[case + 1])
    if population == Population.TARGET:
        return sorted(set(_plan(cases, first, stop, row)))
    rows = {row, *_credit(cases, first, stop, row)}
    if "in-time" in about or "limit-unknown" in about or population in STOCKS or population == Population.CARD:
        rows |= set(_limit(cases, rules, case, row, penal=is_penal(cases, first, row, population)))
    if "value" in about and population == Population.DECIDED:
        rows |= set(_start(cases, rules, case, row, penal=False))
    if population in PENAL:
        rows |= set(_first(cases, first, stop, Role.OPENED))
    if population == Population.OPEN_LICENCE:
        rows |= set(_first(cases, first, stop, Role.RECEIVED))
    if "faulty" in about:
        rows |= {
            each for each in range(first, stop)
            if cases.role[each] == Role.ERROR_FOUND and not cases.marks[each] & OVERTURNED
        }  # fmt: skip
    if "rated" in about:
        rows |= set(_first(cases, first, stop, Role.RATED))
    if "conforming" in about:
        rows |= {each for each in range(first, row) if is_own(cases, each)}
    if population == Population.DECISION:
        rows |= set(_reviews_by_case(cases, row, stop))
    return sorted(rows)


def attributes_asked(population: Population, met: set[int], counted: set[int]) -> tuple[str, ...]:
    """The attributes that decide which patterns of a denominator stand in its numerator."""
    return tuple(
        name
        for bit, name in enumerate(ATTRIBUTES[population])
        if any(
            pattern ^ 1 << bit in counted and (pattern in met) != (pattern ^ 1 << bit in met)
            for pattern in counted
        )
    )


class AppliedVersion(NamedTuple):
    """The version of a procedure that a case is counted by: its row in the rules, and its number in the register,
    both -1 where none is in force."""

    procedure: int
    row: int
    number: int


def version_at(cases: CaseColumns, rules: Rules, case: int, row: int, *, penal: bool) -> AppliedVersion:
    """The version in force when the case started, as its actions up to `row` say."""
    clock = clock_of(cases, rules, case, row, penal=penal)
    start_day = int(cases.day[row if clock.start < 0 else clock.start])
    version = int(version_in_force(rules.first_version, rules.versions, clock.procedure, start_day))
    number = -1 if version < 0 else version - int(rules.first_version[clock.procedure])
    return AppliedVersion(clock.procedure, version, number)


def missing_steps(cases: CaseColumns, rules: Rules, case: int, row: int, version: int) -> tuple[int, ...]:
    """The required steps that a case had not taken up to `row`, by their number among those of that version."""
    taken = 0
    for each in filter(lambda each: is_own(cases, each), range(int(cases.starts[case]), row + 1)):
        taken |= int(rules.type_bits[version, cases.kind[each]])
        if cases.states[each] & STATES_STEP:
            taken |= int(rules.step_bits[version, step_of(cases.actions, cases.extras, each)])
    lacking = int(rules.versions[version].required) & ~taken
    return tuple(bit for bit in range(lacking.bit_length()) if lacking >> bit & 1)


def limit_at(cases: CaseColumns, rules: Rules, case: int, row: int, *, penal: bool) -> int:
    """Limit of the case as its actions up to `row` say; NEVER and UNKNOWN as in domain.measuring.limits."""
    first = int(cases.starts[case])
    due = due_stated(cases, first, row)
    if due >= 0:
        return int(due_day_of(cases.actions, cases.extras, due))
    clock = clock_of(cases, rules, case, row, penal=penal)
    return int(
        counted_limit(
            cases.actions, cases.extras, 2**31 - 1, first, row, clock.start, clock.procedure,
            rules.first_version, rules.versions, rules.stops, rules.first_day, rules.counted, rules.working_days,
        )
    )  # fmt: skip


class Clock(NamedTuple):
    """What counts the days of a case: rows of its start, and of its acceptance or opening; -1 where none is."""

    procedure: int
    start: int
    accepted: int

    @property
    def is_deemed(self) -> bool:
        """Whether the case was accepted later, and is deemed accepted on its receipt."""
        return self.accepted >= 0 and self.start != self.accepted


def clock_of(cases: CaseColumns, rules: Rules, case: int, row: int, *, penal: bool) -> Clock:
    """The clock of the case as its actions up to `row` say."""
    first, procedure = int(cases.starts[case]), -1
    for each in range(first, row + 1):
        if is_own(cases, each) and cases.procedure[each] >= 0:
            procedure = int(cases.procedure[each])
    roles = (Role.RECEIVED, Role.OPENED if penal else Role.ACCEPTED, Role.CORRECTION_REQUESTED)
    received, started, requested = (next(iter(_first(cases, first, row + 1, role)), -1) for role in roles)
    if penal:
        return Clock(procedure, started, started)
    start = start_of(
        cases.actions, received, started, requested, procedure,
        rules.first_version, rules.versions, rules.first_day, rules.counted, rules.working_days,
    )  # fmt: skip
    return Clock(procedure, int(start), started)


def starts_later(cases: CaseColumns, case: int, row: int, *, penal: bool) -> bool:
    """Whether what starts the clock of a case comes only after `row`."""
    stop = int(cases.starts[case + 1])
    roles = (Role.OPENED,) if penal else (Role.RECEIVED, Role.ACCEPTED)
    return any(_first(cases, row + 1, stop, role) for role in roles)


def is_penal(cases: CaseColumns, first: int, row: int, population: Population) -> bool:
    """Whether the limit is that of an enforcement case."""
    if population != Population.CARD:
        return population in PENAL
    return not _first(cases, first, row + 1, Role.RECEIVED)


def is_own(cases: CaseColumns, row: int) -> bool:
    """Whether it is an action of the case itself."""
    return bool(FIRST_OWN <= cases.role[row] <= LAST_OWN)


def _credit(cases: CaseColumns, first: int, stop: int, row: int) -> Iterator[int]:
    """The actions that name owner and unit: looked up separately, back from the deciding one."""
    anchor = row
    if cases.role[row] == Role.RATED:
        anchor = _anchor(cases, first, stop)
    for names in (cases.owner, cases.unit):
        if names[row] >= 0:
            continue
        for back in range(anchor, first - 1, -1):
            if is_own(cases, back) and names[back] >= 0:
                yield back
                break


def _anchor(cases: CaseColumns, first: int, stop: int) -> int:
    """Where a rating is filled up from: the decision, else the closing, else the last action of the case."""
    own = [row for row in range(first, stop) if is_own(cases, row)]
    withdrawn = False
    for row in own:
        if cases.role[row] == Role.WITHDRAWN:
            withdrawn = True
        if cases.role[row] in (Role.GRANTED, Role.REFUSED) and not withdrawn:
            return row
    for row in own:
        if cases.role[row] in (Role.CLOSED, Role.DISMISSED, Role.TRANSFERRED):
            return row
    return own[-1] if own else first - 1


def _limit(cases: CaseColumns, rules: Rules, case: int, row: int, *, penal: bool) -> Iterator[int]:
    first = int(cases.starts[case])
    due = due_stated(cases, first, row)
    if due >= 0:
        yield due
        return
    yield from _start(cases, rules, case, row, penal=penal)
    yield from (each for each in range(first, row + 1) if cases.role[each] in STOPS)


def _start(cases: CaseColumns, rules: Rules, case: int, row: int, *, penal: bool) -> Iterator[int]:
    """What started the clock, and the acceptance that came too late to do so."""
    clock = clock_of(cases, rules, case, row, penal=penal)
    yield from (each for each in (clock.start, clock.accepted) if each >= 0)


def due_stated(cases: CaseColumns, first: int, row: int) -> int:
    """The last row up to `row` that states a due day, -1 where none does."""
    for back in range(row, first - 1, -1):
        if is_own(cases, back) and cases.states[back] & STATES_DUE:
            return back
    return -1


def _first(cases: CaseColumns, first: int, stop: int, role: Role) -> list[int]:
    return list(islice((row for row in range(first, stop) if cases.role[row] == role), 1))


def _reviews_by_case(cases: CaseColumns, row: int, stop: int) -> Iterator[int]:
    for later in range(row + 1, stop):
        if cases.role[later] in DECISIONS:
            return
        if cases.role[later] == Role.ADVERSE_REVIEW:
            yield later


def _plan(cases: CaseColumns, first: int, stop: int, due: int) -> Iterator[int]:
    due_day = due_day_of(cases.actions, cases.extras, due)
    yield due
    for row in range(first, stop):
        if cases.role[row] == Role.TARGET_SET and row <= due:
            yield row
        if cases.role[row] in (Role.TARGET_COMPLETED, Role.TARGET_CANCELLED) and cases.day[row] <= due_day:
            yield row
