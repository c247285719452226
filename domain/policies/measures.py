"""The vocabulary of measures: what is counted is declared as data, checked, and compiled to sums over cells.

A measure takes members of a population (`domain.measuring.populations`) by the attributes they have or lack.
Nothing is evaluated from strings; a new measure needs no new code, as the fold already says every attribute of
every member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field

from domain.measuring.populations import ATTRIBUTES, FIRST_CELL, STOCKS, VALUED, Population, cells_with, pattern_of
from domain.numbers import Number
from domain.policies.curves import Direction
from domain.rules.penalties import names_penalties, penalty_sentence
from domain.rules.procedures import Code, Title
from domain.rules.toml_files import Path_, StrictModel, TomlFileError, TomlText, did_you_mean, parse_toml

SHIPPED: Final = Path(__file__).parents[1] / "shipped" / "measures" / "standard.toml"

POPULATIONS: Final[Mapping[str, Population]] = MappingProxyType(
    {
        "decisions": Population.DECISION,
        "decided-cases": Population.DECIDED,
        "closed-cases": Population.CLOSED,
        "ratings": Population.RATED,
        "targets": Population.TARGET,
        "actions": Population.ACTION,
        "open-licences": Population.OPEN_LICENCE,
        "open-enforcement": Population.OPEN_ENFORCEMENT,
        "cards": Population.CARD,
    }
)
"""What `of` may name."""

Kind = Literal["ratio", "count", "stock", "sum", "mean", "quantile"]
Better = Literal["higher", "lower", "none"]

_COUNTED: Final = frozenset({"count", "stock", "sum"})
_VALUED: Final = frozenset({"sum", "mean", "quantile"})
_HOLDS_PENALTIES: Final = frozenset({Population.CLOSED, Population.ACTION})
"""Populations with penalties among their members that no attribute tells apart."""


class PolicyError(TomlFileError):
    """A policy that cannot be used as it is."""


class PenaltyRewardError(PolicyError):
    """A policy that would reward the number or amount of penalties."""


class Members(StrictModel):
    """Members of a population that have all of the one and none of the other attributes."""

    of: str
    having: Annotated[tuple[str, ...], Field(strict=False)] = ()
    lacking: Annotated[tuple[str, ...], Field(strict=False)] = ()


class Measure(StrictModel):
    """One measure as written in a file."""

    code: Code
    title: Title
    meaning: Title
    kind: Kind
    of: str
    having: Annotated[tuple[str, ...], Field(strict=False)] = ()
    lacking: Annotated[tuple[str, ...], Field(strict=False)] = ()
    met: Annotated[tuple[str, ...], Field(strict=False)] = ()
    not_met: Annotated[tuple[str, ...], Field(strict=False)] = ()
    plus: Annotated[tuple[Members, ...], Field(strict=False)] = ()
    quantile: Annotated[Number, Field(gt=0, le=1, decimal_places=3)] | None = None
    response: Code | None = None
    better: Better


@dataclass(frozen=True)
class CompiledMeasure:
    """A measure as sums: of cells, or of the values of one population.

    A ratio is the sum over `numerator` ÷ the sum over `denominator`; counts and stocks are the sum over
    `denominator`, and `numerator` is the same. For sums, means and quantiles both are empty: they are read off
    the histogram of `values`.
    """

    code: str
    kind: Kind
    better: Better
    numerator: tuple[int, ...]
    denominator: tuple[int, ...]
    values: Population | None
    quantile: Fraction | None
    response: CompiledMeasure | None

    @property
    def is_counted(self) -> bool:
        """Whether its value is a number of things, which says nothing about how many there could have been."""
        return self.kind in _COUNTED

    @property
    def values_needed(self) -> int:
        """The populations whose values it needs, as bits 1 << population."""
        return 0 if self.values is None else 1 << self.values

    def rewards_penalties(self, more_is: Direction) -> bool:
        """Whether one more penalty, or a decision that turns into one, would move the value the wanted way.

        A ratio over decisions is not moved by their number, so only the turning counts there.
        """
        turned = [self._turned(cell) for cell in _UNPUNISHED]
        if self.kind == "ratio":
            return any((step > 0) if more_is == "higher" else (step < 0) for step in turned)
        if self.kind == "sum":
            return more_is == "higher" and self.values in _HOLDS_PENALTIES
        if self.kind != "count":
            return False
        if more_is == "lower":
            return any(step < 0 for step in turned)
        return any(_may_be_penalty(cell) for cell in self.denominator)

    def exposes_penalties(self, more_is: Direction) -> bool:
        """Whether a decision that turns into a penalty would make more (less) of it to judge by.

        Whoever is judged from so much on is rewarded by that as by the measure itself.
        """
        counted = set(self.denominator)
        turned = [(cell + _PENALTY_STEP in counted) - (cell in counted) for cell in _UNPUNISHED]
        return any((step > 0) if more_is == "higher" else (step < 0) for step in turned)

    @property
    def counts_penalties(self) -> bool:
        """Whether penalties are among its members as such, so that each one is one more to judge by."""
        return not _PUNISHED.isdisjoint(self.denominator)

    def _turned(self, cell: int) -> int:
        """How the numerator changes when a decision of that cell is a penalty instead."""
        penalty = cell + _PENALTY_STEP
        if self.kind == "ratio" and not {cell, penalty} <= set(self.denominator):
            return 0
        return (penalty in self.numerator) - (cell in self.numerator)


_PENALTY_STEP: Final = pattern_of(Population.DECISION, ["penalty"])
_PUNISHED: Final = frozenset(cells_with(Population.DECISION, having=["penalty"]))
_UNPUNISHED: Final = tuple(cells_with(Population.DECISION, lacking=["penalty"]))


def population_of(cell: int) -> Population:
    """The population that a cell belongs to."""
    return Population(int(FIRST_CELL.searchsorted(cell, side="right")) - 1)


def _may_be_penalty(cell: int) -> bool:
    population = population_of(cell)
    if population == Population.DECISION:
        return bool((cell - int(FIRST_CELL[population])) & _PENALTY_STEP)
    return population in _HOLDS_PENALTIES


class _MeasuresFile(StrictModel):
    measure: Annotated[tuple[Measure, ...], Field(strict=False)]


@lru_cache(maxsize=1)
def _standard() -> tuple[tuple[Measure, ...], Mapping[str, CompiledMeasure]]:
    file = parse_toml(SHIPPED.read_text(encoding="utf-8"), place=SHIPPED.name, kind=PolicyError)
    listed = file.parse(_MeasuresFile, PolicyError).measure
    return listed, MappingProxyType(compile_measures(file, listed, known={}))


def standard_measures() -> Mapping[str, CompiledMeasure]:
    """The measures that every policy may use, by code, in the order of the shipped file."""
    return _standard()[1]


def described_measures() -> tuple[Measure, ...]:
    """The same as they are written, for reference pages."""
    return _standard()[0]


def compile_measures(
    file: TomlText, measures: Sequence[Measure], *, known: Mapping[str, CompiledMeasure]
) -> dict[str, CompiledMeasure]:
    """Check and compile the `[[measure]]` tables of a file, which may name each other's earlier and `known` ones.

    Raises PolicyError, or PenaltyRewardError, with line, key and remedy.
    """
    found: dict[str, CompiledMeasure] = {}
    for number, one in enumerate(measures):
        at: Path_ = ("measure", number)
        if one.code in known or one.code in found:
            message = f"Measure {one.code!r} is already there. Choose another code."
            raise file.error((*at, "code"), message, PolicyError)
        found[one.code] = _compiled(file, at, one, {**known, **found})
    return found


def measure_fault(name: str, known: Sequence[str]) -> tuple[str, type[PolicyError]]:
    """Why a policy cannot use a measure that is not there, and as what kind of error."""
    if names_penalties(name):
        return penalty_sentence(name), PenaltyRewardError
    return f"No measure {name!r}. {did_you_mean(name, list(known))}", PolicyError


def _compiled(file: TomlText, at: Path_, one: Measure, known: Mapping[str, CompiledMeasure]) -> CompiledMeasure:
    population = _population(file, at, one.of)
    for key in ("having", "lacking", "met", "not_met"):
        _check_attributes(file, (*at, key), population, getattr(one, key))
    _check_kind(file, at, one, population)
    own = cells_with(population, having=one.having, lacking=one.lacking)
    added = [
        cell for number, more in enumerate(one.plus) for cell in _added(file, (*at, "plus", number), one, more)
    ]
    denominator = () if one.kind in _VALUED else (*own, *added)
    _check_cells(file, at, one, denominator)
    numerator = denominator
    if one.kind == "ratio":
        met = set(cells_with(population, having=one.met, lacking=one.not_met))
        numerator = tuple(cell for cell in own if cell in met)
        if not numerator or (len(numerator) == len(own) and not added):
            message = "The numerator is always none or all of the denominator, so nothing is measured. Mend `met`."
            raise file.error((*at, "met"), message, PolicyError)
    compiled = CompiledMeasure(
        code=one.code,
        kind=one.kind,
        better=one.better,
        numerator=numerator,
        denominator=denominator,
        values=population if one.kind in _VALUED else None,
        quantile=None if one.quantile is None else Fraction(one.quantile),
        response=_response(file, at, one, known),
    )
    if one.better != "none" and compiled.rewards_penalties(one.better):
        raise file.error((*at, "better"), penalty_sentence(one.code), PenaltyRewardError)
    return compiled


def _population(file: TomlText, at: Path_, name: str) -> Population:
    if name not in POPULATIONS:
        if names_penalties(name):
            raise file.error((*at, "of"), penalty_sentence(name), PenaltyRewardError)
        raise file.error(
            (*at, "of"), f"Nothing is counted {name!r}. {did_you_mean(name, list(POPULATIONS))}", PolicyError
        )
    return POPULATIONS[name]


def _check_attributes(file: TomlText, at: Path_, population: Population, names: Sequence[str]) -> None:
    known = ATTRIBUTES[population]
    for name in names:
        if name not in known:
            message = f"They have no attribute {name!r}. {did_you_mean(name, known)}"
            raise file.error(at, message, PolicyError)


def _check_kind(file: TomlText, at: Path_, one: Measure, population: Population) -> None:
    """Each kind has its own keys and populations."""
    misplaced = {
        "met": one.met and one.kind != "ratio",
        "not_met": one.not_met and one.kind != "ratio",
        "response": one.response and one.kind != "ratio",
        "quantile": one.quantile is not None and one.kind != "quantile",
        "plus": one.plus and one.kind in _VALUED,
        # Values are kept for a population as a whole, not for each pattern.
        "having": one.having and one.kind in _VALUED,
        "lacking": one.lacking and one.kind in _VALUED,
    }
    for key, is_misplaced in misplaced.items():
        if is_misplaced:
            raise file.error((*at, key), f"A {one.kind} takes no `{key}`. Remove it.", PolicyError)
    if one.kind == "quantile" and one.quantile is None:
        message = "Which quantile? Add `quantile = 0.5` for the median, or another from 0 to 1."
        raise file.error((*at, "kind"), message, PolicyError)
    if one.kind in _VALUED and population not in VALUED:
        valued = ", ".join(name for name, each in POPULATIONS.items() if each in VALUED)
        raise file.error((*at, "of"), f"Only {valued} have values. Name one, or count instead.", PolicyError)
    if (one.kind == "stock") != (population in STOCKS) and one.kind not in _VALUED:
        stocks = ", ".join(name for name, each in POPULATIONS.items() if each in STOCKS)
        message = f"A stock is of {stocks}; what happened is counted by the other kinds. Change `kind` or `of`."
        raise file.error((*at, "kind"), message, PolicyError)


def _added(file: TomlText, at: Path_, one: Measure, more: Members) -> list[int]:
    """Cells of what `plus` adds: stocks to a ratio or a stock, what happened to a count."""
    population = _population(file, at, more.of)
    _check_attributes(file, (*at, "having"), population, more.having)
    _check_attributes(file, (*at, "lacking"), population, more.lacking)
    if (population in STOCKS) == (one.kind == "count"):
        wanted = "what happened" if one.kind == "count" else "what stands open on the last day"
        message = f"To a {one.kind} only {wanted} can be added. Name another population."
        raise file.error((*at, "of"), message, PolicyError)
    return cells_with(population, having=more.having, lacking=more.lacking)


def _check_cells(file: TomlText, at: Path_, one: Measure, cells: Sequence[int]) -> None:
    if one.kind not in _VALUED and not cells:
        raise file.error((*at, "having"), "Nothing can both have and lack an attribute. Mend one.", PolicyError)
    if len(set(cells)) != len(cells):
        message = "`plus` adds members that are counted already. Let each be counted once."
        raise file.error((*at, "plus"), message, PolicyError)


def _response(
    file: TomlText, at: Path_, one: Measure, known: Mapping[str, CompiledMeasure]
) -> CompiledMeasure | None:
    if one.response is None:
        return None
    if one.response not in known:
        message, kind = measure_fault(one.response, list(known))
        raise file.error((*at, "response"), message, kind)
    if known[one.response].kind != "ratio":
        raise file.error((*at, "response"), "A response is a ratio. Name another measure.", PolicyError)
    return known[one.response]
