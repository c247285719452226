"""Work out the day by which a case must be done: stated, or counted by the procedure register."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.actions.types import ACTION_TYPES
from domain.compiled import compiled
from domain.measuring.cases import STATES_REASON, Actions, Extras, Role
from domain.measuring.stated import reason_of
from domain.rules.context import Context

NEVER = 2**31 - 1
"""No limit, or a clock that stands still: a day that no period reaches."""

UNKNOWN = -(2**31)
"""The procedure has a limit, but its start was never recorded."""

ALWAYS = 2**31 - 1

VERSION_RECORD = np.dtype(
    [
        ("required", np.uint64),  # bits of the steps that must have been taken
        ("valid_from", np.int32),
        ("valid_to", np.int32),
        ("days", np.int32),  # 0: this version sets no limit
        ("extension_days", np.int32),  # what an extension adds
        ("extension_times", np.int32),  # how often; 0: never
        ("deemed_days", np.int32),  # after so many, acceptance is deemed; 0: never
        ("warning_days", np.int32),
        ("red_days", np.int32),
        ("working", np.bool_),
        ("deemed_working", np.bool_),
        ("supervised", np.bool_),  # warnings and red cards are given
        ("supervised_working", np.bool_),
    ],
    align=True,
)
"""One version of a procedure."""

Versions: TypeAlias = "np.recarray[Any, Any]"
"""Records of VERSION_RECORD; versions of one procedure lie side by side."""
Days: TypeAlias = NDArray[np.int32]


class Rules(NamedTuple):
    """A context compiled to arrays, for the codes that a history gave to procedures, reasons and steps.

    The functions of the fold take these one by one: numba counts references to the arrays of a tuple at every
    access, which makes the same lines several times slower.
    """

    by_instant: bool
    first_version: NDArray[np.int64]  # by procedure code, one entry more than there are codes
    versions: Versions
    stops: NDArray[np.bool_]  # version x reason code
    type_bits: NDArray[np.uint64]  # version x type code: the required step that an action of the type takes
    step_bits: NDArray[np.uint64]  # version x step code
    first_day: int
    counted: Days  # working days up to and including first_day + index
    working_days: Days  # day of the n-th working day
    days_min: Days  # by procedure code: the fewest days that a version sets; the last is for no procedure


def compile_rules(
    context: Context, *, procedures: Sequence[str], reasons: Sequence[str], steps: Sequence[str] = ()
) -> Rules:
    """The context as arrays, for the codes that a history gave to its procedures, reasons and steps."""
    first, rows, stops, type_bits, step_bits = [0], [], [], [], []
    kinds = {name: kind.code for name, kind in ACTION_TYPES.items()}
    for code in procedures:
        for version in context.register.procedures.get(code, ()):
            bits = {step: 1 << number for number, step in enumerate(version.steps_due)}
            supervision, extension, deemed = version.supervision, version.extension, version.deemed_acceptance
            rows.append(
                (
                    (1 << len(bits)) - 1,
                    -ALWAYS if version.valid_from is None else version.valid_from,
                    ALWAYS if version.valid_to is None else version.valid_to,
                    0 if version.limit is None else version.limit.days,
                    0 if extension is None else extension.days,
                    0 if extension is None else extension.times,
                    0 if deemed is None else deemed.days,
                    0 if supervision is None else supervision.warning,
                    0 if supervision is None else supervision.red,
                    version.limit is not None and version.limit.kind == "working",
                    deemed is not None and deemed.kind == "working",
                    supervision is not None,
                    supervision is not None and supervision.kind == "working",
                )
            )
            stops.append([reason in version.stop_reasons for reason in reasons])
            by_type = [0] * (max(kinds.values()) + 1)
            for name, kind in kinds.items():
                by_type[kind] = bits.get(name, 0)
            type_bits.append(by_type)
            step_bits.append([bits.get(step, 0) for step in steps])
        first.append(len(rows))
    first_day, counted = context.calendar.counted("working")
    worked = np.diff(counted, prepend=0)
    shape = len(rows)
    return Rules(
        by_instant=context.due_precision == "instant",
        first_version=np.array(first, np.int64),
        versions=np.array(rows, VERSION_RECORD).view(np.recarray),
        stops=np.array(stops, np.bool_).reshape(shape, len(reasons)),
        type_bits=np.array(type_bits, np.uint64).reshape(shape, max(kinds.values()) + 1),
        step_bits=np.array(step_bits, np.uint64).reshape(shape, len(steps)),
        first_day=first_day,
        counted=counted.astype(np.int32),
        working_days=(np.flatnonzero(worked) + first_day).astype(np.int32),
        days_min=_fewest_days(first, [row[3] for row in rows]),
    )


def _fewest_days(first: Sequence[int], days: Sequence[int]) -> Days:
    limits = [[each for each in days[begin:end] if each] for begin, end in pairwise(first)]
    return np.array([*(min(each, default=NEVER) for each in limits), NEVER], np.int32)


@compiled
def surely_by(actions: Actions, received: int, accepted: int, days_min: Days, procedure: int, day: int) -> bool:
    """Whether no limit that the procedure could set is over before `day`, wherever the clock started.

    Working days, stops and extensions only make a limit later, so most cases need not be looked at closely.
    """
    if accepted >= 0 and received >= 0:
        start = min(actions[received].day, actions[accepted].day)
    elif accepted >= 0 or received >= 0:
        start = actions[max(received, accepted)].day
    else:
        return False
    return bool(day <= start + np.int64(days_min[procedure]))


@compiled
def version_in_force(first_version: NDArray[np.int64], versions: Versions, procedure: int, day: int) -> int:
    """Row of the procedure's version that is valid on `day`, or -1."""
    if procedure < 0:
        return -1
    for version in range(first_version[procedure], first_version[procedure + 1]):
        if versions[version].valid_from <= day <= versions[version].valid_to:
            return version
    return -1


@compiled
def counted_days(first_day: int, counted: Days, working: bool, day: int) -> int:
    """Days of the kind up to and including `day`; outside the calendar every week is Monday to Friday."""
    if not working:
        return day
    index = day - first_day
    if index < 0:
        return weekdays_through(day) - weekdays_through(first_day - 1)
    if index >= counted.size:
        return int(counted[-1]) + weekdays_through(day) - weekdays_through(first_day + counted.size - 1)
    return int(counted[index])


@compiled
def day_of_count(first_day: int, counted: Days, working_days: Days, working: bool, count: int) -> int:
    """The first day up to and including which `count` days of the kind lie: the inverse of `counted_days`."""
    if not working:
        return count
    if count <= 0:
        return nth_weekday(count + weekdays_through(first_day - 1))
    if count > working_days.size:
        return nth_weekday(count - working_days.size + weekdays_through(first_day + counted.size - 1))
    return int(working_days[count - 1])


@compiled
def weekdays_through(day: int) -> int:
    """As `domain.rules.calendars` counts them: day 4 is a Monday and gives 1."""
    weeks = (day - 4) // 7
    return weeks * 5 + min((day - 4) - weeks * 7, 4) + 1


@compiled
def nth_weekday(number: int) -> int:
    """The day whose `weekdays_through` first reaches `number`."""
    weeks = (number - 1) // 5
    return 4 + weeks * 7 + (number - 1) - weeks * 5


@compiled
def start_of(
    actions: Actions, received: int, accepted: int, requested: int, procedure: int,
    first_version: NDArray[np.int64], versions: Versions, first_day: int, counted: Days, working_days: Days,
) -> int:  # fmt: skip
    """Row that starts the clock of a licence case, -1 where none does: the acceptance, else the receipt.

    `received`, `accepted` and `requested` are the rows of the first receipt, acceptance and request for a
    correction, -1 where there is none. Where the version in force on the day of the receipt deems accepted what
    nobody sent back within some days, and neither request nor acceptance came by then, it is the receipt.
    """
    if accepted < 0 or received < 0 or actions[accepted].day == actions[received].day:
        return accepted if accepted >= 0 else received
    day = int(actions[received].day)
    version = version_in_force(first_version, versions, procedure, day)
    if version < 0 or versions[version].deemed_days == 0:
        return accepted
    working = bool(versions[version].deemed_working)
    count = counted_days(first_day, counted, working, day) + int(versions[version].deemed_days)
    deadline = day_of_count(first_day, counted, working_days, working, count)
    if actions[accepted].day <= deadline or (requested >= 0 and actions[requested].day <= deadline):
        return accepted
    return received


@compiled
def counted_limit(
    actions: Actions, extras: Extras, upto: int, first: int, last: int, start: int,
    procedure: int, first_version: NDArray[np.int64], versions: Versions, stops: NDArray[np.bool_],
    first_day: int, counted: Days, working_days: Days,
) -> int:  # fmt: skip
    """Limit that the procedure sets for the case that begins at row `first`, as its rows up to `last` say.

    The clock starts at row `start`, -1 where nothing started it. Rows recorded after position `upto` are not
    there. The procedure's days are counted from the day after the start, leaving out the days d with
    suspended < d <= resumed of every stop whose reason the procedure allows. An extension that comes by the limit
    as it then is adds days, as often as the procedure says.
    """
    start_day = int(actions[start].day) if start >= 0 else int(actions[last].day)
    version = version_in_force(first_version, versions, procedure, start_day)
    if version < 0 or versions[version].days == 0:
        return NEVER
    if start < 0:
        return UNKNOWN
    working = bool(versions[version].working)
    needed = counted_days(first_day, counted, working, start_day) + int(versions[version].days)
    stopped = False
    stop_day = start_day
    extensions = int(versions[version].extension_times)
    for row in range(first, last + 1):
        role = actions[row].role
        if actions[row].position > upto:
            continue
        if role == Role.SUSPENDED and not stopped:
            if actions[row].states & STATES_REASON:
                reason = reason_of(actions, extras, row)
                if stops[version, reason]:
                    stopped = True
                    stop_day = max(start_day, int(actions[row].day))
        elif role == Role.RESUMED and stopped:
            stopped = False
            resumed = int(actions[row].day)
            if resumed > stop_day and day_of_count(first_day, counted, working_days, working, needed) > stop_day:
                needed += counted_days(first_day, counted, working, resumed)
                needed -= counted_days(first_day, counted, working, stop_day)
        elif role == Role.EXTENDED and extensions > 0:
            limit = day_of_count(first_day, counted, working_days, working, needed)
            if actions[row].day <= limit or (stopped and limit > stop_day):
                needed += int(versions[version].extension_days)
                extensions -= 1
    limit = day_of_count(first_day, counted, working_days, working, needed)
    if stopped and limit > stop_day:
        return NEVER
    return limit
