"""What a policy file may hold: its tables, each key with its type and bounds."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from domain.numbers import Amount, Number, Points, Rounding
from domain.policies.curves import Curve, Direction
from domain.policies.measures import CompiledMeasure, Measure, standard_measures
from domain.rules.context import DuePrecision
from domain.rules.procedures import Code, Text, Title
from domain.rules.toml_files import StrictModel

NotRatable = Literal["spread", "full", "zero"]
"""What an indicator without data does: its weight is spread over the rest, or it counts as full or as zero."""

Ceiling = Annotated[Number, Field(gt=0, le=100)]


class Counting(StrictModel):
    """A table that applies a measure. Own measures of the file are told to it by `told`."""

    measure: str
    exposure: str | None = None
    minimum_exposure: Annotated[Number, Field(ge=0)] = Decimal(0)
    _counts: CompiledMeasure | None = PrivateAttr(default=None)
    _exposure: CompiledMeasure | None = PrivateAttr(default=None)

    @property
    def counts(self) -> CompiledMeasure:
        """The measure, compiled."""
        return self._counts or standard_measures()[self.measure]

    @property
    def exposure_counts(self) -> CompiledMeasure | None:
        """The count that says how much there was to judge by, where it is not the measure's own denominator."""
        if self.exposure is None:
            return None
        return self._exposure or standard_measures()[self.exposure]

    def tell(self, counts: CompiledMeasure, exposure: CompiledMeasure | None) -> None:
        """Say what the names stand for in this file."""
        self._counts, self._exposure = counts, exposure


class Indicator(Counting):
    """One measure with its target, its curve from value to points (0 to 100), and its weight in per cent."""

    code: Code
    title: Title
    rule: Title
    clause: Text
    target: Amount
    direction: Direction | None = None
    curve: Curve
    weight: Annotated[Number, Field(ge=0, le=100)]
    cap: Ceiling | None = None
    when_not_ratable: NotRatable | None = None

    @property
    def better(self) -> Direction:
        """Whether a higher or a lower value is better."""
        better = self.counts.better
        assert better != "none", "the check of the policy refuses an indicator without a direction"
        return better

    def points_of(self, value: Fraction) -> Fraction:
        """Points of a value by the curve, exact."""
        return self.curve.points_of(value, self.better)


class Adjustment(Counting):
    """Points that are moved: so many for each thing counted, or by a curve."""

    code: Code
    title: Title
    rule: Title
    clause: Text
    points_each: Annotated[Number, Field(gt=0, le=100)] | None = None
    curve: Curve | None = None
    ceiling: Ceiling | None = None

    @property
    def more_is(self) -> Direction:
        """Whether a higher or a lower value moves more points."""
        if self.curve is None:
            return "higher"
        first, last = self.curve.points[0][1], self.curve.points[-1][1]
        if first == last:
            return self._expected
        return "higher" if first < last else "lower"

    @property
    def _expected(self) -> Direction:
        """The direction of a curve with one step, which does not show it."""
        raise NotImplementedError

    @property
    def most(self) -> Fraction:
        """The most points that it moves."""
        highest = Fraction(100) if self.curve is None else Fraction(self.curve.highest())
        return highest if self.ceiling is None else min(highest, Fraction(self.ceiling))

    def points_of(self, value: Fraction) -> Fraction:
        """Points of a value, exact, and never more than the ceiling."""
        points = value * Fraction(self.points_each or 0)
        if self.curve is not None:
            points = self.curve.points_of(value, self.more_is)
        return points if self.ceiling is None else min(points, Fraction(self.ceiling))


class Bonus(Adjustment):
    """Points added to the score."""

    @property
    def _expected(self) -> Direction:
        return "lower" if self.counts.better == "lower" else "higher"


class Deduction(Adjustment):
    """Points taken from the score."""

    @property
    def _expected(self) -> Direction:
        return "lower" if self.counts.better == "higher" else "higher"


class Grade(StrictModel):
    """A grade and the score from which on it is given."""

    code: Code
    title: Title
    lower: Points = Field(alias="from")


class Exposure(StrictModel):
    """A count that has to be reached."""

    measure: str
    at_least: Annotated[Number, Field(gt=0)]
    _counts: CompiledMeasure | None = PrivateAttr(default=None)

    @property
    def counts(self) -> CompiledMeasure:
        """The measure, compiled."""
        return self._counts or standard_measures()[self.measure]

    def tell(self, counts: CompiledMeasure) -> None:
        """Say what the name stands for in this file."""
        self._counts = counts


class Competence(StrictModel):
    """A competence grade: the score, the points of indicators and the exposure that it asks for."""

    code: Code
    title: Title
    lower: Points = Field(alias="from")
    requires: dict[Code, Points] = Field(default={})
    exposure: Annotated[tuple[Exposure, ...], Field(strict=False)] = ()


class PolicyFile(StrictModel):
    """The whole file."""

    name: Code
    version: Annotated[int, Field(ge=1)]
    title: Title
    zone: str
    due_precision: DuePrecision = "day"
    calendar: str
    register_name: str = Field(alias="register")
    decimals: Annotated[int, Field(ge=0, le=6)] = 2
    rounding: Rounding = "half-even"
    when_not_ratable: NotRatable = "spread"
    bonus_ceiling: Ceiling | None = None
    deduction_ceiling: Ceiling | None = None
    score_min: Points = Decimal(0)
    score_max: Annotated[Number, Field(gt=0, le=200)] = Decimal(100)
    measure: Annotated[tuple[Measure, ...], Field(strict=False)] = ()
    indicator: Annotated[tuple[Indicator, ...], Field(min_length=1, strict=False)]
    bonus: Annotated[tuple[Bonus, ...], Field(strict=False)] = ()
    deduction: Annotated[tuple[Deduction, ...], Field(strict=False)] = ()
    grade: Annotated[tuple[Grade, ...], Field(strict=False)] = ()
    competence: Annotated[tuple[Competence, ...], Field(strict=False)] = ()
