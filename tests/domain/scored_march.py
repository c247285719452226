"""Given, for tests of scores: cases, overdue ones, and changes of units and staff in March 2024."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from domain.directory import Directory, DirectoryAction
from domain.measuring.populations import Population, pattern_of
from domain.measuring.rollup import By, sums_of
from domain.measuring.tally import WHOLE, Tally, TallyRow
from domain.policies.policy import Policy, load_policy
from domain.rules.calendars import to_day
from domain.rules.procedures import Register, load_register
from domain.scoring.exact_scoring import Scorecard
from domain.scoring.scoring import Scorecards, score
from domain.zones import load_zone

FROM, TO = to_day(date(2024, 3, 1)), to_day(date(2024, 3, 31))
LICENCE, PENALTY = "food-production-licence", "penalty-ordinary"
SHANGHAI = load_zone("Asia/Shanghai")


def march(day: int) -> int:
    return FROM + day - 1


MET = {
    "plan-completion": (Population.TARGET, "completed"),
    "satisfaction": (Population.RATED, "good"),
    "timeliness": (Population.DECIDED, "in-time"),
    "error-rate": (Population.DECIDED, "faulty"),
    "closure": (Population.CLOSED, None),
    "revocation": (Population.DECISION, "overturned"),
    "rated": (Population.DECIDED, "rated"),
    "limit-unknown": (Population.DECIDED, "limit-unknown"),
}


def row(
    counted: str,
    person: str | None = None,
    unit: str | None = None,
    *,
    day: int = 5,
    met: bool = True,
    share: float = 1,
    procedure: str | None = LICENCE,
) -> TallyRow:
    """One member of March 2024, or a share of one: it has the attribute that the indicator asks for, or not."""
    population, attribute = MET[counted]
    pattern = pattern_of(population, [attribute]) if met and attribute else 0
    return population, pattern, person, unit, procedure, march(day), 0, round(share * WHOLE)


def overdue(
    population: Population, person: str | None, unit: str | None, begins: int, ends: int | None = None
) -> list[TallyRow]:
    """A case that is open and overdue from one day of March until another."""
    rows: list[TallyRow] = [(population, 1, person, unit, LICENCE, march(begins), 0, WHOLE)]
    if ends is not None:
        rows.append((population, 1, person, unit, LICENCE, march(ends), 0, -WHOLE))
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
    sums = sums_of(Tally.of(rows), directory, register, from_day=FROM, to_day=TO, by=by)
    return score(sums, policy or shipped, directory, register, from_day=FROM, to_day=TO, by=by)


def only(cards: Scorecards) -> Scorecard:
    (card,) = cards.subjects
    return card
