"""Thousands of scorecards as printed, made column by column: the same as `card_json` of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, Final

import numpy as np

from domain.counted_columns import Flags, Floats
from domain.curves import UNIT_ROUNDOFF
from domain.exact_scoring import INCOMPLETE, WHOLE, Scorecard
from domain.garbage import without_collections
from domain.intervals import wilson, wilson_millionths
from domain.numbers import RATE_PLACES, plain, units_of
from domain.policy_file import Adjustment, Competence, Indicator
from domain.score_columns import (
    NO_SCORE,
    AdjustmentColumn,
    IndicatorColumn,
    ScoreColumns,
    Units,
    round_units,
)
from domain.scorecard_json import POINTS_PLACES, card_json

_MILLIONTHS: Final = 6
Texts = list[str | None]
Columns = dict[str, Sequence[Any]]


def rows_json(
    columns: ScoreColumns, subjects: Sequence[str], units: Sequence[str | None], *, competence: bool
) -> list[dict[str, Any]]:
    """Every scorecard, in order."""
    with without_collections():
        return _all_rows(columns, subjects, units, competence=competence)


def _all_rows(
    columns: ScoreColumns, subjects: Sequence[str], units: Sequence[str | None], *, competence: bool
) -> list[dict[str, Any]]:
    policy = columns.policy
    codes = [*(grade.code for grade in policy.grades), None]
    weights = _counted_weights(columns)
    indicators = (
        _indicator(columns, number, one, [texts[number] for texts in weights])
        for number, one in enumerate(policy.indicators)
    )
    named: Columns = {
        "subject": subjects,
        "unit": units,
        "score": _decimals(columns.scores, policy.decimals),
        "grade": [codes[each] for each in columns.grades.tolist()],
        "incomplete": _millionths(_summed(columns, INCOMPLETE)),
        "indicators": [list(each) for each in zip(*indicators, strict=True)],
    }
    if policy.bonuses or policy.deductions:
        named["adjusted"] = _adjusted(columns)
        named["bonuses"] = _adjustments(columns, policy.bonuses, columns.bonuses)
        named["deductions"] = _adjustments(columns, policy.deductions, columns.deductions)
    if policy.competences and competence:
        named["competence"] = _competences(columns)
    rows = list(_rows(named))
    for row in np.flatnonzero(columns.too_large).tolist():
        rows[row] = card_json(card_of(columns, row, subjects[row], units[row]), policy, competence=competence)
    return rows


def card_of(columns: ScoreColumns, row: int, subject: str, unit: str | None) -> Scorecard:
    """The exact scorecard of one row; what was scored fast must be the same."""
    card = columns.exact.scorecard(subject, unit, columns.cells_of(row), columns.values_of(row))
    exact = NO_SCORE if card.score is None else units_of(card.score, columns.policy.decimals)
    assert exact == columns.scores[row], "both readings give one score"
    return card


def _rows(named: Columns) -> Iterator[dict[str, Any]]:
    names = tuple(named)
    return (dict(zip(names, each, strict=True)) for each in zip(*named.values(), strict=True))


def _indicator(
    columns: ScoreColumns, number: int, indicator: Indicator, weights: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """One indicator of all subjects."""
    column, policy = columns.indicators[number], columns.policy
    size = column.points.size
    named: Columns = {
        "code": [indicator.code] * size,
        "numerator": _millionths(column.counted.numerator),
        "denominator": _millionths(column.counted.denominator),
        "rate": _rates(column.counted.value_top, column.counted.value_bottom, column.ratable),
        "interval": _intervals(column, indicator),
        "points": _decimals(columns.points_units(number), policy.decimals),
        "weight": [plain(indicator.weight)] * size,
        "counted_weight": weights,
    }
    if indicator.counts.kind != "ratio":
        named["kind"] = [indicator.counts.kind] * size
    if indicator.cap is not None:
        named["cap"] = [plain(indicator.cap)] * size
        named["contribution"] = _plain(
            columns.contributions[number],
            columns.contributions_error,
            lambda row: columns.exact_contribution(number, row),
        )
    response = indicator.counts.response
    if response is not None:
        top, bottom = _summed(columns, response.numerator), _summed(columns, response.denominator)
        texts = {"numerator": _millionths(top), "denominator": _millionths(bottom)}
        named["response"] = list(_rows({**texts, "rate": _rates(top, bottom, bottom > 0)}))
    return _rows(named)


def _adjusted(columns: ScoreColumns) -> list[dict[str, Any] | None]:
    """How the weighted mean became the score."""

    def part(name: str, values: Floats, error: float) -> list[str]:
        def exact(row: int) -> Fraction:
            return Fraction(getattr(columns.exact_row(row).adjusted, name))

        return _plain(np.where(scored, values, 0.0), error, exact, among=scored)

    scored = columns.scores != NO_SCORE
    named: Columns = {
        "mean": part("mean", columns.mean, columns.contributions_error),
        "bonus": part("bonus", columns.added, columns.added_error),
        "deduction": part("deduction", columns.taken, columns.taken_error),
    }
    return [each if there else None for each, there in zip(_rows(named), scored.tolist(), strict=True)]


def _adjustments(
    columns: ScoreColumns, adjustments: Sequence[Adjustment], found: Sequence[AdjustmentColumn]
) -> list[list[dict[str, Any]]]:
    if not adjustments:
        return [[] for _ in range(len(columns.sums))]
    listed = []
    for one, column in zip(adjustments, found, strict=True):
        named: Columns = {
            "code": [one.code] * column.points.size,
            "numerator": _millionths(column.counted.numerator),
            "denominator": _millionths(column.counted.denominator),
            "value": _rates(column.counted.value_top, column.counted.value_bottom, column.ratable),
            "points": _decimals(columns.adjustment_units(one, column), columns.policy.decimals),
        }
        listed.append(_rows(named))
    return [list(each) for each in zip(*listed, strict=True)]


def _competences(columns: ScoreColumns) -> list[dict[str, Any]]:
    """The grade of each subject, and what the next one above asks for besides."""
    policy = columns.policy
    lacking = [_lacking(columns, one) for one in policy.competences]
    found = []
    for row, place in enumerate(columns.competences.tolist()):
        above = place - 1
        found.append(
            {
                "code": policy.competences[place].code if place < len(policy.competences) else None,
                "next": policy.competences[above].code if above >= 0 else None,
                "lacking": [] if above < 0 else lacking[above].get(row, []),
            }
        )
    return found


def _lacking(columns: ScoreColumns, one: Competence) -> Mapping[int, list[dict[str, Any]]]:
    """Row -> the demands of one competence grade that it does not meet."""
    found: dict[int, list[dict[str, Any]]] = {}
    for demand in columns.demands(one):
        rows = np.flatnonzero(~demand.met)
        texts = _texts(demand.reached[rows], partial(plain_text, places=demand.places))
        for row, text, is_there in zip(rows.tolist(), texts, demand.there[rows].tolist(), strict=True):
            found.setdefault(row, []).append(
                {
                    "what": demand.what,
                    "code": demand.code,
                    "needed": plain(demand.needed),
                    "reached": text if is_there else None,
                }
            )
    return found


def _counted_weights(columns: ScoreColumns) -> list[tuple[str, ...]]:
    """Texts of the counted weights of every subject; most share one pattern of what is there."""
    there = np.array([one.there for one in columns.indicators])
    patterns, which = np.unique(there, axis=1, return_inverse=True)
    texts = [
        tuple(plain(weight) for weight in columns.exact.counted_weights(tuple(pattern)))
        for pattern in patterns.T.tolist()
    ]
    return [texts[each] for each in which.reshape(-1).tolist()]


def _intervals(column: IndicatorColumn, indicator: Indicator) -> list[list[str] | None]:
    found: list[list[str] | None] = [None] * column.points.size
    if indicator.counts.kind != "ratio":
        return found
    rows = np.flatnonzero(column.ratable)
    hits, cases = column.counted.numerator[rows], column.counted.denominator[rows]
    low, high, unsure = wilson_millionths(hits, cases)
    for row, *bounds in zip(rows.tolist(), _decimals(low, 6), _decimals(high, 6), strict=True):
        found[row] = bounds
    for place in np.flatnonzero(unsure).tolist():
        exact = wilson(Fraction(int(hits[place]), WHOLE), Fraction(int(cases[place]), WHOLE))
        found[int(rows[place])] = [f"{bound:f}" for bound in exact]
    return found


def _rates(top: Floats, bottom: Floats, there: Flags) -> Texts:
    """top ÷ bottom where it is there, as `plain` prints it."""
    values = np.where(there, top, 0.0) / np.where(there, bottom, 1.0)
    error = UNIT_ROUNDOFF * float(values.max(initial=0))

    def exact(row: int) -> Fraction:
        return Fraction(int(top[row]), int(bottom[row]))

    texts: Texts = list(_plain(values, error, exact, places=RATE_PLACES, among=there))
    for row in np.flatnonzero(~there).tolist():
        texts[row] = None
    return texts


def _plain(
    values: Floats,
    error: float,
    exact: Callable[[int], Fraction],
    *,
    places: int = POINTS_PLACES,
    among: Flags | None = None,
) -> list[str]:
    """Values of zero or more as `plain` prints them; `exact` is asked where the last digit is unsure."""
    units, unsure = round_units(values, error, places, "half-even")
    # Beyond 2**52 units a float has no part behind the point to judge by.
    unsure |= units >= 2**52
    texts: list[str] = _texts(units, partial(plain_text, places=places))
    for row in np.flatnonzero(unsure if among is None else unsure & among).tolist():
        texts[row] = plain(exact(row), places)
    return texts


def plain_text(units: int, places: int) -> str:
    """Units of so many places as `plain` prints the number."""
    whole, part = divmod(abs(units), 10**places)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole}.{part:0{places}}".rstrip("0") if part else f"{sign}{whole}"


def decimal_text(units: int, places: int) -> str:
    """Units of so many places with all their decimals."""
    whole, part = divmod(units, 10**places)
    return f"{whole}.{part:0{places}}" if places else f"{whole}"


def _millionths(values: Floats) -> list[str]:
    """Millionths as `plain` prints them."""
    return list(_texts(values.astype(np.int64), partial(plain_text, places=_MILLIONTHS)))


def _decimals(units: Units, places: int) -> list[Any]:
    """Numbers with so many decimals; None for NO_SCORE."""
    return _texts(units, lambda each: None if each == NO_SCORE else decimal_text(each, places))


def _texts(values: Units, text: Callable[[int], Any]) -> list[Any]:
    """The text of each value, made once for equal ones."""
    known, which = np.unique(values, return_inverse=True)
    made = np.array([text(each) for each in known.tolist()], object)
    texts: list[Any] = made[which].tolist()
    return texts


def _summed(columns: ScoreColumns, cells: Sequence[int]) -> Floats:
    summed: Floats = columns.sums.cells[:, list(cells)].sum(axis=1).astype(np.float64)
    return summed
