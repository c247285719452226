"""Thousands of scorecards as printed, made column by column: the same as `card_json` of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain.garbage import without_collections
from domain.numbers import RATE_PLACES, plain, units_of
from domain.policies.curves import UNIT_ROUNDOFF
from domain.policies.policy_file import Adjustment, Indicator
from domain.scoring.counted_columns import Flags, Floats
from domain.scoring.exact_scoring import INCOMPLETE, WHOLE, Scorecard
from domain.scoring.intervals import wilson, wilson_millionths
from domain.scoring.json_columns import (
    Constant,
    Record,
    Several,
    Shape,
    Spacing,
    Texts,
    is_plain,
    joined,
    json_texts,
    values_of,
)
from domain.scoring.number_columns import decimal_column, plain_column, with_texts
from domain.scoring.score_columns import (
    NO_SCORE,
    AdjustmentColumn,
    IndicatorColumn,
    ScoreColumns,
    Units,
    round_units,
)
from domain.scoring.scorecard_json import POINTS_PLACES, card_json

_MILLIONTHS: Final = 6


@dataclass(frozen=True, eq=False)
class ScorecardRows:
    """Every scorecard as printed, in order; with `competence` where these subjects are graded by it."""

    columns: ScoreColumns
    subjects: Sequence[str]
    units: Sequence[str | None]
    competence: bool

    def values(self) -> list[dict[str, Any]]:
        """As values."""
        with without_collections():
            rows = values_of(self._shape, len(self.subjects))
            for row, card in self._too_large.items():
                rows[row] = card
            return rows

    def texts(self, spacing: Spacing) -> Iterator[str]:
        """As the text of a list without its brackets, some thousands at a time."""
        return json_texts(self._shape, len(self.subjects), spacing, instead=self._too_large)

    def summary_columns(self, *, with_units: bool) -> list[str]:
        """What the columns of a summary are called."""
        policy = self.columns.policy
        codes = [each.code for each in policy.indicators]
        return ["subject", *(["unit"] if with_units else []), "score", "grade", *codes, *self._further]

    def summary(self, *, with_units: bool) -> list[tuple[str | None, ...]]:
        """Of each subject its name, unit if asked for, score, grade, what each indicator counted, and what bonuses
        added, deductions took and which competence grade it has, where the policy has them."""
        columns, size = self.columns, len(self.subjects)
        counted = [_counted(columns, number) for number in range(len(columns.indicators))]
        shown = [_scores(columns), _grades(columns), *counted, *self._further.values()]
        rows = list(
            zip(
                self.subjects,
                *([self.units] if with_units else []),
                *(values_of(each, size) for each in shown),
                strict=True,
            )
        )
        for row, card in self._too_large.items():
            results = (each["rate"] if "kind" in each else _ratio(each) for each in card["indicators"])
            adjusted = card.get("adjusted") or {}
            further = {**adjusted, "competence": card.get("competence", {}).get("code")}
            rest = (further.get(name) for name in self._further)
            rows[row] = (*rows[row][: 1 + with_units], card["score"], card["grade"], *results, *rest)
        return rows

    @cached_property
    def _further(self) -> dict[str, Texts]:
        """Columns of a summary that not every policy has."""
        columns, policy = self.columns, self.columns.policy
        found: dict[str, Texts] = {}
        if policy.bonuses or policy.deductions:
            parts = _adjusted_parts(columns)
            there = pa.array(columns.scores != NO_SCORE)
            for name in ("bonus", "deduction"):
                found[name] = Texts(pc.if_else(there, parts[name].column, None))
        if policy.competences and self.competence:
            found["competence"] = _picked([*(one.code for one in policy.competences), None], columns.competences)
        return found

    @cached_property
    def _too_large(self) -> dict[int, dict[str, Any]]:
        """Cards of which floats do not know enough."""
        columns = self.columns
        return {
            row: card_json(
                card_of(columns, row, self.subjects[row], self.units[row]),
                columns.policy,
                competence=self.competence,
            )
            for row in np.flatnonzero(columns.too_large).tolist()
        }

    @cached_property
    def _shape(self) -> Record:
        columns, policy = self.columns, self.columns.policy
        weights = _counted_weights(columns)
        fields: dict[str, Shape] = {
            "subject": Texts.of(self.subjects),
            "unit": Texts.of(self.units),
            "score": _scores(columns),
            "grade": _grades(columns),
            "incomplete": _millionths(_summed(columns, INCOMPLETE)),
            "indicators": Several(
                [_indicator(columns, number, one, weights[number]) for number, one in enumerate(policy.indicators)]
            ),
        }
        if policy.bonuses or policy.deductions:
            fields["adjusted"] = _adjusted(columns)
            fields["bonuses"] = _adjustments(columns, policy.bonuses, columns.bonuses)
            fields["deductions"] = _adjustments(columns, policy.deductions, columns.deductions)
        if policy.competences and self.competence:
            fields["competence"] = _competences(columns)
        return Record(fields)


def card_of(columns: ScoreColumns, row: int, subject: str, unit: str | None) -> Scorecard:
    """The exact scorecard of one row; what was scored fast must be the same."""
    card = columns.exact.scorecard(subject, unit, columns.cells_of(row), columns.values_of(row))
    exact = NO_SCORE if card.score is None else units_of(card.score, columns.policy.decimals)
    assert exact == columns.scores[row], "both readings give one score"
    return card


def _scores(columns: ScoreColumns) -> Texts:
    return _decimals(columns.scores, columns.policy.decimals)


def _grades(columns: ScoreColumns) -> Texts:
    return _picked([*(grade.code for grade in columns.policy.grades), None], columns.grades)


def _counted(columns: ScoreColumns, number: int) -> Texts:
    """What a ratio was made of; of a count, mean or quantile its value."""
    column, indicator = columns.indicators[number], columns.policy.indicators[number]
    if indicator.counts.kind != "ratio":
        return _rates(column.counted.value_top, column.counted.value_bottom, column.ratable)
    top, bottom = _millionths(column.counted.numerator), _millionths(column.counted.denominator)
    return Texts(joined([top.column, bottom.column], "/"))


def _ratio(result: dict[str, Any]) -> str:
    return f"{result['numerator']}/{result['denominator']}"


def _indicator(columns: ScoreColumns, number: int, indicator: Indicator, weights: Texts) -> Record:
    """One indicator of all subjects."""
    column, policy = columns.indicators[number], columns.policy
    fields: dict[str, Shape] = {
        "code": Constant(indicator.code),
        "numerator": _millionths(column.counted.numerator),
        "denominator": _millionths(column.counted.denominator),
        "rate": _rates(column.counted.value_top, column.counted.value_bottom, column.ratable),
        "interval": _intervals(column, indicator),
        "points": _decimals(columns.points_units(number), policy.decimals),
        "weight": Constant(plain(indicator.weight)),
        "counted_weight": weights,
    }
    if indicator.counts.kind != "ratio":
        fields["kind"] = Constant(indicator.counts.kind)
    if indicator.cap is not None:
        fields["cap"] = Constant(plain(indicator.cap))
        fields["contribution"] = _plain(
            columns.contributions[number],
            columns.contributions_error,
            lambda row: columns.exact_contribution(number, row),
        )
    response = indicator.counts.response
    if response is not None:
        top, bottom = _summed(columns, response.numerator), _summed(columns, response.denominator)
        fields["response"] = Record(
            {
                "numerator": _millionths(top),
                "denominator": _millionths(bottom),
                "rate": _rates(top, bottom, bottom > 0),
            }
        )
    return Record(fields)


def _adjusted(columns: ScoreColumns) -> Record:
    """How the weighted mean became the score."""
    return Record({**_adjusted_parts(columns)}, there=columns.scores != NO_SCORE)


def _adjusted_parts(columns: ScoreColumns) -> dict[str, Texts]:
    def part(name: str, values: Floats, error: float) -> Texts:
        def exact(row: int) -> Fraction:
            return Fraction(getattr(columns.exact_row(row).adjusted, name))

        return _plain(np.where(scored, values, 0.0), error, exact, among=scored)

    scored = columns.scores != NO_SCORE
    return {
        "mean": part("mean", columns.mean, columns.contributions_error),
        "bonus": part("bonus", columns.added, columns.added_error),
        "deduction": part("deduction", columns.taken, columns.taken_error),
    }


def _adjustments(
    columns: ScoreColumns, adjustments: Sequence[Adjustment], found: Sequence[AdjustmentColumn]
) -> Several:
    return Several(
        [
            Record(
                {
                    "code": Constant(one.code),
                    "numerator": _millionths(column.counted.numerator),
                    "denominator": _millionths(column.counted.denominator),
                    "value": _rates(column.counted.value_top, column.counted.value_bottom, column.ratable),
                    "points": _decimals(columns.adjustment_units(one, column), columns.policy.decimals),
                }
            )
            for one, column in zip(adjustments, found, strict=True)
        ]
    )


def _competences(columns: ScoreColumns) -> Record:
    """The grade of each subject, and what the next one above asks for besides."""
    policy, reached = columns.policy, columns.competences
    codes = [one.code for one in policy.competences]
    elements: list[Shape] = []
    kept: list[Flags] = []
    for place, one in enumerate(policy.competences):
        is_next = reached == place + 1
        for demand in columns.demands(one):
            fields: dict[str, Shape] = {
                "what": Constant(demand.what),
                "code": Constant(demand.code),
                "needed": Constant(plain(demand.needed)),
                "reached": Texts(plain_column(demand.reached, demand.places, there=demand.there)),
            }
            elements.append(Record(fields))
            kept.append(is_next & ~demand.met)
    return Record(
        {
            "code": _picked([*codes, None], reached),
            "next": _picked([None, *codes], reached),
            "lacking": Several(elements, kept=kept),
        }
    )


def _counted_weights(columns: ScoreColumns) -> list[Texts]:
    """Texts of the counted weights by indicator; most subjects share one pattern of what is there."""
    there = np.stack([one.there for one in columns.indicators], axis=1)
    bits = np.packbits(there, axis=1)
    _, first, which = np.unique(bits.view(f"V{bits.shape[1]}").ravel(), return_index=True, return_inverse=True)
    texts = [columns.exact.counted_weights(tuple(pattern)) for pattern in there[first].tolist()]
    return [
        _picked([plain(weights[number]) for weights in texts], which) for number in range(len(columns.indicators))
    ]


def _intervals(column: IndicatorColumn, indicator: Indicator) -> Shape:
    if indicator.counts.kind != "ratio":
        return Constant(None)
    size = column.points.size
    rows = np.flatnonzero(column.ratable)
    hits, cases = column.counted.numerator[rows], column.counted.denominator[rows]
    low, high, unsure = wilson_millionths(hits, cases)
    exact = {
        int(rows[place]): wilson(Fraction(int(hits[place]), WHOLE), Fraction(int(cases[place]), WHOLE))
        for place in np.flatnonzero(unsure).tolist()
    }
    bounds = []
    for end, millionths in enumerate((low, high)):
        units = np.zeros(size, np.int64)
        units[rows] = millionths
        texts = {row: f"{found[end]:f}" for row, found in exact.items()}
        bounds.append(Texts(with_texts(decimal_column(units, _MILLIONTHS), texts)))
    return Several(bounds, there=column.ratable)


def _rates(top: Floats, bottom: Floats, there: Flags) -> Texts:
    """top ÷ bottom where it is there, as `plain` prints it."""
    values = np.where(there, top, 0.0) / np.where(there, bottom, 1.0)
    error = UNIT_ROUNDOFF * float(values.max(initial=0))

    def exact(row: int) -> Fraction:
        return Fraction(int(top[row]), int(bottom[row]))

    return _plain(values, error, exact, places=RATE_PLACES, among=there, there=there)


def _plain(
    values: Floats,
    error: float,
    exact: Callable[[int], Fraction],
    *,
    places: int = POINTS_PLACES,
    among: Flags | None = None,
    there: Flags | None = None,
) -> Texts:
    """Values of zero or more as `plain` prints them; `exact` is asked where the last digit is unsure."""
    units, unsure = round_units(values, error, places, "half-even")
    # Beyond 2**52 units a float has no part behind the point to judge by.
    unsure |= units >= 2**52
    rows = np.flatnonzero(unsure if among is None else unsure & among).tolist()
    return Texts(
        with_texts(plain_column(units, places, there=there), {row: plain(exact(row), places) for row in rows})
    )


def plain_text(units: int, places: int) -> str:
    """Units of so many places as `plain` prints the number."""
    whole, part = divmod(abs(units), 10**places)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole}.{part:0{places}}".rstrip("0") if part else f"{sign}{whole}"


def decimal_text(units: int, places: int) -> str:
    """Units of so many places with all their decimals."""
    whole, part = divmod(units, 10**places)
    return f"{whole}.{part:0{places}}" if places else f"{whole}"


def _millionths(values: Floats) -> Texts:
    """Millionths as `plain` prints them."""
    return Texts(plain_column(values.astype(np.int64), _MILLIONTHS))


def _decimals(units: Units, places: int) -> Texts:
    """Numbers with so many decimals; null for NO_SCORE."""
    return Texts(decimal_column(units, places, there=units != NO_SCORE))


def _picked(texts: Sequence[str | None], places: NDArray[np.intp]) -> Texts:
    """One of a few texts for each row."""
    return Texts(pa.array(texts, pa.string()).take(places), plain=all(map(is_plain, texts)))


def _summed(columns: ScoreColumns, cells: Sequence[int]) -> Floats:
    summed: Floats = columns.sums.cells[:, list(cells)].sum(axis=1).astype(np.float64)
    return summed
