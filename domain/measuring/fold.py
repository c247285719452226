"""Fold the actions of whole cases into contributions: who is counted where, in which population, on which day.

A pure function of effective actions in case order. It does not know whether it runs live, in a rebuild, as of
an earlier position or for an explanation; contributions are integers and add up in any order. It is compiled
as one piece, so functions take arrays one by one and rows by their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.hints import natural
from domain.measuring.cases import NOBODY, OVERTURNED, STATES_REASON, Actions, Cases, Extras, Role, Shares
from domain.measuring.contributions import (
    ROWS_PER_ACTION,
    Contributions,
    buffer_size,
    emit,
    emit_held,
    emit_one,
    empty_contributions,
)
from domain.measuring.judging import clock_start, judged
from domain.measuring.limits import NEVER, Days, Rules, Versions
from domain.measuring.open_cases import CARD, OPEN_ENFORCEMENT, OPEN_LICENCE, fold_stock
from domain.measuring.populations import EVERYTHING, Population
from domain.measuring.spans import ALL_BEFORE
from domain.measuring.stated import due_day_of, rating_of
from domain.measuring.tally import WHOLE
from domain.measuring.walk import (
    NOWHERE,
    Held,
    Landmarks,
    by_then,
    noted,
    room_to_walk,
    walk,
)

HEAD: Final = 2**31 - 1
"""As of the newest position."""

Index: TypeAlias = NDArray[np.int64]

DECISION, DECIDED, CLOSED = int(Population.DECISION), int(Population.DECIDED), int(Population.CLOSED)
RATED, TARGET, ACTION = int(Population.RATED), int(Population.TARGET), int(Population.ACTION)
DECISIONS: Final = 1 << Role.GRANTED | 1 << Role.REFUSED | 1 << Role.PENALISED | 1 << Role.DISMISSED
EVERYS: Final = 31
"""The bits of an action's marks that say which of the five everys it states."""


def fold(cases: Cases, rules: Rules, *, asked: int = EVERYTHING, upto: int = HEAD) -> Contributions:
    """Contributions of all `cases` under `rules`, in case order, as of position `upto`."""
    chunks = list(fold_in_chunks(cases, rules, asked=asked, upto=upto))
    return np.concatenate([empty_contributions(0), *chunks]).view(np.recarray)


def fold_in_chunks(
    cases: Cases, rules: Rules, *, asked: int = EVERYTHING, upto: int = HEAD, rows: int = 1 << 16
) -> Iterator[Contributions]:
    """The same, about so many rows at a time."""
    size = cases.starts.size - 1
    room = room_to_walk(cases.longest)
    sharers = cases.sharers
    out = empty_contributions(buffer_size(cases, rows=min(rows, ROWS_PER_ACTION * sharers * cases.actions.size)))
    case = 0
    while case < size:
        filled, case = fold_cases(
            cases.starts,
            cases.actions,
            cases.extras,
            cases.shares,
            *rules,
            asked,
            upto,
            sharers,
            *room,
            out,
            case,
            size,
        )
        yield out[:filled].copy().view(np.recarray)


@compiled
def fold_cases(
    starts: Index, actions: Actions, extras: Extras, shares: Shares,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    asked: int, upto: int, sharers: int, landmarks: Landmarks, held: Held,
    out: Contributions, begin: int, end: int,
) -> tuple[int, int]:  # fmt: skip
    """Fold the cases `begin` to `end` until all are done or `out` might not hold the next one.

    Returns the rows filled and the first case not folded.
    """
    filled = 0
    for case in range(begin, end):
        first = starts[case]
        stop = starts[case + 1]
        if filled + (stop - first + 1) * ROWS_PER_ACTION * sharers > out.size:
            return filled, case
        filled = fold_case(
            actions, extras, shares, by_instant, first_version, versions, stops, type_bits, step_bits,
            first_day, counted, working_days, days_min, asked, upto, landmarks, held, out, filled, first, stop,
        )  # fmt: skip
    return filled, end


@compiled
def fold_case(
    actions: Actions, extras: Extras, shares: Shares,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    asked: int, upto: int, landmarks: Landmarks, held: Held,
    out: Contributions, filled: int, first: int, stop: int,
) -> int:  # fmt: skip
    """Fold the case or plan target in the rows `first` to `stop`, on any day. Returns the rows filled."""
    if actions[first].role >= Role.TARGET_SET:
        return fold_target(actions, extras, asked, upto, ALL_BEFORE, NEVER, out, filled, first, stop)
    walk(actions, upto, first, stop, landmarks, held)
    if asked & 1 << ACTION:
        filled = fold_actions(actions, extras, shares, upto, held, out, filled, first, stop)
    return fold_walked(
        actions, extras, shares, by_instant, first_version, versions, stops, type_bits, step_bits,
        first_day, counted, working_days, days_min, asked, upto, ALL_BEFORE, NEVER, landmarks, held,
        out, filled, first, stop,
    )  # fmt: skip


@compiled
def fold_actions(
    actions: Actions, extras: Extras, shares: Shares, upto: int, held: Held,
    out: Contributions, filled: int, first: int, stop: int,
) -> int:  # fmt: skip
    """Every action of a case itself, and which of the five everys it states."""
    for row in range(first, stop):
        if noted(actions, upto, row):
            filled = emit_held(
                actions, extras, shares, ALL_BEFORE, NEVER, held, out, filled, first, row,
                ACTION, int(actions[row].marks) & EVERYS, 0,
            )  # fmt: skip
    return filled


@compiled
def fold_walked(
    actions: Actions, extras: Extras, shares: Shares,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    asked: int, upto: int, from_day: int, to_day: int, landmarks: Landmarks, held: Held,
    out: Contributions, filled: int, first: int, stop: int,
) -> int:  # fmt: skip
    """What a case counts for that was walked over, its single actions apart, from one day to another.

    What happened counts on its day, and what stood open on `to_day` counts from its beginning on. With no last day
    (NEVER), what stands open is told by both its borders, so that it can be counted on any day. Returns the rows
    filled.
    """
    ended = natural(min(landmarks[Role.GRANTED], landmarks[Role.REFUSED], landmarks[Role.WITHDRAWN]))
    closed = natural(min(landmarks[Role.CLOSED], landmarks[Role.DISMISSED], landmarks[Role.TRANSFERRED]))
    if asked & (1 << OPEN_LICENCE | 1 << CARD):
        filled = fold_stock(
            actions, extras, shares, first_version, versions, stops, first_day, counted, working_days, days_min,
            asked, upto, from_day, to_day, landmarks, held, out, filled, first, stop,
            OPEN_LICENCE, landmarks[Role.RECEIVED], ended,
        )  # fmt: skip
    if asked & (1 << OPEN_ENFORCEMENT | 1 << CARD):
        filled = fold_stock(
            actions, extras, shares, first_version, versions, stops, first_day, counted, working_days, days_min,
            asked, upto, from_day, to_day, landmarks, held, out, filled, first, stop,
            OPEN_ENFORCEMENT, landmarks[Role.OPENED], closed,
        )  # fmt: skip
    if asked & 1 << DECISION:
        filled = fold_decisions(
            actions, extras, shares, upto, from_day, to_day, landmarks, held, out, filled, first, stop
        )
    # A case that was withdrawn first is never decided.
    decided = ended if ended < landmarks[Role.WITHDRAWN] else NOWHERE
    if asked & 1 << DECIDED and decided < stop and from_day <= actions[decided].day <= to_day:
        place = natural(decided - first)
        procedure = held[place].procedure
        start = clock_start(
            actions, landmarks, decided, procedure, first_version, versions, first_day, counted, working_days
        )
        pattern, days = judged(
            actions, extras, landmarks, by_instant, first_version, versions, stops, type_bits, step_bits,
            first_day, counted, working_days, days_min, asked, upto, first, decided,
            held[place].due, start, procedure,
        )  # fmt: skip
        rated = landmarks[Role.RATED] < stop
        faulty = is_faulty(actions, upto, landmarks, stop)
        filled = emit_held(
            actions, extras, shares, from_day, to_day, held, out, filled, first, decided,
            DECIDED, (pattern & 3) | faulty << 2 | rated << 3 | (pattern & 4) << 2, days,
        )  # fmt: skip
    opened = landmarks[Role.OPENED] < stop
    if asked & 1 << CLOSED and closed < stop and opened and from_day <= actions[closed].day <= to_day:
        place = natural(closed - first)
        pattern, days = judged(
            actions, extras, landmarks, by_instant, first_version, versions, stops, type_bits, step_bits,
            first_day, counted, working_days, days_min, asked, upto, first, closed,
            held[place].due, by_then(landmarks[Role.OPENED], closed), held[place].procedure,
        )  # fmt: skip
        filled = emit_held(
            actions, extras, shares, from_day, to_day, held, out, filled, first, closed,
            CLOSED, pattern, days,
        )  # fmt: skip
    if asked & 1 << RATED and landmarks[Role.RATED] < stop:
        row = decided if decided < stop else closed if closed < stop else last_own(actions, upto, first, stop)
        filled = fold_rating(
            actions, extras, shares, from_day, to_day, held, out, filled, first, landmarks[Role.RATED], row
        )
    return filled


@compiled
def is_faulty(actions: Actions, upto: int, landmarks: Landmarks, stop: int) -> bool:
    """Whether an error was found in the case that was not cleared."""
    for row in range(landmarks[Role.ERROR_FOUND], stop):
        row = natural(row)
        if (
            actions[row].role == Role.ERROR_FOUND
            and not actions[row].marks & OVERTURNED
            and actions[row].position <= upto
        ):
            return True
    return False


@compiled
def fold_decisions(
    actions: Actions, extras: Extras, shares: Shares, upto: int, from_day: int, to_day: int,
    landmarks: Landmarks, held: Held, out: Contributions, filled: int, first: int, stop: int,
) -> int:  # fmt: skip
    """Every decision, overturned by its id or by a review of the case before the next decision."""
    begin = min(
        landmarks[Role.GRANTED], landmarks[Role.REFUSED], landmarks[Role.PENALISED], landmarks[Role.DISMISSED]
    )
    for row in range(begin, stop):
        row = natural(row)
        if actions[row].position > upto or not is_decision(int(actions[row].role)):
            continue
        if not from_day <= actions[row].day <= to_day:
            continue
        pattern = 1 if actions[row].marks & OVERTURNED or is_reviewed(actions, upto, landmarks, row, stop) else 0
        if actions[row].role == Role.PENALISED:
            pattern |= 2
        filled = emit_held(
            actions, extras, shares, from_day, to_day, held, out, filled, first, row, DECISION, pattern, 0
        )
    return filled


@compiled
def is_decision(role: int) -> bool:
    """Whether a review can mean it."""
    return DECISIONS >> role & 1 != 0


@compiled
def is_reviewed(actions: Actions, upto: int, landmarks: Landmarks, decision: int, stop: int) -> bool:
    """Whether a review of the case overturned a decision before there was another."""
    if landmarks[Role.ADVERSE_REVIEW] >= stop:
        return False
    for row in range(decision + 1, stop):
        row = natural(row)
        if actions[row].position <= upto:
            if actions[row].role == Role.ADVERSE_REVIEW:
                return True
            if is_decision(int(actions[row].role)):
                return False
    return False


@compiled
def fold_rating(
    actions: Actions, extras: Extras, shares: Shares, from_day: int, to_day: int, held: Held,
    out: Contributions, filled: int, first: int, row: int, at: int,
) -> int:  # fmt: skip
    """The case's rating; what it does not name comes from the case as it was held from the action `at` on. Until
    the case has an action, -1, it waits."""
    if not from_day <= actions[row].day <= to_day:
        return filled
    if at < 0 and (actions[row].owner < 0 or actions[row].unit < 0):
        return filled
    owner, unit, procedure = -1, NOBODY, NOBODY
    if at >= 0:
        owner, unit, procedure = held[at - first].owner, held[at - first].unit, held[at - first].procedure
    owner = row if actions[row].owner >= 0 else owner
    unit = actions[row].unit if actions[row].unit >= 0 else unit
    procedure = actions[row].procedure if actions[row].procedure >= 0 else procedure
    rating = int(rating_of(actions, extras, row))
    good = 1 if rating >= 4 else 0
    return emit(
        actions, extras, shares, from_day, to_day, out, filled, row, RATED, good,
        owner, unit, procedure, actions[row].day, rating, 1,
    )  # fmt: skip


@compiled
def last_own(actions: Actions, upto: int, first: int, stop: int) -> int:
    """The last action of the case itself; -1 where there is none."""
    for row in range(stop - 1, first - 1, -1):
        if noted(actions, upto, row):
            return row
    return -1


@compiled
def fold_target(
    actions: Actions, extras: Extras, asked: int, upto: int, from_day: int, to_day: int,
    out: Contributions, filled: int, first: int, stop: int,
) -> int:  # fmt: skip
    """One plan target: due on the day finally in force, completed by then or not; cancelled ones left out."""
    if not asked & 1 << TARGET:
        return filled
    due, due_day = -1, 0
    for row in range(first, stop):
        if actions[row].position > upto or actions[row].role != Role.TARGET_SET:
            continue
        if due < 0 or actions[row].day <= due_day:
            due, due_day = row, int(due_day_of(actions, extras, row))
    if due < 0 or not from_day <= due_day <= to_day:
        return filled
    completed = 0
    for row in range(first, stop):
        if actions[row].position > upto or actions[row].day > due_day:
            continue
        if actions[row].role == Role.TARGET_CANCELLED and has_reason(actions, row):
            return filled
        if actions[row].role == Role.TARGET_COMPLETED:
            completed = 1
    target = actions[due]
    return emit_one(
        out, filled, due, TARGET << 8 | completed,
        target.owner, target.unit, target.procedure, due_day, 0, WHOLE,
    )  # fmt: skip


@compiled
def has_reason(actions: Actions, row: int) -> bool:
    """Whether the action states a reason."""
    return bool(actions[row].states & STATES_REASON)
