"""Every working-day limit of the published years, by our calendar and by two libraries that know the same days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import Figures, by_turns
from domain.rules.calendars import AMENDMENTS, load_calendar, to_date, to_day

FIRST, LAST = date(2004, 1, 1), date(2026, 12, 31)
DAYS_MAX = 60


@dataclass(frozen=True)
class Difference:
    """A day that two calendars class otherwise, how many limits that moves, and the notice that decides it."""

    day: date
    worked_by: str
    free_by: str
    limits: int
    notice: str | None


def calendars(actions: int) -> Figures:
    """All limits of 1 to 60 working days from every day of 2004 to 2026: ours, chinesecalendar's, holidays'."""
    import chinese_calendar
    import holidays

    days = published_days()
    ours, library, other = ours_worked(days), chinesecalendar_worked(days), holidays_worked(days)
    assert np.array_equal(limits(ours), limits(other)), "ours and holidays agree on every limit"
    found = list(differences("chinesecalendar", library, "holidays", other))
    assert all(each.notice for each in found), f"no notice decides {found}"
    figures: Figures = {
        "limits compared": int((limits(ours) >= 0).sum()),
        "limits beyond the published years": int((limits(ours) < 0).sum()),
        "ours against holidays: differ": 0,
        "chinesecalendar against holidays: differ": int((limits(library) != limits(other)).sum()),
    }
    for each in found:
        said = f"worked by {each.worked_by}, free by {each.free_by}, {each.limits} limits; {each.notice}"
        figures[f"{each.day}"] = said
    china, know = load_calendar("china"), holidays.country_holidays("CN", years=range(FIRST.year, LAST.year + 1))
    # Limits of 20 working days, spread over the years; the libraries walk day by day.
    sample = [days[number * 37 % (len(days) - 60)] for number in range(min(actions, 500))]
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: [to_date(china.nth_counted_day(to_day(day), 20, "working")) for day in sample],
        "holidays": lambda: [know.get_nth_working_day(day, 20) for day in sample],
        "chinesecalendar": lambda: [chinese_calendar.find_workday(19, day + timedelta(days=1)) for day in sample],
    }
    assert ways["ours"]() == ways["holidays"]()
    return figures | by_turns(ways, items=len(sample))


def published_days() -> list[date]:
    """Every day whose holidays both libraries know."""
    return [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]


def ours_worked(days: list[date]) -> NDArray[np.bool_]:
    """Which of the days are worked, by the calendar that limits are counted by."""
    china = load_calendar("china")
    return np.array([china.is_working(to_day(day)) for day in days])


def chinesecalendar_worked(days: list[date]) -> NDArray[np.bool_]:
    """Which of the days are worked, as chinesecalendar says without our amendments."""
    import chinese_calendar

    return np.array([chinese_calendar.is_workday(day) for day in days])


def holidays_worked(days: list[date]) -> NDArray[np.bool_]:
    """Which of the days are worked, as holidays says."""
    import holidays

    know = holidays.country_holidays("CN", years=range(days[0].year, days[-1].year + 1))
    return np.array([know.is_working_day(day) for day in days])


def limits(worked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Days x 1 to 60: index of the n-th working day after each day; -1 where it lies beyond the last one."""
    working = np.flatnonzero(worked)
    first = np.searchsorted(working, np.arange(worked.size), side="right")
    which = first[:, None] + np.arange(DAYS_MAX)
    return np.where(which < working.size, working[np.minimum(which, working.size - 1)], -1)


def differences(
    name: str, one: NDArray[np.bool_], other_name: str, other: NDArray[np.bool_]
) -> Iterator[Difference]:
    """The days that the two class otherwise; the limits of each are those that it alone moves."""
    days = published_days()
    for index in np.flatnonzero(one != other):
        turned = other.copy()
        turned[index] = one[index]
        amendment = AMENDMENTS.get(days[index])
        worked = bool(one[index])
        yield Difference(
            day=days[index],
            worked_by=name if worked else other_name,
            free_by=other_name if worked else name,
            limits=int((limits(turned) != limits(other)).sum()),
            notice=None if amendment is None else amendment[1],
        )
