"""What new actions change is what all actions count for, less what those counted for that were there before."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.measuring.cases import (
    ACTION_RECORD,
    EXTRA_RECORD,
    NOBODY,
    NOTHING,
    SHARE_RECORD,
    Cases,
    Role,
    make_records,
)
from domain.measuring.contributions import Contributions, empty_contributions
from domain.measuring.fold import fold
from domain.measuring.fold_changes import change_case, rows_changed
from domain.measuring.limits import Rules
from domain.measuring.tally import WHOLE, Tally
from domain.measuring.tally_table import TallyTable
from domain.measuring.walk import room_to_walk
from tests.domain.made_cases import (
    PROCEDURES,
    STAFF,
    UNITS,
    columns,
    compiled_rules,
    made_case,
    made_rules,
    made_target,
)


@settings(max_examples=max(300, settings().max_examples), deadline=None)
@given(st.integers(0, 2**32))
def test_changes_are_what_counts_now_less_what_counted_before(seed: int) -> None:
    random = Random(seed)
    rules = made_rules(random)
    cases = joined(
        [
            columns(made_target(random) if random.random() < 0.2 else made_case(random), rules)
            for _ in range(random.randint(1, 5))
        ]
    )
    compiled, since = compiled_rules(rules), random.randint(0, int(cases.actions.position.max()))

    changes = tally([changes_of(cases, compiled, since=since)])

    assert changes == tally([fold(cases, compiled)]) - tally([fold(cases, compiled, upto=since)])


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_a_case_without_new_actions_changes_nothing(seed: int) -> None:
    random = Random(seed)
    rules = made_rules(random)
    cases = columns(made_case(random), rules)

    changes = changes_of(cases, compiled_rules(rules), since=int(cases.actions.position.max()))

    assert changes.size == 0


def test_thousands_of_equal_actions_count_in_full() -> None:
    # Given so many steps of one case, day and owner that their millionths together do not fit into 32 bits
    many = 3_000
    actions = make_records(ACTION_RECORD, many)
    actions.role, actions.extra, actions.unit, actions.procedure = Role.STEP, NOTHING, NOBODY, NOBODY
    actions.position = np.arange(many) + 1
    cases = Cases(np.array([0, many]), actions, make_records(EXTRA_RECORD, 0), make_records(SHARE_RECORD, 0))
    rules = compiled_rules(made_rules(Random(1)))
    # When half of them are new, or all
    for since in (0, many // 2):
        changes = tally([changes_of(cases, rules, since=since)])
        # Then the rest is counted, whole
        assert [row[-1] for row in changes.canonical().listed()] == [(many - since) * WHOLE]


def changes_of(cases: Cases, rules: Rules, *, since: int) -> Contributions:
    """What all of the cases change; each finds in the room what the one before left there."""
    room = empty_contributions(rows_changed(cases.longest, cases.sharers))
    out = empty_contributions(sum(rows_changed(int(size), cases.sharers) for size in np.diff(cases.starts)))
    parts, filled = room_to_walk(cases.longest), 0
    for first, stop in pairwise(cases.starts.tolist()):
        filled = change_case(
            cases.actions, cases.extras, cases.shares, *rules, since, *parts, room, out, filled, first, stop
        )
    return out[:filled].view(np.recarray)


def tally(added: Sequence[Contributions]) -> Tally:
    table = TallyTable()
    for rows in added:
        table.add(rows)
    return table.tally(STAFF, UNITS, PROCEDURES)


def joined(cases: Sequence[Cases]) -> Cases:
    """Cases one after the other."""
    extra, share = np.cumsum([(0, 0), *((each.extras.size, each.shares.size) for each in cases)], axis=0).T
    for number, each in enumerate(cases):
        each.actions.extra[each.actions.extra >= 0] += extra[number]
        each.extras.share_start += share[number]
        each.extras.share_stop += share[number]
    return Cases(
        np.cumsum([0, *(each.actions.size for each in cases)]),
        np.concatenate([each.actions for each in cases]).view(np.recarray),
        np.concatenate([each.extras for each in cases]).view(np.recarray),
        np.concatenate([each.shares for each in cases]).view(np.recarray),
    )
