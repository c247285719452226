"""Small cases made up for the fold, and the same as columns and as the reference's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from domain.actions.types import ACTION_TYPES
from domain.measuring.cases import (
    ACTION_RECORD,
    EXTRA_RECORD,
    LONE,
    NOBODY,
    SHARE_RECORD,
    STATES_DUE,
    STATES_REASON,
    STATES_SHARES,
    STATES_STEP,
    Cases,
    Role,
    make_records,
    role_table,
)
from domain.measuring.limits import Rules as CompiledRules
from domain.measuring.limits import compile_rules
from domain.measuring.tally import WHOLE
from domain.rules.calendars import load_calendar, to_day
from domain.rules.context import Context
from domain.zones import load_zone
from tests.reference.cases import Kind, ReferenceLimit, Rules
from tests.reference.recorded import Fact, fact_of
from tests.support.product import register

CHINA = load_calendar("china")
FIRST = date(2024, 1, 29)  # With the Spring Festival and its make-up Sundays, 4 and 18 February.
REASONS = ("test", "holiday")
STEPS = ("review", "notice")
STAFF = ("s1", "s2", "s3")
UNITS = ("u1", "u2")
PROCEDURES = ("p", "q", "unknown")
EVERYS = ("owner", "basis", "evidence", "supervisor", "outcome")
TYPES = {
    "licensing": (
        *("licensing.received", "licensing.accepted", "licensing.correction-requested"),
        *("licensing.extended", "licensing.extended", "licensing.suspended", "licensing.resumed"),
        *("licensing.step-done", "licensing.granted", "licensing.refused", "licensing.withdrawn"),
        *("service.rated", "service.error-found", "review.decided"),
    ),
    "enforcement": (
        *("enforcement.opened", "enforcement.extended", "enforcement.extended", "enforcement.suspended"),
        *("enforcement.resumed", "enforcement.step-done", "enforcement.penalised", "enforcement.dismissed"),
        *("enforcement.closed", "enforcement.transferred", "service.rated", "review.decided"),
    ),
}
TARGETS = ("plan.target-set", "plan.target-completed", "plan.target-cancelled")
BEGINNINGS = {"licensing": ("licensing.received", "licensing.accepted"), "enforcement": ("enforcement.opened",)}
KINDS: tuple[Kind, ...] = ("working", "calendar")
ENDINGS = {"licensing": "licensing.granted", "enforcement": "enforcement.closed"}


def made_rules(random: Random) -> Rules:
    """Rules of a made-up register and China's working days, as the reference takes them."""
    return Rules(
        ZoneInfo("Asia/Shanghai"), "day", made_register(random), lambda day: CHINA.is_working(to_day(day))
    )


def compiled_rules(rules: Rules) -> CompiledRules:
    """The same as the fold takes them, for the codes of `columns`."""
    context = Context(load_zone("Asia/Shanghai"), "day", register(rules.limits), CHINA)
    return compile_rules(context, procedures=PROCEDURES, reasons=REASONS, steps=STEPS)


def made_register(random: Random) -> dict[str, ReferenceLimit]:
    """Two procedures of one or two versions each."""
    return {code: made_procedure(random) for code in PROCEDURES[:2]}


def made_procedure(random: Random) -> ReferenceLimit:
    """One version for all time, or two with a change of the law, and perhaps a gap, between them."""
    first = made_version(random)
    if random.random() < 0.6:
        return first
    change = FIRST + timedelta(days=random.randrange(15))
    second = replace(made_version(random), valid_from=change)
    return replace(first, valid_to=change - timedelta(days=random.choice([1, 1, 2])), others=(second,))


def made_version(random: Random) -> ReferenceLimit:
    """Limits of few days, so that what happens falls on them; each rule is there or not."""

    def days() -> int:
        return random.randint(1, 5)

    def kind() -> Kind:
        return random.choice(KINDS)

    steps = random.sample(
        ["licensing.accepted", "review", "licensing.granted", "notice", "enforcement.closed"],
        k=random.randrange(4),
    )
    return ReferenceLimit(
        days=days() if random.random() < 0.9 else None,
        kind=kind(),
        stop_reasons=frozenset({"test"}),
        deemed=(days(), kind()) if random.random() < 0.6 else None,
        extension=(days(), random.randint(1, 2)) if random.random() < 0.7 else None,
        supervision=(days(), days(), kind()) if random.random() < 0.7 else None,
        steps=tuple((step, random.random() < 0.5) for step in steps),
    )


def made_case(random: Random) -> list[Fact]:
    """One case that begins and ends as cases do, and in between what may move its limit, in order.

    Of some nothing that starts the clock was recorded.

    Ids are the positions at which the actions were recorded, in any order.
    """
    family = random.choice(list(TYPES))
    types = [*BEGINNINGS[family], *random.choices(TYPES[family], k=random.randrange(8))]
    if random.random() < 0.5:
        types.append(ENDINGS[family])
    if random.random() < 0.15:
        random.shuffle(types)
    if random.random() < 0.15:
        # What started it was never recorded.
        types = [kind for kind in types if kind not in BEGINNINGS[family]] or [ENDINGS[family]]
    facts, day = [], 0
    positions = random.sample(range(1, len(types) + 1), k=len(types))
    for number, kind in enumerate(types):
        day += random.choice([0, 1, 1, 2, 2, 3, 5])
        facts.append(
            fact_of(
                {
                    "source": "/a",
                    "id": str(positions[number]),
                    "type": kind,
                    "subject": "c",
                    "time": f"{FIRST + timedelta(days=day)}T09:00:00.{number:06}+08:00",
                    "data": made_data(random, kind, number),
                }
            )
        )
    return facts


def made_target(random: Random) -> list[Fact]:
    """One plan target that is set, postponed, completed or cancelled, in order; ids as those of a case."""
    types = ["plan.target-set", *random.choices(TARGETS, k=random.randrange(4))]
    positions = random.sample(range(1, len(types) + 1), k=len(types))
    facts, day = [], 0
    for number, kind in enumerate(types):
        day += random.choice([0, 1, 2, 5])
        data: dict[str, Any] = {"owner": random.choice(STAFF), "unit": random.choice(UNITS)}
        if kind == "plan.target-set":
            data["due"] = str(FIRST + timedelta(days=random.randrange(25)))
        if kind == "plan.target-cancelled":
            data["reason"] = random.choice(REASONS)
        time = f"{FIRST + timedelta(days=day)}T09:00:00.{number:06}+08:00"
        told = {"source": "/a", "id": str(positions[number]), "type": kind, "subject": "t", "time": time}
        facts.append(fact_of(told | {"data": data}))
    return facts


def made_data(random: Random, kind: str, number: int) -> dict[str, Any]:
    """What an action states; the first one names the procedure."""
    data: dict[str, Any] = {}
    if number == 0 or random.random() < 0.06:
        data["procedure"] = random.choice(("p", "p", "p", "p", "q", "unknown"))
    if random.random() < 0.3:
        data["unit"] = random.choice(UNITS)
    if random.random() < 0.4:
        data["owner"] = random.choice(STAFF)
        if random.random() < 0.3:
            data["participants"] = [{"staff": random.choice(STAFF), "share": random.choice([0.25, 1])}]
    everys = {"basis": ["Art. 42"], "evidence": [{"ref": "x"}], "supervisor": "s1", "outcome": "pass"}
    data |= {name: value for name, value in everys.items() if random.random() < 0.3}
    if kind.endswith("suspended"):
        data["reason"] = random.choice(["test", "test", "holiday"])
    if kind.endswith("step-done"):
        data["step"] = random.choice(STEPS)
    if kind == "service.rated":
        data["rating"] = random.randint(1, 5)
    if kind == "review.decided":
        data |= {"of": {"case": "c"}, "outcome": "revoked"}
    if random.random() < 0.04:
        data["due"] = (FIRST + timedelta(days=random.randrange(25))).isoformat()
    return data


def columns(facts: Sequence[Fact], rules: Rules) -> Cases:
    """One case as the fold reads it; words are coded by their place in the tuples above, and an action's id is
    its position.
    """
    epoch = date(1970, 1, 1)

    def code(words: Sequence[str], data: Mapping[str, Any], name: str) -> int:
        return words.index(data[name]) if name in data else NOBODY

    size = len(facts)
    actions, extras = make_records(ACTION_RECORD, size), make_records(EXTRA_RECORD, size)
    shares: list[tuple[int, int]] = []
    roles = role_table()
    for row, fact in enumerate(facts):
        data, kind = fact.data, ACTION_TYPES[fact.type].code
        action, extra = actions[row], extras[row]
        action.day = (rules.day(fact) - epoch).days
        action.owner = code(STAFF, data, "owner")
        action.unit = code(UNITS, data, "unit")
        action.procedure = code(PROCEDURES, data, "procedure")
        action.extra, action.position, action.kind = row, int(fact.id), kind
        action.role = Role.ADVERSE_REVIEW if fact.type == "review.decided" else roles[kind]
        action.marks = sum(1 << bit for bit, name in enumerate(EVERYS) if data.get(name))
        states = {"due": STATES_DUE, "participants": STATES_SHARES, "step": STATES_STEP, "reason": STATES_REASON}
        action.states = sum(bit for name, bit in states.items() if name in data)
        if fact.type == "service.rated":
            action.extra = row if action.states else LONE - data["rating"]
        elif action.states == STATES_STEP:
            action.extra = LONE - code(STEPS, data, "step")
        elif action.states == STATES_REASON:
            action.extra = LONE - code(REASONS, data, "reason")
        elif action.states == STATES_DUE:
            action.extra = LONE - (rules.due(data["due"])[0] - epoch).days
        extra.time = fact.instant
        extra.due_day = (rules.due(data["due"])[0] - epoch).days if "due" in data else 0
        extra.due_kind = int("due" in data)
        extra.reason = code(REASONS, data, "reason")
        extra.step = code(STEPS, data, "step")
        extra.rating = data.get("rating", 0)
        extra.share_start = len(shares)
        for each in data.get("participants", []):
            shares.append((int(Fraction(str(each["share"])) * WHOLE), STAFF.index(each["staff"])))
        extra.share_stop = len(shares)
    shared = make_records(SHARE_RECORD, len(shares))
    for number, (part, staff) in enumerate(shares):
        shared[number].part, shared[number].staff = part, staff
    return Cases(np.array([0, size]), actions, extras, shared)
