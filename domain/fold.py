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

from domain.cases import (
    LAST_OWN,
    NOBODY,
    OVERTURNED,
    STATES_DUE,
    STATES_REASON,
    STATES_SHARES,
    STATES_STEP,
    Actions,
    Cases,
    Extras,
    Role,
    Shares,
)
from domain.compiled import compiled
from domain.limits import (
    NEVER,
    UNKNOWN,
    Days,
    Rules,
    Versions,
    counted_days,
    counted_limit,
    day_of_count,
    start_of,
    surely_by,
    version_in_force,
)
from domain.populations import CONFORMITY, EVERYTHING, IN_TIME_STOCK, Population
from domain.spans import ALL_BEFORE
from domain.stated import due_day_of, due_kind_of, rating_of, step_of
from domain.tally import WHOLE

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
        ("value", np.int32),  # of members that have one: days, or the rating
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


def fold(cases: Cases, rules: Rules, *, asked: int = EVERYTHING, upto: int = HEAD) -> Contributions:
    """Contributions of all `cases` under `rules`, in case order, as of position `upto`."""
    chunks = list(fold_in_chunks(cases, rules, asked=asked, upto=upto))
    return np.concatenate([empty_contributions(0), *chunks]).view(np.recarray)


def fold_in_chunks(
    cases: Cases, rules: Rules, *, asked: int = EVERYTHING, upto: int = HEAD, rows: int = 1 << 16
) -> Iterator[Contributions]:
    """The same, about so many rows at a time."""
    size = cases.starts.size - 1
    sharers = sharers_max(cases)
    out = empty_contributions(buffer_size(cases, rows=min(rows, ROWS_PER_ACTION * sharers * cases.actions.size)))
    case = 0
    while case < size:
        filled, case = fold_cases(
            cases.starts, cases.actions, cases.extras, cases.shares, *rules, asked, upto, sharers, out, case, size
        )
        yield out[:filled].copy().view(np.recarray)


def empty_contributions(size: int) -> Contributions:
    """Room for so many."""
    return np.empty(size, CONTRIBUTION_RECORD).view(np.recarray)


def buffer_size(cases: Cases, *, rows: int) -> int:
    """Rows that hold the contributions of any one of the cases, and at least `rows`."""
    if cases.starts.size < 2:
        return rows
    return max(rows, (int(np.diff(cases.starts).max()) + 1) * ROWS_PER_ACTION * sharers_max(cases))


def sharers_max(cases: Cases) -> int:
    """The most people that share in one action."""
    return 1 + int((cases.extras.share_stop - cases.extras.share_start).max(initial=0))


@compiled
def fold_cases(
    starts: Index, actions: Actions, extras: Extras, shares: Shares,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    asked: int, upto: int, sharers: int, out: Contributions, begin: int, end: int,
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
        filled = fold_one(
            actions, extras, shares, by_instant, first_version, versions, stops, type_bits, step_bits,
            first_day, counted, working_days, days_min, asked, upto, ALL_BEFORE, NEVER, out, filled, first, stop,
        )  # fmt: skip
    return filled, end


@compiled
def fold_one(
    actions: Actions, extras: Extras, shares: Shares,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    asked: int, upto: int, from_day: int, to_day: int,
    out: Contributions, filled: int, first: int, stop: int,
) -> int:  # fmt: skip
    """One case or plan target, whichever begins at row `first`, as far as it counts from one day to another.

    What happened counts on its day, and what stood open on `to_day` counts from its beginning on. With no last day
    (NEVER), what stands open is told by both its borders, so that it can be counted on any day. Returns the rows
    filled.
    """
    if actions[first].role >= Role.TARGET_SET:
        return fold_target(actions, extras, asked, upto, from_day, to_day, out, filled, first, stop)
    return fold_case(
        actions, extras, shares, by_instant, first_version, versions, stops, type_bits, step_bits,
        first_day, counted, working_days, days_min, asked, upto, from_day, to_day, out, filled, first, stop,
    )  # fmt: skip


@compiled
def fold_case(
    actions: Actions, extras: Extras, shares: Shares,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    asked: int, upto: int, from_day: int, to_day: int,
    out: Contributions, filled: int, first: int, stop: int,
) -> int:  # fmt: skip
    """One case, in one walk over its actions: what each counts for, and what stands open from day to day.

    Owner, unit and procedure are each what the last action that names them says; -1 until one does. What later
    actions still change (a decision that is overturned, an error found) is counted when it can change no more.
    """
    owner, unit, procedure, due, last = -1, NOBODY, NOBODY, -1, -1
    received, accepted, requested, opened = -1, -1, -1, -1
    decision, withdrawn, closing, rating, pending = -1, False, -1, -1, -1
    decision_owner, decision_unit, decision_procedure, decided = -1, NOBODY, NOBODY, 0
    closing_owner, closing_unit, closing_procedure, closed = -1, NOBODY, NOBODY, 0
    pending_owner, pending_unit, pending_procedure, overturned = -1, NOBODY, NOBODY, False
    duration, closing_duration, faulty = 0, 0, False
    licence_limit, licence_stale, penal_limit, penal_stale = NEVER, True, NEVER, True
    licence_start, licence_cards, penal_cards = -1, 0, 0
    for row in range(first, stop + 1):
        # One step beyond the last action: what stands open then, stands for ever.
        day = NEVER
        role = 0
        if row < stop:
            if actions[row].position > upto:
                continue
            role = int(actions[row].role)
            if role > LAST_OWN:
                if role == Role.RATED:
                    if rating < 0:
                        rating = row
                elif role == Role.ADVERSE_REVIEW:
                    overturned = True
                elif role == Role.ERROR_FOUND and not actions[row].marks & OVERTURNED:
                    faulty = True
                continue
            day = actions[row].day
        if last >= 0 and day > actions[last].day:
            # What is asked of a last day is only what stands open then; cards are given on any.
            closely = asked & (IN_TIME_STOCK | 1 << CARD) or due >= 0
            stands = asked & 1 << CARD or to_day == NEVER or (actions[last].day <= to_day and to_day < day)
            if (
                stands and asked & (1 << OPEN_LICENCE | 1 << CARD)
                and received >= 0 and decision < 0 and not withdrawn
                and (closely or not surely_by(actions, received, accepted, days_min, procedure, day))
            ):  # fmt: skip
                if licence_stale:
                    licence_start = start_of(
                        actions, received, accepted, requested, procedure,
                        first_version, versions, first_day, counted, working_days,
                    )  # fmt: skip
                    licence_limit = limit_in_force(
                        actions, extras, upto, first, last, due, licence_start, procedure,
                        first_version, versions, stops, first_day, counted, working_days,
                    )  # fmt: skip
                    licence_stale = False
                filled, licence_cards = fold_open(
                    actions, extras, shares, first_version, versions, first_day, counted, working_days,
                    asked, from_day, to_day, out, filled, last, OPEN_LICENCE, licence_limit, licence_cards, day,
                    licence_start, owner, unit, procedure,
                )  # fmt: skip
            if (
                stands and asked & (1 << OPEN_ENFORCEMENT | 1 << CARD) and opened >= 0 and closing < 0
                and (closely or not surely_by(actions, -1, opened, days_min, procedure, day))
            ):  # fmt: skip
                if penal_stale:
                    penal_limit = limit_in_force(
                        actions, extras, upto, first, last, due, opened, procedure,
                        first_version, versions, stops, first_day, counted, working_days,
                    )  # fmt: skip
                    penal_stale = False
                filled, penal_cards = fold_open(
                    actions, extras, shares, first_version, versions, first_day, counted, working_days,
                    asked, from_day, to_day, out, filled, last, OPEN_ENFORCEMENT, penal_limit, penal_cards, day,
                    opened, owner, unit, procedure,
                )  # fmt: skip
        if row == stop:
            break
        last = row
        if actions[row].owner >= 0:
            owner = row
        if actions[row].unit >= 0:
            unit = actions[row].unit
        if actions[row].procedure >= 0 and actions[row].procedure != procedure:
            procedure = actions[row].procedure
            licence_stale = penal_stale = True
        if actions[row].states & STATES_DUE:
            due = row
            licence_stale = penal_stale = True
        if role != Role.STEP:
            licence_stale = penal_stale = True
            if role == Role.RECEIVED and received < 0:
                received = row
            elif role == Role.ACCEPTED and accepted < 0:
                accepted = row
            elif role == Role.CORRECTION_REQUESTED and requested < 0:
                requested = row
            elif role == Role.OPENED and opened < 0:
                opened = row
        if asked & 1 << ACTION:
            filled = emit(
                actions, extras, shares, from_day, to_day, out, filled, row, ACTION, int(actions[row].marks) & 31,
                owner, unit, procedure, day, 0, 1,
            )  # fmt: skip
        if role < Role.GRANTED:
            continue
        if role == Role.WITHDRAWN:
            withdrawn |= decision < 0
            continue
        if is_decision(role) and asked & 1 << DECISION:
            if pending >= 0:
                filled = emit_decision(
                    actions, extras, shares, from_day, to_day, out, filled, pending, overturned,
                    pending_owner, pending_unit, pending_procedure,
                )  # fmt: skip
            pending, pending_owner, pending_unit, pending_procedure = row, owner, unit, procedure
            overturned = actions[row].marks & OVERTURNED != 0
        if (role == Role.GRANTED or role == Role.REFUSED) and decision < 0 and not withdrawn:
            decision, decision_owner, decision_unit, decision_procedure = row, owner, unit, procedure
            if asked & 1 << DECIDED and from_day <= day <= to_day:
                start = start_of(
                    actions, received, accepted, requested, procedure,
                    first_version, versions, first_day, counted, working_days,
                )  # fmt: skip
                decided, duration = judged(
                    actions, extras, by_instant, first_version, versions, stops, type_bits, step_bits,
                    first_day, counted, working_days, days_min, asked, upto, first, row, due, start, procedure,
                )  # fmt: skip
        if closing < 0 and (role == Role.CLOSED or role == Role.DISMISSED or role == Role.TRANSFERRED):
            closing, closing_owner, closing_unit, closing_procedure = row, owner, unit, procedure
            if asked & 1 << CLOSED and from_day <= day <= to_day:
                closed, closing_duration = judged(
                    actions, extras, by_instant, first_version, versions, stops, type_bits, step_bits,
                    first_day, counted, working_days, days_min, asked, upto, first, row, due, opened, procedure,
                )  # fmt: skip
    if pending >= 0:
        filled = emit_decision(
            actions, extras, shares, from_day, to_day, out, filled, pending, overturned,
            pending_owner, pending_unit, pending_procedure,
        )  # fmt: skip
    if decision >= 0 and asked & 1 << DECIDED:
        pattern = (decided & 3) | faulty << 2 | (rating >= 0) << 3 | (decided & 4) << 2
        filled = emit(
            actions, extras, shares, from_day, to_day, out, filled, decision, DECIDED, pattern,
            decision_owner, decision_unit, decision_procedure, actions[decision].day, duration, 1,
        )  # fmt: skip
    if closing >= 0 and opened >= 0 and asked & 1 << CLOSED:
        filled = emit(
            actions, extras, shares, from_day, to_day, out, filled, closing, CLOSED, closed,
            closing_owner, closing_unit, closing_procedure, actions[closing].day, closing_duration, 1,
        )  # fmt: skip
    if rating >= 0 and asked & 1 << RATED:
        if decision >= 0:
            owner, unit, procedure = decision_owner, decision_unit, decision_procedure
        elif closing >= 0:
            owner, unit, procedure = closing_owner, closing_unit, closing_procedure
        filled = fold_rating(
            actions, extras, shares, from_day, to_day, out, filled, rating, last, owner, unit, procedure
        )
    return filled


@compiled
def is_decision(role: int) -> bool:
    """Whether a review can mean it."""
    return bool(role == Role.GRANTED or role == Role.REFUSED or role == Role.PENALISED or role == Role.DISMISSED)


@compiled
def limit_in_force(
    actions: Actions, extras: Extras, upto: int, first: int, last: int, due: int, start: int,
    procedure: int, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    first_day: int, counted: Days, working_days: Days,
) -> int:  # fmt: skip
    """Limit as the rows `first` to `last` say: the last stated one as stated, else the procedure's."""
    if due >= 0:
        return int(due_day_of(actions, extras, due))
    return counted_limit(
        actions, extras, upto, first, last, start, procedure,
        first_version, versions, stops, first_day, counted, working_days,
    )  # fmt: skip


@compiled
def judged(
    actions: Actions, extras: Extras,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    asked: int, upto: int, first: int, row: int, due: int, start: int, procedure: int,
) -> tuple[int, int]:  # fmt: skip
    """How the deciding action did: (1 in time | 2 limit unknown | 4 conforming, days since the start)."""
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
            actions, extras, upto, first, row, due, start, procedure,
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
    return pattern, max(0, day - start_day)


@compiled
def time_of(actions: Actions, extras: Extras, row: int) -> int:
    """Instant of a decision, which keeps one where dues may be instants."""
    return int(extras[actions[row].extra].time)


@compiled
def fold_open(
    actions: Actions, extras: Extras, shares: Shares, first_version: Index, versions: Versions,
    first_day: int, counted: Days, working_days: Days, asked: int, from_day: int, to_day: int,
    out: Contributions, filled: int, row: int, population: int, limit: int, cards: int, until: int,
    start: int, owner: int, unit: int, procedure: int,
) -> tuple[int, int]:  # fmt: skip
    """A case that stands open from the day of `row` until the day `until`; overdue from its limit on.

    `cards` are those given so far, each once in a case. Returns the rows filled, and the cards.
    """
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
    actions: Actions, extras: Extras, shares: Shares, from_day: int, to_day: int,
    out: Contributions, filled: int, row: int, last: int, owner: int, unit: int, procedure: int,
) -> int:  # fmt: skip
    """The case's rating; what it does not name comes from the case, and until that has an action it waits."""
    if (actions[row].owner < 0 or actions[row].unit < 0) and last < 0:
        return filled
    if actions[row].owner >= 0:
        owner = row
    if actions[row].unit >= 0:
        unit = actions[row].unit
    if actions[row].procedure >= 0:
        procedure = actions[row].procedure
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
def emit_decision(
    actions: Actions, extras: Extras, shares: Shares, from_day: int, to_day: int,
    out: Contributions, filled: int, row: int, overturned: bool, owner: int, unit: int, procedure: int,
) -> int:  # fmt: skip
    """A decision, when nothing can overturn it any more."""
    pattern = (1 if overturned else 0) | (2 if actions[row].role == Role.PENALISED else 0)
    return emit(
        actions, extras, shares, from_day, to_day, out, filled, row, DECISION, pattern,
        owner, unit, procedure, actions[row].day, 0, 1,
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
