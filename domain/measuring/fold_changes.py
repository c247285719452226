"""Tell what new actions change in what their cases count for: only that, so that a tally has little to add."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from domain.compiled import compiled
from domain.measuring.cases import Cases
from domain.measuring.contributions import ROWS_PER_ACTION, Contributions, empty_contributions
from domain.measuring.fold import HEAD, Index, fold_cases
from domain.measuring.limits import Rules
from domain.measuring.populations import EVERYTHING
from domain.measuring.walk import room_to_walk

NEAR: Final = 16
"""So far from where it is expected the counterpart of a contribution is looked for. One that lies farther off is
not found, and then both are told: the sum is the same."""


class ChangeFold:
    """Folds cases twice, as they were and as they are. Its room is made once: making it costs more than a fold."""

    def __init__(self) -> None:
        self._before = self._now = self._out = empty_contributions(0)

    def changes(self, cases: Cases, rules: Rules, *, since: int) -> Contributions:
        """Contributions that the cases make now, less those that they made as of position `since`; gone with the
        next ones.

        Their sum says everything: what is the same before and now is mostly left out, and what is taken away has a
        part of the other sign. A case changes by its new actions alone: others must stand as they stood.
        """
        sharers = cases.sharers
        size = (cases.actions.size + cases.starts.size) * ROWS_PER_ACTION * sharers
        if self._now.size < size:
            self._before, self._now = empty_contributions(size), empty_contributions(size)
            self._out = empty_contributions(2 * size)
        before = self._folded(cases, rules, since, sharers, self._before) if since else empty_contributions(0)
        now = self._folded(cases, rules, HEAD, sharers, self._now)
        filled = tell_differences(cases.starts, before, now, self._out)
        return self._out[:filled].view(np.recarray)

    def _folded(self, cases: Cases, rules: Rules, upto: int, sharers: int, room: Contributions) -> Contributions:
        size = cases.starts.size - 1
        filled, done = fold_cases(
            cases.starts,
            cases.actions,
            cases.extras,
            cases.shares,
            *rules,
            EVERYTHING,
            upto,
            sharers,
            *room_to_walk(cases),
            room,
            0,
            size,
        )
        assert done == size, "there is room for all"
        return room[:filled].view(np.recarray)


@compiled
def tell_differences(starts: Index, before: Contributions, now: Contributions, out: Contributions) -> int:
    """Write the differences, case by case; returns how many there are. Parts of `before` and `now` are used up."""
    filled, before_end, now_end = 0, 0, 0
    for case in range(starts.size - 1):
        before_begin, now_begin = before_end, now_end
        while before_end < before.size and before[before_end].row < starts[case + 1]:
            before_end += 1
        while now_end < now.size and now[now_end].row < starts[case + 1]:
            now_end += 1
        cancel(before, before_begin, before_end, now, now_begin, now_end)
        begin = filled
        filled = tell(before, before_begin, before_end, -1, out, begin, filled)
        filled = tell(now, now_begin, now_end, 1, out, begin, filled)
    return filled


@compiled
def cancel(
    before: Contributions, before_begin: int, before_end: int, now: Contributions, now_begin: int, now_end: int
) -> None:
    """Take what was before away from its counterpart now; both come in nearly the same order."""
    expected = now_begin
    for number in range(before_begin, before_end):
        for other in range(expected, min(now_end, expected + NEAR)):
            if is_same(before[number], now[other]):
                now[other].part -= before[number].part
                before[number].part = 0
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
