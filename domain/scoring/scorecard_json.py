"""One scorecard as printed."""

from __future__ import annotations

from typing import Any, Final

from domain.numbers import plain
from domain.policies.policy import Policy
from domain.scoring.exact_scoring import AdjustmentResult, IndicatorResult, Scorecard

POINTS_PLACES: Final = 6
"""Decimals of what makes up a score; fewer than of rates, as it is a sum of many rounded parts."""


def card_json(card: Scorecard, policy: Policy, *, competence: bool) -> dict[str, Any]:
    """One scorecard; with bonuses, deductions and competence where the policy has them."""
    shown: dict[str, Any] = {
        "subject": card.subject,
        "unit": card.unit,
        "score": None if card.score is None else f"{card.score:f}",
        "grade": card.grade,
        "incomplete": plain(card.incomplete),
        "indicators": [_result_json(result) for result in card.indicators],
    }
    if policy.bonuses or policy.deductions:
        shown["adjusted"] = None
        if card.adjusted is not None:
            shown["adjusted"] = {
                "mean": plain(card.adjusted.mean, POINTS_PLACES),
                "bonus": plain(card.adjusted.bonus, POINTS_PLACES),
                "deduction": plain(card.adjusted.deduction, POINTS_PLACES),
            }
        shown["bonuses"] = [_adjustment_json(each) for each in card.bonuses]
        shown["deductions"] = [_adjustment_json(each) for each in card.deductions]
    if policy.competences and competence:
        shown["competence"] = _competence_json(card)
    return shown


def _result_json(result: IndicatorResult) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "code": result.code,
        "numerator": plain(result.numerator),
        "denominator": plain(result.denominator),
        "rate": None if result.rate is None else plain(result.rate),
        "interval": None if result.interval is None else [f"{bound:f}" for bound in result.interval],
        "points": None if result.points is None else f"{result.points:f}",
        "weight": plain(result.weight),
        "counted_weight": plain(result.counted_weight),
    }
    if result.kind != "ratio":
        shown["kind"] = result.kind
    if result.cap is not None:
        shown["cap"] = plain(result.cap)
        shown["contribution"] = plain(result.contribution, POINTS_PLACES)
    if result.response is not None:
        rate = result.response.rate
        shown["response"] = {
            "numerator": plain(result.response.numerator),
            "denominator": plain(result.response.denominator),
            "rate": None if rate is None else plain(rate),
        }
    return shown


def _adjustment_json(result: AdjustmentResult) -> dict[str, Any]:
    return {
        "code": result.code,
        "numerator": plain(result.numerator),
        "denominator": plain(result.denominator),
        "value": None if result.value is None else plain(result.value),
        "points": f"{result.points:f}",
    }


def _competence_json(card: Scorecard) -> dict[str, Any] | None:
    found = card.competence
    assert found is not None, "the policy has competence grades"
    return {
        "code": found.code,
        "next": found.following,
        "lacking": [
            {
                "what": each.what,
                "code": each.code,
                "needed": plain(each.needed),
                "reached": None if each.reached is None else plain(each.reached),
            }
            for each in found.lacking
        ],
    }
