"""The fold gives what the reference gives, member by member, on small cases made to meet every rule of a limit.

With `--hypothesis-profile=campaign` it is held to 10,000 of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.measuring.fold import HEAD, fold
from domain.measuring.populations import ATTRIBUTES, NO_VALUE, STOCKS, VALUED, Population
from domain.measuring.tally import WHOLE
from domain.rules.calendars import to_date, to_day
from tests.domain.made_cases import (
    FIRST,
    PROCEDURES,
    STAFF,
    UNITS,
    columns,
    compiled_rules,
    made_case,
    made_rules,
)
from tests.reference.cases import Rules
from tests.reference.populations import Member, members
from tests.reference.recorded import Fact

Counted = dict[tuple[object, ...], Fraction]
"""Share of what counts, by population, attributes, value, day, person, unit and procedure."""


def by_fold(facts: Sequence[Fact], rules: Rules, last_day: date, upto: int) -> Counted:
    found: Counted = defaultdict(Fraction)
    for row in fold(columns(facts, rules), compiled_rules(rules), upto=upto):
        population, pattern = Population(int(row.kind) >> 8), int(row.kind) & 255
        stands = population in STOCKS
        if row.day > to_day(last_day):
            continue
        key = (
            population.name.lower(),
            frozenset(name for bit, name in enumerate(ATTRIBUTES[population]) if pattern >> bit & 1),
            int(row.value) if population in VALUED and row.value != NO_VALUE else None,
            last_day if stands else to_date(int(row.day)),
            *(words[code] if code >= 0 else None for words, code in (
                (STAFF, row.person), (UNITS, row.unit), (PROCEDURES, row.procedure)
            )),
        )  # fmt: skip
        found[key] += Fraction(int(row.part), WHOLE)
    return {key: part for key, part in found.items() if part}


def by_reference(facts: Sequence[Fact], rules: Rules, last_day: date) -> Counted:
    found: Counted = defaultdict(Fraction)
    for member in members(facts, date.min, last_day, rules):
        for person, share in credited(member):
            who = (person, member.who.unit, member.who.procedure)
            found[member.population, member.attributes, member.value, member.day, *who] += share
    return dict(found)


def credited(member: Member) -> Sequence[tuple[str | None, Fraction]]:
    return list(member.who.shares.items()) or [(None, Fraction(1))]


@settings(max_examples=max(500, settings().max_examples), deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40))
def test_every_member_is_that_of_the_reference_as_of_any_position(seed: int, days: int) -> None:
    assert_equal(seed, days)


def assert_equal(seed: int, days: int) -> None:
    random = Random(seed)
    rules = made_rules(random)
    facts, last_day = made_case(random), FIRST + timedelta(days=days)
    upto = random.randint(1, len(facts))
    for position in (HEAD, upto):
        known = [fact for fact in facts if int(fact.id) <= position]
        assert by_fold(facts, rules, last_day, position) == by_reference(known, rules, last_day), position


def test_uncompiled_lines_count_the_same() -> None:
    script = """
from tests.domain.test_fold_against_reference import assert_equal

for seed in range(60):
    assert_equal(seed, 40)
"""

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
