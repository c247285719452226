"""How sure a rate is: the Wilson score interval, in decimal arithmetic so that every machine prints the same."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

Z_95: Final = Decimal("1.959963984540054")
"""The 97.5 % point of the normal distribution."""

_ARITHMETIC: Final = Context(prec=40, rounding=ROUND_HALF_EVEN)
_SIX_PLACES: Final = Decimal("0.000001")
_Z_SQUARED: Final = _ARITHMETIC.multiply(Z_95, Z_95)


def wilson(numerator: Fraction, denominator: Fraction) -> tuple[Decimal, Decimal]:
    """95 % interval of a rate, to six places. Wilson (1927), eq. 7; shares may make both numbers fractional.

    0 <= numerator <= denominator, and denominator > 0. The interval touches 0 and 1 only at rates 0 and 1.
    """
    assert 0 <= numerator <= denominator, "a rate lies between 0 and 1"
    c = _ARITHMETIC
    hits = c.divide(Decimal(numerator.numerator), Decimal(numerator.denominator))
    size = c.divide(Decimal(denominator.numerator), Decimal(denominator.denominator))
    misses = c.subtract(size, hits)
    # Multiplied through by n: (x + z²/2 ± z·sqrt(x(n - x)/n + z²/4)) / (n + z²).
    middle = c.add(hits, c.divide(_Z_SQUARED, Decimal(2)))
    spread = c.add(c.divide(c.multiply(hits, misses), size), c.divide(_Z_SQUARED, Decimal(4)))
    reach = c.multiply(Z_95, c.sqrt(spread))
    whole = c.add(size, _Z_SQUARED)
    low = Decimal(0) if not hits else c.divide(c.subtract(middle, reach), whole)
    high = Decimal(1) if not misses else c.divide(c.add(middle, reach), whole)
    return low.quantize(_SIX_PLACES, context=c), high.quantize(_SIX_PLACES, context=c)
