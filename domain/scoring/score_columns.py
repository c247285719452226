"""Score thousands of subjects at once: floating point where it is sure, exact fractions where it is not.

Sums are integers, and below 2**53, where float64 holds every one of them. Every later number x is carried
with a bound of its error: |x - exact x| <= error. A number is rounded to its last printed digit only where it lies
further than that from the nearest place at which the digit changes; ratability, steps of curves and exposures are
compared in integers. What is left is computed in fractions, and rows whose values add up to 2**53 or more are left
to `ExactScorer`. So every printed digit and every grade is that of the exact reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.measuring.sums import Sums
from domain.numbers import Rounding, units_of
from domain.policies.curves import UNIT_ROUNDOFF, FastCurve
from domain.policies.policy import Policy
from domain.policies.policy_file import Adjustment, Competence, Indicator
from domain.scoring.counted_columns import CountedColumn, CountedColumns, Flags, Floats, units_up
from domain.scoring.exact_scoring import ExactScorer, Histograms, Scorecard

Units = NDArray[np.int64]

NO_SCORE: Final = -1
_POINTS_MAX: Final = 100.0


class IndicatorColumn(NamedTuple):
    """One indicator, by subject. `points` are 0 where `there` is false."""

    counted: CountedColumn
    ratable: Flags
    there: Flags
    points: Floats
    error: float


class Demand(NamedTuple):
    """One thing that a competence grade asks for, by subject. `reached` is in units of the decimal `places`."""

    what: str
    code: str | None
    needed: Decimal
    places: int
    reached: Units
    there: Flags
    met: Flags


class AdjustmentColumn(NamedTuple):
    """One bonus or deduction, by subject."""

    counted: CountedColumn
    ratable: Flags
    points: Floats
    error: float


@dataclass(frozen=True, eq=False)
class ScoreColumns:
    """All that a policy makes of sums, by subject in the order of the sums."""

    policy: Policy
    sums: Sums
    indicators: tuple[IndicatorColumn, ...]
    bonuses: tuple[AdjustmentColumn, ...]
    deductions: tuple[AdjustmentColumn, ...]
    contributions: Floats
    """(indicators, subjects): points x weight ÷ weights of those that are there, up to the cap."""
    contributions_error: float
    mean: Floats
    """The weighted mean."""
    added: Floats
    """All bonuses, up to their ceiling; `taken`: all deductions."""
    added_error: float
    taken: Floats
    taken_error: float
    beyond: tuple[Floats, Floats]
    """By how much it would lie above the highest score, and below the lowest; `error` is theirs."""
    error: float
    scores: Units
    """In units of the last decimal, rounded; NO_SCORE where there is none."""
    too_large: Flags
    """Rows whose values add up to more than float64 can hold."""
    exactly: int
    """How many scores were computed in fractions."""
    exact: ExactScorer = field(repr=False)
    _points: dict[int, Units] = field(default_factory=dict, repr=False)
    _exact_points: dict[tuple[int, int, int], Fraction] = field(default_factory=dict, repr=False)
    _exact_contributions: dict[tuple[Any, ...], Fraction] = field(default_factory=dict, repr=False)

    @cached_property
    def grades(self) -> NDArray[np.intp]:
        """Index into `policy.grades`; their number where there is no score or no grade for it."""
        bounds = [units_up(grade.lower, self.policy.decimals) for grade in reversed(self.policy.grades)]
        reached = np.searchsorted(np.asarray(bounds, np.int64), self.scores, side="right")
        return np.where(self.scores == NO_SCORE, len(bounds), len(bounds) - reached)

    def points_units(self, number: int) -> Units:
        """Points of one indicator as printed, in units of the last decimal; NO_SCORE where there are none."""
        if number in self._points:
            return self._points[number]
        column = self.indicators[number]
        units, unsure = round_units(column.points, column.error, self.policy.decimals, self.policy.rounding)
        for row in np.flatnonzero((unsure | self.too_large) & column.there).tolist():
            units[row] = units_of(self.exact_points(number, row), self.policy.decimals, self.policy.rounding)
        units[~column.there] = NO_SCORE
        self._points[number] = units
        return units

    def exact_points(self, number: int, row: int) -> Fraction:
        """Points of one indicator that is there."""
        column, indicator = self.indicators[number], self.policy.indicators[number]
        if not column.ratable[row]:
            full = self.policy.not_ratable(indicator) == "full"
            return Fraction(indicator.curve.highest() if full else 0)
        if self.too_large[row]:
            points = self.exact_row(row).indicators[number].exact_points
            assert points is not None, "it is there"
            return points
        value = int(column.counted.value_top[row]), int(column.counted.value_bottom[row])
        key = (number, *value)
        found = self._exact_points.get(key)
        if found is None:
            found = self._exact_points[key] = indicator.points_of(Fraction(*value))
        return found

    def exact_contribution(self, number: int, row: int) -> Fraction:
        """What one indicator gives to the weighted mean."""
        column = self.indicators[number]
        if not column.there[row]:
            return Fraction(0)
        counted = column.counted
        pattern, value = self._patterns[:, row].tobytes(), (counted.value_top[row], counted.value_bottom[row])
        key = (number, pattern, *value, bool(column.ratable[row]))
        found = self._exact_contributions.get(key)
        if found is None or self.too_large[row]:
            there = tuple(bool(one.there[row]) for one in self.indicators)
            found = self.exact_points(number, row) * self.exact.counted_weights(there)[number] / 100
            cap = self.policy.indicators[number].cap
            found = found if cap is None else min(found, Fraction(cap))
            self._exact_contributions[key] = found
        return found

    def exact_score(self, row: int) -> Fraction:
        """The score of a row that has one."""
        if self.too_large[row]:
            score = self.exact_row(row).exact_score
            assert score is not None, "it has one"
            return score
        policy = self.policy
        mean = sum((self.exact_contribution(number, row) for number in range(len(self.indicators))), Fraction(0))
        added = _exact_total(policy.bonuses, self.bonuses, policy.bonus_ceiling, row)
        taken = _exact_total(policy.deductions, self.deductions, policy.deduction_ceiling, row)
        return min(max(mean + added - taken, Fraction(policy.score_min)), Fraction(policy.score_max))

    @cached_property
    def _patterns(self) -> NDArray[np.uint8]:
        """Which indicators are there, as bits, by subject."""
        return np.packbits(np.array([one.there for one in self.indicators]), axis=0)

    def adjustment_units(self, one: Adjustment, column: AdjustmentColumn) -> Units:
        """Points of one bonus or deduction as printed, in units of the last decimal."""
        policy = self.policy
        units, unsure = round_units(column.points, column.error, policy.decimals, policy.rounding)
        for row in np.flatnonzero(unsure | self.too_large).tolist():
            card = self.exact_row(row)
            (exact,) = (each.exact_points for each in (*card.bonuses, *card.deductions) if each.code == one.code)
            units[row] = units_of(exact, policy.decimals, policy.rounding)
        return units

    @cached_property
    def competences(self) -> NDArray[np.intp]:
        """Index into `policy.competences` of the highest whose demands are all met; their number for none."""
        found = np.full(len(self.sums), len(self.policy.competences), np.intp)
        for place in reversed(range(len(self.policy.competences))):
            met = [demand.met for demand in self.demands(self.policy.competences[place])]
            found[np.logical_and.reduce(met)] = place
        return found

    def demands(self, one: Competence) -> Iterator[Demand]:
        """What one competence grade asks for: the score, points of indicators, exposure."""
        places, scored = self.policy.decimals, self.scores != NO_SCORE
        met = scored & (self.scores >= units_up(one.lower, places))
        yield Demand("score", None, one.lower, places, self.scores, scored, met)
        numbers = {each.code: number for number, each in enumerate(self.policy.indicators)}
        for code, needed in one.requires.items():
            points, ratable = self.points_units(numbers[code]), self.indicators[numbers[code]].ratable
            met = ratable & (points >= units_up(needed, places))
            yield Demand("points", code, needed, places, points, ratable, met)
        for asked in one.exposure:
            there = self.sums.cells[:, list(asked.counts.denominator)].sum(axis=1)
            met = there >= units_up(asked.at_least, 6)
            yield Demand("exposure", asked.measure, asked.at_least, 6, there, np.ones_like(met), met)

    def exact_row(self, row: int) -> Scorecard:
        """The exact scorecard of one row, without name and unit."""
        return self.exact.scorecard("", None, self.cells_of(row), self.values_of(row))

    def cells_of(self, row: int) -> list[int]:
        """The cells of one row as integers without bounds."""
        return [int(each) for each in self.sums.cells[row].tolist()]

    def values_of(self, row: int) -> Histograms:
        """The histograms of one row."""
        return {population: values.of(row) for population, values in self.sums.values.items()}


def score_columns(sums: Sums, policy: Policy) -> ScoreColumns:
    """Score every row of the sums."""
    counting = CountedColumns(sums, policy)
    indicators = tuple(_indicator(counting, policy, one) for one in policy.indicators)
    bonuses = tuple(_adjustment(counting, one) for one in policy.bonuses)
    deductions = tuple(_adjustment(counting, one) for one in policy.deductions)
    weights = np.array([float(one.weight) for one in policy.indicators])
    total = np.zeros(len(sums))
    for weight, column in zip(weights, indicators, strict=True):
        total += weight * column.there
    contributions = np.array([one.points for one in indicators]) * weights[:, None]
    contributions /= np.where(total > 0, total, 1.0)
    for number, one in enumerate(policy.indicators):
        if one.cap is not None:
            np.minimum(contributions[number], float(one.cap), out=contributions[number])
    # Of k terms that add up to at most 100: weights, products, the sum of weights, quotients, caps and their sum
    # are off by (2k + 8)u x 100 together, and the points' own errors enter as their weighted mean.
    rounding_error = 1.01 * UNIT_ROUNDOFF * (2 * len(indicators) + 8) * _POINTS_MAX
    contributions_error = 1.01 * max(one.error for one in indicators) + rounding_error
    mean = contributions.sum(axis=0)
    added, added_error = _total(bonuses, policy.bonus_ceiling, mean.size)
    taken, taken_error = _total(deductions, policy.deduction_ceiling, mean.size)
    free = mean + added - taken
    exact = np.clip(free, float(policy.score_min), float(policy.score_max))
    largest = _POINTS_MAX + float(added.max(initial=0)) + float(taken.max(initial=0)) + float(policy.score_max)
    error = contributions_error + added_error + taken_error + 4 * UNIT_ROUNDOFF * largest
    scored = (total > 0) & np.logical_or.reduce([one.ratable for one in indicators])
    scores, unsure = round_units(exact, error, policy.decimals, policy.rounding)
    scores[~scored] = NO_SCORE
    found = ScoreColumns(
        policy=policy,
        sums=sums,
        indicators=indicators,
        bonuses=bonuses,
        deductions=deductions,
        contributions=contributions,
        contributions_error=contributions_error,
        mean=mean,
        added=added,
        added_error=added_error,
        taken=taken,
        taken_error=taken_error,
        beyond=(np.maximum(free - exact, 0.0), np.maximum(exact - free, 0.0)),
        error=2 * error,
        scores=scores,
        too_large=counting.too_large,
        exactly=int(np.count_nonzero((unsure | counting.too_large) & scored)),
        exact=ExactScorer(policy),
    )
    for row in np.flatnonzero((unsure | counting.too_large) & scored).tolist():
        scores[row] = units_of(found.exact_score(row), policy.decimals, policy.rounding)
    return found


def round_units(values: Floats, error: float, places: int, rounding: Rounding) -> tuple[Units, Flags]:
    """Values of zero or more in units of their last place, and where the exact value may give another."""
    scale = 10.0**places
    scaled = values * scale
    # `scale` is exact, the product is rounded once.
    reach = error * scale + 2 * UNIT_ROUNDOFF * scaled
    whole = np.floor(scaled)
    part = scaled - whole
    if rounding == "down":
        return whole.astype(np.int64), (part <= reach) | (part >= 1 - reach)
    return np.rint(scaled).astype(np.int64), np.abs(part - 0.5) <= reach


def _indicator(counting: CountedColumns, policy: Policy, one: Indicator) -> IndicatorColumn:
    counted = counting.column(one.counts)
    if one.exposure_counts is not None:
        ratable = counted.has_value & counting.exposed(one.exposure_counts, one.minimum_exposure)
    else:
        ratable = counted.has_value & counting.enough(counted.denominator, one.minimum_exposure)
    curve = FastCurve.of(one.curve, one.better)
    rule = policy.not_ratable(one)
    there = ratable if rule == "spread" else np.ones(ratable.size, np.bool_)
    points = curve.points_of(counted.value_top, np.where(counted.has_value, counted.value_bottom, 1.0))
    points = np.where(ratable, points, float(one.curve.highest()) if rule == "full" else 0.0)
    return IndicatorColumn(counted, ratable, there, points, curve.error)


def _adjustment(counting: CountedColumns, one: Adjustment) -> AdjustmentColumn:
    counted = counting.column(one.counts)
    ratable = counted.has_value
    if one.exposure_counts is not None:
        ratable = ratable & counting.exposed(one.exposure_counts, one.minimum_exposure)
    elif not one.counts.is_counted:
        ratable = ratable & counting.enough(counted.denominator, one.minimum_exposure)
    bottom = np.where(counted.has_value, counted.value_bottom, 1.0)
    if one.curve is not None:
        curve = FastCurve.of(one.curve, one.more_is)
        points, error = curve.points_of(counted.value_top, bottom), curve.error
    else:
        points = counted.value_top / bottom * float(one.points_each or 0)
        error = 5 * UNIT_ROUNDOFF * float(one.most)
    if one.ceiling is not None:
        # Beyond the ceiling both readings are the ceiling, so the error is that of points up to it.
        points = np.minimum(points, float(one.ceiling))
        error += UNIT_ROUNDOFF * float(one.ceiling)
    return AdjustmentColumn(counted, ratable, np.where(ratable, points, 0.0), error)


def _total(columns: Sequence[AdjustmentColumn], ceiling: Decimal | None, size: int) -> tuple[Floats, float]:
    total = np.zeros(size)
    for one in columns:
        total = total + one.points
    largest = float(total.max(initial=0))
    error = sum(one.error for one in columns) + len(columns) * UNIT_ROUNDOFF * largest
    if ceiling is None:
        return total, error
    return np.minimum(total, float(ceiling)), error + UNIT_ROUNDOFF * float(ceiling)


def _exact_total(
    adjustments: Sequence[Adjustment], columns: Sequence[AdjustmentColumn], ceiling: Decimal | None, row: int
) -> Fraction:
    total = Fraction(0)
    for one, column in zip(adjustments, columns, strict=True):
        if column.ratable[row]:
            counted = column.counted
            total += one.points_of(Fraction(int(counted.value_top[row]), int(counted.value_bottom[row])))
    return total if ceiling is None else min(total, Fraction(ceiling))
