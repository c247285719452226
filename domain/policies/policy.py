"""A policy: what is measured, against which target, with what weight, and which grade a score earns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final

from domain.errors import UnknownNameError, WrongInputError
from domain.numbers import Rounding
from domain.policies.checks import check_policy
from domain.policies.measures import CompiledMeasure, Measure, PolicyError
from domain.policies.policy_file import Adjustment, Competence, Grade, Indicator, NotRatable, PolicyFile
from domain.rules.context import Context, DuePrecision, make_context
from domain.rules.procedures import Register, Title, content_hash, load_register, shipped_registers
from domain.rules.toml_files import parse_toml, read_toml

SHIPPED: Final = Path(__file__).parents[1] / "shipped" / "policies"


@dataclass(frozen=True)
class Policy:
    """A policy as adopted; `hash` is the SHA-256 of what the file says, whatever its layout and comments."""

    name: str
    version: int
    title: Title
    zone: str
    due_precision: DuePrecision
    calendar: str
    register: str
    decimals: int
    when_not_ratable: NotRatable
    indicators: tuple[Indicator, ...]
    grades: tuple[Grade, ...]
    """From the highest down."""
    hash: str
    text: str = field(repr=False, compare=False, default="")
    rounding: Rounding = "half-even"
    bonuses: tuple[Adjustment, ...] = ()
    deductions: tuple[Adjustment, ...] = ()
    bonus_ceiling: Decimal | None = None
    deduction_ceiling: Decimal | None = None
    score_min: Decimal = Decimal(0)
    score_max: Decimal = Decimal(100)
    competences: tuple[Competence, ...] = ()
    """From the highest down."""
    own_measures: tuple[Measure, ...] = ()
    """As the file declares them."""

    def context(self, registers: Mapping[str, Register] | None = None) -> Context:
        """What measuring under this policy depends on. `registers`: adopted ones, before the shipped ones.

        Raises UnknownNameError when the register is neither.
        """
        register = (registers or {}).get(self.register) or load_register(self.register)
        return make_context(
            zone=self.zone, due_precision=self.due_precision, register=register, calendar=self.calendar
        )

    def not_ratable(self, indicator: Indicator) -> NotRatable:
        """What that indicator does without data."""
        return indicator.when_not_ratable or self.when_not_ratable

    def grade_of(self, score: Decimal) -> Grade | None:
        """The grade of a score as printed, so that no decimal behind the printed ones decides."""
        return next((grade for grade in self.grades if score >= grade.lower), None)

    @property
    def measures(self) -> tuple[CompiledMeasure, ...]:
        """Every measure that some point, bonus, deduction or exposure rests on."""
        tables = (*self.indicators, *self.bonuses, *self.deductions)
        found = [table.counts for table in tables]
        found += [table.exposure_counts for table in tables if table.exposure_counts is not None]
        return (*found, *(asked.counts for one in self.competences for asked in one.exposure))

    @property
    def values_needed(self) -> int:
        """The populations whose values are needed, as bits 1 << population."""
        bits = 0
        for one in self.measures:
            bits |= one.values_needed
        return bits

    def varied(self, *, weights: Mapping[str, Decimal], targets: Mapping[str, Decimal]) -> Policy:
        """The same policy with other weights and targets, for asking what would be.

        Weights count in proportion to their sum, so they need not add up to 100. A curve moves along with its
        target: so many points off the target cost what they cost before. The hash is that of no policy.
        Raises UnknownNameError, or VariationError for a number that cannot be.
        """
        known = {one.code: one for one in self.indicators}
        for code in sorted({*weights, *targets} - set(known)):
            raise UnknownNameError("indicator", code, known, see=f"kaoji policy show {self.name}")
        changed = []
        for one in self.indicators:
            update: dict[str, object] = {}
            if one.code in weights:
                update["weight"] = _checked(one, "weight", weights[one.code], Decimal(1_000))
            if one.code in targets:
                most = Decimal(1) if one.counts.kind == "ratio" else Decimal(1_000_000_000)
                target = _checked(one, "target", targets[one.code], most)
                update |= {"target": target, "curve": one.curve.shifted(target - one.target)}
            changed.append(one.model_copy(update=update))
        if not any(one.weight for one in changed):
            raise VariationError("All weights are 0, so there is no score. Give one of them a weight.")
        return replace(self, indicators=tuple(changed), hash="")


class VariationError(WrongInputError):
    """Another weight or target that no policy could have."""


def parse_policy(text: str, *, place: str, registers: Collection[str] = ()) -> Policy:
    """The policy that a TOML text describes; `registers` are adopted ones it may name beside the shipped.

    Raises PolicyError with line, key and remedy.
    """
    file = parse_toml(text, place=place, kind=PolicyError)
    parsed = file.parse(PolicyFile, PolicyError)
    check_policy(file, parsed, registers={*shipped_registers(), *registers})
    return Policy(
        name=parsed.name,
        version=parsed.version,
        title=parsed.title,
        zone=parsed.zone,
        due_precision=parsed.due_precision,
        calendar=parsed.calendar,
        register=parsed.register_name,
        decimals=parsed.decimals,
        when_not_ratable=parsed.when_not_ratable,
        indicators=parsed.indicator,
        grades=tuple(sorted(parsed.grade, key=lambda grade: -grade.lower)),
        hash=content_hash(parsed),
        text=file.text,
        rounding=parsed.rounding,
        bonuses=parsed.bonus,
        deductions=parsed.deduction,
        bonus_ceiling=parsed.bonus_ceiling,
        deduction_ceiling=parsed.deduction_ceiling,
        score_min=parsed.score_min,
        score_max=parsed.score_max,
        competences=tuple(sorted(parsed.competence, key=lambda one: one.lower)[::-1]),
        own_measures=parsed.measure,
    )


def load_policy(name: str, *, registers: Collection[str] = ()) -> Policy:
    """A shipped policy by name, or one from a file. Raises UnknownNameError or PolicyError."""
    if name in shipped_policies():
        return _load_shipped(name)
    if name.endswith(".toml") or "/" in name:
        return parse_policy(read_toml(Path(name), PolicyError).text, place=name, registers=registers)
    raise UnknownNameError("policy", name, shipped_policies(), see="kaoji policy list")


@lru_cache(maxsize=1)
def shipped_policies() -> tuple[str, ...]:
    """Names of the policies that come with the product."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


@lru_cache(maxsize=16)
def _load_shipped(name: str) -> Policy:
    return parse_policy((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"), place=f"{name}.toml")


def _checked(one: Indicator, what: str, value: Decimal, most: Decimal) -> Decimal:
    if not (value.is_finite() and 0 <= value <= most):
        raise VariationError(f"The {what} of {one.code!r} cannot be {value}. Write a number from 0 to {most}.")
    return value
