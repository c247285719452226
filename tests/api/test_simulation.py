"""The simulated administration: the same bytes from a seed, valid records, and Guangxi's published figures."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from api.demo.broken import Letter
from api.demo.drafts import SOURCES
from api.demo.enforcement import PENALTY_LIMIT
from api.demo.guangxi import PUBLISHED
from api.demo.licences import LICENCE_LIMITS
from api.demo.simulation import Simulation, SimulationSizeError, actions_min
from domain.actions.actions import Action, check_action, same_action
from domain.actions.refusals import RefusedError
from domain.actions.types import ACTION_TYPES
from domain.rules.calendars import load_calendar, to_day
from domain.rules.procedures import load_register
from tests.api.counting import count_unit
from tests.reference.cases import ReferenceLimit
from tests.reference.scorer import reference_scores

PINNED = "c7ca018f7a1ab1860df0498f185616601896d6331d854669529f1e151ad49e64"
NOW = 1_800_000_000_000_000  # January 2027; every action of the simulation lies before it


def smallest(*, seed: int = 2011, year: int = 2011) -> Simulation:
    return Simulation(seed=seed, staff=150, actions=actions_min(150), year=year)


@pytest.fixture(scope="module")
def letters() -> list[Letter]:
    return Simulation().letters()


@pytest.fixture(scope="module")
def events(letters: list[Letter]) -> list[dict[str, Any]]:
    """What stays once duplicates and broken records are put aside, in order of arrival."""
    return recorded(letters)


def recorded(letters: list[Letter]) -> list[dict[str, Any]]:
    return [json.loads(letter.line) for letter in letters if letter.fate == "recorded"]


def test_bytes_of_a_seed_are_the_same_everywhere(letters: list[Letter]) -> None:
    digest = hashlib.sha256(b"\n".join(letter.line for letter in letters)).hexdigest()
    assert digest == PINNED


def test_bytes_depend_on_neither_hash_order_nor_locale_nor_zone() -> None:
    code = (
        "import hashlib; from api.demo.simulation import simulate;"
        f"lines = simulate(staff=150, actions={actions_min(150)});"
        "print(hashlib.sha256(b'\\n'.join(lines)).hexdigest())"
    )
    seen = set()
    for number, zone in enumerate(("UTC", "America/New_York")):
        environment = os.environ | {"PYTHONHASHSEED": str(number), "TZ": zone, "LC_ALL": "C", "PYTHONPATH": "."}
        run = [sys.executable, "-c", code]
        root = Path(__file__).parents[2]
        seen.add(subprocess.run(run, env=environment, cwd=root, check=True, capture_output=True).stdout)
    assert len(seen) == 1


def test_another_seed_gives_another_year() -> None:
    assert list(smallest(seed=1).lines()) != list(smallest(seed=2).lines())


def test_size_is_met_within_one_in_a_hundred_parts(letters: list[Letter]) -> None:
    assert abs(len(letters) - 200_000) <= 2_000
    for actions in (5_000, 30_000):
        made = Simulation(actions=actions, staff=200, published=False).letters()
        assert abs(len(made) - actions) <= actions / 100


def test_every_line_ends_as_its_letter_says(letters: list[Letter]) -> None:
    known: dict[tuple[str, str], Action] = {}
    for letter in letters:
        assert b"\n" not in letter.line
        assert verdict(letter.line, known) == letter.fate, letter.line


def verdict(line: bytes, known: dict[tuple[str, str], Action]) -> str:
    try:
        action = check_action(line, now=NOW)
    except RefusedError as refused:
        return refused.code
    before = known.setdefault((action.source, action.id), action)
    if before is action:
        return "recorded"
    return "duplicate" if same_action(before, action) else "conflict"


def test_each_kind_of_broken_record_comes_several_times(letters: list[Letter]) -> None:
    fates = Counter(letter.fate for letter in letters)
    broken = set(fates) - {"recorded", "duplicate"}
    assert broken == {
        *("malformed-json", "not-a-cloudevent", "unknown-type", "missing-field"),
        *("bad-value", "conflict", "future-time"),
    }
    assert all(fates[code] >= 4 for code in broken)
    assert 500 < fates["duplicate"] < 1500


def test_every_type_of_action_occurs_but_in_no_unknown_source(events: list[dict[str, Any]]) -> None:
    assert {event["type"] for event in events} == set(ACTION_TYPES)
    assert {event["source"] for event in events} == set(SOURCES)


def test_there_are_51_units_with_branches_and_1200_staff(events: list[dict[str, Any]]) -> None:
    parents = {event["subject"]: event["data"].get("parent") for event in events if event["type"] == "unit.opened"}
    assert [code for code, parent in parents.items() if parent is None] == ["ho"]
    first_level = [code for code, parent in parents.items() if parent == "ho" and not code.startswith("ho-")]
    assert len(first_level) == 51
    assert all(code in parents.values() for code in first_level)
    assert sum(parent == "gd" for parent in parents.values()) == 34
    assert len({event["subject"] for event in events if event["type"] == "staff.joined"}) == 1200
    kinds = Counter(unit.kind for unit in Simulation().units)
    assert kinds == {"head": 1, "inspection": 32, "provincial": 13, "institution": 6}


def test_every_office_and_person_named_is_one_that_was_opened_or_joined(events: list[dict[str, Any]]) -> None:
    offices = {event["subject"] for event in events if event["type"] == "unit.opened"}
    staff = {event["subject"] for event in events if event["type"] == "staff.joined"}
    for event in events:
        data = event["data"]
        assert data.get("unit", "ho") in offices
        people = [data[role] for role in ("owner", "actor", "supervisor", "recorded_by") if role in data]
        people += [one["staff"] for one in data.get("participants", [])]
        assert staff.issuperset(people)


def test_records_arrive_late_and_out_of_order(events: list[dict[str, Any]]) -> None:
    instants = [check_action(json.dumps(event).encode(), now=NOW).occurred_at for event in events[-50_000:]]
    latest, late, weeks_late = 0, 0, 0
    for instant in instants:
        late += instant < latest
        weeks_late += instant < latest - 10 * 86_400_000_000
        latest = max(latest, instant)
    assert late > 1000
    assert weeks_late > 100


def test_each_indicator_differs_between_bureaus(events: list[dict[str, Any]]) -> None:
    rates: dict[str, list[Fraction]] = {}
    for code in ("tj", "gd", "sz", "yn", "qts-sd", "qts-hn"):
        for indicator, (numerator, denominator) in counted(events, code).items():
            rates.setdefault(indicator, []).append(Fraction(numerator, denominator))
    assert all(len(set(values)) > 1 for values in rates.values())


def test_guangxi_published_figures_come_out_exactly(events: list[dict[str, Any]]) -> None:
    assert_published(counted(events, "gx"))


@pytest.mark.parametrize("seed", [1, 7, 2024])
def test_guangxi_figures_hold_for_any_seed_and_the_smallest_size(seed: int) -> None:
    assert_published(counted(recorded(smallest(seed=seed).letters()), "gx"))


@pytest.mark.parametrize("year", [2008, 2019])
def test_guangxi_figures_hold_in_other_years(year: int) -> None:
    assert_published(counted(recorded(smallest(year=year).letters()), "gx", year))


def test_guangxi_figures_come_out_of_the_reference_scorer(events: list[dict[str, Any]]) -> None:
    # given Guangxi's own cases, and no other bureau's work in its offices
    own = [event for event in events if event["subject"].startswith("gx-")]
    for event in events:
        unit = event["data"].get("unit", "")
        counts = event["type"].startswith(("licensing.", "enforcement.", "complaint.", "inspection.", "plan."))
        assert not counts or event["subject"].startswith("gx-") == unit.startswith("gx") or not unit
    # when
    sums = reference_scores(
        own,
        from_day=date(2011, 1, 1),
        to_day=date(2011, 12, 31),
        by="all",
        limits=register_limits(),
        working_day=working_day(),
    )
    # then
    assert_published({code: (int(met), int(all_)) for code, (met, all_) in sums["all"].items()})


def assert_published(found: dict[str, tuple[int, int]]) -> None:
    for figure in PUBLISHED:
        numerator, denominator = found[figure.indicator]
        assert numerator == figure.numerator, figure.indicator
        assert denominator == figure.denominator or (figure.denominator is None and denominator > 3000)
        percent = (Decimal(100 * numerator) / denominator).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        assert str(percent) == figure.percent


def counted(events: list[dict[str, Any]], unit: str, year: int = 2011) -> dict[str, tuple[int, int]]:
    return count_unit(events, unit, year, register_limits(), working_day())


def register_limits() -> dict[str, ReferenceLimit]:
    limits = {}
    for code, versions in load_register("gx-2012").procedures.items():
        first = versions[0]
        if first.limit is None:
            limits[code] = ReferenceLimit(None)
        else:
            limits[code] = ReferenceLimit(first.limit.days, first.limit.kind, first.stop_reasons)
    return limits


def working_day() -> Callable[[date], bool]:
    calendar = load_calendar("china")
    return lambda day: calendar.is_working(to_day(day))


def test_procedures_and_limits_are_those_of_the_shipped_register(events: list[dict[str, Any]]) -> None:
    limits = register_limits()
    assert {code: limits[code].days for code in LICENCE_LIMITS} == LICENCE_LIMITS
    assert all(limits[code].kind == "working" for code in LICENCE_LIMITS)
    assert (limits["penalty-ordinary"].days, limits["penalty-ordinary"].kind) == (PENALTY_LIMIT, "calendar")
    used = {event["data"]["procedure"] for event in events if "procedure" in event["data"]}
    assert used <= set(limits)
    stops = {event["data"]["reason"] for event in events if event["type"] == "licensing.suspended"}
    assert all(stops <= limits[code].stop_reasons for code in LICENCE_LIMITS)


def test_steps_are_those_of_the_shipped_register(events: list[dict[str, Any]]) -> None:
    steps = {
        step.code
        for versions in load_register("gx-2012").procedures.values()
        for version in versions
        for step in version.steps
    }
    assert {event["data"]["step"] for event in events if "step" in event["data"]} <= steps


@pytest.mark.parametrize(
    ("sizes", "remedy"),
    [
        ({"actions": 5_000}, f"give {actions_min(1200)} or more"),
        ({"actions": 100, "published": False}, "or more"),
        ({"staff": 20}, "give at least 150"),
        ({"year": 1999}, "give one from 2005 to 2023"),
    ],
)
def test_sizes_that_cannot_be_made_say_what_can(sizes: dict[str, Any], remedy: str) -> None:
    with pytest.raises(SimulationSizeError, match=remedy):
        Simulation(**sizes)
