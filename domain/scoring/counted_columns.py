"""Count measures over the sums of all subjects at once: columns of integers, exact in float64."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.measuring.sums import Sums, Values, sums_over
from domain.policies.measures import CompiledMeasure
from domain.policies.policy import Policy
from domain.scoring.exact_scoring import WHOLE

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

EXACT_MAX: Final = 2.0**53
"""Below it, float64 holds every integer."""


class CountedColumn(NamedTuple):
    """What a measure counted, by subject. All are integers; where a denominator is 0 there is no value."""

    numerator: Floats  # millionths
    denominator: Floats
    value_top: Floats  # the value is top ÷ bottom
    value_bottom: Floats
    has_value: Flags


class CountedColumns:
    """Counts measures over sums."""

    def __init__(self, sums: Sums, policy: Policy) -> None:
        self.sums = sums
        assert sums.largest < EXACT_MAX, "nobody has nine thousand million members"
        chosen = sorted({cells for one in policy.measures for cells in (one.numerator, one.denominator)})
        self._sums: dict[tuple[int, ...], Floats] = dict(
            zip(chosen, sums_over(sums.cells, chosen).astype(np.float64), strict=True)
        )
        self.too_large: Flags = np.zeros(len(sums), np.bool_)
        self._histograms = {
            population: _Histogram.of(values, len(sums))
            for population, values in sums.values.items()
            if policy.values_needed >> population & 1
        }
        for one in self._histograms.values():
            self.too_large |= np.abs(one.added) >= EXACT_MAX

    def chosen(self, cells: tuple[int, ...]) -> Floats:
        """The sum over some cells that the policy asks for, by subject."""
        return self._sums[cells]

    def exposed(self, measure: CompiledMeasure, minimum: Decimal) -> Flags:
        """Where a count is above zero and no lower than the minimum."""
        return self.enough(self.chosen(measure.denominator), minimum)

    def enough(self, members: Floats, minimum: Decimal) -> Flags:
        """The same of any column of members."""
        least = max(1, units_up(minimum, 6))
        return members >= float(least) if least < EXACT_MAX else np.zeros(members.size, np.bool_)

    def column(self, measure: CompiledMeasure) -> CountedColumn:
        """What a measure counted."""
        size = len(self.sums)
        whole, every = np.full(size, float(WHOLE)), np.ones(size, np.bool_)
        if measure.values is None:
            numerator, denominator = self.chosen(measure.numerator), self.chosen(measure.denominator)
            assert size == 0 or float(numerator.min()) >= 0, f"{measure.code}: less than nothing was counted"
            if measure.kind != "ratio":
                return CountedColumn(numerator, denominator, numerator, whole, every)
            assert bool((numerator <= denominator).all()), f"{measure.code}: more was met than there was"
            return CountedColumn(numerator, denominator, numerator, denominator, denominator > 0)
        histogram = self._histograms.get(measure.values) or _Histogram.of(Values.none(), size)
        added, members = histogram.added.astype(np.float64), histogram.members.astype(np.float64)
        if measure.kind == "sum":
            return CountedColumn(added, members, added, whole, every)
        if measure.kind == "mean":
            return CountedColumn(added, members, added, members, members > 0)
        assert measure.quantile is not None, "a quantile says which"
        return CountedColumn(added, members, histogram.quantile(measure.quantile), np.ones(size), members > 0)


class _Histogram(NamedTuple):
    values: Values
    first: NDArray[np.intp]
    added: NDArray[np.int64]
    members: NDArray[np.int64]

    @staticmethod
    def of(values: Values, subjects: int) -> _Histogram:
        edges = np.searchsorted(values.subject, np.arange(subjects + 1))
        parts = np.concatenate(([0], np.cumsum(values.part)))
        products = np.concatenate(([0], np.cumsum(values.value.astype(np.int64) * values.part)))
        assert bool((values.part > 0).all()), "a value occurs more than never"
        return _Histogram(values, edges[:-1], np.diff(products[edges]), np.diff(parts[edges]))

    def quantile(self, part: Fraction) -> Floats:
        """The smallest value that at least that part of the members do not exceed; 0 where there are none."""
        subject, top, bottom = self.values.subject, part.numerator, part.denominator
        before = np.concatenate(([0], np.cumsum(self.values.part)))[self.first]
        below = np.cumsum(self.values.part) - before[subject]
        # A part of at most three decimals: the products stay far below 2**63.
        short = below * bottom < self.members[subject] * top
        place = self.first + np.bincount(subject[short], minlength=self.first.size)
        found = np.zeros(self.first.size)
        there = self.members > 0
        found[there] = self.values.value[place[there]]
        return found


def units_up(bound: Decimal, places: int) -> int:
    """The fewest units of the last place that reach the bound."""
    return int(bound.scaleb(places).to_integral_value(ROUND_CEILING))
