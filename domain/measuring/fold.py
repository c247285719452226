"""Fold the actions of whole cases into contributions: who is counted where, in which population, on which day.

A pure function of effective actions in case order. It does not know whether it runs live, in a rebuild, as of
an earlier position or for an explanation; contributions are integers and add up in any order. It is compiled
as one piece, so functions take arrays one by one and rows by their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.measuring.cases import (
    NOBODY,
    OVERTURNED,
    STATES_REASON,
    STATES_SHARES,
    Actions,
    Cases,
    Extras,
    Role,
    Shares,
)
from domain.measuring.judging import clock_start, judged, limit_in_force
from domain.measuring.limits import (
    NEVER,
    UNKNOWN,
    Days,
    Rules,
    Versions,
    counted_days,
    day_of_count,
    surely_by,
    version_in_force,
)
from domain.measuring.populations import EVERYTHING, IN_TIME_STOCK, Population
from domain.measuring.spans import ALL_BEFORE
from domain.measuring.stated import due_day_of, rating_of
from domain.measuring.tally import WHOLE
from domain.measuring.walk import (
    LAST,
    LAST_DECISION,
    NOWHERE,
    Held,
    Landmarks,
    by_then,
    is_decision,
    longest_case,
    noted,
    room_to_walk,
    walk,
)

HEAD: Final = 2**31 - 1
"""As of the newest position."""

ROWS_PER_ACTION: Final = 20
"""No action gives more contributions than this for each who shares in it: two stocks with their two borders and
two sides, six cards, an action, and what its case counts for at the end."""

CONTRIBUTION_RECORD = np.dtype(
    [
        ("part", np.int32),  # millionths of a member; negative where a stock ends
        ("person", np.int32),
        ("unit", np.int32),
        ("procedure", np.int32),
        ("day", np.int32),
        ("value", np.int32),  # of members that have one: days or the rating, or NO_VALUE
        ("row", np.int32),  # the action that decides: index into Cases.actions
        ("kind", np.uint16),  # population << 8 | pattern
    ],
    align=True,
)
"""One share of one member: 32 bytes."""

Contributions: TypeAlias = "np.recarray[Any, Any]"
"""Records of CONTRIBUTION_RECORD."""
Index: TypeAlias = NDArray[np.int64]

DECISION, DECIDED, CLOSED = int(Population.DECISION), int(Population.DECIDED), int(Population.CLOSED)
RATED, TARGET, ACTION = int(Population.RATED), int(Population.TARGET), int(Population.ACTION)
OPEN_LICENCE, OPEN_ENFORCEMENT = int(Population.OPEN_LICENCE), int(Population.OPEN_ENFORCEMENT)
CARD: Final = int(Population.CARD)
OVERDUE, WARNING, YELLOW, RED = 1, 1, 2, 4
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
    room = room_to_walk(cases)
    sharers = sharers_max(cases)
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


def empty_contributions(size: int) -> Contributions:
    """Room for so many."""
    return np.empty(size, CONTRIBUTION_RECORD).view(np.recarray)


def buffer_size(cases: Cases, *, rows: int) -> int:
    """Rows that hold the contributions of any one of the cases, and at least `rows`."""
    if cases.starts.size < 2:
        return rows
    return max(rows, (longest_case(cases.starts) + 1) * ROWS_PER_ACTION * sharers_max(cases))


def sharers_max(cases: Cases) -> int:
    """The most people that share in one action."""
    return 1 + most_participants(cases.extras)


@compiled
def most_participants(extras: Extras) -> int:
    """The most participants that one action names; without making an array as long as the extras."""
    most = 0
    for number in range(extras.size):
        most = max(most, extras[number].share_stop - extras[number].share_start)
    return most


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
        if actions[first].role >= Role.TARGET_SET:
            filled = fold_target(actions, extras, asked, upto, ALL_BEFORE, NEVER, out, filled, first, stop)
            continue
        walk(actions, upto, first, stop, landmarks, held)
        if asked & 1 << ACTION:
            filled = fold_actions(actions, extras, shares, upto, held, out, filled, first, stop)
        filled = fold_walked(
            actions, extras, shares, by_instant, first_version, versions, stops, type_bits, step_bits,
            first_day, counted, working_days, days_min, asked, upto, ALL_BEFORE, NEVER, landmarks, held,
            out, filled, first, stop,
        )  # fmt: skip
    return filled, end


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
    ended = min(landmarks[Role.GRANTED], landmarks[Role.REFUSED], landmarks[Role.WITHDRAWN])
    closed = min(landmarks[Role.CLOSED], landmarks[Role.DISMISSED], landmarks[Role.TRANSFERRED])
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
        procedure = held[decided - first].procedure
        start = clock_start(
            actions, landmarks, decided, procedure, first_version, versions, first_day, counted, working_days
        )
        pattern, days = judged(
            actions, extras, landmarks, by_instant, first_version, versions, stops, type_bits, step_bits,
            first_day, counted, working_days, days_min, asked, upto, first, decided,
            held[decided - first].due, start, procedure,
        )  # fmt: skip
        rated = landmarks[Role.RATED] < stop
        faulty = is_faulty(actions, upto, landmarks, stop)
        filled = emit_held(
            actions, extras, shares, from_day, to_day, held, out, filled, first, decided,
            DECIDED, (pattern & 3) | faulty << 2 | rated << 3 | (pattern & 4) << 2, days,
        )  # fmt: skip
    opened = landmarks[Role.OPENED] < stop
    if asked & 1 << CLOSED and closed < stop and opened and from_day <= actions[closed].day <= to_day:
        pattern, days = judged(
            actions, extras, landmarks, by_instant, first_version, versions, stops, type_bits, step_bits,
            first_day, counted, working_days, days_min, asked, upto, first, closed,
            held[closed - first].due, by_then(landmarks[Role.OPENED], closed), held[closed - first].procedure,
        )  # fmt: skip
        filled = emit_held(
            actions, extras, shares, from_day, to_day, held, out, filled, first, closed,
            CLOSED, pattern, days,
        )  # fmt: skip
    if asked & 1 << RATED and landmarks[Role.RATED] < stop:
        row = decided if decided < stop else closed if closed < stop else landmarks[LAST]
        filled = fold_rating(
            actions, extras, shares, from_day, to_day, held, out, filled, first, landmarks[Role.RATED], row
        )
    return filled


@compiled
def is_faulty(actions: Actions, upto: int, landmarks: Landmarks, stop: int) -> bool:
    """Whether an error was found in the case that was not cleared."""
    for row in range(landmarks[Role.ERROR_FOUND], stop):
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
    for row in range(begin, landmarks[LAST_DECISION] + 1):
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
def is_reviewed(actions: Actions, upto: int, landmarks: Landmarks, decision: int, stop: int) -> bool:
    """Whether a review of the case overturned a decision before there was another."""
    if landmarks[Role.ADVERSE_REVIEW] >= stop:
        return False
    for row in range(decision + 1, stop):
        if actions[row].position <= upto:
            if actions[row].role == Role.ADVERSE_REVIEW:
                return True
            if is_decision(int(actions[row].role)):
                return False
    return False


@compiled
def fold_stock(
    actions: Actions, extras: Extras, shares: Shares,
    first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    asked: int, upto: int, from_day: int, to_day: int, landmarks: Landmarks, held: Held,
    out: Contributions, filled: int, first: int, stop: int, population: int, begin: int, end: int,
) -> int:  # fmt: skip
    """A case that stands open from row `begin` until row `end`, as it stands between each two of its actions."""
    if begin >= min(stop, end):
        return filled
    # What is asked of a last day is only what stands open then; cards are given on any.
    of_one_day = to_day != NEVER and not asked & 1 << CARD
    if of_one_day and (actions[begin].day > to_day or (end < stop and actions[end].day <= to_day)):
        return filled
    start, limit, stale, cards, last = -1, NEVER, True, 0, begin
    for row in range(begin + 1, min(stop, end) + 1):
        # One step beyond the last action: what stands open then, stands for ever.
        day = NEVER
        if row < stop:
            if not noted(actions, upto, row):
                continue
            day = int(actions[row].day)
        if day > actions[last].day and not (of_one_day and day <= to_day):
            procedure, due = held[last - first].procedure, held[last - first].due
            accepted = by_then(landmarks[Role.ACCEPTED], last) if population == OPEN_LICENCE else -1
            closely = asked & (IN_TIME_STOCK | 1 << CARD) or due >= 0
            if closely or not surely_by(actions, begin, accepted, days_min, procedure, min(day, to_day + 1)):
                if stale:
                    start = begin
                    if population == OPEN_LICENCE:
                        start = clock_start(
                            actions, landmarks, last, procedure,
                            first_version, versions, first_day, counted, working_days,
                        )  # fmt: skip
                    limit = limit_in_force(
                        actions, extras, landmarks, upto, last, due, start, procedure,
                        first_version, versions, stops, first_day, counted, working_days,
                    )  # fmt: skip
                    stale = False
                filled, cards = fold_open(
                    actions, extras, shares, first_version, versions, first_day, counted, working_days,
                    asked, from_day, to_day, held, out, filled, first, last, population, limit, cards, day, start,
                )  # fmt: skip
            if of_one_day:
                return filled
        if row < stop:
            before, now = held[last - first], held[row - first]
            stale |= now.procedure != before.procedure or now.due != before.due or actions[row].role != Role.STEP
            last = row
    return filled


@compiled
def fold_open(
    actions: Actions, extras: Extras, shares: Shares, first_version: Index, versions: Versions,
    first_day: int, counted: Days, working_days: Days, asked: int, from_day: int, to_day: int, held: Held,
    out: Contributions, filled: int, first: int, row: int, population: int, limit: int, cards: int, until: int,
    start: int,
) -> tuple[int, int]:  # fmt: skip
    """A case that stands open from the day of `row` until the day `until`; overdue from its limit on.

    `cards` are those given so far, each once in a case. Returns the rows filled, and the cards.
    """
    owner, unit, procedure = held[row - first].owner, held[row - first].unit, held[row - first].procedure
    since = int(actions[row].day)
    begin = min(max(since, limit), until)
    if asked & 1 << population:
        if asked & IN_TIME_STOCK and since < begin:
            filled = emit_span(
                actions, extras, shares, to_day, out, filled, row, population, 0,
                owner, unit, procedure, since, begin,
            )  # fmt: skip
        if begin < until:
            filled = emit_span(
                actions, extras, shares, to_day, out, filled, row, population, OVERDUE,
                owner, unit, procedure, begin, until,
            )  # fmt: skip
    if asked & 1 << CARD and limit != NEVER and limit != UNKNOWN:
        version = version_in_force(first_version, versions, procedure, actions[start].day)
        if version >= 0 and versions[version].supervised:
            working = bool(versions[version].supervised_working)
            count = counted_days(first_day, counted, working, limit)
            before, after = versions[version].warning_days, versions[version].red_days
            warned = day_of_count(first_day, counted, working_days, working, count - before)
            if not cards & WARNING and max(since, warned) < min(until, limit + 1):
                cards |= WARNING
                filled = emit(
                    actions, extras, shares, from_day, to_day, out, filled, row, CARD, WARNING,
                    owner, unit, procedure, max(since, warned), 0, 1,
                )  # fmt: skip
            passed = day_of_count(first_day, counted, working_days, working, count + after)
            if not cards & RED and max(since, passed + 1) < until:
                cards |= RED
                filled = emit(
                    actions, extras, shares, from_day, to_day, out, filled, row, CARD, RED,
                    owner, unit, procedure, max(since, passed + 1), 0, 1,
                )  # fmt: skip
        if not cards & YELLOW and max(since, limit + 1) < until:
            cards |= YELLOW
            filled = emit(
                actions, extras, shares, from_day, to_day, out, filled, row, CARD, YELLOW,
                owner, unit, procedure, max(since, limit + 1), 0, 1,
            )  # fmt: skip
    return filled, cards


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


@compiled
def emit_held(
    actions: Actions, extras: Extras, shares: Shares, from_day: int, to_day: int, held: Held,
    out: Contributions, filled: int, first: int, row: int, population: int, pattern: int, value: int,
) -> int:  # fmt: skip
    """Count an action on its day, for those who hold the case by then."""
    owner, unit, procedure = held[row - first].owner, held[row - first].unit, held[row - first].procedure
    return emit(
        actions, extras, shares, from_day, to_day, out, filled, row, population, pattern,
        owner, unit, procedure, actions[row].day, value, 1,
    )  # fmt: skip


@compiled
def emit_span(
    actions: Actions, extras: Extras, shares: Shares, to_day: int, out: Contributions, filled: int, row: int,
    population: int, pattern: int, owner: int, unit: int, procedure: int, begin: int, until: int,
) -> int:  # fmt: skip
    """In stock from day `begin` until day `until`: +1 on the one, -1 on the other, which cancel unless the last
    day lies between."""
    if to_day != NEVER and not begin <= to_day < until:
        return filled
    filled = emit(
        actions, extras, shares, begin, begin, out, filled, row, population, pattern,
        owner, unit, procedure, begin, 0, 1,
    )  # fmt: skip
    if to_day == NEVER and until != NEVER:
        filled = emit(
            actions, extras, shares, until, until, out, filled, row, population, pattern,
            owner, unit, procedure, until, 0, -1,
        )  # fmt: skip
    return filled


@compiled
def emit(
    actions: Actions, extras: Extras, shares: Shares, from_day: int, to_day: int,
    out: Contributions, filled: int, row: int, population: int, pattern: int,
    owner: int, unit: int, procedure: int, day: int, value: int, sign: int,
) -> int:  # fmt: skip
    """Count one member, if its day is one of those, for owner and participants, as row `owner` names them; their
    shares are WHOLE together."""
    if not from_day <= day <= to_day:
        return filled
    kind = population << 8 | pattern
    if owner < 0:
        return emit_one(out, filled, row, kind, NOBODY, unit, procedure, day, value, sign * WHOLE)
    rest = WHOLE
    if actions[owner].states & STATES_SHARES:
        extra = actions[owner].extra
        for share in range(extras[extra].share_start, extras[extra].share_stop):
            part = shares[share].part
            rest -= part
            filled = emit_one(
                out, filled, row, kind, shares[share].staff, unit, procedure, day, value, sign * part
            )
    if rest > 0:
        filled = emit_one(out, filled, row, kind, actions[owner].owner, unit, procedure, day, value, sign * rest)
    return filled


@compiled
def emit_one(
    out: Contributions, filled: int, row: int, kind: int,
    person: int, unit: int, procedure: int, day: int, value: int, part: int,
) -> int:  # fmt: skip
    """Write one contribution; returns the rows filled."""
    out[filled].part = part
    out[filled].person = person
    out[filled].unit = unit
    out[filled].procedure = procedure
    out[filled].day = day
    out[filled].value = value
    out[filled].row = row
    out[filled].kind = kind
    return filled + 1
