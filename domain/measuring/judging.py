"""Judge an action that decides: in time or not, after how many days, and with all steps taken or not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.measuring.cases import LAST_OWN, STATES_STEP, Actions, Extras, Role
from domain.measuring.limits import UNKNOWN, Days, Versions, counted_limit, start_of, surely_by, version_in_force
from domain.measuring.populations import CONFORMITY, NO_VALUE
from domain.measuring.stated import due_day_of, due_kind_of, step_of
from domain.measuring.walk import Landmarks, by_then

Index = NDArray[np.int64]


@compiled
def clock_start(
    actions: Actions, landmarks: Landmarks, last: int, procedure: int,
    first_version: Index, versions: Versions, first_day: int, counted: Days, working_days: Days,
) -> int:  # fmt: skip
    """Row that starts the clock of a licence case, as the rows up to `last` say; -1 where none does."""
    return start_of(
        actions, by_then(landmarks[Role.RECEIVED], last), by_then(landmarks[Role.ACCEPTED], last),
        by_then(landmarks[Role.CORRECTION_REQUESTED], last), procedure,
        first_version, versions, first_day, counted, working_days,
    )  # fmt: skip


@compiled
def limit_in_force(
    actions: Actions, extras: Extras, landmarks: Landmarks, upto: int, last: int, due: int, start: int,
    procedure: int, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    first_day: int, counted: Days, working_days: Days,
) -> int:  # fmt: skip
    """Limit as the rows up to `last` say: the last stated one as stated, else the procedure's."""
    if due >= 0:
        return int(due_day_of(actions, extras, due))
    # Before its first stop or extension nothing in a case moves its limit.
    moved = min(landmarks[Role.SUSPENDED], landmarks[Role.EXTENDED])
    return counted_limit(
        actions, extras, upto, moved, last, start, procedure,
        first_version, versions, stops, first_day, counted, working_days,
    )  # fmt: skip


@compiled
def judged(
    actions: Actions, extras: Extras, landmarks: Landmarks,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    asked: int, upto: int, first: int, row: int, due: int, start: int, procedure: int,
) -> tuple[int, int]:  # fmt: skip
    """How the deciding action did: (1 in time | 2 limit unknown | 4 conforming, days since the start).

    Without a start there are no days, and the case has NO_VALUE.
    """
    day = int(actions[row].day)
    start_day = int(actions[start].day) if start >= 0 else day
    pattern = 0
    if due >= 0 and by_instant and due_kind_of(actions, extras, due) == 2:
        if time_of(actions, extras, row) <= extras[actions[due].extra].due_time:
            pattern = 1
    elif due < 0 and surely_by(actions, start, -1, days_min, procedure, day):
        pattern = 1
    else:
        limit = limit_in_force(
            actions, extras, landmarks, upto, row, due, start, procedure,
            first_version, versions, stops, first_day, counted, working_days,
        )  # fmt: skip
        if limit == UNKNOWN:
            pattern = 2
        elif day <= limit:
            pattern = 1
    if asked & CONFORMITY:
        version = version_in_force(first_version, versions, procedure, start_day)
        if version < 0:
            pattern |= 4
        else:
            taken = versions[version].required ^ versions[version].required
            for each in range(first, row + 1):
                if actions[each].position <= upto and actions[each].role <= LAST_OWN:
                    taken |= type_bits[version, actions[each].kind]
                    if actions[each].states & STATES_STEP:
                        taken |= step_bits[version, step_of(actions, extras, each)]
            if taken & versions[version].required == versions[version].required:
                pattern |= 4
    return pattern, max(0, day - start_day) if start >= 0 else NO_VALUE


@compiled
def time_of(actions: Actions, extras: Extras, row: int) -> int:
    """Instant of a decision, which keeps one where dues may be instants."""
    return int(extras[actions[row].extra].time)
