"""Work out the day by which a case must be done: stated, or counted by the procedure register."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.cases import Actions, Role
from domain.compiled import compiled
from domain.context import Context

NEVER = 2**31 - 1
"""No limit, or a clock that stands still: a day that no period reaches."""

UNKNOWN = -(2**31)
"""The procedure has a limit, but its start was never recorded."""

ALWAYS = 2**31 - 1


class Rules(NamedTuple):
    """A context compiled to arrays. Versions of one procedure lie side by side in `version_*`."""

    by_instant: bool
    version_first: NDArray[np.int64]  # by procedure code, one entry more than there are codes
    version_from: NDArray[np.int32]
    version_to: NDArray[np.int32]
    version_days: NDArray[np.int32]  # 0: this version sets no limit
    version_working: NDArray[np.bool_]
    version_stops: NDArray[np.bool_]  # version x reason code
    first_day: int
    counted: NDArray[np.int32]  # working days up to and including first_day + index
    working_days: NDArray[np.int32]  # day of the n-th working day


def compile_rules(context: Context, *, procedures: Sequence[str], reasons: Sequence[str]) -> Rules:
    """The context as arrays, for the codes that a history gave to its procedures and reasons."""
    first, starts, ends, days, working, stops = [0], [], [], [], [], []
    for code in procedures:
        for version in context.register.procedures.get(code, ()):
            starts.append(-ALWAYS if version.valid_from is None else version.valid_from)
            ends.append(ALWAYS if version.valid_to is None else version.valid_to)
            days.append(0 if version.limit is None else version.limit.days)
            working.append(version.limit is not None and version.limit.kind == "working")
            stops.append([reason in version.stop_reasons for reason in reasons])
        first.append(len(starts))
    first_day, counted = context.calendar.counted("working")
    steps = np.diff(counted, prepend=0)
    return Rules(
        by_instant=context.due_precision == "instant",
        version_first=np.array(first, np.int64),
        version_from=np.array(starts, np.int32),
        version_to=np.array(ends, np.int32),
        version_days=np.array(days, np.int32),
        version_working=np.array(working, np.bool_),
        version_stops=np.array(stops, np.bool_).reshape(len(starts), len(reasons)),
        first_day=first_day,
        counted=counted.astype(np.int32),
        working_days=(np.flatnonzero(steps) + first_day).astype(np.int32),
    )


@compiled
def version_in_force(rules: Rules, procedure: int, day: int) -> int:
    """Row of the procedure's version that is valid on `day`, or -1."""
    if procedure < 0:
        return -1
    for version in range(rules.version_first[procedure], rules.version_first[procedure + 1]):
        if rules.version_from[version] <= day <= rules.version_to[version]:
            return version
    return -1


@compiled
def counted_days(rules: Rules, working: bool, day: int) -> int:
    """Days of the kind up to and including `day`; outside the calendar every day counts."""
    if not working:
        return day
    index = day - rules.first_day
    if index < 0:
        return index + 1
    if index >= rules.counted.size:
        return int(rules.counted[-1]) + index - rules.counted.size + 1
    return int(rules.counted[index])


@compiled
def day_of_count(rules: Rules, working: bool, count: int) -> int:
    """The first day up to and including which `count` days of the kind lie: the inverse of `counted_days`."""
    if not working:
        return count
    if count <= 0:
        return rules.first_day + count - 1
    if count > rules.working_days.size:
        return rules.first_day + rules.counted.size - 1 + count - rules.working_days.size
    return int(rules.working_days[count - 1])


@compiled
def start_row(actions: Actions, first: int, last: int, penal: bool) -> int:
    """Row that starts the clock, among `first`..`last`: acceptance, else receipt (a penal case: opening)."""
    received = -1
    for row in range(first, last + 1):
        role = actions[row].role
        if penal and role == Role.OPENED:
            return row
        if not penal and role == Role.ACCEPTED:
            return row
        if not penal and role == Role.RECEIVED and received < 0:
            received = row
    return received


@compiled
def limit_day(actions: Actions, rules: Rules, first: int, last: int, due: int, procedure: int, penal: bool) -> int:
    """Limit of the case that begins at row `first`, as its rows up to `last` say.

    `due` is the last row that states one (-1: none does). A stated one is taken as stated. Else the
    procedure's days are counted from the day after the start, leaving out the days d with
    suspended < d <= resumed of every stop whose reason the procedure allows.
    """
    if due >= 0:
        return int(actions[due].due_day)
    start = start_row(actions, first, last, penal)
    start_day = int(actions[start].day) if start >= 0 else int(actions[last].day)
    version = version_in_force(rules, procedure, start_day)
    if version < 0 or rules.version_days[version] == 0:
        return NEVER
    if start < 0:
        return UNKNOWN
    working = bool(rules.version_working[version])
    needed = counted_days(rules, working, start_day) + int(rules.version_days[version])
    stopped = False
    stop_day = start_day
    for row in range(first, last + 1):
        role = actions[row].role
        if role == Role.SUSPENDED and not stopped:
            reason = actions[row].reason
            if reason >= 0 and rules.version_stops[version, reason]:
                stopped = True
                stop_day = max(start_day, int(actions[row].day))
        elif role == Role.RESUMED and stopped:
            stopped = False
            resumed = int(actions[row].day)
            if resumed > stop_day and day_of_count(rules, working, needed) > stop_day:
                needed += counted_days(rules, working, resumed) - counted_days(rules, working, stop_day)
    limit = day_of_count(rules, working, needed)
    if stopped and limit > stop_day:
        return NEVER
    return limit


@compiled
def within(actions: Actions, rules: Rules, row: int, due: int) -> bool:
    """Whether the action at `row` came in time for the limit stated at row `due`."""
    if rules.by_instant and actions[due].due_kind == 2:
        return bool(actions[row].time <= actions[due].due_time)
    return bool(actions[row].day <= actions[due].due_day)
