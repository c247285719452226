"""Fold what stands open: from when to when, overdue from which day on, and the cards that are due meanwhile."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.hints import natural
from domain.measuring.cases import Actions, Extras, Role, Shares
from domain.measuring.contributions import Contributions, emit, emit_span
from domain.measuring.judging import clock_start, limit_in_force
from domain.measuring.limits import (
    NEVER,
    UNKNOWN,
    Days,
    Versions,
    counted_days,
    day_of_count,
    surely_by,
    version_in_force,
)
from domain.measuring.populations import IN_TIME_STOCK, Population
from domain.measuring.walk import Held, Landmarks, by_then, noted

Index: TypeAlias = NDArray[np.int64]

OPEN_LICENCE, OPEN_ENFORCEMENT = int(Population.OPEN_LICENCE), int(Population.OPEN_ENFORCEMENT)
CARD: Final = int(Population.CARD)
OVERDUE, WARNING, YELLOW, RED = 1, 1, 2, 4


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
    begin = natural(begin)
    start, limit, stale, cards, last = -1, NEVER, True, 0, begin
    for row in range(begin + 1, min(stop, end) + 1):
        row, last = natural(row), natural(last)
        # One step beyond the last action: what stands open then, stands for ever.
        day = NEVER
        if row < stop:
            if not noted(actions, upto, row):
                continue
            day = int(actions[row].day)
        if day > actions[last].day and not (of_one_day and day <= to_day):
            procedure, due = held[natural(last - first)].procedure, held[natural(last - first)].due
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
            before, now = held[natural(last - first)], held[natural(row - first)]
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
    place = natural(row - first)
    owner, unit, procedure = held[place].owner, held[place].unit, held[place].procedure
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
