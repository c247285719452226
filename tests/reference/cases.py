"""One case by DOMAIN.md's fine print: decided, closed, who, limit, ratings; and the tree of units."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from tests.reference.recorded import Fact, date_of, instant_of

CASE_FAMILIES = ("licensing.", "enforcement.", "inspection.", "complaint.")
LICENCE_DECISIONS = ("licensing.granted", "licensing.refused")
CLOSINGS = ("enforcement.closed", "enforcement.dismissed", "enforcement.transferred")


Kind = Literal["working", "calendar"]


@dataclass(frozen=True)
class ReferenceLimit:
    """What the procedure register says of one procedure; `days` None: the procedure sets no limit.

    `deemed` are the days, and their kind, after which a licence case is accepted on receipt; `extension` the days
    that an extension adds and how often; `supervision` the days of warning and red card, and their kind; `steps`
    the codes in their order, and whether they are required. `others` are its versions of other times.
    """

    days: int | None
    kind: Kind = "working"
    stop_reasons: frozenset[str] = frozenset()
    process: str | None = None
    deemed: tuple[int, Kind] | None = None
    extension: tuple[int, int] | None = None
    supervision: tuple[int, int, Kind] | None = None
    steps: tuple[tuple[str, bool], ...] = ()
    valid_from: date = date.min
    valid_to: date = date.max
    others: "tuple[ReferenceLimit, ...]" = ()


@dataclass(frozen=True)
class Who:
    """To whom a case counts: shares by person (empty: nobody's row), unit and procedure."""

    shares: dict[str, Fraction] = field(default_factory=dict)
    unit: str | None = None
    procedure: str | None = None


@dataclass(frozen=True)
class Limit:
    """The limit of a case: `stated` by a `due`, `counted` from the procedure, or none of these, and why."""

    kind: Literal["stated", "counted", "no-limit", "clock-stopped", "no-start"]
    day: date | None = None
    instant: int | None = None


@dataclass(frozen=True)
class Rules:
    """What the policy and the register lay down for one scoring."""

    zone: ZoneInfo
    due_precision: Literal["day", "instant"]
    limits: Mapping[str, ReferenceLimit]
    working_day: Callable[[date], bool]

    def version(self, procedure: str | None, day: date) -> ReferenceLimit | None:
        """What the register says of the procedure for what starts on that day."""
        limit = None if procedure is None else self.limits.get(procedure)
        versions = [] if limit is None else [limit, *limit.others]
        return next((one for one in versions if one.valid_from <= day <= one.valid_to), None)

    def day(self, fact: Fact) -> date:
        """DOMAIN: "A *day* of an action is the date of its `time` in that zone."."""
        return self.day_of_instant(fact.instant)

    def day_of_instant(self, instant: int) -> date:
        """The date of an instant in the policy's zone."""
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)).astimezone(self.zone).date()

    def due(self, text: str) -> tuple[date, int | None]:
        """DOMAIN: "`due` given as a date-time: its day counts" (the instant is kept beside it)."""
        day = date_of(text)
        if day is not None:
            return day, None
        instant = instant_of(text)
        if instant is None:
            raise ValueError(f"no due: {text!r}")
        return self.day_of_instant(instant), instant


def is_case_action(fact: Fact) -> bool:
    """DOMAIN: "Its actions are the `licensing.*`, `enforcement.*`, `inspection.*`, `complaint.*` actions"."""
    return fact.type.startswith(CASE_FAMILIES)


def cases_of(facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    """DOMAIN: "*Case* = its number, whatever the source"; its actions in CONTRACT's order."""
    cases: dict[str, list[Fact]] = {}
    for fact in sorted(facts, key=lambda fact: fact.order):
        if is_case_action(fact):
            cases.setdefault(fact.subject, []).append(fact)
    return cases


def first_of(actions: Sequence[Fact], types: Sequence[str]) -> Fact | None:
    """The first action of one of these types."""
    for action in actions:
        if action.type in types:
            return action
    return None


def up_to(actions: Sequence[Fact], last: Fact) -> list[Fact]:
    """DOMAIN: "up to and including" that action, in the order."""
    return [action for action in actions if action.order <= last.order]


def happened_by(actions: Sequence[Fact], day: date, rules: Rules) -> list[Fact]:
    """DOMAIN: "What the case looked like at the end of P is folded from the actions that had happened by
    then".
    """
    return [action for action in actions if rules.day(action) <= day]


def decision_of(actions: Sequence[Fact]) -> Fact | None:
    """DOMAIN: "*Decided* = the first `granted` or `refused` of the case that is not voided. A case
    withdrawn before a decision is neither decided nor open".
    """
    decision = first_of(actions, LICENCE_DECISIONS)
    withdrawn = first_of(actions, ["licensing.withdrawn"])
    if decision is not None and withdrawn is not None and withdrawn.order < decision.order:
        return None
    return decision


def is_open_licence_case(actions: Sequence[Fact]) -> bool:
    """DOMAIN: "Open needs `received`"; not decided, not withdrawn."""
    received = first_of(actions, ["licensing.received"])
    ended = first_of(actions, [*LICENCE_DECISIONS, "licensing.withdrawn"])
    return received is not None and ended is None


def closing_of(actions: Sequence[Fact]) -> Fact | None:
    """DOMAIN: "Closed = the first of `closed`, `dismissed`, `transferred`."."""
    return first_of(actions, CLOSINGS)


def is_opened(actions: Sequence[Fact]) -> bool:
    """DOMAIN: "a case without `opened` is not counted in closure"."""
    return first_of(actions, ["enforcement.opened"]) is not None


def shares_of(action: Fact) -> dict[str, Fraction]:
    """DOMAIN: "participants are those of the action that gave the owner (shares of one person add up)";
    CONTRACT: "the owner has the rest".
    """
    shares: dict[str, Fraction] = {}
    rest = Fraction(1)
    for participant in action.data.get("participants", []):
        share = Fraction(Decimal(str(participant["share"])))
        shares[participant["staff"]] = shares.get(participant["staff"], Fraction(0)) + share
        rest -= share
    owner = action.data["owner"]
    shares[owner] = shares.get(owner, Fraction(0)) + rest
    return {staff: share for staff, share in shares.items() if share}


def last_naming(actions: Sequence[Fact], name: str) -> Fact | None:
    """DOMAIN: "looked up ... in the last action ... that names it"."""
    naming = [action for action in actions if name in action.data]
    return naming[-1] if naming else None


def who_of(actions: Sequence[Fact]) -> Who:
    """DOMAIN: "owner and unit are looked up separately, each in the last action, up to and including the
    deciding or closing one (open: up to the end of P), that names it"; the procedure like the unit.
    """
    owner = last_naming(actions, "owner")
    unit = last_naming(actions, "unit")
    procedure = last_naming(actions, "procedure")
    return Who(
        shares={} if owner is None else shares_of(owner),
        unit=None if unit is None else unit.data["unit"],
        procedure=None if procedure is None else procedure.data["procedure"],
    )


def who_rated(rating: Fact, actions: Sequence[Fact]) -> Who | None:
    """To whom a rating counts; None while it waits.

    DOMAIN: "A rating that does not name owner or unit is filled up in the same way from the case's decision
    (enforcement: closing action), whenever that happened, else from its last action; it waits, uncounted,
    until its case has an action of its own."
    """
    if not actions and not ("owner" in rating.data and "unit" in rating.data):
        return None
    decision = decision_of(actions) or closing_of(actions)
    filled = who_of(actions if decision is None else up_to(actions, decision))
    return Who(
        shares=shares_of(rating) if "owner" in rating.data else filled.shares,
        unit=rating.data.get("unit", filled.unit),
        procedure=rating.data.get("procedure", filled.procedure),
    )


def limit_of(actions: Sequence[Fact], rules: Rules) -> Limit:
    """The limit that these actions (those up to the day, or up to the decision) give.

    DOMAIN: "the `due` of the last action of the case, up to that day (...), that states one. It is taken as
    stated: clock stops do not move it. Where none states one: the procedure's limit". "No due and no limit:
    the case is never overdue". "A limit that cannot be computed because the start was never recorded counts
    as not met".
    """
    stated = last_naming(actions, "due")
    if stated is not None:
        day, instant = rules.due(stated.data["due"])
        return Limit("stated", day, instant)
    start, limit = start_of(actions, rules), version_of(actions, rules)
    if limit is None or limit.days is None:
        return Limit("no-limit")
    if start is None:
        return Limit("no-start")
    days = limit.days + extended_days(actions, start, limit, rules)
    last_day = counted_day(start, days, limit.kind, clock_stops(actions, limit, rules), rules)
    return Limit("clock-stopped") if last_day is None else Limit("counted", last_day)


def version_of(actions: Sequence[Fact], rules: Rules) -> ReferenceLimit | None:
    """The procedure's version in force on the day of the start; without a start, on that of the last action."""
    start = start_of(actions, rules)
    return rules.version(who_of(actions).procedure, rules.day(actions[-1]) if start is None else start)


def start_of(actions: Sequence[Fact], rules: Rules) -> date | None:
    """DOMAIN: "the start is the day of acceptance, else of receipt (enforcement: of opening)"; "correction
    notice: once, within 5 working days; else deemed accepted on receipt".
    """
    received, accepted = (first_of(actions, [f"licensing.{name}"]) for name in ("received", "accepted"))
    if received is not None and accepted is not None:
        version = rules.version(who_of(actions).procedure, rules.day(received))
        if version is not None and version.deemed is not None:
            deadline = counted_day(rules.day(received), *version.deemed, [], rules)
            notices = [action for action in actions if action.type == "licensing.correction-requested"]
            in_time = any(rules.day(notice) <= deadline for notice in notices if deadline)
            if deadline is not None and rules.day(accepted) > deadline and not in_time:
                return rules.day(received)
    start = accepted or received or first_of(actions, ["enforcement.opened"])
    return None if start is None else rules.day(start)


def extended_days(actions: Sequence[Fact], start: date, limit: ReferenceLimit, rules: Rules) -> int:
    """DOMAIN: "+10 with the head's approval": what the extensions add that state no `due`, as often as the
    register says, each only if it came by the limit as it was then.
    """
    added = times = 0
    for extension in actions:
        if not extension.type.endswith(".extended") or "due" in extension.data or limit.extension is None:
            continue
        stops = clock_stops(up_to(actions, extension), limit, rules)
        last_day = counted_day(start, (limit.days or 0) + added, limit.kind, stops, rules)
        if times < limit.extension[1] and (last_day is None or rules.day(extension) <= last_day):
            added += limit.extension[0]
            times += 1
    return added


def clock_stops(actions: Sequence[Fact], limit: ReferenceLimit, rules: Rules) -> list[tuple[date, date | None]]:
    """(suspended, resumed) by day; resumed None: the clock still stands. DOMAIN: "for suspensions whose
    `reason` the procedure allows".
    """
    stops: list[tuple[date, date | None]] = []
    suspended: date | None = None
    for action in actions:
        if action.type in ("licensing.suspended", "enforcement.suspended"):
            if suspended is None and action.data.get("reason") in limit.stop_reasons:
                suspended = rules.day(action)
        elif action.type in ("licensing.resumed", "enforcement.resumed") and suspended is not None:
            stops.append((suspended, rules.day(action)))
            suspended = None
    if suspended is not None:
        stops.append((suspended, None))
    return stops


def counted_day(
    start: date, days: int, kind: Kind, stops: Sequence[tuple[date, date | None]], rules: Rules
) -> date | None:
    """The last day within the limit; None where the clock stands still before it.

    DOMAIN: "counted in working or calendar days, day 1 being the first such day after the start". "Days d
    with suspended < d ≤ resumed are not counted ...; such a limit never runs out while its clock is
    stopped."
    """
    counted = 0
    day = start
    while counted < days:
        day += timedelta(days=1)
        if any(suspended < day and resumed is None for suspended, resumed in stops):
            return None
        stopped = any(resumed is not None and suspended < day <= resumed for suspended, resumed in stops)
        if not stopped and (kind == "calendar" or rules.working_day(day)):
            counted += 1
    return day


def is_met(decision: Fact, limit: Limit, rules: Rules) -> bool:
    """DOMAIN: "*Met* = day of the decision ≤ limit."; with `due_precision = "instant"` a date-time is met
    up to it.
    """
    if limit.kind in ("no-limit", "clock-stopped"):
        return True
    if limit.kind == "no-start" or limit.day is None:
        return False
    if rules.due_precision == "instant" and limit.instant is not None:
        return decision.instant <= limit.instant
    return rules.day(decision) <= limit.day


def is_passed(limit: Limit, last_day: date) -> bool:
    """DOMAIN: "*Passed at the end of P* = limit ≤ last day of P."."""
    return limit.day is not None and limit.day <= last_day


def parents_on(day: date, facts: Sequence[Fact], rules: Rules) -> dict[str, str]:
    """DOMAIN: "by the tree at the end of the day"; "a move that closes a circle is without effect"."""
    parents: dict[str, str] = {}
    for fact in sorted(facts, key=lambda fact: fact.order):
        if fact.type not in ("unit.opened", "unit.moved") or rules.day(fact) > day or "parent" not in fact.data:
            continue
        if fact.subject not in line_of(fact.data["parent"], parents):
            parents[fact.subject] = fact.data["parent"]
    return parents


def line_of(unit: str, parents: Mapping[str, str]) -> list[str]:
    """The unit and every unit above. DOMAIN: "A unit without a known parent that day stands alone"."""
    line = [unit]
    while line[-1] in parents:
        line.append(parents[line[-1]])
    return line
