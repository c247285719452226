"""Tell what new actions change in what the cases of some subjects count for, case by case along their chains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.measuring.cases import ACTION_RECORD, EXTRA_RECORD, Actions, Extras, Shares, most_participants
from domain.measuring.contributions import Contributions, empty_contributions
from domain.measuring.fold import Index
from domain.measuring.fold_changes import change_case, rows_changed
from domain.measuring.limits import Days, Rules, Versions
from domain.measuring.walk import Held, Landmarks, room_to_walk
from domain.zones import Zone
from projections.history.columns import History
from projections.tallies.case_chains import CaseChains
from projections.tallies.case_gathering import ROLES, fetch_cases, gather_case
from projections.tallies.chain_rows import Chain, Codes, Kept

CASES_AHEAD: Final = 64
"""So many cases are fetched before the first of them is gathered."""

CHANGES_AT_ONCE: Final = 8_192
"""So many changes are told before they are added up: they stay in the processor's nearer caches."""

FIRST_ROOM: Final = 256


class CaseChanges:
    """Tells the changes of cases, for one thread. Its room is made once: making it costs more than filling it."""

    def __init__(self) -> None:
        self._ahead = np.empty(CASES_AHEAD, np.int32)
        self._make_room(FIRST_ROOM)

    def _make_room(self, actions: int) -> None:
        """For cases of so many actions."""
        self._order = np.empty(actions, np.int32)
        self._records = np.empty(actions, ACTION_RECORD).view(np.recarray)
        self._extras = np.empty(actions, EXTRA_RECORD).view(np.recarray)
        self._landmarks, self._held = room_to_walk(actions)
        self._room = empty_contributions(rows_changed(actions, 2))
        self._out = empty_contributions(CHANGES_AT_ONCE + self._room.size)

    def told(
        self, subjects: Codes, chains: CaseChains, history: History, rules: Rules, zone: Zone,
        *, to_instant: bool, since: int,
    ) -> Iterator[Contributions]:  # fmt: skip
        """What the cases of these subjects count for now, less what they counted for as of position `since`; some
        at a time, each gone with the next. Without rows a subject has no case."""
        rows = history.rows
        chain, kept, shares = (each.view(np.recarray) for each in (chains.chain, chains.kept, chains.shares))
        begin = 0
        while begin < subjects.size:
            done, filled = change_cases(
                subjects, begin, chain, chains.last, rows["reason"], rows["step"], rows["rating"], rows["due"],
                kept, chains.share_row, ROLES,
                zone.transitions, zone.offsets, to_instant, shares, *rules, since,
                self._ahead, self._order, self._records, self._extras, self._landmarks, self._held,
                self._room, self._out,
            )  # fmt: skip
            if done == begin:
                self._make_room(2 * self._order.size)
            begin = done
            yield self._out[:filled].view(np.recarray)


@compiled
def change_cases(
    subjects: Codes, begin: int, chain: Chain, last: Codes, reason: Codes, step: Codes, rating: NDArray[np.uint8],
    due: NDArray[np.int64], kept: Kept, share_row: Codes, roles: NDArray[np.uint8],
    transitions: NDArray[np.int64], offsets: NDArray[np.int64], to_instant: bool, shares: Shares,
    by_instant: bool, first_version: Index, versions: Versions, stops: NDArray[np.bool_],
    type_bits: NDArray[np.uint64], step_bits: NDArray[np.uint64],
    first_day: int, counted: Days, working_days: Days, days_min: Days, since: int,
    ahead: Codes, order: Codes, records: Actions, extras: Extras, landmarks: Landmarks, held: Held,
    room: Contributions, out: Contributions,
) -> tuple[int, int]:  # fmt: skip
    """Write the changes of the subjects from `begin` on, until all are done, or enough for once are written, or
    the next one has no room. Returns the first subject not done, and how many changes there are."""
    filled = 0
    for number in range(begin, subjects.size):
        if (number - begin) % ahead.size == 0:
            fetch_cases(
                subjects, number, min(subjects.size, number + ahead.size), chain, last, reason, step, due, kept,
                share_row, ahead,
            )  # fmt: skip
        if filled >= out.size - room.size:
            return number, filled
        size, many = gather_case(
            subjects[number], chain, last, reason, step, rating, due, kept, share_row, roles,
            transitions, offsets, to_instant, order, records, extras,
        )  # fmt: skip
        if size > order.size or rows_changed(size, 1 + most_participants(extras, many)) > room.size:
            return number, filled
        if size > 0:
            filled = change_case(
                records, extras, shares, by_instant, first_version, versions, stops, type_bits, step_bits,
                first_day, counted, working_days, days_min, since, landmarks, held, room, out, filled, 0, size,
            )  # fmt: skip
    return subjects.size, filled
