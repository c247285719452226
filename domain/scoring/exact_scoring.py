"""One scorecard in exact fractions: the plain reading of a policy, to which the fast one is held.

It explains a score, and decides where floating point cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from domain.measuring.populations import Population, cells_with
from domain.numbers import rounded
from domain.policies.measures import CompiledMeasure, Kind
from domain.policies.policy import Policy
from domain.policies.policy_file import Adjustment, Competence, Indicator
from domain.scoring.intervals import wilson

WHOLE: Final = 1_000_000
"""One member, in the millionths in which sums are kept."""

INCOMPLETE: Final = tuple(cells_with(Population.DECIDED, having=["limit-unknown"]))
"""Cells of the decided cases whose limit could not be computed."""

Histograms = Mapping[Population, Sequence[tuple[int, int]]]
"""Population -> (value, millionths), values rising."""


class Ratio(NamedTuple):
    """So many of so many, exact."""

    numerator: Fraction
    denominator: Fraction

    @property
    def rate(self) -> Fraction | None:
        """None where there is nothing to divide by."""
        return self.numerator / self.denominator if self.denominator else None


class Counted(NamedTuple):
    """What a measure counted. A ratio's value is numerator ÷ denominator; a count's is the count, which stands on
    both sides; a sum, mean or quantile has the sum of the values over the number of members."""

    numerator: Fraction
    denominator: Fraction
    value: Fraction | None


class IndicatorResult(NamedTuple):
    """One indicator of one subject. `points` are 0 to 100 by the policy's curve, before the weight.

    `rate` is the value that the curve was asked for, None where it was not ratable. `points` are rounded as
    printed, `exact_points` are not. `weight` is the policy's; `counted_weight` is what the indicator really made
    up of the weighted mean, in per cent: 0 where it was not ratable and its weight was spread over the rest.
    `contribution` is `exact_points` x `counted_weight` / 100, and no more than the indicator's cap.
    """

    code: str
    numerator: Fraction
    denominator: Fraction
    rate: Fraction | None
    interval: tuple[Decimal, Decimal] | None
    points: Decimal | None
    exact_points: Fraction | None
    weight: Decimal
    counted_weight: Fraction
    response: Ratio | None
    kind: Kind
    cap: Decimal | None
    contribution: Fraction


class AdjustmentResult(NamedTuple):
    """A bonus or deduction. `value` is None and the points are 0 where it was not ratable."""

    code: str
    numerator: Fraction
    denominator: Fraction
    value: Fraction | None
    points: Decimal
    exact_points: Fraction


class Adjusted(NamedTuple):
    """How the weighted mean became the score. Totals are after their ceilings; `exact` is within the bounds."""

    mean: Fraction
    bonus: Fraction
    deduction: Fraction
    exact: Fraction


class Lacking(NamedTuple):
    """What a competence grade asks for and a subject does not reach; `what` is `score`, `points` or `exposure`."""

    what: str
    code: str | None
    needed: Decimal
    reached: Fraction | None


class CompetenceResult(NamedTuple):
    """The competence grade reached, the next one above, and what is lacking for that."""

    code: str | None
    following: str | None
    lacking: tuple[Lacking, ...]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All indicators of one subject. `score` is rounded as the policy says, `exact_score` is not.

    `incomplete` counts the decided cases whose limit could not be computed. `adjusted` is None where there is no
    score.
    """

    subject: str
    unit: str | None
    score: Decimal | None
    grade: str | None
    exact_score: Fraction | None
    indicators: tuple[IndicatorResult, ...]
    incomplete: Fraction
    bonuses: tuple[AdjustmentResult, ...] = ()
    deductions: tuple[AdjustmentResult, ...] = ()
    adjusted: Adjusted | None = None
    competence: CompetenceResult | None = None


class _Judged(NamedTuple):
    """What depends on the sums of one indicator alone."""

    counted: Counted
    rate: Fraction | None
    interval: tuple[Decimal, Decimal] | None
    points: Fraction | None


class ExactScorer:
    """One policy applied to sums; remembers what it judged, as many subjects share small numbers."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._judged: dict[tuple[str, Counted, Fraction], _Judged] = {}
        self._weights = [Fraction(indicator.weight) for indicator in policy.indicators]
        self._counted: dict[tuple[bool, ...], tuple[Fraction, ...]] = {}

    def scorecard(
        self, subject: str, unit: str | None, cells: Sequence[int], values: Histograms, *, competence: bool = True
    ) -> Scorecard:
        """The scorecard of one row of sums; with its competence grade where the policy has them."""
        policy = self._policy
        judged = [self._judge(indicator, cells, values) for indicator in policy.indicators]
        weights = self.counted_weights(tuple(one.points is not None for one in judged))
        results = tuple(
            self._result(indicator, one, weight, cells)
            for indicator, one, weight in zip(policy.indicators, judged, weights, strict=True)
        )
        bonuses = tuple(self._adjust(one, cells, values) for one in policy.bonuses)
        deductions = tuple(self._adjust(one, cells, values) for one in policy.deductions)
        adjusted = None
        if any(weights) and any(one.rate is not None for one in judged):
            adjusted = self._adjusted(results, bonuses, deductions)
        exact = None if adjusted is None else adjusted.exact
        score = None if exact is None else rounded(exact, policy.decimals, policy.rounding)
        grade = None if score is None else policy.grade_of(score)
        return Scorecard(
            subject=subject,
            unit=unit,
            score=score,
            grade=None if grade is None else grade.code,
            exact_score=exact,
            indicators=results,
            incomplete=_sum(cells, INCOMPLETE),
            bonuses=bonuses,
            deductions=deductions,
            adjusted=adjusted,
            competence=competence_of(policy, score, results, cells) if competence and policy.competences else None,
        )

    def counted_weights(self, there: tuple[bool, ...]) -> tuple[Fraction, ...]:
        """Weights in per cent, those of the missing spread over the rest in proportion."""
        found = self._counted.get(there)
        if found is None:
            total = sum((w for w, is_there in zip(self._weights, there, strict=True) if is_there), Fraction(0))
            found = self._counted[there] = tuple(
                weight * 100 / total if is_there and total else Fraction(0)
                for weight, is_there in zip(self._weights, there, strict=True)
            )
        return found

    def _judge(self, indicator: Indicator, cells: Sequence[int], values: Histograms) -> _Judged:
        counted = count(indicator.counts, cells, values)
        exposure = counted.denominator
        if indicator.exposure_counts is not None:
            exposure = _sum(cells, indicator.exposure_counts.denominator)
        key = (indicator.code, counted, exposure)
        found = self._judged.get(key)
        if found is None:
            found = self._judged[key] = self._judge_anew(indicator, counted, exposure)
        return found

    def _judge_anew(self, indicator: Indicator, counted: Counted, exposure: Fraction) -> _Judged:
        if counted.value is not None and exposure > 0 and exposure >= indicator.minimum_exposure:
            interval = None
            if indicator.counts.kind == "ratio":
                interval = wilson(counted.numerator, counted.denominator)
            return _Judged(counted, counted.value, interval, indicator.points_of(counted.value))
        rule = self._policy.not_ratable(indicator)
        missing = {"spread": None, "zero": Fraction(0), "full": Fraction(indicator.curve.highest())}[rule]
        return _Judged(counted, None, None, missing)

    def _result(
        self, indicator: Indicator, judged: _Judged, weight: Fraction, cells: Sequence[int]
    ) -> IndicatorResult:
        points, response = judged.points, indicator.counts.response
        contribution = Fraction(0) if points is None else points * weight / 100
        if indicator.cap is not None:
            contribution = min(contribution, Fraction(indicator.cap))
        return IndicatorResult(
            code=indicator.code,
            numerator=judged.counted.numerator,
            denominator=judged.counted.denominator,
            rate=judged.rate,
            interval=judged.interval,
            points=None if points is None else rounded(points, self._policy.decimals, self._policy.rounding),
            exact_points=points,
            weight=indicator.weight,
            counted_weight=weight,
            response=None
            if response is None
            else Ratio(_sum(cells, response.numerator), _sum(cells, response.denominator)),
            kind=indicator.counts.kind,
            cap=indicator.cap,
            contribution=contribution,
        )

    def _adjust(self, one: Adjustment, cells: Sequence[int], values: Histograms) -> AdjustmentResult:
        counted = count(one.counts, cells, values)
        value = counted.value
        if one.exposure_counts is not None:
            exposure = _sum(cells, one.exposure_counts.denominator)
            if exposure == 0 or exposure < one.minimum_exposure:
                value = None
        elif not one.counts.is_counted and counted.denominator < one.minimum_exposure:
            value = None
        points = Fraction(0) if value is None else one.points_of(value)
        printed = rounded(points, self._policy.decimals, self._policy.rounding)
        return AdjustmentResult(one.code, counted.numerator, counted.denominator, value, printed, points)

    def _adjusted(
        self,
        results: Sequence[IndicatorResult],
        bonuses: Sequence[AdjustmentResult],
        deductions: Sequence[AdjustmentResult],
    ) -> Adjusted:
        policy = self._policy
        mean = sum((one.contribution for one in results), Fraction(0))
        bonus = _total(bonuses, policy.bonus_ceiling)
        deduction = _total(deductions, policy.deduction_ceiling)
        exact = min(max(mean + bonus - deduction, Fraction(policy.score_min)), Fraction(policy.score_max))
        return Adjusted(mean, bonus, deduction, exact)


def count(measure: CompiledMeasure, cells: Sequence[int], values: Histograms) -> Counted:
    """What a measure counts in one row of sums."""
    if measure.values is None:
        numerator, denominator = _sum(cells, measure.numerator), _sum(cells, measure.denominator)
        assert 0 <= numerator <= denominator, f"{measure.code}: {numerator} of {denominator} were counted"
        if measure.kind != "ratio":
            return Counted(numerator, denominator, numerator)
        return Counted(numerator, denominator, numerator / denominator if denominator else None)
    histogram = values.get(measure.values, ())
    assert all(part > 0 for _, part in histogram), f"{measure.code}: a value occurs more than never"
    total = sum(part for _, part in histogram)
    added = Fraction(sum(value * part for value, part in histogram), WHOLE)
    members = Fraction(total, WHOLE)
    if measure.kind == "sum":
        return Counted(added, members, added)
    if not total:
        return Counted(added, members, None)
    if measure.kind == "mean":
        return Counted(added, members, added / members)
    assert measure.quantile is not None, "a quantile says which"
    return Counted(added, members, Fraction(quantile(histogram, measure.quantile)))


def quantile(histogram: Sequence[tuple[int, int]], part: Fraction) -> int:
    """The smallest value that at least that part of the members do not exceed: the inverse of the empirical
    distribution function. Hyndman and Fan (1996), definition 1. Values rise; there is at least one."""
    aim = part * sum(size for _, size in histogram)
    below = 0
    for value, size in histogram:
        below += size
        if below >= aim:
            return value
    raise AssertionError("all members together are no less than a part of them")


def competence_of(
    policy: Policy, score: Decimal | None, results: Sequence[IndicatorResult], cells: Sequence[int]
) -> CompetenceResult:
    """The highest competence grade whose every demand is met, and what the next one asks for besides."""
    points = {one.code: one.points for one in results if one.rate is not None}
    above: Competence | None = None
    for one in policy.competences:
        if not _lacking(one, score, points, cells):
            return CompetenceResult(one.code, *_next(above, score, points, cells))
        above = one
    return CompetenceResult(None, *_next(above, score, points, cells))


def _next(
    above: Competence | None, score: Decimal | None, points: Mapping[str, Decimal | None], cells: Sequence[int]
) -> tuple[str | None, tuple[Lacking, ...]]:
    if above is None:
        return None, ()
    return above.code, _lacking(above, score, points, cells)


def _lacking(
    one: Competence, score: Decimal | None, points: Mapping[str, Decimal | None], cells: Sequence[int]
) -> tuple[Lacking, ...]:
    found = []
    if score is None or score < one.lower:
        found.append(Lacking("score", None, one.lower, None if score is None else Fraction(score)))
    for code, needed in one.requires.items():
        reached = points.get(code)
        if reached is None or reached < needed:
            found.append(Lacking("points", code, needed, None if reached is None else Fraction(reached)))
    for asked in one.exposure:
        there = _sum(cells, asked.counts.denominator)
        if there < Fraction(asked.at_least):
            found.append(Lacking("exposure", asked.measure, asked.at_least, there))
    return tuple(found)


def _sum(cells: Sequence[int], chosen: Sequence[int]) -> Fraction:
    return Fraction(sum(cells[each] for each in chosen), WHOLE)


def _total(adjustments: Sequence[AdjustmentResult], ceiling: Decimal | None) -> Fraction:
    total = sum((one.exact_points for one in adjustments), Fraction(0))
    return total if ceiling is None else min(total, Fraction(ceiling))
