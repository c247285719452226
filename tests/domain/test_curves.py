"""Curves give exact points, and intervals the digits that the formula gives."""

from decimal import Decimal
from fractions import Fraction
from math import sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.numbers import plain, rounded
from domain.policies.curves import Curve, Direction
from domain.scoring.intervals import wilson

LINEAR = {"kind": "linear", "points": [[Decimal("0.5"), 0], [Decimal("0.8"), 60], [Decimal("0.9"), 100]]}
RISING = {"kind": "step", "points": [[Decimal("0.5"), 10], [Decimal("0.8"), 60], [Decimal("0.9"), 100]]}
FALLING = {"kind": "step", "points": [[Decimal("0.01"), 100], [Decimal("0.02"), 60], [Decimal("0.1"), 10]]}
THRESHOLD = {"kind": "threshold", "points": [[Decimal("0.9"), 100]]}


@pytest.mark.parametrize(
    ("curve", "better", "rate", "points"),
    [
        (LINEAR, "higher", "0", 0),
        (LINEAR, "higher", "1/2", 0),
        (LINEAR, "higher", "13/20", 30),
        (LINEAR, "higher", "2/3", Fraction(100, 3)),
        (LINEAR, "higher", "0.8", 60),
        (LINEAR, "higher", "0.85", 80),
        (LINEAR, "higher", "0.9", 100),
        (LINEAR, "higher", "1", 100),
        (RISING, "higher", "0.4999", 0),
        (RISING, "higher", "0.5", 10),
        (RISING, "higher", "0.8", 60),
        (RISING, "higher", "0.8999", 60),
        (RISING, "higher", "1", 100),
        (FALLING, "lower", "0", 100),
        (FALLING, "lower", "0.01", 100),
        (FALLING, "lower", "0.0101", 60),
        (FALLING, "lower", "0.1", 10),
        (FALLING, "lower", "0.1001", 0),
        (THRESHOLD, "higher", "0.9", 100),
        (THRESHOLD, "higher", "0.8999999", 0),
    ],
)
def test_points_of_a_rate(curve: dict[str, Any], better: Direction, rate: str, points: Fraction) -> None:
    assert Curve(**curve).points_of(Fraction(rate), better) == points


@pytest.mark.parametrize(
    ("hits", "cases", "low", "high"),
    [
        # Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        ("81", "263", "0.2553", "0.3662"),
        ("15", "148", "0.0624", "0.1605"),
        ("0", "20", "0.0000", "0.1611"),
        ("1", "29", "0.0061", "0.1718"),
        ("8", "10", "0.4902", "0.9433"),
        ("20", "20", "0.8389", "1.0000"),
    ],
)
def test_intervals_agree_with_published_ones(hits: str, cases: str, low: str, high: str) -> None:
    interval = wilson(Fraction(hits), Fraction(cases))

    assert [f"{bound:.4f}" for bound in interval] == [low, high]


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_intervals_hold_the_rate_and_follow_the_textbook_formula(some: int, more: int) -> None:
    hits, cases = Fraction(some, 10**6), Fraction(some + more, 10**6)
    n, p, z = float(cases), float(hits / cases), 1.959963984540054
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))

    low, high = wilson(hits, cases)

    assert float(low) == pytest.approx(middle - reach, abs=2e-6)
    assert float(high) == pytest.approx(middle + reach, abs=2e-6)
    assert -low.as_tuple().exponent == -high.as_tuple().exponent == 6  # type: ignore[operator]  # finite
    assert 0 <= low <= rounded(hits / cases, 6) <= high <= 1


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_interval_of_what_was_missed_is_the_mirror_image(hits: int, misses: int) -> None:
    cases = Fraction(max(hits + misses, 1))

    low, high = wilson(Fraction(hits), max(cases, Fraction(hits)))
    mirrored = wilson(cases - hits, cases)

    assert mirrored == (1 - high, 1 - low)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [("0.125", 2, "0.12"), ("0.375", 2, "0.38"), ("89.995", 2, "90.00"), ("2/3", 4, "0.6667"), ("5/2", 0, "2")],
)
def test_ties_are_rounded_to_the_even_digit(value: str, places: int, text: str) -> None:
    assert f"{rounded(Fraction(value), places):f}" == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("1020", "1020"),
        ("25/2", "12.5"),
        ("0.9984", "0.9984"),
        ("1020/1368", "0.7456140351"),
        ("1/3000000", "0.0000003333"),
    ],
)
def test_numbers_are_printed_without_zeros_at_the_end(value: str, text: str) -> None:
    assert plain(Fraction(value)) == text
