"""Ask what would be under other weights, for everybody, beside the same in exact fractions."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import Figures, by_turns
from domain.measuring.populations import ATTRIBUTES, CELLS, FIRST_CELL, Population
from domain.measuring.sums import Sums, Values
from domain.policies.policy import Policy, load_policy
from domain.scoring.comparison import Comparison
from domain.scoring.exact_scoring import WHOLE, ExactScorer
from domain.scoring.score_columns import score_columns

STAFF: Final = 20_000
INDICATORS: Final = 8

Changes = list[tuple[str, str | None, str | None]]
"""Who gets which grade instead of which."""


def what_if(actions: int) -> Figures:
    """20,000 staff, eight indicators, four grades: both scored, compared, those who change grade with the reasons.

    Smaller than 200,000 actions, there are fewer staff: one for every ten. The sums are at hand.
    """
    staff = min(STAFF, max(10, actions // 10))
    sums, policy = made_sums(staff, actions), eight_indicators()
    other = policy.varied(weights={"timeliness": Decimal(35)}, targets={"five-everys": Decimal("0.97")})
    before = score_columns(sums, policy)

    def ours() -> Changes:
        return _listed(Comparison.of(score_columns(sums, policy), score_columns(sums, other)))

    def again() -> Changes:
        return _listed(Comparison.of(before, score_columns(sums, other)))

    def in_fractions() -> Changes:
        old, new = (_exact_grades(sums, each) for each in (policy, other))
        changes = zip(sums.subjects, old, new, strict=True)
        return [(name, one[1], another[1]) for name, one, another in changes if one[1] != another[1]]

    assert ours() == again() == in_fractions(), "equal answers first"
    for each in (policy, other):
        fast = [
            None if units < 0 else Decimal(units).scaleb(-2) for units in score_columns(sums, each).scores.tolist()
        ]
        assert fast == [score for score, _ in _exact_grades(sums, each)], "and equal scores"
    figures = by_turns({"both scored and compared": ours, "the other scored and compared": again}, items=staff)
    slow = by_turns({"exact fractions": in_fractions}, items=staff, rounds=1)
    seconds, ours_seconds = slow["exact fractions: seconds"], figures["both scored and compared: seconds"]
    assert isinstance(seconds, float)
    assert isinstance(ours_seconds, float)
    return {
        "staff": staff,
        "indicators": INDICATORS,
        "change grade": len(ours()),
        "scores that fractions decided": before.exactly,
        **figures,
        **slow,
        "both scored and compared against exact fractions": seconds / ours_seconds,
    }


def eight_indicators() -> Policy:
    """The first eight of the shipped policy of 2024, with its grades."""
    whole = load_policy("market-supervision-2024")
    return replace(whole, indicators=whole.indicators[:INDICATORS], bonuses=(), deductions=(), competences=())


LIKELY: Final = {
    "overturned": 0.01, "penalty": 0.3, "in-time": 0.96, "limit-unknown": 0.01, "faulty": 0.01, "rated": 0.4,
    "conforming": 0.93, "good": 0.94, "completed": 0.95, "overdue": 0.2, "warning": 0.5, "yellow": 0.3,
    "red": 0.05,
}  # fmt: skip
"""How likely each attribute is, of which there are about 0.97 where nothing is said."""


def made_sums(staff: int, actions: int) -> Sums:
    """About so many members of all populations, spread over staff who differ in how well they work."""
    dice = np.random.default_rng(1)
    cells = np.zeros((staff, CELLS), np.int64)
    each = max(1, actions // staff)
    for population in Population:
        first, stop = int(FIRST_CELL[population]), int(FIRST_CELL[population + 1])
        odds = np.ones((staff, 1))
        for name in ATTRIBUTES[population]:
            likely = LIKELY.get(name, 0.97)
            has = dice.beta(20 * likely, 20 * (1 - likely), (staff, 1))
            odds = np.concatenate([odds * (1 - has), odds * has], axis=1)
        members = dice.poisson(each, staff)
        cells[:, first:stop] = dice.multinomial(members, odds / odds.sum(axis=1, keepdims=True)) * WHOLE
        shared = np.flatnonzero(dice.random(staff) < 0.3)
        cells[shared, first] += dice.integers(0, WHOLE, shared.size)
    names = [f"s{number:06}" for number in range(staff)]
    return Sums(names, cells, {Population.DECIDED: _durations(dice, staff, min(12, each))})


def _durations(dice: np.random.Generator, staff: int, each: int) -> Values:
    subject = np.repeat(np.arange(staff, dtype=np.int32), each)
    value = np.sort(dice.integers(1, 60, (staff, each), dtype=np.int32), axis=1).ravel()
    first: NDArray[np.bool_] = np.append(True, (np.diff(subject) != 0) | (np.diff(value) != 0))
    starts = np.flatnonzero(first)
    parts = np.diff(np.append(starts, value.size)) * np.int64(WHOLE)
    return Values(subject[starts], value[starts], parts)


def _listed(found: Comparison) -> Changes:
    rows = np.flatnonzero(found.graded_otherwise)
    found.summary()
    found.moved(rows)
    old, new = (grades[rows].tolist() for grades in found.grades)
    return list(zip([found.subjects[row] for row in rows.tolist()], old, new, strict=True))


def _exact_grades(sums: Sums, policy: Policy) -> list[tuple[Decimal | None, str | None]]:
    scorer, cells = ExactScorer(policy), sums.cells.tolist()
    found = []
    for row, subject in enumerate(sums.subjects):
        values = {population: each.of(row) for population, each in sums.values.items()}
        card = scorer.scorecard(subject, None, cells[row], values, competence=False)
        found.append((card.score, card.grade))
    return found
