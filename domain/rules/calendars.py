"""Which days a limit counts: working days with holidays and make-up working days, or every day."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from domain.errors import UnknownNameError

CountedDays = Literal["working", "calendar"]

_EPOCH: Final = date(1970, 1, 1).toordinal()
# Days carry the number since 1970-01-01; beyond this range every week is taken to be Monday to Friday.
FIRST_DAY: Final = date(1990, 1, 1).toordinal() - _EPOCH
LAST_DAY: Final = date(2100, 12, 31).toordinal() - _EPOCH

AMENDMENTS: Final[Mapping[date, tuple[bool, str]]] = {
    date(2005, 12, 31): (True, "国办发明电〔2005〕35号: 12月31日（星期六）上班"),
}
"""Days on which chinesecalendar says otherwise than the official notice: whether worked, and by which notice."""


@dataclass(frozen=True, eq=False)
class Calendar:
    """Which days of 1990 to 2100 are worked (`working[i]` is day `FIRST_DAY + i`); outside, Monday to Friday.

    Holidays are known for good for days in [`known_from`, `provisional_from`). Later ones may still be moved, so a
    limit that runs into that time is provisional; in years not published yet, and before, only weekends are free.
    Both are None where a calendar knows no holidays at all.
    """

    name: str
    working: NDArray[np.bool_]
    known_from: int | None = None
    provisional_from: int | None = None
    _cumulative: Mapping[str, NDArray[np.int32]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        cumulative = {
            "working": np.cumsum(self.working, dtype=np.int32),
            "calendar": np.arange(1, len(self.working) + 1, dtype=np.int32),
        }
        for values in (self.working, *cumulative.values()):
            values.flags.writeable = False
        object.__setattr__(self, "_cumulative", cumulative)

    def is_working(self, day: int) -> bool:
        """Whether that day is worked."""
        if FIRST_DAY <= day <= LAST_DAY:
            return bool(self.working[day - FIRST_DAY])
        return _weekday(day) < 5

    def counted(self, kind: CountedDays) -> tuple[int, NDArray[np.int32]]:
        """(first day, cumulative): `cumulative[i]` is the number of counted days in [first, first + i]."""
        return FIRST_DAY, self._cumulative[kind]

    def counted_through(self, day: int, kind: CountedDays) -> int:
        """Counted days up to and including `day`, from FIRST_DAY; negative before it. Total: any day will do.

        The difference of two values is the number of counted days d with first < d <= second.
        """
        if kind == "calendar":
            return day - FIRST_DAY + 1
        if day < FIRST_DAY:
            return _weekdays_through(day) - _weekdays_through(FIRST_DAY - 1)
        total = int(self._cumulative[kind][min(day, LAST_DAY) - FIRST_DAY])
        if day > LAST_DAY:
            total += _weekdays_through(day) - _weekdays_through(LAST_DAY)
        return total

    def nth_counted_day(self, start: int, n: int, kind: CountedDays) -> int:
        """The `n`-th counted day after `start`: day 1 is the first counted day later than `start`. n >= 1."""
        assert n >= 1, "a limit has at least one day"
        if kind == "calendar":
            return start + n
        wanted = self.counted_through(start, kind) + n
        cumulative = self._cumulative[kind]
        if 1 <= wanted <= int(cumulative[-1]):
            return FIRST_DAY + int(np.searchsorted(cumulative, wanted, side="left"))
        if wanted < 1:
            return _nth_weekday(wanted + _weekdays_through(FIRST_DAY - 1))
        return _nth_weekday(wanted - int(cumulative[-1]) + _weekdays_through(LAST_DAY))

    def is_provisional(self, day: int, kind: CountedDays = "working") -> bool:
        """Whether a limit in such days that ends on `day` may move when later holidays are published."""
        return kind == "working" and self.provisional_from is not None and day >= self.provisional_from

    @property
    def hash(self) -> str:
        """Content hash: which days are worked, not what the calendar is called."""
        return hashlib.sha256(np.packbits(self.working).tobytes()).hexdigest()


@lru_cache(maxsize=8)
def load_calendar(name: str) -> Calendar:
    """The calendar of that name. Raises UnknownNameError."""
    build = _CALENDARS.get(name)
    if build is None:
        raise UnknownNameError("calendar", name, _CALENDARS)
    return build()


def calendar_names() -> tuple[str, ...]:
    """The calendars that a policy can name."""
    return tuple(sorted(_CALENDARS))


def to_day(value: date) -> int:
    """Days since 1970-01-01."""
    return value.toordinal() - _EPOCH


def to_date(day: int) -> date:
    """The date of a day number."""
    return date.fromordinal(day + _EPOCH)


def _china() -> Calendar:
    """Mainland China by `chinesecalendar`: moved holidays give make-up working days on weekends."""
    # Imported here because only scoring with this calendar needs the 20 years of tables.
    from chinese_calendar.constants import holidays, workdays

    working = _monday_to_friday()
    for free in holidays:
        working[to_day(free) - FIRST_DAY] = False
    for made_up in workdays:
        working[to_day(made_up) - FIRST_DAY] = True
    for day, (is_worked, _) in AMENDMENTS.items():
        working[to_day(day) - FIRST_DAY] = is_worked
    return Calendar(
        name="china",
        working=working,
        known_from=to_day(date(min(holidays).year, 1, 1)),
        # The notice for a year moves days around New Year too: in 2007 and 2018 from 29 December on.
        provisional_from=to_day(date(max(holidays).year, 12, 25)),
    )


def _weekdays() -> Calendar:
    return Calendar(name="weekdays", working=_monday_to_friday())


_CALENDARS: Final[Mapping[str, Callable[[], Calendar]]] = {"china": _china, "weekdays": _weekdays}


def _monday_to_friday() -> NDArray[np.bool_]:
    # 1970-01-01 was a Thursday, so day 4 was a Monday.
    return (np.arange(FIRST_DAY, LAST_DAY + 1) - 4) % 7 < 5


def _weekday(day: int) -> int:
    return (day - 4) % 7


def _weekdays_through(day: int) -> int:
    """Mondays to Fridays in (3, day], counted negatively before: day 4 is a Monday and gives 1."""
    weeks, rest = divmod(day - 4, 7)
    return weeks * 5 + min(rest, 4) + 1


def _nth_weekday(number: int) -> int:
    """The day whose `_weekdays_through` first reaches `number`."""
    weeks, rest = divmod(number - 1, 5)
    return 4 + weeks * 7 + rest
