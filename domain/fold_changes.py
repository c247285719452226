"""Tell what new actions change in what their cases count for: only that, so that a tally has little to add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.cases import Actions, Cases, Extras, Shares
from domain.compiled import compiled
from domain.fold import (
    HEAD,
    ROWS_PER_ACTION,
    Contributions,
    Index,
    buffer_size,
    empty_contributions,
    fold_one,
    sharers_max,
)
from domain.limits import NEVER, Days, Rules, Versions
from domain.populations import EVERYTHING
from domain.spans import ALL_BEFORE

NEAR: Final = 16
"""So far from where it is expected the counterpart of a contribution is looked for. One that lies farther off is
not found, and then both are told: the sum is the same."""

ROWS_AT_ONCE: Final = 1 << 14


def fold_changes(cases: Cases, rules: Rules, *, since: int) -> Iterator[Contributions]:
    """Contributions that the `cases` make now, less those that they made as of position `since`.

    Some rows at a time, which are gone with the next ones. Their sum says everything; what is the same before and
    now is mostly left out. Contributions taken away have a negative part.
    """
    size, sharers = cases.starts.size - 1, sharers_max(cases)
    scratch = empty_contributions(2 * buffer_size(cases, rows=0))
    out = empty_contributions(max(ROWS_AT_ONCE, scratch.size))
    case = 0
    while case < size:
        filled, case = fold_differences(
            cases.starts, cases.actions, cases.extras, cases.shares, *rules, since, sharers,
            scratch, out, case, size,
        )  # fmt: skip
        yield out[:filled].view(np.recarray)


@compiled
def fold_differences(
    starts: Index, actions: Actions, extras: Extras, shares: Shares,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days,
    since: int, sharers: int, scratch: Contributions, out: Contributions, begin: int, end: int,
) -> tuple[int, int]:  # fmt: skip
    """Fold the cases `begin` to `end` as of `since` and as of now, until all are done or `out` might not hold the
    next one.

    `scratch` holds both sides of any one case. Returns the rows filled and the first case not folded.
    """
    filled = 0
    for case in range(begin, end):
        first = starts[case]
        stop = starts[case + 1]
        if filled + 2 * (stop - first + 1) * ROWS_PER_ACTION * sharers > out.size:
            return filled, case
        before, many = 0, 0
        for side in range(0 if since > 0 else 1, 2):
            before = many
            many = fold_one(
                actions, extras, shares, by_instant, first_version, versions, stops, type_bits, step_bits,
                first_day, counted, working_days, days_min, EVERYTHING, HEAD if side else since, ALL_BEFORE, NEVER,
                scratch, many, first, stop,
            )  # fmt: skip
        cancel(scratch, before, many)
        filled = net(scratch, before, many, out, filled)
    return filled, end


@compiled
def cancel(rows: Contributions, before: int, many: int) -> None:
    """Take the rows up to `before` away from their counterparts behind, which come in nearly the same order."""
    expected = before
    for number in range(before):
        for other in range(expected, min(many, expected + NEAR)):
            if same_member(rows[number], rows[other]):
                rows[other].part -= rows[number].part
                rows[number].part = 0
                expected = other + 1
                break


@compiled
def net(rows: Contributions, before: int, many: int, out: Contributions, filled: int) -> int:
    """Append what is left, those up to `before` as taken away; where an open stock only goes on, nothing is.

    Returns the rows filled.
    """
    begin = filled
    for number in range(many):
        part = -rows[number].part if number < before else rows[number].part
        if part == 0:
            continue
        other = filled - 1
        # Only opposites: a sum of many might not fit into a part.
        while other >= max(begin, filled - NEAR) and (
            (part > 0) == (out[other].part > 0) or not same_member(rows[number], out[other])
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
def same_member(one: Any, other: Any) -> bool:
    """Whether two contributions stand under one key of a tally."""
    return bool(
        one.day == other.day
        and one.person == other.person
        and one.kind == other.kind
        and one.unit == other.unit
        and one.procedure == other.procedure
        and one.value == other.value
    )
