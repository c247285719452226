"""The vocabulary of policies: which rows of a tally each measure adds up, and which way it is better."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.curves import Direction
from domain.tally import Measure
from domain.toml_files import TomlFileError, did_you_mean


class PolicyError(TomlFileError):
    """A policy that cannot be used as it is."""


class PenaltyRewardError(PolicyError):
    """A policy that would reward the number or amount of penalties."""


@dataclass(frozen=True)
class RatioMeasure:
    """numerator of `flow` ÷ (denominator of `flow` + denominator of `stock` on the last day of the period)."""

    better: Direction
    flow: Measure
    stock: Measure | None = None
    response: Measure | None = None


MEASURES: Final[Mapping[str, RatioMeasure]] = {
    "plan-completion": RatioMeasure("higher", Measure.PLAN),
    "satisfaction": RatioMeasure("higher", Measure.SATISFACTION, response=Measure.RESPONSE),
    "timeliness": RatioMeasure("higher", Measure.TIMELINESS, stock=Measure.TIMELINESS_OVERDUE),
    "error-rate": RatioMeasure("lower", Measure.ERROR),
    "closure": RatioMeasure("higher", Measure.CLOSURE, stock=Measure.CLOSURE_OVERDUE),
    "revocation": RatioMeasure("lower", Measure.REVOCATION),
}

_PENALTIES: Final = re.compile(r"penal|punish|\bfine[sd]?\b|\bfined?-|-fines?\b|confiscat|sanction|罚|没收", re.I)


def measure_fault(name: str) -> tuple[str, type[PolicyError]] | None:
    """Why a policy cannot use that measure, and as what kind of error; None when it can."""
    if name in MEASURES:
        return None
    if _PENALTIES.search(name):
        message = (
            f"Measure {name!r} would reward the number or amount of penalties. A score may never do that: "
            "fines and confiscations must not be tied to the appraisal of an authority or its staff "
            "(行政处罚法 §74). Measure how cases are handled instead, by 'closure' or 'revocation'."
        )
        return message, PenaltyRewardError
    return f"No measure {name!r}. {did_you_mean(name, list(MEASURES))}", PolicyError
