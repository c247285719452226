"""The reference pages of policies and registers: every key of the files, from the models that check them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from api.reference.command_line import GENERATED_NOTE
from domain.measuring.populations import ATTRIBUTES, Population
from domain.policies.curves import Curve
from domain.policies.measures import POPULATIONS, Measure, Members, described_measures
from domain.policies.policy import load_policy
from domain.policies.policy_file import Adjustment, Competence, Exposure, Grade, Indicator, PolicyFile
from domain.rules import procedures
from domain.rules.calendars import calendar_names
from domain.rules.procedures import (
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

_EXPOSURE: Final = (
    "the count that says how much there was to judge by; if left out, the denominator of a ratio, or the members "
    "of a mean or quantile"
)

_COUNTING: Final = {
    "measure": "what it counts: one of the measures below, or of the file's own",
    "exposure": _EXPOSURE,
    "minimum_exposure": "below this exposure, and at none, it is not ratable",
}

_POLICY: Final = (
    (
        "The file",
        PolicyFile,
        {
            "name": "the name of the policy",
            "version": "its version, from 1",
            "title": _TITLE,
            "zone": "the time zone in which days begin and end, by its IANA name",
            "due_precision": "`day`: a due date-time counts by its day; `instant`: to the instant",
            "calendar": "the calendar of working days: " + ", ".join(f"`{name}`" for name in calendar_names()),
            "register": "the procedure register that gives limits and stops",
            "decimals": "decimals of points and scores",
            "rounding": "how the last of them is rounded: ties to the even digit, ties up, or cut off",
            "when_not_ratable": "what an indicator without data does: its weight is `spread` over the others, or "
            "it counts as `full` points, or as `zero`",
            "bonus_ceiling": "the most points that all bonuses together add",
            "deduction_ceiling": "the most points that all deductions together take",
            "score_min": "no score is lower, whatever is taken",
            "score_max": "no score is higher, whatever is added",
            "measure": "measures of its own, one table each",
            "indicator": "the indicators, one table each",
            "bonus": "what adds points to the weighted mean, one table each",
            "deduction": "what takes points from it, one table each",
            "grade": "the grades, one table each",
            "competence": "the competence grades (能级) of a person, one table each",
        },
    ),
    (
        "`[[indicator]]`",
        Indicator,
        {
            "code": "what the indicator is called in answers",
            **_COUNTING,
            "title": _TITLE,
            "rule": "the rule in words, in both languages; explanations show it",
            "clause": "where the rule stands in the law or standard",
            "target": "the value aimed at: a rate from 0 to 1, or so many days, points or things; shown, while "
            "points come from the curve alone",
            "direction": "`higher` or `lower` is better; follows from the measure, and must agree with it",
            "curve": "how a value becomes points",
            "weight": "in per cent; the weights of all indicators add up to 100",
            "cap": "the most points of the score that the indicator gives, also when the weight of others is "
            "spread over it",
            "when_not_ratable": "overrides that of the file",
        },
    ),
    (
        "`curve`",
        Curve,
        {
            "kind": "`linear`: straight between neighbouring points, level beyond the first and the last; `step`: "
            "the points of the best step that is reached; `threshold`: one step",
            "points": "pairs `[value, points]`, values rising, points from 0 to 100; the value of a ratio is its "
            "rate, from 0 to 1",
        },
    ),
    (
        "`[[bonus]]` and `[[deduction]]`",
        Adjustment,
        {
            "code": "what it is called in answers",
            **_COUNTING,
            "title": _TITLE,
            "rule": "the rule in words, in both languages; explanations show it",
            "clause": "where the rule stands in the law or standard",
            "points_each": "points for each thing counted; needs a `ceiling`",
            "curve": "or how the value becomes points",
            "ceiling": "the most points that it moves",
        },
    ),
    (
        "`[[grade]]`",
        Grade,
        {
            "code": "what the grade is called in answers",
            "title": _TITLE,
            "from": "the score from which on it is given; the lowest grade begins at 0, or at `score_min`",
        },
    ),
    (
        "`[[competence]]`",
        Competence,
        {
            "code": "what it is called in answers",
            "title": _TITLE,
            "from": "the score that it asks for",
            "requires": "points that it asks for, by the code of the indicator",
            "exposure": "counts that it asks for",
        },
    ),
    (
        "An entry of `exposure`",
        Exposure,
        {"measure": "a count or stock; never one of penalties", "at_least": "the number to be reached"},
    ),
    (
        "`[[measure]]`",
        Measure,
        {
            "code": "what indicators call it",
            "title": _TITLE,
            "meaning": "what it counts, in words, in both languages",
            "kind": "`ratio`: of the members, those that met it; `count`: how many there were in the period; "
            "`stock`: how many stand open on its last day; `sum`, `mean`, `quantile`: of the members' values",
            "of": "the population: " + ", ".join(f"`{name}`" for name in POPULATIONS),
            "having": "only members with all of these attributes",
            "lacking": "only members with none of these attributes",
            "met": "of a ratio: those that have all of these attributes met it",
            "not_met": "of a ratio: and none of these",
            "plus": "members of other populations that count besides: in the denominator of a ratio what stands "
            "open on the last day",
            "quantile": "0.5 for the median, 0.9 for the value that nine of ten do not exceed",
            "response": "of a ratio: another ratio that is shown beside it",
            "better": "whether more or less of it is better; of a measure with `none` no points can be earned",
        },
    ),
    (
        "An entry of `plus`",
        Members,
        {
            "of": "the population",
            "having": "only members with all of these attributes",
            "lacking": "only members with none of these attributes",
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
            "red": "a red card is due on the day after the last of so many days that follow the limit; a yellow "
            "one is due on the day after any limit",
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
            "required": "whether every case goes through it; refused of a penalty, as cases may be dismissed",
            "role": "who does it",
            "evidence": "what proves it",
        },
    ),
)


def policy_page() -> str:
    """The page of policy files as Markdown."""
    opening = """A policy says what is measured, against which target, with what weight, and which grade a score \
earns. It is a TOML file. `kaoji policy check FILE` says what is wrong with it, by line and key; `kaoji policy \
show gx-2012` prints the one that is shipped, to begin from. How to draft, compare and adopt one: \
[adopt a policy](../how-to/adopt-a-policy.md). A policy is known by its hash: a score says under \
which it was made. The rules of counting are in [scoring](../explanation/scoring.md)."""
    measures = [f"| `{one.code}` | {one.kind} | {one.better} | {one.meaning.en} |" for one in described_measures()]
    populations = [
        f"| `{name}` | {_MEMBERS[name]} | {_listed(ATTRIBUTES[population])} | {_value(population)} |"
        for name, population in POPULATIONS.items()
    ]
    closing = "\n".join(
        [
            "## Measures\n",
            "| measure | kind | better | counts |",
            "| --- | --- | --- | --- |",
            *measures,
            """
A measure, exposure, bonus or competence grade that would reward the number or amount of penalties is refused, \
with the reason: also one that a policy declares itself, by what it counts, whatever it is called. So is a \
`minimum_exposure` above 1 that penalties help to reach, where being below it costs points.

A quantile is the smallest value that at least that part of the members do not exceed: the inverse of the \
empirical distribution function (Hyndman and Fan 1996, definition 1). It is exact, and shares of a case count by \
their size. A case with no start on record by then has no days: it is a member of its population, but sums, means \
and quantiles of days leave it out.

## What measures are made of
""",
            "| population | its members | attributes | value |",
            "| --- | --- | --- | --- |",
            *populations,
            f"""
An action is `responsible` where it names an `owner`, has a `result` where it states an `outcome`, and `basis`, \
`evidence` and `supervisor` where it states these; each action by itself, whatever others of its case say.

A policy may declare measures of its own:

```toml
{_OWN_MEASURE}```

## The shipped policy `receipt_wabo`

```toml
{load_policy("receipt_wabo").text.strip()}
```""",
        ]
    )
    return _page("Policy files", opening, _POLICY, closing)


_MEMBERS: Final[Mapping[str, str]] = {
    "decisions": "grants, refusals, penalties and dismissals, on their day",
    "decided-cases": "licence cases, on the day of the decision",
    "closed-cases": "enforcement cases that were opened, on the day of their closing",
    "ratings": "the first standing rating of each case, on its day",
    "targets": "plan targets that were not cancelled, on the day they are due",
    "actions": "every action of a case, on its day",
    "open-licences": "licence cases received and undecided, as they stand on the last day",
    "open-enforcement": "enforcement cases opened and not closed, as they stand on the last day",
    "cards": "signals of electronic supervision, on the day they are due to be given",
}

_VALUES: Final = {
    Population.DECIDED: "days from the start to the decision",
    Population.CLOSED: "days from the opening to the closing",
    Population.RATED: "the rating, 1 to 5",
}

_OWN_MEASURE: Final = """[[measure]]
code = "refusals-upheld"
title = { zh = "许可决定维持率", en = "Licence decisions that stood" }
meaning.zh = "期内作出的非处罚决定，其中未被推翻的"
meaning.en = "decisions other than penalties, and those that no review overturned"
kind = "ratio"
of = "decisions"
lacking = ["penalty"]
not_met = ["overturned"]
better = "higher"
"""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _value(population: Population) -> str:
    return _VALUES.get(population, "")


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
