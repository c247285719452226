"""The command that asks what would be."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli.output import Output, progress_bars
from api.cli.scores import AsOfOption, ByOption, FromOption, ToOption, note_forecast

WHYS_SHOWN = 3
"""Parts of the score that a table shows for each subject; JSON holds all."""


def add_commands(policies: typer.Typer) -> None:
    """Add it to the commands about policies."""
    policies.command("what-if")(policy_what_if)


def policy_what_if(
    context: typer.Context,
    policy: Annotated[str, typer.Argument(help="An adopted or shipped policy, NAME@VERSION, or a TOML file.")],
    from_: FromOption,
    to: ToOption,
    against: Annotated[str | None, typer.Option(help="Another policy to compare it with.")] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE=NUMBER", help="Another weight of an indicator; weights count in proportion."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE=NUMBER", help="Another target of an indicator; its curve moves along."),
    ] = None,
    without_procedure: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Leave out what counts for a procedure.")
    ] = None,
    without_source: Annotated[
        list[str] | None, typer.Option(metavar="SOURCE", help="As if a source had never sent anything.")
    ] = None,
    by: Annotated[ByOption, typer.Option(help="Whom to score.")] = ByOption.staff,
    everybody: Annotated[
        bool, typer.Option("--all", help="List everybody whose score changes, not only whose grade does.")
    ] = False,
    as_of: AsOfOption = None,
) -> None:
    """Show who would get another grade, and why, under another policy, weight or target, or without some data."""
    from api.scores.what_if import Variation, numbers_by_code, what_if

    output: Output = context.obj
    variation = Variation(
        against=against,
        weights=numbers_by_code(weight or (), "weight"),
        targets=numbers_by_code(target or (), "target"),
        without_procedures=tuple(without_procedure or ()),
        without_sources=tuple(without_source or ()),
    )
    variation.check()
    with output.session() as kaoji, progress_bars() as progress:
        answer = what_if(
            kaoji,
            policy=policy,
            variation=variation,
            from_text=from_,
            to_text=to,
            by=by.value,
            as_of=as_of,
            everybody=everybody,
            progress=progress,
        )
    note_forecast(output, answer, to)
    columns = ["subject", "score", "score what-if", "grade", "grade what-if", "why"]
    output.show(answer, columns, [_row(output, each) for each in answer["subjects"]], _title(answer))


def _row(output: Output, each: dict[str, Any]) -> list[Any]:
    parts = [_part(output, one) for one in each["why"]]
    more = (
        [output.said(f"and {len(parts) - WHYS_SHOWN} more")] if len(parts) > WHYS_SHOWN + 1 else parts[WHYS_SHOWN:]
    )
    score, grade = each["score"], each["grade"]
    return [
        each["subject"], score["before"], score["after"], grade["before"], grade["after"],
        ", ".join([*parts[:WHYS_SHOWN], *more]),
    ]  # fmt: skip


def _part(output: Output, one: dict[str, Any]) -> str:
    if one["what"] in ("grades", "rounding"):
        return output.said(f"other {one['what']}")
    return f"{one['code'] or output.said(one['what'])} {float(one['moved']):+.2f}"


def _title(answer: dict[str, Any]) -> str:
    summary, period = answer["summary"], answer["period"]
    only = [
        f", {summary[key]} {told}"
        for key, told in (("scores_gained", "with a score only then"), ("scores_lost", "with none any more"))
        if summary[key]
    ]
    return (
        f"{answer['policy']}, {period['from']} to {period['to']}: of {summary['subjects']} subjects "
        f"{summary['grades_changed']} change grade, {summary['scores_higher']} score higher, "
        f"{summary['scores_lower']} lower{''.join(only)}"
    )
