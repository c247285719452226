"""Which rows of a tally each of the six core measures adds up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.tally import Measure


@dataclass(frozen=True)
class RatioMeasure:
    """numerator of `flow` ÷ (denominator of `flow` + denominator of `stock` on the last day of the period)."""

    flow: Measure
    stock: Measure | None = None
    response: Measure | None = None


MEASURES: Final[Mapping[str, RatioMeasure]] = {
    "plan-completion": RatioMeasure(Measure.PLAN),
    "satisfaction": RatioMeasure(Measure.SATISFACTION, response=Measure.RESPONSE),
    "timeliness": RatioMeasure(Measure.TIMELINESS, stock=Measure.TIMELINESS_OVERDUE),
    "error-rate": RatioMeasure(Measure.ERROR),
    "closure": RatioMeasure(Measure.CLOSURE, stock=Measure.CLOSURE_OVERDUE),
    "revocation": RatioMeasure(Measure.REVOCATION),
}
