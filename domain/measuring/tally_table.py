"""Keep a tally that is added to and taken from all the time: one place for each key, found by its hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.measuring.tally import TALLY_RECORD, Tally

FREE_DAY: Final = 2**31 - 1
"""Day of a place that holds nothing: no period reaches it, so sums pass it by."""

PLACES_MIN: Final = 1 << 10
FULL: Final = 0.7
"""Beyond this share of its places the table is made twice as large."""

AHEAD: Final = 64
"""So many places are looked up before the first of them is written to."""

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


class TallyTable:
    """The sum of all rows added so far, less those taken away. What adding costs depends on the rows alone."""

    def __init__(self) -> None:
        self._places = _free(PLACES_MIN)
        self._used = 0
        self._ahead = np.empty(AHEAD, np.uint64), np.empty(AHEAD, np.int32)

    def __len__(self) -> int:
        """Keys that were ever held, also those whose sum is nought again."""
        return self._used

    def add(self, rows: NDArray[Any], *, sign: int = 1) -> None:
        """Add rows of TALLY_RECORD or contributions; `sign=-1` takes them away."""
        with np.errstate(over="ignore"):  # hashes run over, and where that is not compiled it is told
            while self._used + rows.size > FULL * self._places.size:
                grown = _free(2 * self._places.size)
                held = np.asarray(self._places)
                kept = held[(held["day"] != FREE_DAY) & (held["part"] != 0)].view(np.recarray)
                self._used = put(grown, kept, 1, 0, *self._ahead)
                self._places = grown
            self._used = put(self._places, rows.view(np.recarray), sign, self._used, *self._ahead)

    @property
    def places(self) -> NDArray[Any]:
        """Rows of TALLY_RECORD, free places among them: those have the day FREE_DAY and no part."""
        return self._places

    def tally(self, staff: Sequence[str], units: Sequence[str], procedures: Sequence[str]) -> Tally:
        """What it holds, as a tally under these dictionaries."""
        held = np.asarray(self._places)
        return Tally(held[(held["day"] != FREE_DAY) & (held["part"] != 0)], staff, units, procedures)


def _free(size: int) -> np.recarray[Any, Any]:
    places = np.zeros(size, TALLY_RECORD)
    places["day"] = FREE_DAY
    return places.view(np.recarray)


@compiled
def put(
    places: NDArray[Any], rows: NDArray[Any], sign: int, used: int,
    ahead: NDArray[np.uint64], days: NDArray[np.int32],
) -> int:  # fmt: skip
    """Add each row at the place of its key; returns how many places are used. There must be a free one.

    Places are seldom in any cache of the processor. So those of some rows `ahead` are read one right after the
    other, and their ways from memory overlap; `days` takes what was read.
    """
    mask = np.uint64(places.size - 1)
    for begin in range(0, rows.size, ahead.size):
        end = min(rows.size, begin + ahead.size)
        for number in range(begin, end):
            row = rows[number]
            place = hashed(row.person, row.unit, row.procedure, row.day, row.value, row.kind) & mask
            ahead[number - begin] = place
            days[number - begin] = places[place].day
        for number in range(begin, end):
            used += put_one(places, rows[number], ahead[number - begin], mask, sign)
    return used


@compiled
def put_one(places: NDArray[Any], row: Any, place: np.uint64, mask: np.uint64, sign: int) -> int:
    """Add a row at the first place from `place` on that is free or its own; returns 1 if it was free."""
    while True:
        found = places[place]
        if found.day == FREE_DAY:
            found.part = sign * row.part
            found.person = row.person
            found.unit = row.unit
            found.procedure = row.procedure
            found.day = row.day
            found.value = row.value
            found.kind = row.kind
            return 1
        if (
            found.person == row.person
            and found.day == row.day
            and found.kind == row.kind
            and found.unit == row.unit
            and found.procedure == row.procedure
            and found.value == row.value
        ):
            found.part += sign * row.part
            return 0
        place = (place + np.uint64(1)) & mask


@compiled
def hashed(person: int, unit: int, procedure: int, day: int, value: int, kind: int) -> np.uint64:
    """A number that is spread over 64 bits."""
    mixed = np.uint64(person + 1) * _MIX
    mixed = (mixed ^ (mixed >> np.uint64(29)) ^ np.uint64(day)) * _MIX
    mixed = (mixed ^ (mixed >> np.uint64(31)) ^ np.uint64(unit + 1)) * _MIX
    mixed = (
        mixed ^ (mixed >> np.uint64(30)) ^ np.uint64(procedure + 1) ^ (np.uint64(kind) << np.uint64(32))
    ) * _MIX
    mixed = (mixed ^ (mixed >> np.uint64(31)) ^ np.uint64(value)) * _MIX
    return mixed ^ (mixed >> np.uint64(32))
