"""Curves that turn a rate or another value into points: linear between points, in steps, or a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from domain.numbers import Amount, Points
from domain.rules.toml_files import StrictModel

Direction = Literal["higher", "lower"]
Point = Annotated[tuple[Amount, Points], Field(strict=False)]

UNIT_ROUNDOFF: Final = 2.0**-53
"""Each operation of float64 is off by at most this part of its result."""


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

    def shifted(self, step: Decimal) -> Curve:
        """The same curve `step` further along: what a rate r got, r + step gets. Rates may fall below 0."""
        return self.model_copy(update={"points": tuple((rate + step, points) for rate, points in self.points)})

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


@dataclass(frozen=True)
class FastCurve:
    """A curve over arrays. `error` bounds how far its points lie from the exact ones.

    The value is numerator ÷ denominator, both exact integers in float64. For a line with slopes of at most M, over
    rates of at most X and points of at most Y, and u the unit roundoff: the rate, its distance to the piece's
    start, the slope and their product are off by less than 6uMX together; a rate so near to a joint that it falls
    on the wrong side adds at most 5uMX, because the line is continuous; the start's points and the last sum are
    off by 3uY. `error` is 16uMX + 4uY. Steps are compared exactly, and only their points are rounded: uY.
    """

    curve: Curve
    direction: Direction
    error: float

    @staticmethod
    def of(curve: Curve, direction: Direction) -> FastCurve:
        """The curve made ready for arrays."""
        highest = float(curve.highest())
        if curve.kind != "linear":
            return FastCurve(curve, direction, 2 * UNIT_ROUNDOFF * highest)
        steepest = float(np.abs(_pieces(curve).slopes).max())
        furthest = float(max(abs(rate) for rate, _ in curve.points))
        return FastCurve(curve, direction, UNIT_ROUNDOFF * (16 * steepest * furthest + 4 * highest))

    def points_of(self, numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of numerator ÷ denominator, which is above zero."""
        if self.curve.kind == "linear":
            pieces = _pieces(self.curve)
            rate = numerator / denominator
            piece = np.searchsorted(pieces.starts, rate, side="right")
            begins, points, slopes = pieces.begins[piece], pieces.points[piece], pieces.slopes[piece]
            return np.asarray(points + (rate - begins) * slopes)
        found = np.zeros(numerator.size)
        # Rising, each further step is better; falling, each earlier one is, so it is written last.
        steps = self.curve.points if self.direction == "higher" else tuple(reversed(self.curve.points))
        for step, earned in steps:
            reached = compare(numerator, denominator, Fraction(step))
            found[reached >= 0 if self.direction == "higher" else reached <= 0] = float(earned)
        return found


class _Pieces(NamedTuple):
    """Piece 0 is the level one before the first start; piece k begins at start k - 1."""

    starts: NDArray[np.float64]
    begins: NDArray[np.float64]
    points: NDArray[np.float64]
    slopes: NDArray[np.float64]


def _pieces(curve: Curve) -> _Pieces:
    joints = [(Fraction(rate), Fraction(points)) for rate, points in curve.points]
    slopes = [float((after[1] - before[1]) / (after[0] - before[0])) for before, after in pairwise(joints)]
    starts, points = [float(rate) for rate, _ in joints], [float(points) for _, points in joints]
    return _Pieces(
        np.array(starts),
        np.array([starts[0], *starts]),
        np.array([points[0], *points]),
        np.array([0.0, *slopes, 0.0]),
    )


def compare(numerator: NDArray[np.float64], denominator: NDArray[np.float64], bound: Fraction) -> NDArray[np.int8]:
    """-1, 0 or 1 as numerator ÷ denominator lies below, at or above the bound; exact.

    Both arrays hold integers below 2**53. Their products with the bound's parts are compared where those stay
    integers of float64; else the difference of floats decides where it is above its error, and integers the rest.
    """
    top, bottom = bound.numerator, bound.denominator
    left, right = numerator * float(bottom), denominator * float(top)
    difference = left - right
    found = np.sign(difference).astype(np.int8)
    largest = max(float(left.max(initial=0)), float(right.max(initial=0)))
    if largest < 2.0**53 and bottom < 2**53 and top < 2**53:
        return found
    # Each product is off by u for its factor and u for itself, and so is the difference.
    unsure = np.abs(difference) <= 8 * UNIT_ROUNDOFF * np.maximum(np.abs(left), np.abs(right))
    for index in np.flatnonzero(unsure).tolist():
        exact = int(numerator[index]) * bottom - int(denominator[index]) * top
        found[index] = (exact > 0) - (exact < 0)
    return found
