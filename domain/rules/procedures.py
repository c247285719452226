"""The procedure register: processes and their procedures, with legal basis, limits and steps, by version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from pydantic import Field

from domain.actions.types import ACTION_TYPES
from domain.errors import UnknownNameError
from domain.rules.calendars import Calendar, CountedDays, to_date, to_day
from domain.rules.penalties import names_penalties, penalty_step_sentence
from domain.rules.toml_files import StrictModel, TomlFileError, TomlText, did_you_mean, parse_toml, read_toml

SHIPPED: Final = Path(__file__).parents[1] / "shipped" / "registers"
_CODE: Final = r"^[a-z0-9]+(?:[-_.][a-z0-9]+)*$"
Code = Annotated[str, Field(pattern=_CODE, max_length=80)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Days = Annotated[int, Field(ge=1, le=3660)]
Family = Literal["licensing", "enforcement", "inspection", "complaint", "review", "plan", "quality", "training"]
ENDINGS: Final = frozenset(
    {
        "licensing.granted",
        "licensing.refused",
        "enforcement.closed",
        "enforcement.dismissed",
        "enforcement.transferred",
    }
)
"""Steps with which a case is decided or closed: the first of them in a list of steps divides it."""
STEPS_REQUIRED_MAX: Final = 64
"""The fold keeps the steps that a case took as the bits of one word."""


class RegisterError(TomlFileError):
    """A procedure register that cannot be used as it is."""


class Title(StrictModel):
    """What something is called, in both languages."""

    zh: Text
    en: Text


class Limit(StrictModel):
    """So many days; day 1 is the first counted day after the start."""

    days: Days
    kind: CountedDays


class DeemedAcceptance(Limit):
    """A licence case that nobody sends back for correction within so many days of receipt counts as accepted
    on receipt, where it is accepted later."""

    legal_basis: Text | None = None


class Extension(Limit):
    """What an extension that states no `due` adds to the limit, at most so many `times`."""

    times: Annotated[int, Field(ge=1, le=100)] = 1
    legal_basis: Text | None = None


class Supervision(StrictModel):
    """Electronic supervision: a warning so many days before the limit, a red card more than so many after it.

    The yellow card needs no figure: it comes on the day after the limit.
    """

    warning: Days
    red: Days
    kind: CountedDays
    legal_basis: Text | None = None


class OtherLimit(StrictModel):
    """A time limit inside a procedure that is watched but does not decide whether the case is on time."""

    code: Code
    title: Title
    days: Days
    kind: CountedDays
    legal_basis: Text


class Step(StrictModel):
    """One step that a case goes through: what `step`, or the action type, calls it. Steps stand in their order."""

    code: Annotated[str, Field(min_length=1, max_length=80)]
    title: Title
    required: bool = False
    role: Text | None = None
    evidence: tuple[Text, ...] = Field(default=(), strict=False)


@dataclass(frozen=True, slots=True)
class ProcedureVersion:
    """A procedure as in force from day `valid_from` to day `valid_to`, both inclusive (None: open)."""

    code: str
    process: str
    title: Title
    legal_basis: str
    limit: Limit | None = None
    stop_reasons: frozenset[str] = frozenset()
    valid_from: int | None = None
    valid_to: int | None = None
    family: str | None = None
    other_limits: tuple[OtherLimit, ...] = ()
    steps: tuple[Step, ...] = ()
    deemed_acceptance: DeemedAcceptance | None = None
    extension: Extension | None = None
    supervision: Supervision | None = None

    @property
    def steps_due(self) -> tuple[str, ...]:
        """Codes of the steps that a case must have gone through when it is decided or closed: the required ones
        that stand before the first ending in the list. What comes after it cannot have been done by then."""
        before = takewhile(lambda step: step.code not in ENDINGS, self.steps)
        return tuple(step.code for step in before if step.required)

    def is_provisional(self, limit_day: int, calendar: Calendar) -> bool:
        """Whether the limit that this version gives, ending on `limit_day`, may move when holidays are published.

        One that a `due` states is taken as stated, and never provisional.
        """
        return self.limit is not None and calendar.is_provisional(limit_day, self.limit.kind)

    def in_force(self, day: int) -> bool:
        """Whether this version applies to what starts on `day`."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


@dataclass(frozen=True)
class Register:
    """Processes and procedures by code; `hash` is the digest of everything that the file says."""

    name: str
    title: Title
    processes: Mapping[str, Title]
    procedures: Mapping[str, tuple[ProcedureVersion, ...]] = field(repr=False)
    hash: str
    text: str = field(repr=False, compare=False, default="")
    register_version: int = 1
    """Version of the file as a whole; a procedure in it has versions of its own."""

    def version(self, code: str, day: int) -> ProcedureVersion | None:
        """The version in force on that day, or None; a code that the register lacks has none."""
        return next((one for one in self.procedures.get(code, ()) if one.in_force(day)), None)

    def process_of(self, code: str) -> str | None:
        """The process of a procedure, one for all of its versions; None when the register lacks it."""
        versions = self.procedures.get(code)
        return versions[0].process if versions else None

    def gaps(self) -> Iterator[tuple[str, int, int]]:
        """Code, first and last day of each time between two versions of a procedure in which none is in force."""
        for code, versions in self.procedures.items():
            for before, after in pairwise(versions):
                if before.valid_to is not None and after.valid_from is not None:
                    first, last = before.valid_to + 1, after.valid_from - 1
                    if first <= last:
                        yield code, first, last

    def codes(self, *, family: str | None = None, process: str | None = None) -> tuple[str, ...]:
        """Codes of the procedures of a family of actions, of a process, or of all."""
        return tuple(
            code
            for code, versions in sorted(self.procedures.items())
            if family in (None, versions[0].family) and process in (None, versions[0].process)
        )


def parse_register(text: str, *, place: str) -> Register:
    """The register that a TOML text describes. Raises RegisterError with line, key and remedy."""
    file = parse_toml(text, place=place, kind=RegisterError)
    parsed = file.parse(_RegisterFile, RegisterError)
    _check(file, parsed)
    procedures: dict[str, list[ProcedureVersion]] = {}
    for one in parsed.procedure:
        procedures.setdefault(one.code, []).append(one.version())
    return Register(
        name=parsed.name,
        title=parsed.title,
        processes={one.code: one.title for one in parsed.process},
        procedures={
            code: tuple(sorted(versions, key=lambda one: (one.valid_from is not None, one.valid_from or 0)))
            for code, versions in sorted(procedures.items())
        },
        hash=content_hash(parsed),
        text=file.text,
        register_version=parsed.version,
    )


def load_register(name: str) -> Register:
    """A shipped register by name, or one from a file. Raises UnknownNameError or RegisterError."""
    if name in shipped_registers():
        return _load_shipped(name)
    if name.endswith(".toml") or "/" in name:
        return parse_register(read_toml(Path(name), RegisterError).text, place=name)
    raise UnknownNameError("procedure register", name, shipped_registers(), see="kaoji procedure registers")


@lru_cache(maxsize=1)
def shipped_registers() -> tuple[str, ...]:
    """Names of the registers that come with the product."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def content_hash(parsed: StrictModel) -> str:
    """SHA-256 of what a file says, whatever its layout, comments and order of keys."""
    values = parsed.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return hashlib.sha256(msgspec.json.encode(values, order="sorted")).hexdigest()


class _Process(StrictModel):
    code: Code
    title: Title


class _Procedure(StrictModel):
    code: Code
    process: Code
    title: Title
    legal_basis: Text
    family: Family | None = None
    limit: Limit | None = None
    deemed_acceptance: DeemedAcceptance | None = None
    extension: Extension | None = None
    supervision: Supervision | None = None
    stop_reasons: tuple[Code, ...] = Field(default=(), strict=False)
    other_limits: tuple[OtherLimit, ...] = Field(default=(), strict=False)
    valid_from: date | None = None
    valid_to: date | None = None
    steps: tuple[Step, ...] = Field(default=(), strict=False)

    def version(self) -> ProcedureVersion:
        return ProcedureVersion(
            code=self.code,
            process=self.process,
            title=self.title,
            legal_basis=self.legal_basis,
            limit=self.limit,
            stop_reasons=frozenset(self.stop_reasons),
            valid_from=None if self.valid_from is None else to_day(self.valid_from),
            valid_to=None if self.valid_to is None else to_day(self.valid_to),
            family=self.family,
            other_limits=self.other_limits,
            steps=self.steps,
            deemed_acceptance=self.deemed_acceptance,
            extension=self.extension,
            supervision=self.supervision,
        )


class _RegisterFile(StrictModel):
    name: Code
    version: Annotated[int, Field(ge=1)] = 1
    title: Title
    process: Annotated[tuple[_Process, ...], Field(min_length=1, strict=False)]
    procedure: Annotated[tuple[_Procedure, ...], Field(min_length=1, strict=False)]


def _check(file: TomlText, parsed: _RegisterFile) -> None:
    """What one table alone cannot show: names that must be known, unique, or apart in time."""
    processes = [one.code for one in parsed.process]
    for number, code in enumerate(processes):
        if code in processes[:number]:
            raise file.error(("process", number, "code"), f"Process {code!r} is already there.", RegisterError)
    earlier: dict[str, list[_Procedure]] = {}
    for number, one in enumerate(parsed.procedure):
        at = ("procedure", number)
        if one.process not in processes:
            message = f"No process {one.process!r}. {did_you_mean(one.process, processes)}"
            raise file.error((*at, "process"), message, RegisterError)
        if one.valid_from and one.valid_to and one.valid_to < one.valid_from:
            message = f"Ends on {one.valid_to}, before it begins on {one.valid_from}. Swap the two."
            raise file.error((*at, "valid_to"), message, RegisterError)
        _check_rules(file, at, one)
        _check_steps(file, at, one)
        _check_penalties(file, at, one)
        for other in earlier.setdefault(one.code, []):
            _check_versions(file, at, one, other)
        earlier[one.code].append(one)


def _check_rules(file: TomlText, at: tuple[str, int], one: _Procedure) -> None:
    """The rules that move a limit need one to move, and count its kind of days."""
    for key in ("deemed_acceptance", "extension"):
        if getattr(one, key) is not None and one.limit is None:
            message = "There is no `limit` that it could move. Give the procedure one, or leave this out."
            raise file.error((*at, key), message, RegisterError)
    if one.extension is not None and one.limit is not None and one.extension.kind != one.limit.kind:
        message = f"The limit counts {one.limit.kind} days. Give the extension in {one.limit.kind} days too."
        raise file.error((*at, "extension"), message, RegisterError)
    if one.deemed_acceptance is not None and one.family != "licensing":
        message = 'Only licence cases are received and accepted. Say `family = "licensing"`, or leave this out.'
        raise file.error((*at, "deemed_acceptance"), message, RegisterError)


def _check_steps(file: TomlText, at: tuple[str, int], one: _Procedure) -> None:
    """Each once; and a mistyped action type would be asked of every case in vain."""
    steps = [step.code for step in one.steps]
    if sum(step.required for step in one.steps) > STEPS_REQUIRED_MAX:
        message = f"More than {STEPS_REQUIRED_MAX} steps are required. Join some, or require fewer."
        raise file.error((*at, "steps"), message, RegisterError)
    for step in steps:
        if steps.count(step) > 1:
            raise file.error((*at, "steps"), f"Step {step!r} is there twice. Rename one.", RegisterError)
        family, dot, _ = step.partition(".")
        if not dot or family not in {kind.family for kind in ACTION_TYPES.values()}:
            continue
        if step not in ACTION_TYPES:
            types = [name for name, kind in ACTION_TYPES.items() if kind.family == family]
            message = f"No action type {step!r}. {did_you_mean(step, types)}"
            raise file.error((*at, "steps"), message, RegisterError)
        if one.family is not None and family != one.family:
            message = (
                f"Step {step!r} is no {one.family} action. Name one of `{one.family}`, or give the step a name "
                "of its own and send it as a `step-done`."
            )
            raise file.error((*at, "steps"), message, RegisterError)


def _check_penalties(file: TomlText, at: tuple[str, int], one: _Procedure) -> None:
    """No case must be penalised to conform: what conforms earns points."""
    for step in one.version().steps_due:
        is_named = one.family in (None, "enforcement") and names_penalties(step)
        if step == "enforcement.penalised" or is_named:
            raise file.error((*at, "steps"), penalty_step_sentence(step), RegisterError)


def _check_versions(file: TomlText, at: tuple[str, int], one: _Procedure, other: _Procedure) -> None:
    if one.process != other.process or one.family != other.family:
        message = f"Another version of {one.code!r} has {other.process!r}, {other.family!r}. Use one for all."
        raise file.error((*at, "process"), message, RegisterError)
    mine, theirs = one.version(), other.version()
    starts = [day for day in (mine.valid_from, theirs.valid_from) if day is not None]
    ends = [day for day in (mine.valid_to, theirs.valid_to) if day is not None]
    if not starts or not ends or max(starts) <= min(ends):
        since = f"from {to_date(max(starts))}" if starts else "always"
        message = (
            f"Two versions of {one.code!r} are in force {since}. "
            "Give the older one a `valid_to` before the newer one's `valid_from`."
        )
        raise file.error((*at, "valid_from"), message, RegisterError)


@lru_cache(maxsize=8)
def _load_shipped(name: str) -> Register:
    return parse_register((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"), place=f"{name}.toml")
