"""Keep a tally that is added to and taken from all the time: one place for each key, found by its hash.

The keys of a day stand together. A batch of actions speaks of few days, so what it touches fits the processor's
nearer caches however long the history is, and when a day has filled its places only its own keys move.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.hints import natural, prefetch
from domain.measuring.tally import TALLY_RECORD, Tally

FREE_DAY: Final = 2**31 - 1
"""Day of a place that holds nothing: no period reaches it, so sums pass it by."""

DAYS: Final = 1 << 12
"""Days that lie so far apart, eleven years, share a stretch of places."""

STRETCH_RECORD: Final = np.dtype([("begin", np.int64), ("room", np.int64), ("used", np.int64)])
"""Where the places of a day begin, how many there are (a power of two, or none), how many ever held a key."""

ROOM_MIN: Final = 16
POWERS: Final = 48
NONE: Final = -1

AHEAD: Final = 64
"""So many places are looked up before the first of them is written to."""

PLACES_MORE: Final = 1 << 15
"""At least so many places are added when all are taken; and no more than a sixteenth, so that no batch waits
for long."""

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


class TallyTable:
    """The sum of all rows added so far, less those taken away. What adding costs depends on the rows alone."""

    def __init__(self) -> None:
        self._places = np.zeros(PLACES_MORE, TALLY_RECORD)
        self._taken = 0
        self._stretches = np.zeros(DAYS, STRETCH_RECORD).view(np.recarray)
        # By power of two: the first of the stretches of that length that were given back. Each names the next.
        self._given_back = np.full(POWERS, NONE, np.int64)
        self._ahead = np.empty(AHEAD, np.uint64)

    def __len__(self) -> int:
        """Keys that it holds, and some whose sum is nought again."""
        return int(self._stretches["used"].sum())

    def add(self, rows: NDArray[Any], *, sign: int = 1) -> None:
        """Add rows of TALLY_RECORD or contributions; `sign=-1` takes them away."""
        added = 0
        with np.errstate(over="ignore"):  # hashes run over, and where that is not compiled it is told
            while True:
                added, self._taken = put(
                    self._places.view(np.recarray), self._taken, self._stretches, self._given_back,
                    rows.view(np.recarray), added, sign, self._ahead,
                )  # fmt: skip
                if added == rows.size:
                    return
                longest = int(self._stretches["room"].max())
                more = max(PLACES_MORE, self._taken // 16, 2 * longest)
                # In place: where there are many, the system moves pages and copies nothing.
                self._places.resize(self._taken + more)

    @property
    def places(self) -> NDArray[Any]:
        """Rows of TALLY_RECORD, free places among them: those have the day FREE_DAY. Gone with the next `add`."""
        return self._places[: self._taken]

    def tally(self, staff: Sequence[str], units: Sequence[str], procedures: Sequence[str]) -> Tally:
        """What it holds, as a tally under these dictionaries."""
        held = self.places
        return Tally(held[(held["day"] != FREE_DAY) & (held["part"] != 0)], staff, units, procedures)


@compiled
def put(
    places: NDArray[Any], taken: int, stretches: NDArray[Any], given_back: NDArray[np.int64],
    rows: NDArray[Any], begin: int, sign: int, ahead: NDArray[np.uint64],
) -> tuple[int, int]:  # fmt: skip
    """Add each row from `begin` on at the place of its key, until all are added or a day finds no more places.

    Returns the first row that is not added, and how many places are taken. Places may be in no cache of the
    processor, so those of some rows `ahead` are fetched at once.
    """
    for first in range(begin, rows.size, ahead.size):
        stop = min(rows.size, first + ahead.size)
        for number in range(first, stop):
            row = rows[number]
            key = hashed(row.person, row.unit, row.procedure, row.day, row.value, row.kind)
            stretch = stretches[row.day & (DAYS - 1)]
            ahead[number - first] = key
            prefetch(places, natural(stretch.begin + first_place(key, max(stretch.room, 1))))
        for number in range(first, stop):
            which = rows[number].day & (DAYS - 1)
            if is_full(stretches[which].used, stretches[which].room):
                taken_then = stretch_out(places, taken, stretches, given_back, which)
                if taken_then == NONE:
                    return number, taken
                taken = taken_then
            stretch = stretches[which]
            stretch.used += put_one(places, stretch.begin, stretch.room, rows[number], ahead[number - first], sign)
    return rows.size, taken


@compiled
def is_full(used: int, room: int) -> bool:
    """Whether so many used places leave too few free ones to find a key quickly: seven of ten."""
    return (used + 1) * 10 > room * 7


@compiled
def first_place(key: np.uint64, room: int) -> int:
    """Where in a stretch a key is looked for first."""
    return np.int64(key & np.uint64(room - 1))  # type: ignore[return-value]  # numba knows no other way to int64


@compiled
def put_one(places: NDArray[Any], begin: int, room: int, row: Any, key: np.uint64, sign: int) -> int:
    """Add a row at the first place from that of its key on that is free or its own; returns 1 if it was free."""
    place = first_place(key, room)
    while True:
        found = places[begin + place]
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
        place = (place + 1) & (room - 1)


@compiled
def stretch_out(
    places: NDArray[Any], taken: int, stretches: NDArray[Any], given_back: NDArray[np.int64], which: int
) -> int:
    """Move the keys of a day to a stretch in which they fill half of the places at most, without those whose sum
    is nought. Returns how many places are taken then; NONE: there are not enough, and nothing was done."""
    stretch = stretches[which]
    begin, room = stretch.begin, stretch.room
    held = 0
    for place in range(begin, begin + room):
        held += is_held(places, place)
    wanted = ROOM_MIN
    while wanted < 2 * held:
        wanted *= 2
    found = given_back[power_of(wanted)]
    if found != NONE:
        given_back[power_of(wanted)] = places[found].part
        places[found].part = 0
    elif taken + wanted > places.size:
        return NONE
    else:
        found = taken
        taken += wanted
        for place in range(found, taken):
            places[place].day = FREE_DAY
    stretch.begin, stretch.room, stretch.used = found, wanted, held
    for place in range(begin, begin + room):
        row = places[place]
        if is_held(places, place):
            key = hashed(row.person, row.unit, row.procedure, row.day, row.value, row.kind)
            put_one(places, found, wanted, row, key, 1)
        row.day = FREE_DAY
        row.part = 0
    if room:
        places[begin].part = given_back[power_of(room)]
        given_back[power_of(room)] = begin
    return taken


@compiled
def is_held(places: NDArray[Any], place: int) -> bool:
    """Whether a place holds a key whose sum is something."""
    return bool((places[place].day != FREE_DAY) & (places[place].part != 0))


@compiled
def power_of(room: int) -> int:
    """Of two, for a length that is one."""
    power = 0
    while 1 << power < room:
        power += 1
    return power


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
