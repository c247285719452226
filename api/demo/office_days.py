"""When the simulated offices are at work: working days of China with their seasons, and the hours of a day."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date
from itertools import accumulate
from typing import Final

from api.demo.dice import Dice
from domain.rules.calendars import load_calendar, to_date, to_day

DAY: Final = 86_400
# How busy the counters are, January to December: slack around Spring Festival, busy in spring and autumn.
_SEASON: Final = (8, 5, 11, 11, 10, 9, 8, 8, 10, 8, 11, 12)


class OfficeDays:
    """Working days around one year, numbered through, so that a limit in working days is an addition.

    A *slot* is the number of a working day; slots `first` to `last` lie in the year. Moments are seconds since
    1970-01-01 00:00 of the office's own clock (eight hours ahead of Greenwich, the whole year round).
    """

    def __init__(self, year: int) -> None:
        calendar = load_calendar("china")
        self.year = year
        self.first_day = to_day(date(year, 1, 1))
        self.last_day = to_day(date(year, 12, 31))
        span = range(to_day(date(year - 1, 7, 1)), to_day(date(year + 1, 12, 31)))
        self.days = [day for day in span if calendar.is_working(day)]
        self.first = bisect_left(self.days, self.first_day)
        self.last = bisect_right(self.days, self.last_day) - 1
        self._weights = list(
            accumulate(_SEASON[to_date(day).month - 1] for day in self.days[self.first : self.last + 1])
        )

    def season_slot(self, dice: Dice) -> int:
        """A working day of the year, likelier in busy months."""
        return self.first + bisect_right(self._weights, dice.roll() * self._weights[-1])

    def slot_on_or_after(self, day: int) -> int:
        """The first working day from `day` on."""
        return bisect_left(self.days, day)

    def moment(self, slot: int, dice: Dice) -> int:
        """A moment of office hours (08:30 to 17:00, without the noon rest) on that working day."""
        return self.days[slot] * DAY + second_of_day(dice)

    def day(self, month: int, day: int, *, year: int = 0) -> int:
        """Day number of a date; `year` counts from the simulated one."""
        return to_day(date(self.year + year, month, day))

    def end_of_year(self) -> int:
        """The last moment at which an office still writes in the year: six in the evening of its last day."""
        return self.last_day * DAY + 18 * 3600


def second_of_day(dice: Dice) -> int:
    """A second between 08:30 and 12:00 (more often), or 14:00 and 17:00."""
    roll = dice.roll() * 1.7
    if roll < 1.0:
        return 30_600 + int(roll * 12_600)
    return 50_400 + int((roll - 1.0) / 0.7 * 10_800)
