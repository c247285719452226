"""The reference's populations: every member that can be counted, with its attributes and value, slow and plain.

Like the scorer it shares nothing with the product, so that the product's cells can be held to it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import takewhile
from typing import Any, Literal
from zoneinfo import ZoneInfo

from tests.reference.cases import (
    CLOSINGS,
    LICENCE_DECISIONS,
    ReferenceLimit,
    Rules,
    Who,
    cases_of,
    closing_of,
    counted_day,
    happened_by,
    is_met,
    is_open_licence_case,
    is_opened,
    is_passed,
    limit_of,
    start_of,
    up_to,
    version_of,
    who_of,
    who_rated,
)
from tests.reference.recorded import Fact, effective_facts
from tests.reference.scorer import (
    DECISIONS,
    By,
    adversely_reviewed,
    cases_with_errors,
    decided_in,
    first_ratings,
    plan_completion,
    subjects_of,
)

Cell = tuple[str, frozenset[str]]
"""A population and the attributes that a member has."""


@dataclass(frozen=True)
class Member:
    """One member of a population: what it has, what it is worth, for whom and on which day it counts."""

    population: str
    attributes: frozenset[str]
    who: Who
    day: date
    value: int | None = None


@dataclass(frozen=True)
class ReferenceSums:
    """Of one subject: members by population and attributes, and those with a value by population and value."""

    cells: dict[Cell, Fraction]
    values: dict[tuple[str, int], Fraction]


def reference_populations(
    events: Sequence[Mapping[str, Any]],
    *,
    from_day: date,
    to_day: date,
    by: By,
    zone: str = "Asia/Shanghai",
    due_precision: Literal["day", "instant"] = "day",
    limits: Mapping[str, ReferenceLimit],
    working_day: Callable[[date], bool],
) -> dict[str, ReferenceSums]:
    """Subject -> sums of one period, both days inclusive; what stands open, as it stood on the last day.

    Subjects without anything counted are left out; the subject of `by="all"` is "all".
    """
    rules = Rules(ZoneInfo(zone), due_precision, limits, working_day)
    facts, _ = effective_facts(events)
    unit_facts = [fact for fact in facts if fact.type.startswith("unit.")]
    sums: dict[str, ReferenceSums] = {}
    for member in members(facts, from_day, to_day, rules):
        for subject, share in subjects_of(member, by, unit_facts, rules):
            found = sums.setdefault(subject, ReferenceSums({}, {}))
            cell = (member.population, member.attributes)
            found.cells[cell] = found.cells.get(cell, Fraction(0)) + share
            if member.value is not None:
                value = (member.population, member.value)
                found.values[value] = found.values.get(value, Fraction(0)) + share
    return {subject: sums[subject] for subject in sorted(sums)}


def members(facts: Sequence[Fact], from_day: date, to_day: date, rules: Rules) -> Iterator[Member]:
    """All members of all populations that one period counts."""
    everything = [
        *decisions(facts, rules),
        *decided(facts, rules),
        *closed(facts, rules),
        *rated(facts, rules),
        *targets(facts, rules),
        *actions_of_cases(facts, rules),
        *cards(facts, to_day, rules),
    ]
    yield from (member for member in everything if from_day <= member.day <= to_day)
    yield from standing_open(facts, to_day, rules)


def having(**attributes: bool) -> frozenset[str]:
    """Names of those that hold, with hyphens."""
    return frozenset(name.replace("_", "-") for name, holds in attributes.items() if holds)


def decisions(facts: Sequence[Fact], rules: Rules) -> Iterator[Member]:
    """Every grant, refusal, penalty and dismissal."""
    adverse = adversely_reviewed(facts)
    for actions in cases_of(facts).values():
        for action in actions:
            if action.type in DECISIONS:
                found = having(overturned=action.key in adverse, penalty=action.type == "enforcement.penalised")
                yield Member("decision", found, who_of(up_to(actions, action)), rules.day(action))


def decided(facts: Sequence[Fact], rules: Rules) -> Iterator[Member]:
    """Licence cases by their decision, and how many days after their start it came."""
    ratings, wrong = first_ratings(facts), cases_with_errors(facts)
    for number, history, decision in decided_in(facts, date.min, date.max, rules):
        limit = limit_of(history, rules)
        found = having(
            in_time=is_met(decision, limit, rules),
            limit_unknown=limit.kind == "no-start",
            faulty=number in wrong,
            rated=number in ratings,
            conforming=is_conforming(history, rules),
        )
        days = days_since_start(history, rules)
        yield Member("decided", found, who_of(history), rules.day(decision), days)


def closed(facts: Sequence[Fact], rules: Rules) -> Iterator[Member]:
    """Enforcement cases that were opened, by their closing, and how many days after the opening it came."""
    for actions in cases_of(facts).values():
        closing = closing_of(actions)
        if closing is None or not is_opened(actions):
            continue
        history = up_to(actions, closing)
        limit = limit_of(history, rules)
        found = having(
            in_time=is_met(closing, limit, rules),
            limit_unknown=limit.kind == "no-start",
            conforming=is_conforming(history, rules),
        )
        yield Member("closed", found, who_of(history), rules.day(closing), days_since_start(history, rules))


def days_since_start(history: Sequence[Fact], rules: Rules) -> int | None:
    """Calendar days from the start to the last of these actions, never negative; None where no start is known."""
    start = start_of(history, rules)
    return None if start is None else max(0, (rules.day(history[-1]) - start).days)


def is_conforming(history: Sequence[Fact], rules: Rules) -> bool:
    """Whether every required step has been done that stands before the first decision (of a licence case) or
    closing (of an enforcement case) in the procedure's list. Without a procedure, nothing is asked.
    """
    version = version_of(history, rules)
    if version is None:
        return True
    before = takewhile(lambda step: step[0] not in (*LICENCE_DECISIONS, *CLOSINGS), version.steps)
    return all(
        any(code in (action.type, action.data.get("step")) for action in history)
        for code, required in before
        if required
    )


def rated(facts: Sequence[Fact], rules: Rules) -> Iterator[Member]:
    """The first rating of each case."""
    cases = cases_of(facts)
    for case, rating in first_ratings(facts).items():
        who = who_rated(rating, cases.get(case, []))
        if who is not None:
            value = int(rating.data["rating"])
            yield Member("rated", having(good=value >= 4), who, rules.day(rating), value)


def targets(facts: Sequence[Fact], rules: Rules) -> Iterator[Member]:
    """Plan targets that were not cancelled, by the day they are due."""
    for target in plan_completion(facts, date.min, date.max, rules):
        yield Member("target", having(completed=bool(target.numerator)), target.who, target.day)


def actions_of_cases(facts: Sequence[Fact], rules: Rules) -> Iterator[Member]:
    """DOMAIN: "every matter has someone responsible, a rule to follow, evidence to check, a supervisor, and a
    result": what the action itself names.
    """
    for actions in cases_of(facts).values():
        for action in actions:
            found = having(
                responsible="owner" in action.data,
                basis=bool(action.data.get("basis")),
                evidence=bool(action.data.get("evidence")),
                supervisor="supervisor" in action.data,
                result="outcome" in action.data,
            )
            yield Member("action", found, who_of(up_to(actions, action)), rules.day(action))


def standing_open(facts: Sequence[Fact], day: date, rules: Rules) -> Iterator[Member]:
    """What stands open at the end of the day."""
    for actions in cases_of(facts).values():
        history = happened_by(actions, day, rules)
        for population in populations_open(history):
            overdue = is_passed(limit_of(history, rules), day)
            yield Member(population, having(overdue=overdue), who_of(history), day)


def populations_open(history: Sequence[Fact]) -> list[str]:
    """As what the case stands open, after these actions."""
    found = ["open_licence"] if is_open_licence_case(history) else []
    if is_opened(history) and closing_of(history) is None:
        found.append("open_enforcement")
    return found


def cards(facts: Sequence[Fact], last_day: date, rules: Rules) -> Iterator[Member]:
    """DOMAIN: "warning 1 working day before due; overdue = yellow card; past the supervision limit = red card":
    each once for a case, on the first day at whose end it is due, going through the days one by one.
    """
    for actions in cases_of(facts).values():
        given: set[str] = set()
        history: list[Fact] = []
        windows: dict[str, tuple[date, date]] = {}
        day = rules.day(actions[0])
        while day <= last_day:
            known = happened_by(actions, day, rules)
            if len(known) != len(history):
                history, windows = known, card_windows(known, rules)
            for card, (first, last) in windows.items():
                if card not in given and first <= day <= last:
                    given.add(card)
                    yield Member("card", frozenset({card}), who_of(history), day)
            day += timedelta(days=1)


def card_windows(history: Sequence[Fact], rules: Rules) -> dict[str, tuple[date, date]]:
    """First and last day on which each card is due while these actions are all there are."""
    limit = limit_of(history, rules).day
    if limit is None or not populations_open(history):
        return {}
    windows = {"yellow": (limit + timedelta(days=1), date.max)}
    version = version_of(history, rules)
    if version is not None and version.supervision is not None:
        before, after, kind = version.supervision
        windows["warning"] = (day_before(limit, before, kind, rules), limit)
        last = counted_day(limit, after, kind, [], rules)
        if last is not None:
            windows["red"] = (last + timedelta(days=1), date.max)
    return windows


def day_before(limit: date, days: int, kind: str, rules: Rules) -> date:
    """The first day after which, up to and including the limit, no more than so many days are counted."""
    day, counted = limit, 0
    while True:
        counted += kind == "calendar" or rules.working_day(day)
        if counted > days:
            return day
        day -= timedelta(days=1)
