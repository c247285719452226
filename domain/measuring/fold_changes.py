"""Tell what new actions change in what their cases count for: only that, so that a tally has little to add."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.measuring.cases import Actions, Extras, Shares
from domain.measuring.contributions import ROWS_PER_ACTION, Contributions
from domain.measuring.fold import HEAD, Index, fold_case
from domain.measuring.limits import Days, Versions
from domain.measuring.populations import EVERYTHING
from domain.measuring.walk import Held, Landmarks

NEAR: Final = 16
"""So far from where it is expected the counterpart of a contribution is looked for. One that lies farther off is
not found, and then both are told: the sum is the same."""


@compiled
def change_case(
    actions: Actions, extras: Extras, shares: Shares,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    since: int, landmarks: Landmarks, held: Held, room: Contributions,
    out: Contributions, filled: int, first: int, stop: int,
) -> int:  # fmt: skip
    """Write what the case in the rows `first` to `stop` counts for now, less what it counted for as of position
    `since`. Returns the rows filled.

    Their sum says everything: what is the same before and now is mostly left out, and what is taken away has a
    part of the other sign. A case changes by its new actions alone: others must stand as they stood. Both `room`
    and what is left of `out` must hold `rows_changed`.
    """
    before, now = 0, 0
    for is_now in range(2):
        before = now
        now = fold_case(
            actions, extras, shares, by_instant, first_version, versions, stops, type_bits, step_bits,
            first_day, counted, working_days, days_min, EVERYTHING, HEAD if is_now else since,
            landmarks, held, room, now, first, stop,
        )  # fmt: skip
    cancel(room, before, now)
    begin = filled
    filled = tell(room, 0, before, -1, out, begin, filled)
    return tell(room, before, now, 1, out, begin, filled)


@compiled
def rows_changed(actions: int, sharers: int) -> int:
    """No case of so many actions changes more rows, if at most so many share in one."""
    return 2 * (actions + 1) * ROWS_PER_ACTION * sharers


@compiled
def cancel(rows: Contributions, middle: int, end: int) -> None:
    """Take what was before, the rows up to the middle, away from its counterpart now, the others; both come in
    nearly the same order."""
    expected = middle
    for number in range(middle):
        for other in range(expected, min(end, expected + NEAR)):
            if is_same(rows[number], rows[other]):
                rows[other].part -= rows[number].part
                rows[number].part = 0
                expected = other + 1
                break


@compiled
def tell(
    rows: Contributions, first: int, stop: int, sign: int, out: Contributions, begin: int, filled: int
) -> int:
    """Append what is left of some rows of a case, whose differences begin at `begin`; returns the rows filled.

    Where something that stands open only goes on standing open, its end and its next beginning are nothing.
    """
    for number in range(first, stop):
        part = sign * rows[number].part
        if part == 0:
            continue
        other = filled - 1
        # Only opposites: a sum of many might not fit into a part.
        while other >= max(begin, filled - NEAR) and (
            (part > 0) == (out[other].part > 0) or not is_same(rows[number], out[other])
        ):
            other -= 1
        if other < max(begin, filled - NEAR):
            out[filled] = rows[number]
            out[filled].part = part
            filled += 1
            continue
        out[other].part += part
        if out[other].part == 0:
            filled -= 1
            out[other] = out[filled]
    return filled


@compiled
def is_same(one: Any, other: Any) -> bool:
    """Whether two contributions stand under one key of a tally."""
    return bool(
        one.day == other.day
        and one.person == other.person
        and one.kind == other.kind
        and one.unit == other.unit
        and one.procedure == other.procedure
        and one.value == other.value
    )
