"""Given, for tests of scores: cases, overdue ones, and changes of units and staff in March 2024."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from domain.calendars import to_day
from domain.directory import Directory, DirectoryAction
from domain.policy import Policy, load_policy
from domain.procedures import Register, load_register
from domain.rollup import By
from domain.scoring import Scorecard, Scorecards, score
from domain.tally import WHOLE, Measure, Tally, TallyRow
from domain.zones import load_zone

FROM, TO = to_day(date(2024, 3, 1)), to_day(date(2024, 3, 31))
LICENCE, PENALTY = "food-production-licence", "penalty-ordinary"
SHANGHAI = load_zone("Asia/Shanghai")


def march(day: int) -> int:
    return FROM + day - 1


def row(
    measure: Measure,
    person: str | None = None,
    unit: str | None = None,
    *,
    day: int = 5,
    met: bool = True,
    share: float = 1,
    procedure: str | None = LICENCE,
) -> TallyRow:
    """One case of March 2024, or a share of one."""
    millionths = round(share * WHOLE)
    return measure, person, unit, procedure, march(day), millionths if met else 0, millionths


def overdue(
    measure: Measure, person: str | None, unit: str | None, begins: int, ends: int | None = None
) -> list[TallyRow]:
    """A case that is open and overdue from one day of March until another."""
    rows: list[TallyRow] = [(measure, person, unit, LICENCE, march(begins), 0, WHOLE)]
    if ends is not None:
        rows.append((measure, person, unit, LICENCE, march(ends), 0, -WHOLE))
    return rows


def happened(kind: str, subject: str, day: int, **data: str) -> DirectoryAction:
    instant = SHANGHAI.end_of_day(march(day)) - 1
    return DirectoryAction(0, kind, subject, instant, None, "/hr", f"{kind} {subject} {day}", data)


@lru_cache(maxsize=1)
def gx() -> tuple[Policy, Register]:
    return load_policy("gx-2012"), load_register("gx-2012")


def scored(
    rows: Sequence[TallyRow], *actions: DirectoryAction, by: By = "staff", policy: Policy | None = None
) -> Scorecards:
    shipped, register = gx()
    directory = Directory.fold(actions, SHANGHAI)
    return score(Tally.from_rows(rows), policy or shipped, directory, register, from_day=FROM, to_day=TO, by=by)


def only(cards: Scorecards) -> Scorecard:
    (card,) = cards.subjects
    return card
