"""Tell on which days each case can count, so that a pass over a period walks only the cases that reach into it."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.measuring.cases import Actions, Cases, Extras, Role
from domain.measuring.limits import NEVER
from domain.measuring.stated import due_day_of
from domain.threads import in_parts

NEIGHBOURS: Final = 1_024
"""So many cases that lie one behind the other are dealt to a hand in one round."""

ALL_BEFORE: Final = -(2**31)
"""A day before all others."""

SPAN_RECORD = np.dtype(
    [
        ("first_day", np.int32),  # of its first action; of a plan target the first on which it was ever due
        ("last_day", np.int32),  # of its last one, NEVER where something then stands open; or the last day due
        ("first_position", np.int32),
        ("last_position", np.int32),  # an earlier state of knowledge may find it open
    ],
    align=True,
)
"""One case: 16 bytes."""

Spans: TypeAlias = "np.recarray[Any, Any]"
"""Records of SPAN_RECORD."""


def spans_of(cases: Cases) -> Spans:
    """The span of each case."""
    size = cases.starts.size - 1
    found = np.empty(size, SPAN_RECORD).view(np.recarray)
    in_parts(size, fill_spans, cases.starts, cases.actions, cases.extras, found)
    return found


@compiled
def fill_spans(
    begin: int, end: int, starts: NDArray[np.int64], actions: Actions, extras: Extras, spans: Spans
) -> None:
    """Write the spans of the cases `begin` to `end`."""
    for case in range(begin, end):
        first_day, last_day, first_position, last_position = NEVER, ALL_BEFORE, NEVER, 0
        received, ended, opened, closed = False, False, False, False
        for row in range(starts[case], starts[case + 1]):
            role = int(actions[row].role)
            day = int(actions[row].day)
            if role == Role.TARGET_SET:
                day = due_day_of(actions, extras, row)
            if role <= Role.TARGET_SET:
                first_day = min(first_day, day)
                last_day = max(last_day, day)
            first_position = min(first_position, int(actions[row].position))
            last_position = max(last_position, int(actions[row].position))
            if role == Role.RECEIVED:
                received = True
            elif role == Role.OPENED:
                opened = True
            elif role == Role.GRANTED or role == Role.REFUSED or role == Role.WITHDRAWN:
                ended = True
            elif role == Role.CLOSED or role == Role.DISMISSED or role == Role.TRANSFERRED:
                closed = True
        if (received and not ended) or (opened and not closed):
            last_day = NEVER
        spans[case].first_day = first_day
        spans[case].last_day = last_day
        spans[case].first_position = first_position
        spans[case].last_position = last_position


def cases_reaching(
    spans: Spans, *, from_day: int, to_day: int, upto: int, hand: int = 0, hands: int = 1
) -> NDArray[np.int32]:
    """The numbers of the cases that may count between the two days, as of position `upto`, rising.

    Of several hands to which they are dealt out in rounds each gets about as much to do: what has stood open for
    years lies apart in memory, and takes longer than what began in one month.
    """
    rounds = -(-spans.size // (NEIGHBOURS * hands))
    found = np.empty(rounds * NEIGHBOURS, np.int32)
    return found[: find_reaching(spans, from_day, to_day, upto, hand, hands, found)]


@compiled
def find_reaching(
    spans: Spans, from_day: int, to_day: int, upto: int, hand: int, hands: int, found: NDArray[np.int32]
) -> int:
    """Write their numbers; returns how many there are."""
    filled = 0
    for begin in range(hand * NEIGHBOURS, spans.size, hands * NEIGHBOURS):
        for case in range(begin, min(begin + NEIGHBOURS, spans.size)):
            span = spans[case]
            if span.first_day > to_day or span.first_position > upto:
                continue
            if span.last_day >= from_day or span.last_position > upto:
                found[filled] = case
                filled += 1
    return filled
