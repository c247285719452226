"""Exact numbers as text: the one place where a fraction is rounded, at the very end."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

RATE_PLACES: Final = 10

Rounding = Literal["half-even", "half-up", "down"]
"""Ties go to the even digit, or away from zero; or what is behind the last digit is cut off."""


def rounded(value: Fraction, places: int, rounding: Rounding = "half-even") -> Decimal:
    """To so many decimal places, from the exact value."""
    return Decimal(units_of(value, places, rounding)).scaleb(-places)


def plain(value: Fraction | Decimal, places: int = RATE_PLACES) -> str:
    """Up to so many places, half-even, without zeros at the end: 0.9984, 12.5, 1020."""
    units = units_of(value, places)
    whole, part = divmod(abs(units), 10**places)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole}.{part:0{places}}".rstrip("0").rstrip(".") if part else f"{sign}{whole}"


def units_of(value: Fraction | Decimal, places: int, rounding: Rounding = "half-even") -> int:
    """The value in units of its last place, rounded; integers all the way, as this is done for every number."""
    ratio: tuple[int, int] = value.as_integer_ratio()
    numerator, denominator = ratio
    if rounding != "half-even" and numerator < 0:
        return -units_of(-value, places, rounding)
    units, rest = divmod(numerator * int(10**places), denominator)
    if rounding == "down":
        return units
    is_above = 2 * rest > denominator or (2 * rest == denominator and (units % 2 == 1 or rounding == "half-up"))
    return units + 1 if is_above else units


def _to_decimal(value: Any) -> Any:
    """A TOML number, exactly; anything else is left for pydantic to refuse."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError(f"A number is needed; it is {value!r} here.")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"A finite number is needed; it is {value} here.")
    if number and not -12 <= number.adjusted() <= 12:
        raise ValueError(f"{value} is out of all proportion. Write a number of usual size.")
    # One form per value, so that 0.90 and 0.9 have the same hash.
    return Decimal(f"{number.normalize():f}")


Number = Annotated[Decimal, BeforeValidator(_to_decimal)]
Rate = Annotated[Number, Field(ge=0, le=1)]
Points = Annotated[Number, Field(ge=0, le=100)]
Amount = Annotated[Number, Field(ge=0, le=1_000_000_000)]
"""A rate, or a number of days, points or things."""
