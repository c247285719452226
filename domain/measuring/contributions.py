"""Write down what a case counts for, a row for each share of each member: who, where, when, worth how much."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np

from domain.compiled import compiled
from domain.hints import natural
from domain.measuring.cases import NOBODY, STATES_SHARES, Actions, Cases, Extras, Shares
from domain.measuring.limits import NEVER
from domain.measuring.tally import WHOLE
from domain.measuring.walk import Held

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


def empty_contributions(size: int) -> Contributions:
    """Room for so many."""
    return np.empty(size, CONTRIBUTION_RECORD).view(np.recarray)


def buffer_size(cases: Cases, *, rows: int) -> int:
    """Rows that hold the contributions of any one of the cases, and at least `rows`."""
    return max(rows, (cases.longest + 1) * ROWS_PER_ACTION * cases.sharers)


@compiled
def emit_held(
    actions: Actions, extras: Extras, shares: Shares, from_day: int, to_day: int, held: Held,
    out: Contributions, filled: int, first: int, row: int, population: int, pattern: int, value: int,
) -> int:  # fmt: skip
    """Count an action on its day, for those who hold the case by then."""
    place = natural(row - first)
    owner, unit, procedure = held[place].owner, held[place].unit, held[place].procedure
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
    owner = natural(owner)
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
    filled = natural(filled)
    out[filled].part = part
    out[filled].person = person
    out[filled].unit = unit
    out[filled].procedure = procedure
    out[filled].day = day
    out[filled].value = value
    out[filled].row = row
    out[filled].kind = kind
    return filled + 1
