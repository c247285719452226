"""Curves that turn a rate into points, in exact fractions: linear between points, in steps, or a threshold."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from domain.numbers import Points, Rate
from domain.toml_files import StrictModel

Direction = Literal["higher", "lower"]
Point = Annotated[tuple[Rate, Points], Field(strict=False)]


class Curve(StrictModel):
    """`points` are [rate, points], rates rising.

    linear: straight between neighbours, level beyond the first and the last. step: the points of the best
    step reached, 0 where none is. threshold: a step curve with one step. A step is reached at a rate equal or
    higher, or, where lower is better, equal or lower.
    """

    kind: Literal["linear", "step", "threshold"]
    points: Annotated[tuple[Point, ...], Field(min_length=1, max_length=100, strict=False)]

    def fault(self, direction: Direction) -> str | None:
        """What is wrong with this curve for that direction, or None."""
        if self.kind == "linear" and len(self.points) < 2:
            return "A linear curve needs two points or more. Add where it begins or ends, or use a threshold."
        if self.kind == "threshold" and len(self.points) != 1:
            return "A threshold has one point. Use kind = 'step' for several."
        for (rate, points), (next_rate, next_points) in zip(self.points, self.points[1:], strict=False):
            if next_rate <= rate:
                return f"Rate {next_rate} comes after {rate}. Sort the points by rate, each once."
            falls = next_points < points
            if next_points != points and falls != (direction == "lower"):
                word = "fall" if falls else "rise"
                return (
                    f"Points {word} from {points} to {next_points}, but {direction} is better here. "
                    "Someone who does better would get less; mend the points."
                )
        if self.lowest() == self.highest():
            return f"Every rate gets {self.highest()} points, so nothing is measured. Let the points differ."
        return None

    def points_of(self, rate: Fraction, direction: Direction) -> Fraction:
        """Points of a rate, exact."""
        if self.kind == "linear":
            return self._interpolated(rate)
        reached = [
            Fraction(points)
            for step, points in self.points
            if (rate >= Fraction(step) if direction == "higher" else rate <= Fraction(step))
        ]
        return max(reached, default=Fraction(0))

    def highest(self) -> Decimal:
        """The most points there are."""
        return max(points for _, points in self.points)

    def lowest(self) -> Decimal:
        """The least points there are."""
        if self.kind == "linear":
            return min(points for _, points in self.points)
        return Decimal(0)

    def _interpolated(self, rate: Fraction) -> Fraction:
        before = self.points[0]
        if rate <= Fraction(before[0]):
            return Fraction(before[1])
        for after in self.points[1:]:
            if rate <= Fraction(after[0]):
                start, end = Fraction(before[0]), Fraction(after[0])
                part = (rate - start) / (end - start)
                return Fraction(before[1]) + part * (Fraction(after[1]) - Fraction(before[1]))
            before = after
        return Fraction(before[1])
