"""Each filter of `kaoji audit`, alone and with others, finds what a plain look at every action finds."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.actions.data import FIELDS
from tests.drafted_actions import DAYS, FIRST_DAY, HOT_DAYS, SOURCES, STAFF, UNITS, case_number
from tests.reference.cases import Rules, line_of, parents_on
from tests.reference.recorded import Fact, effective_facts, instant_of
from tests.reference.scorer import reference_effective
from tests.strategies import random_history, working_weekday
from tests.support.command_line import CommandLine

Event = dict[str, Any]
ZONE = ZoneInfo("Asia/Shanghai")
RULES = Rules(ZONE, "day", {}, working_weekday)
ROLES = ("owner", "actor", "supervisor", "recorded_by")
SEED = 20260214


@dataclass(frozen=True)
class Ledger:
    """A store, and what was recorded in it, in order."""

    kaoji: CommandLine
    sent: Sequence[Event]
    trail: Sequence[Event]
    standing: Mapping[int, Event]
    """By position, after corrections, without the voided."""
    unit_facts: Sequence[Fact]
    lines: dict[tuple[str, date], frozenset[str]] = field(default_factory=dict)

    def line(self, unit: str, day: date) -> frozenset[str]:
        """The unit and every unit above it on that day."""
        if (unit, day) not in self.lines:
            self.lines[unit, day] = frozenset(line_of(unit, parents_on(day, self.unit_facts, RULES)))
        return self.lines[unit, day]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A crowded history, recorded at five different times."""
    events = random_history(SEED, 600)
    add_what_histories_lack(events, random.Random(SEED))
    kaoji = CommandLine(tmp_path_factory.mktemp("audited") / "kaoji.db")
    for begin in range(0, len(events), 130):
        kaoji("ingest", "-", stdin=b"\n".join(json.dumps(each).encode() for each in events[begin : begin + 130]))
    trail = kaoji("audit").lines
    facts, _ = effective_facts(events)
    position = {(each["source"], each["id"]): each["position"] for each in trail}
    return Ledger(
        kaoji,
        events,
        trail,
        {position[each["source"], each["id"]]: each for each in reference_effective(events)},
        [fact for fact in facts if fact.type.startswith("unit.")],
    )


def add_what_histories_lack(events: list[Event], dice: random.Random) -> None:
    """Supervisors, transfers, and a void of a correction that names another case."""
    for event in dice.sample([each for each in events if "unit" in each["data"]], 40):
        event["data"]["supervisor"] = dice.choice(STAFF)
    for event in events:
        if event["type"] == "staff.assigned" and dice.random() < 0.5:
            event["data"]["to_unit"] = event["data"].pop("unit")
    corrections = [each for each in events if each["type"] == "record.corrected"]
    events += [
        {
            "specversion": "1.0", "id": f"void-{number}", "source": SOURCES[0], "type": "record.voided",
            "subject": "another-case", "time": "2024-03-20T09:00:00+08:00",
            "data": {
                "of": {"source": each["source"], "id": each["id"]}, "reason": "wrong", "recorded_by": STAFF[0]
            },
        }
        for number, each in enumerate(dice.sample(corrections, 6))
    ]  # fmt: skip


# The plain look


def scan(ledger: Ledger, asked: Mapping[str, Any]) -> list[int]:
    """Positions of what matches, event by event."""
    case = positions_of_case(ledger, asked) if "case" in asked else set()
    found = []
    for recorded in ledger.trail:
        position = recorded["position"]
        event = ledger.standing.get(position) if "effective" in asked else recorded
        if event is None or not asked.get("after", 0) < position or ("case" in asked and position not in case):
            continue
        if all(matches(ledger, name, value, event, recorded) for name, value in asked.items()):
            found.append(position)
    return found[: asked.get("limit")]


def matches(ledger: Ledger, name: str, value: Any, event: Event, recorded: Event) -> bool:
    instant = instant_of(event["time"])
    assert instant is not None
    when: Mapping[str, Callable[[], bool]] = {
        "from": lambda: instant >= first_instant(value),
        "to": lambda: instant < end_instant(value),
        "recorded-from": lambda: micros(recorded["recorded_at"]) >= first_instant(value),
        "recorded-to": lambda: micros(recorded["recorded_at"]) < end_instant(value),
        "type": lambda: event["type"] == value or (value[-1] == "*" and event["type"].startswith(value[:-1])),
        "staff": lambda: value in people(event),
        "unit": lambda: any(value in ledger.line(unit, RULES.day_of_instant(instant)) for unit in units(event)),
    }
    return when[name]() if name in when else True


def people(event: Event) -> set[str]:
    """Everybody who has a role in it."""
    data = event["data"]
    named = {data[role] for role in ROLES if role in data}
    named |= {each["staff"] for each in data.get("participants", ())}
    return named | ({event["subject"]} if event["type"].startswith("staff.") else set())


def units(event: Event) -> list[str]:
    data = event["data"]
    if event["type"].startswith("unit."):
        return [event["subject"], *([data["unit"]] if "unit" in data else [])]
    if "unit" in data:
        return [data["unit"]]
    return [data["to_unit"]] if event["type"].startswith("staff.") and "to_unit" in data else []


def positions_of_case(ledger: Ledger, asked: Mapping[str, Any]) -> set[int]:
    """Its own actions, reviews that mean it, and whatever is about one of these."""
    case = asked["case"]
    by_key = {(each["source"], each["id"]): each for each in ledger.trail}

    def belongs(event: Event, seen: tuple[int, ...] = ()) -> bool:
        of = event["data"].get("of", {})
        if event["subject"] == case or of.get("case") == case:
            return True
        meant = by_key.get((of.get("source", ""), of.get("id", "")))
        if meant is None or meant["position"] in seen:
            return False
        return belongs(meant, (*seen, meant["position"]))

    return {each["position"] for each in ledger.trail if belongs(each)}


def micros(text: str) -> int:
    instant = instant_of(text)
    assert instant is not None
    return instant


def first_instant(text: str) -> int:
    return micros(text) if "T" in text else micros(datetime.fromisoformat(text).replace(tzinfo=ZONE).isoformat())


def end_instant(text: str) -> int:
    if "T" in text:
        return micros(text) + 1
    return first_instant((date.fromisoformat(text) + timedelta(days=1)).isoformat())


# Asking


def asked_for(kaoji: CommandLine, asked: Mapping[str, Any]) -> list[Event]:
    arguments = ["audit"]
    for name, value in asked.items():
        arguments += ["--effective"] if name == "effective" else [f"--{name}", str(value)]
    return kaoji(*arguments).lines


def day(number: int) -> str:
    return (FIRST_DAY + timedelta(days=number)).isoformat()


def values_of(ledger: Ledger) -> dict[str, list[Any]]:
    """Worthwhile values of each filter."""
    recorded = sorted({each["recorded_at"] for each in ledger.trail})
    hot = [day(each) for each in HOT_DAYS]
    return {
        "case": [*(case_number(about) for about in range(12)), "T-1", "T-30", "another-case", "none such"],
        "staff": [*STAFF, "nobody"],
        "unit": [*UNITS, "head", "none-such"],
        "type": ["licensing.*", "*", "record.corrected", "record.*", "staff.*", "unit.*", "plan.target-set", "s*"],
        "from": [*hot, day(DAYS // 2), day(-40), "2024-02-16T16:00:00Z", "2024-02-06T23:59:59.999999+08:00"],
        "to": [*hot, day(DAYS // 2), day(900), "2024-02-16T16:00:00Z", "2024-02-06T23:59:59.999999+08:00"],
        "recorded-from": [*recorded, "2020-01-01", "2199-01-01"],
        "recorded-to": [*recorded, "2020-01-01", "2199-01-01"],
        "after": [0, 1, 130, len(ledger.trail) - 1, len(ledger.trail), 10**7],
        "limit": [0, 1, 7, 10**6],
    }


def test_the_whole_trail_is_every_action_in_ledger_order(ledger: Ledger) -> None:
    assert [event["position"] for event in ledger.trail] == list(range(1, len(ledger.trail) + 1))
    first: dict[tuple[str, str], Event] = {}
    for event in ledger.sent:
        first.setdefault((event["source"], event["id"]), event)
    assert [shown(event) for event in ledger.trail] == [shown(event) for event in first.values()]


def shown(event: Event) -> Event:
    """What stands in the facts: neither notes nor fields that nobody knows."""
    names = ("source", "id", "type", "subject", "time", "sequence")
    known = {name: value for name, value in event["data"].items() if name in FIELDS and name != "note"}
    if "changes" in known:
        # A value that no action could hold may be free text: the facts say only that it was one.
        known["changes"] = sorted(
            name for name in known["changes"] if name in {*FIELDS, "time", "type"} - {"note"}
        )
    return {name: event[name] for name in names if name in event} | {"data": known}


def test_each_filter_alone_finds_what_a_plain_look_finds(ledger: Ledger) -> None:
    for name, values in values_of(ledger).items():
        for value in values:
            for asked in ({name: value}, {name: value, "effective": True}):
                found = [event["position"] for event in asked_for(ledger.kaoji, asked)]
                assert found == scan(ledger, asked), asked


@pytest.mark.parametrize("seed", range(4))
def test_filters_together_find_what_a_plain_look_finds(ledger: Ledger, seed: int) -> None:
    dice, hits = random.Random(seed), 0
    values = values_of(ledger)
    for _ in range(15):
        names = dice.sample(sorted(values), dice.choice((2, 2, 3, 4)))
        asked = {name: dice.choice(values[name]) for name in names}
        if not any(name in asked for name in ("from", "to")) or asked.get("from", "") <= asked.get("to", "9"):
            if dice.random() < 0.4:
                asked["effective"] = True
            found = [event["position"] for event in asked_for(ledger.kaoji, asked)]
            assert found == scan(ledger, asked), asked
            hits += bool(found)
    assert hits >= 2, "some combination found something"


def test_effective_trail_equals_the_reference(ledger: Ledger) -> None:
    printed = asked_for(ledger.kaoji, {"effective": True})
    expected = [shown(ledger.standing[position]) for position in sorted(ledger.standing)]
    assert [shown(event) for event in printed] == expected
    assert len(printed) < len(ledger.trail)


def test_pages_joined_are_the_whole(ledger: Ledger) -> None:
    def pages() -> Iterator[Event]:
        after = 0
        while page := asked_for(ledger.kaoji, {"after": after, "limit": 100}):
            yield from page
            after = page[-1]["position"]

    assert list(pages()) == ledger.trail


def test_csv_names_the_same_actions(ledger: Ledger) -> None:
    rows = ledger.kaoji("audit", "--type", "unit.*", "--format", "csv").rows
    expected = [ledger.trail[position - 1] for position in scan(ledger, {"type": "unit.*"})]
    assert [(row["position"], row["id"], row["hash"]) for row in rows] == [
        (str(event["position"]), event["id"], event["hash"]) for event in expected
    ]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (("--staff", "S1"), "No action names a person 'S1'. Did you mean 's1'?"),
        (("--staff", "nobody"), "No action names a person 'nobody'."),
        (("--unit", "u-2", "--type", "unit.*"), "No action names a unit 'u-2'. Did you mean 'u2'?"),
        (("--case", "licensing 0"), "No action is about a case 'licensing 0'. Did you mean 'licensing-0'?"),
        (("--case", "t-1", "--format", "csv"), "No action is about a case 't-1'. Did you mean 'T-1'?"),
    ],
)
def test_a_name_that_occurs_nowhere_is_pointed_out(ledger: Ledger, asked: tuple[str, ...], sentence: str) -> None:
    ran = ledger.kaoji("audit", *asked)
    assert ran.err == f"{sentence}\n"
    assert ran.out.count("\n") == ("csv" in asked), "no action, only the heads of CSV"


@pytest.mark.parametrize(
    "asked",
    [
        ("--staff", "s1", "--to", "1999-01-01"),
        ("--unit", "head", "--to", "1999-01-01"),
        ("--unit", "u1", "--case", "T-1", "--after", "10000000"),
        ("--limit", "0"),
    ],
)
def test_an_empty_answer_about_known_names_says_nothing(ledger: Ledger, asked: tuple[str, ...]) -> None:
    ran = ledger.kaoji("audit", *asked)
    assert (ran.out, ran.err) == ("", "")
