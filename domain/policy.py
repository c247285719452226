"""A policy: what is measured, against which target, with what weight, and which grade a score earns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from domain.calendars import calendar_names
from domain.context import Context, DuePrecision, make_context
from domain.curves import Curve, Direction
from domain.errors import UnknownNameError
from domain.indicators import MEASURES, PolicyError, RatioMeasure, measure_fault
from domain.numbers import Number, Points, Rate
from domain.procedures import (
    Code,
    Register,
    Text,
    Title,
    content_hash,
    load_register,
    shipped_registers,
)
from domain.toml_files import StrictModel, TomlText, did_you_mean, parse_toml, read_toml
from domain.zones import load_zone

SHIPPED: Final = Path(__file__).parent / "shipped" / "policies"

NotRatable = Literal["spread", "full", "zero"]
"""What an indicator without data does: its weight is spread over the rest, or it counts as full or as zero."""


class Indicator(StrictModel):
    """One measure with its target, its curve from rate to points (0 to 100), and its weight in per cent."""

    code: Code
    measure: str
    title: Title
    rule: Title
    clause: Text
    target: Rate
    direction: Direction | None = None
    curve: Curve
    weight: Annotated[Number, Field(ge=0, le=100)]
    minimum_exposure: Annotated[Number, Field(ge=0)] = Decimal(0)
    when_not_ratable: NotRatable | None = None

    @property
    def ratio(self) -> RatioMeasure:
        """What the measure adds up."""
        return MEASURES[self.measure]

    @property
    def better(self) -> Direction:
        """Whether a higher or a lower rate is better."""
        return self.ratio.better

    def is_ratable(self, denominator: Fraction) -> bool:
        """Whether there is enough to judge by."""
        return denominator > 0 and denominator >= self.minimum_exposure

    def points_of(self, rate: Fraction) -> Fraction:
        """Points of a rate by the curve, exact."""
        return self.curve.points_of(rate, self.better)


class Grade(StrictModel):
    """A grade and the score from which on it is given."""

    code: Code
    title: Title
    lower: Points = Field(alias="from")


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


def parse_policy(text: str, *, place: str, registers: Collection[str] = ()) -> Policy:
    """The policy that a TOML text describes; `registers` are adopted ones it may name beside the shipped.

    Raises PolicyError with line, key and remedy.
    """
    file = parse_toml(text, place=place, kind=PolicyError)
    parsed = file.parse(_PolicyFile, PolicyError)
    _check_names(file, parsed, {*shipped_registers(), *registers})
    _check_indicators(file, parsed)
    _check_grades(file, parsed)
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


class _PolicyFile(StrictModel):
    name: Code
    version: Annotated[int, Field(ge=1)]
    title: Title
    zone: str
    due_precision: DuePrecision = "day"
    calendar: str
    register_name: str = Field(alias="register")
    decimals: Annotated[int, Field(ge=0, le=6)] = 2
    when_not_ratable: NotRatable = "spread"
    indicator: Annotated[tuple[Indicator, ...], Field(min_length=1, strict=False)]
    grade: Annotated[tuple[Grade, ...], Field(strict=False)] = ()


def _check_names(file: TomlText, parsed: _PolicyFile, registers: set[str]) -> None:
    try:
        load_zone(parsed.zone)
    except UnknownNameError as error:
        raise file.error(("zone",), str(error), PolicyError) from error
    for key, given, known in (
        ("calendar", parsed.calendar, set(calendar_names())),
        ("register", parsed.register_name, registers),
    ):
        if given not in known:
            message = f"No {key} {given!r}. {did_you_mean(given, sorted(known))}"
            message += " One of your own is adopted first: `kaoji procedure adopt FILE --by STAFF_ID`." * (
                key == "register"
            )
            raise file.error((key,), message, PolicyError)


def _check_indicators(file: TomlText, parsed: _PolicyFile) -> None:
    codes: set[str] = set()
    for number, one in enumerate(parsed.indicator):
        at = ("indicator", number)
        if one.code in codes:
            message = f"Indicator {one.code!r} is already there. Remove or rename one."
            raise file.error((*at, "code"), message, PolicyError)
        codes.add(one.code)
        fault = measure_fault(one.measure)
        if fault is not None:
            raise file.error((*at, "measure"), fault[0], fault[1])
        if one.direction not in (None, one.better):
            message = f"For the measure {one.measure!r} {one.better} is better. Leave `direction` out or mend it."
            raise file.error((*at, "direction"), message, PolicyError)
        curve_fault = one.curve.fault(one.better)
        if curve_fault is not None:
            raise file.error((*at, "curve"), curve_fault, PolicyError)
    total = sum((one.weight for one in parsed.indicator), Decimal(0))
    if total != 100:
        way = f"Take {total - 100} away" if total > 100 else f"Add {100 - total}"
        listed = ", ".join(f"{one.code} {one.weight}" for one in parsed.indicator)
        message = f"The weights add up to {total}, not 100 ({listed}). {way}."
        raise file.error(("indicator",), message, PolicyError)


def _check_grades(file: TomlText, parsed: _PolicyFile) -> None:
    if not parsed.grade:
        return
    codes = [grade.code for grade in parsed.grade]
    bounds = [grade.lower for grade in parsed.grade]
    for number, grade in enumerate(parsed.grade):
        at = ("grade", number)
        if grade.code in codes[:number]:
            message = f"Grade {grade.code!r} is already there. Remove or rename one."
            raise file.error((*at, "code"), message, PolicyError)
        if grade.lower in bounds[:number]:
            message = f"Two grades begin at {grade.lower}, so one of them is never given. Move one."
            raise file.error((*at, "from"), message, PolicyError)
    if min(bounds) > 0:
        message = f"A score below {min(bounds)} has no grade. Let the lowest grade begin at 0."
        raise file.error(("grade", bounds.index(min(bounds)), "from"), message, PolicyError)
    lowest, highest = _reachable(parsed, best=False), _reachable(parsed, best=True)
    for number, grade in enumerate(parsed.grade):
        above = min((bound for bound in bounds if bound > grade.lower), default=None)
        if grade.lower > highest or (above is not None and above <= lowest):
            message = (
                f"No score can earn the grade {grade.code!r}: the curves and weights give "
                f"{float(lowest):g} to {float(highest):g}. Move its lower bound."
            )
            raise file.error(("grade", number, "from"), message, PolicyError)


def _reachable(parsed: _PolicyFile, *, best: bool) -> Fraction:
    """The best or the worst score that some data can give, with whatever indicators are not ratable."""
    sign = 1 if best else -1
    points, weights, loose = Fraction(0), Fraction(0), []
    for one in parsed.indicator:
        reached = Fraction(one.curve.highest() if best else one.curve.lowest())
        rule = one.when_not_ratable or parsed.when_not_ratable
        if rule == "spread":
            loose.append((reached, Fraction(one.weight)))
            continue
        without = Fraction(one.curve.highest() if rule == "full" else 0)
        points += max(sign * reached, sign * without) * sign * Fraction(one.weight)
        weights += Fraction(one.weight)
    # An indicator that can be left out is only there where it moves the mean the wanted way.
    for reached, weight in sorted(loose, key=lambda pair: -sign * pair[0]):
        if weight and (not weights or sign * reached > sign * points / weights):
            points += reached * weight
            weights += weight
    return points / weights if weights else Fraction(0)


@lru_cache(maxsize=16)
def _load_shipped(name: str) -> Policy:
    return parse_policy((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"), place=f"{name}.toml")
