"""The reference pages of policies and registers: every key of the files, from the models that check them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from api.command_line_reference import GENERATED_NOTE
from domain import policy as policies
from domain import procedures
from domain.calendars import calendar_names
from domain.curves import Curve
from domain.indicators import MEASURES
from domain.policy import Grade, Indicator, load_policy
from domain.procedures import (
    DeemedAcceptance,
    Extension,
    Limit,
    OtherLimit,
    Step,
    Supervision,
    load_register,
)

_TITLE: Final = "what it is called, in both languages: `{ zh = …, en = … }`"
_KIND_OF_DAYS: Final = "`working` days of the policy's calendar, or `calendar` days"

_POLICY: Final = (
    (
        "The file",
        policies._PolicyFile,
        {
            "name": "the name of the policy",
            "version": "its version; raise it with every change, once a policy of this name is adopted",
            "title": _TITLE,
            "zone": "the time zone in which days begin and end, by its IANA name",
            "due_precision": "`day`: a due date-time counts by its day; `instant`: to the instant",
            "calendar": "the calendar of working days: " + ", ".join(f"`{name}`" for name in calendar_names()),
            "register": "the procedure register that gives limits and stops",
            "decimals": "decimals of points and scores",
            "when_not_ratable": "what an indicator without data does: its weight is `spread` over the others, or "
            "it counts as `full` points, or as `zero`",
            "indicator": "the indicators, one table each",
            "grade": "the grades, one table each",
        },
    ),
    (
        "`[[indicator]]`",
        Indicator,
        {
            "code": "what the indicator is called in answers",
            "measure": "what it counts: one of the measures below",
            "title": _TITLE,
            "rule": "the rule in words, in both languages; explanations show it",
            "clause": "where the rule stands in the law or standard",
            "target": "the rate aimed at",
            "direction": "`higher` or `lower` is better; follows from the measure, and must agree with it",
            "curve": "how a rate becomes points",
            "weight": "in per cent; the weights of all indicators add up to 100",
            "minimum_exposure": "below this denominator the indicator is not ratable",
            "when_not_ratable": "overrides that of the file",
        },
    ),
    (
        "`curve`",
        Curve,
        {
            "kind": "`linear`: straight between neighbouring points, level beyond the first and the last; `step`: "
            "the points of the best step that is reached; `threshold`: one step",
            "points": "pairs `[rate, points]`, rates rising, points from 0 to 100",
        },
    ),
    (
        "`[[grade]]`",
        Grade,
        {
            "code": "what the grade is called in answers",
            "title": _TITLE,
            "from": "the score from which on it is given; the lowest grade begins at 0",
        },
    ),
)

_REGISTER: Final = (
    (
        "The file",
        procedures._RegisterFile,
        {
            "name": "the name of the register",
            "version": "its version; raise it with every change, once a register of this name is adopted",
            "title": _TITLE,
            "process": "the main processes, one table each",
            "procedure": "the procedures, one table for each version",
        },
    ),
    ("`[[process]]`", procedures._Process, {"code": "what answers call it", "title": _TITLE}),
    (
        "`[[procedure]]`",
        procedures._Procedure,
        {
            "code": "what actions call it (`procedure`)",
            "process": "the process it belongs to",
            "title": _TITLE,
            "legal_basis": "where it stands in the law",
            "family": "the actions of its cases",
            "limit": "the time limit, for cases whose actions state no `due`",
            "deemed_acceptance": "licence cases: accepted on receipt where nobody asked for a correction in time",
            "extension": "what an extension that states no `due` adds to the limit",
            "supervision": "when electronic supervision warns and gives a red card",
            "stop_reasons": "the reasons of a suspension for which the clock stops; all others do not stop it",
            "other_limits": "limits inside the procedure; listed, not counted",
            "valid_from": "first day of this version: it holds for cases that start on it or later",
            "valid_to": "last day of this version",
            "steps": "the steps of a case, in their order; the required ones before the first decision or closing "
            "in the list are asked of every case that is decided or closed",
        },
    ),
    ("`limit`", Limit, {"days": "how many; day 1 is the first such day after the start", "kind": _KIND_OF_DAYS}),
    (
        "`deemed_acceptance`",
        DeemedAcceptance,
        {
            "days": "how many after the receipt; a correction requested by the last of them, or an acceptance by "
            "it, leaves the acceptance as the start",
            "kind": _KIND_OF_DAYS,
            "legal_basis": "where it stands in the law",
        },
    ),
    (
        "`extension`",
        Extension,
        {
            "days": "how many each extension adds; it must come on the last day of the limit or before",
            "kind": f"{_KIND_OF_DAYS}; the same as those of the limit",
            "times": "how many extensions count; one that states a `due` is not one of them",
            "legal_basis": "where it stands in the law",
        },
    ),
    (
        "`supervision`",
        Supervision,
        {
            "warning": "so many days before the limit a warning is due, if the case is still open",
            "red": "more than so many days after the limit a red card is due; a yellow one is due on the day after "
            "any limit",
            "kind": _KIND_OF_DAYS,
            "legal_basis": "where it stands in the law",
        },
    ),
    (
        "An entry of `other_limits`",
        OtherLimit,
        {
            "code": "what it is called",
            "title": _TITLE,
            "days": "how many",
            "kind": _KIND_OF_DAYS,
            "legal_basis": "where it stands in the law",
        },
    ),
    (
        "An entry of `steps`",
        Step,
        {
            "code": "the action type, or what `step` of a `step-done` says",
            "title": _TITLE,
            "required": "whether every case goes through it",
            "role": "who does it",
            "evidence": "what proves it",
        },
    ),
)

_MEASURES: Final[Mapping[str, str]] = {
    "plan-completion": "targets due in the period, and those completed by their due date",
    "satisfaction": "ratings given in the period, and those of 4 or 5",
    "timeliness": "licence cases decided, or open and overdue, and those decided within their limit",
    "error-rate": "licence cases decided, and those with a confirmed error",
    "closure": "enforcement cases closed, or open and overdue, and those closed",
    "revocation": "decisions made, and those that a review overturned",
}


def policy_page() -> str:
    """The page of policy files as Markdown."""
    opening = """A policy says what is measured, against which target, with what weight, and which grade a score \
earns. It is a TOML file. `kaoji policy check FILE` says what is wrong with it, by line and key; `kaoji policy \
show gx-2012` prints the one that is shipped, to begin from. How to draft, compare and adopt one: \
[adopt a policy](../how-to/adopt-a-policy.md). A policy is known by its hash: a score says under \
which it was made. The rules of counting are in [scoring](../explanation/scoring.md)."""
    assert set(_MEASURES) == set(MEASURES), "every measure is described"
    rows = [f"| `{name}` | {MEASURES[name].better} | {text} |" for name, text in _MEASURES.items()]
    measures = "\n".join(["| measure | better | counts |", "| --- | --- | --- |", *rows])
    closing = f"""## Measures

{measures}

A measure that would reward the number or amount of penalties is refused, with the reason.

## The shipped policy `receipt_wabo`

```toml
{load_policy("receipt_wabo").text.strip()}
```"""
    return _page("Policy files", opening, _POLICY, closing)


def register_page() -> str:
    """The page of register files as Markdown."""
    opening = """A procedure register names the processes of an administration, the procedures in them with their \
legal basis, and their time limits. A policy names the register it counts by. It is a TOML file; `kaoji procedure \
check FILE` says what is wrong with it. When the law changes, add a version of the procedure with `valid_from`, \
and end the old one with `valid_to`: cases that started under the old law keep its limit."""
    closing = f"""## The shipped register `receipt_wabo`

```toml
{load_register("receipt_wabo").text.strip()}
```

A procedure with a limit and stops:

```toml
name = "my-register"
title = {{ zh = "登记册", en = "My register" }}

[[process]]
code = "administration"
title = {{ zh = "行政管理", en = "Administration" }}

[[procedure]]
code = "food-production-licence"
process = "administration"
family = "licensing"
title = {{ zh = "食品生产许可", en = "Food production licence" }}
legal_basis = "行政许可法 §42, §45"
limit = {{ days = 20, kind = "working" }}
stop_reasons = ["hearing", "test", "expert-review"]
```"""
    return _page("Procedure registers", opening, _REGISTER, closing)


def _page(title: str, opening: str, tables: Any, closing: str) -> str:
    sections = [f"## {heading}\n\n{_table(model, words)}" for heading, model, words in tables]
    return "\n\n".join([f"# {title}", GENERATED_NOTE, opening, *sections, closing]) + "\n"


def _table(model: type[BaseModel], words: Mapping[str, str]) -> str:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    assert set(fields) == set(words), f"every key of {model.__name__} is described, and no other"
    rows = [
        f"| `{name}` | {_kind(field.annotation)} | {_default(field)} | {words[name]} |"
        for name, field in fields.items()
    ]
    return "\n".join(["| key | holds | if left out | meaning |", "| --- | --- | --- | --- |", *rows])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default in (None, ()):
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _kind(annotation: Any) -> str:
    return ", ".join(dict.fromkeys(_kinds(annotation)))


def _kinds(annotation: Any) -> Iterator[str]:
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _kinds(inside[0])
    elif origin is Literal:
        yield from (f"`{value}`" for value in inside)
    elif origin is tuple:
        yield "list: " + _kind(inside[0])
    elif inside:
        yield from (kind for each in inside if each is not NoneType for kind in _kinds(each))
    elif issubclass(annotation, BaseModel):
        yield "table"
    else:
        yield _NAMES.get(annotation.__name__, annotation.__name__)


_NAMES: Final = {"str": "text", "int": "whole number", "Decimal": "number", "bool": "`true`, `false`"}
