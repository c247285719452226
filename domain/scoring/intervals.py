"""How sure a rate is: the Wilson score interval, in decimal arithmetic so that every machine prints the same."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

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


def wilson_millionths(
    hits: NDArray[np.float64], size: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Both bounds of `wilson` in millionths, and where they might be one off.

    Both arguments are millionths of a case, integers below 2**53; `size` is above zero.

    With u = 2**-53, no step is off by more than 6u of its result, and numerator and denominator of a bound are no
    larger than n + z²; so a bound is off by less than 15u, far below the 1e-14 that is allowed for here.
    """
    x, n, misses = hits / 1e6, size / 1e6, (size - hits) / 1e6
    z, z_squared = float(Z_95), float(_Z_SQUARED)
    middle = x + z_squared / 2
    reach = z * np.sqrt(x * misses / n + z_squared / 4)
    low = np.where(hits > 0, (middle - reach) / (n + z_squared), 0.0) * 1e6
    high = np.where(misses > 0, (middle + reach) / (n + z_squared), 1.0) * 1e6
    unsure = (np.abs(low - np.floor(low) - 0.5) <= 1e-8) | (np.abs(high - np.floor(high) - 0.5) <= 1e-8)
    return np.rint(low).astype(np.int64), np.rint(high).astype(np.int64), unsure
