"""Commands that score and explain."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.cli.output import Output, OutputFormat, print_texts, progress_bars

if TYPE_CHECKING:
    from api.scores.scorecards import Basis
    from domain.scoring.scoring import Scorecards


class ByOption(StrEnum):
    """Whom to score."""

    staff = "staff"
    unit = "unit"
    process = "process"
    all = "all"


class EngineOption(StrEnum):
    """What counts."""

    local = "local"
    spark = "spark"


PolicyOption = Annotated[
    str, typer.Option("--policy", help="Adopted or shipped name, NAME@VERSION, or TOML file.")
]
FromOption = Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD, in the policy's zone.")]
ToOption = Annotated[str, typer.Option("--to", help="Last day, inclusive.")]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="A position, or a time of recording: what was known then.")
]


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    app.command("score")(score)
    app.command("explain")(explain)


def score(
    context: typer.Context,
    policy: PolicyOption,
    from_: FromOption,
    to: ToOption,
    by: Annotated[ByOption, typer.Option(help="Whom to score.")] = ByOption.all,
    as_of: AsOfOption = None,
    engine: Annotated[
        EngineOption, typer.Option(help="What counts: this machine, or Apache Spark. The result is the same.")
    ] = EngineOption.local,
) -> None:
    """Score staff, units, processes or the whole over a period."""
    from api.scores.engines import scorecards_by
    from api.scores.scorecards import basis

    output: Output = context.obj
    with output.session() as kaoji, progress_bars() as progress:
        found = basis(kaoji, policy=policy, from_text=from_, to_text=to, as_of=as_of, progress=progress)
        cards = scorecards_by(found, by.value, engine.value)
        head = found.head_json(cards)
    note_forecast(output, head, to)
    _note_early(output, found)
    show_scores(output, cards, head, f"as of position {head['as_of']}")


def note_forecast(output: Output, answer: dict[str, Any], to: str) -> None:
    """Say that a period is not over yet."""
    if answer["forecast"]:
        output.note(f"--to {to} lies ahead: this is a forecast of what is known today.")


def _note_early(output: Output, found: Basis) -> None:
    if found.is_early:
        called = f"{found.policy.name}@{found.policy.version}"
        output.note(
            f"{called} is meant for what happens from {found.meant_from} on, and the period begins earlier. "
            "Name the version for that time as NAME@VERSION: see kaoji policy list."
        )


def _note_exposure(output: Output, explained: dict[str, Any]) -> None:
    """Say why nothing is judged where there were things to count."""
    exposure = explained.get("exposure")
    is_judged = explained.get("rate", explained.get("value")) is not None
    if exposure is None or is_judged or explained["denominator"] == "0":
        return
    least = f"at least {exposure['minimum']}" if Decimal(exposure["minimum"]) else "more than 0"
    output.note(
        f"{explained['code']} is not judged: the policy asks for {least} by the measure {exposure['measure']!r}, "
        f"and there are {exposure['counted']}."
    )


def _note_adjusted(output: Output, explained: dict[str, Any]) -> None:
    """Say how the weighted mean became the score, where bonuses or deductions moved it."""
    adjusted = explained.get("adjusted")
    if adjusted and (adjusted["bonus"], adjusted["deduction"]) != ("0", "0"):
        output.note(
            f"The weighted mean is {adjusted['mean']}; bonuses add {adjusted['bonus']}, "
            f"deductions take {adjusted['deduction']}."
        )


def _note_competence(output: Output, explained: dict[str, Any]) -> None:
    """Say which competence grade a person has, and what the next one asks for besides."""
    found = explained.get("competence")
    if found is None:
        return
    output.note("No competence grade yet." if found["code"] is None else f"Competence grade: {found['code']}.")
    for each in found["lacking"]:
        now = "there are none" if each["reached"] is None else f"now {each['reached']}"
        output.note(NEXT_GRADE_ASKS[each["what"]].format(**each, next=found["next"], now=now))


NEXT_GRADE_ASKS: Final = {
    "score": "{next} also asks for a score of {needed} ({now}).",
    "points": "{next} also asks for {needed} points for {code} ({now}).",
    "exposure": "{next} also asks for {needed} by the measure {code} ({now}).",
}


def show_scores(output: Output, cards: Scorecards, head: dict[str, Any], known: str) -> None:
    """Print scores under what they follow from; `known` says what they rest on."""
    if output.format == OutputFormat.json:
        from domain.scoring.json_columns import WIDE

        print_texts(cards.json_texts(head, WIDE))
        return
    output.show(None, cards.summary_columns(), cards.summary(), _title(head, known))


def _title(answer: dict[str, Any], known: str) -> str:
    period = answer["period"]
    return (
        f"{answer['policy']}, {period['from']} to {period['to']}, {known}, "
        f"context {answer['context']['hash'][:12]}"
    )


def explain(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="A staff id, a unit code, a process, or `all`.")],
    policy: PolicyOption,
    from_: FromOption,
    to: ToOption,
    indicator: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    by: Annotated[ByOption | None, typer.Option(help="What the subject is, where two bear its name.")] = None,
    as_of: AsOfOption = None,
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Two positions, or times of recording: what changed from the one state to the other, and why.",
        ),
    ] = None,
) -> None:
    """Show for each indicator the very actions that make its numerator and denominator."""
    from api.scores.explanations import explanation
    from api.scores.scorecards import basis

    output: Output = context.obj
    if between is not None:
        _explain_between(output, subject, policy, from_, to, indicator, by, as_of, between)
        return
    with output.session() as kaoji, progress_bars() as progress:
        found = basis(kaoji, policy=policy, from_text=from_, to_text=to, as_of=as_of, progress=progress)
        answer = explanation(
            found,
            subject,
            by=None if by is None else by.value,
            indicator=indicator,
            language=output.language,
        )
    _note_early(output, found)
    for part in ("indicators", "bonuses", "deductions"):
        for each in answer.get(part, ()):
            _note_exposure(output, each)
    if indicator is None:
        _note_adjusted(output, answer)
        _note_competence(output, answer)
    rows = [
        [
            each["code"],
            counted["case"],
            _side_of(counted, each["better"]),
            counted["share"],
            counted["why"],
            _listed(counted["actions"]),
        ]
        for part in ("indicators", "bonuses", "deductions")
        for each in answer.get(part, ())
        for counted in each["counted"]
    ]
    columns = ["indicator", "case", "side", "share", "why", "actions"]
    title = _title(answer, f"as of position {answer['as_of']}")
    output.show(answer, columns, rows, f"{subject}: score {answer['score'] or '–'}, {title}")


def _explain_between(
    output: Output, subject: str, policy: str, from_: str, to: str,
    indicator: str | None, by: ByOption | None, as_of: str | None, between: tuple[str, str],
) -> None:  # fmt: skip
    from api.scores.differences import check_alone, difference

    check_alone(as_of)
    with output.session() as kaoji, progress_bars() as progress:
        answer = difference(
            kaoji, subject, between=between, policy=policy, from_text=from_, to_text=to,
            by=None if by is None else by.value, indicator=indicator, language=output.language, progress=progress,
        )  # fmt: skip
    if answer["rules_differ"]:
        adopted = ", ".join(f"{each['name']}@{each['version']} ({each['position']})" for each in answer["adopted"])
        output.note(f"The rules differ: each state is told by its own. Adopted in between (position): {adopted}.")
    columns = ["indicator", "case", "before", "after", "numerator", "denominator", "because", "actions"]
    before, after = answer["before"], answer["after"]
    title = (
        f"{subject}: score {before['score'] or '–'} → {after['score'] or '–'}, {answer['policy']}, "
        f"{answer['period']['from']} to {answer['period']['to']}, "
        f"between positions {before['as_of']} and {after['as_of']}"
    )
    output.show(answer, columns, _changed_rows(answer), title)


def _changed_rows(answer: dict[str, Any]) -> Iterator[list[Any]]:
    """For each indicator what it was and is, then each change, which add up to that."""
    for table in (*answer["indicators"], *answer.get("bonuses", ()), *answer.get("deductions", ())):
        yield [table["code"], None, _sums(table["before"]), _sums(table["after"]), None, None, None, None]
        for each in table["changes"]:
            yield [
                table["code"],
                each["case"],
                _side(each["before"], table["better"]),
                _side(each["after"], table["better"]),
                each["numerator"],
                each["denominator"],
                each["because"],
                _listed(each["actions"]),
            ]


def _sums(result: dict[str, Any] | None) -> str | None:
    if result is None:
        return None
    points = "–" if result["points"] is None else result["points"]
    return f"{result['numerator']}/{result['denominator']} ({points})"


def _side(thing: dict[str, Any] | None, better: str) -> str | None:
    if thing is None:
        return None
    share = "" if thing["share"] in ("0", "1") else f" {thing['share']}"
    return f"{_side_of(thing, better)}{share}, {thing['why']}"


def _side_of(thing: dict[str, Any], better: str) -> str:
    """On which side a thing stands, as a reader takes it: to be in the numerator of errors is nothing met."""
    if "no-duration" in thing["flags"]:
        return "left out"
    if "value" in thing:
        return "counted"
    return _AGAINST[thing["side"]] if better == "lower" else str(thing["side"])


_AGAINST = {"met": "against", "missed": "clear"}
"""Words for the sides of what should be little."""


def _listed(positions: list[int]) -> str:
    return " ".join(map(str, positions))
