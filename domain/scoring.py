"""Turn a tally into scorecards under a policy: exact fractions throughout, rounded once, at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from domain.calendars import to_date
from domain.directory import Directory
from domain.errors import WrongInputError
from domain.intervals import wilson
from domain.numbers import plain, rounded
from domain.policy import Policy
from domain.policy_file import Indicator
from domain.populations import Population, cells_with
from domain.procedures import Register
from domain.rollup import WHOLE_SUBJECT, By
from domain.sums import Sums
from domain.tally import WHOLE


class PeriodError(WrongInputError):
    """A period that ends before it begins."""


class Ratio(NamedTuple):
    """So many of so many, exact."""

    numerator: Fraction
    denominator: Fraction

    @property
    def rate(self) -> Fraction | None:
        """None where there is nothing to divide by."""
        return self.numerator / self.denominator if self.denominator else None


class IndicatorResult(NamedTuple):
    """One indicator of one subject. `points` are 0 to 100 by the policy's curve, before the weight.

    `points` are rounded as printed, `exact_points` are not. `weight` is the policy's; `counted_weight` is what
    the indicator really made up of the score, in per cent: 0 where it was not ratable and its weight was
    spread over the rest. A score is the sum of `exact_points` x `counted_weight` / 100.
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


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All indicators of one subject. `score` is rounded as the policy says, `exact_score` is not.

    `incomplete` counts the decided and closed cases whose limit could not be computed.
    """

    subject: str
    unit: str | None
    score: Decimal | None
    grade: str | None
    exact_score: Fraction | None
    indicators: tuple[IndicatorResult, ...]
    incomplete: Fraction


@dataclass(frozen=True)
class Scorecards:
    """The scorecards of a period, by subject in order of code points."""

    policy: Policy
    by: By
    from_day: int
    to_day: int
    subjects: list[Scorecard] = field(repr=False)

    def to_json(self, *, as_of: Any = None, **more: Any) -> dict[str, Any]:
        """What `kaoji score` prints; `as_of` and `more` (context, forecast) come from whoever asked."""
        return {
            "policy": self.policy.name,
            "policy_version": self.policy.version,
            "policy_hash": self.policy.hash,
            "period": {"from": to_date(self.from_day).isoformat(), "to": to_date(self.to_day).isoformat()},
            "as_of": as_of,
            "by": self.by,
            **more,
            "subjects": [_card_json(card) for card in self.subjects],
        }


def score(
    sums: Sums,
    policy: Policy,
    directory: Directory,
    register: Register,
    *,
    from_day: int,
    to_day: int,
    by: By,
) -> Scorecards:
    """Score every subject of the kind `by` over the days `from_day` to `to_day`, both inclusive.

    Subjects are all that anything was counted for, and also the units open and the staff in post on any day of
    the period, or the processes of the register. What has no procedure, or one that the register lacks, counts
    for the process `unknown-process`. Raises PeriodError.
    """
    if to_day < from_day:
        begin, end = to_date(from_day), to_date(to_day)
        raise PeriodError(f"The period ends on {end}, before it begins on {begin}. Swap the two.")
    expected = _expected(directory, register, from_day, to_day, by)
    scorer = _Scorer(policy)
    cards = []
    for subject in sorted({*sums.subjects, *expected}):
        unit = subject if by == "unit" else None
        if by == "staff":
            unit = directory.unit_of(subject, to_day)
        cards.append(scorer.scorecard(subject, unit, sums.row(subject).tolist()))
    return Scorecards(policy, by, from_day, to_day, cards)


def _expected(directory: Directory, register: Register, from_day: int, to_day: int, by: By) -> list[str]:
    """Subjects that are shown even where nothing was counted for them."""
    if by == "staff":
        return directory.staff(from_day, to_day)
    if by == "unit":
        return directory.units(from_day, to_day)
    return list(register.processes) if by == "process" else [WHOLE_SUBJECT]


Cells = Sequence[int]
"""What was counted for one subject, by cell."""


class _Judged(NamedTuple):
    """What depends on the sums of one indicator alone."""

    numerator: Fraction
    denominator: Fraction
    rate: Fraction | None
    interval: tuple[Decimal, Decimal] | None
    points: Decimal | None
    exact_points: Fraction | None


class _Scorer:
    """One policy applied to sums; remembers what it judged, as many subjects share small numbers."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._judged: dict[tuple[str, int, int], _Judged] = {}
        self._weights = [Fraction(indicator.weight) for indicator in policy.indicators]
        self._counted: dict[tuple[bool, ...], tuple[Fraction, ...]] = {}

    def scorecard(self, subject: str, unit: str | None, sums: Cells) -> Scorecard:
        judged = [self._judge(indicator, sums) for indicator in self._policy.indicators]
        counted = self._counted_weights(tuple(one.exact_points is not None for one in judged))
        exact = None
        if any(counted) and any(one.rate is not None for one in judged):
            weighed = (
                one.exact_points * weight
                for one, weight in zip(judged, counted, strict=True)
                if one.exact_points is not None
            )
            exact = sum(weighed, Fraction(0)) / 100
        printed = None if exact is None else rounded(exact, self._policy.decimals)
        grade = None if printed is None else self._policy.grade_of(printed)
        return Scorecard(
            subject=subject,
            unit=unit,
            score=printed,
            grade=None if grade is None else grade.code,
            exact_score=exact,
            indicators=tuple(
                IndicatorResult(indicator.code, *one, indicator.weight, weight, _response(indicator, sums))
                for indicator, one, weight in zip(self._policy.indicators, judged, counted, strict=True)
            ),
            incomplete=Fraction(_sum(sums, _INCOMPLETE), WHOLE),
        )

    def _judge(self, indicator: Indicator, sums: Cells) -> _Judged:
        ratio = indicator.counts
        hits, cases = _sum(sums, ratio.numerator), _sum(sums, ratio.denominator)
        key = (indicator.code, hits, cases)
        found = self._judged.get(key)
        if found is None:
            found = self._judged[key] = self._judge_anew(indicator, hits, cases)
        return found

    def _judge_anew(self, indicator: Indicator, hits: int, cases: int) -> _Judged:
        assert 0 <= hits <= cases, f"{indicator.code}: {hits} of {cases} millionths were counted"
        numerator, denominator = Fraction(hits, WHOLE), Fraction(cases, WHOLE)
        rate = interval = points = None
        if denominator > 0 and denominator >= indicator.minimum_exposure:
            rate = Fraction(hits, cases)
            interval = wilson(numerator, denominator)
            points = indicator.points_of(rate)
        elif self._policy.not_ratable(indicator) != "spread":
            full = self._policy.not_ratable(indicator) == "full"
            points = Fraction(indicator.curve.highest() if full else 0)
        printed = None if points is None else rounded(points, self._policy.decimals)
        return _Judged(numerator, denominator, rate, interval, printed, points)

    def _counted_weights(self, there: tuple[bool, ...]) -> tuple[Fraction, ...]:
        """Weights in per cent, those of the missing spread over the rest in proportion."""
        found = self._counted.get(there)
        if found is None:
            total = sum((w for w, is_there in zip(self._weights, there, strict=True) if is_there), Fraction(0))
            found = self._counted[there] = tuple(
                weight * 100 / total if is_there and total else Fraction(0)
                for weight, is_there in zip(self._weights, there, strict=True)
            )
        return found


def _response(indicator: Indicator, sums: Cells) -> Ratio | None:
    response = indicator.counts.response
    if response is None:
        return None
    both = (response.numerator, response.denominator)
    rated, decided = (Fraction(_sum(sums, cells), WHOLE) for cells in both)
    return Ratio(rated, decided)


_INCOMPLETE = cells_with(Population.DECIDED, having=["limit-unknown"])


def _sum(cells: Cells, chosen: Sequence[int]) -> int:
    return sum(cells[cell] for cell in chosen)


def _card_json(card: Scorecard) -> dict[str, Any]:
    return {
        "subject": card.subject,
        "unit": card.unit,
        "score": None if card.score is None else f"{card.score:f}",
        "grade": card.grade,
        "incomplete": plain(card.incomplete),
        "indicators": [_result_json(result) for result in card.indicators],
    }


def _result_json(result: IndicatorResult) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "code": result.code,
        "numerator": plain(result.numerator),
        "denominator": plain(result.denominator),
        "rate": None if result.rate is None else plain(result.rate),
        "interval": None if result.interval is None else [f"{bound:f}" for bound in result.interval],
        "points": None if result.points is None else f"{result.points:f}",
        "weight": plain(result.weight),
        "counted_weight": plain(result.counted_weight),
    }
    if result.response is not None:
        rate = result.response.rate
        shown["response"] = {
            "numerator": plain(result.response.numerator),
            "denominator": plain(result.response.denominator),
            "rate": None if rate is None else plain(rate),
        }
    return shown
