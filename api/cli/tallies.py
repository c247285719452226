"""Commands that take what was counted from one place to another, and add it up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import Output, progress_bars
from api.cli.scores import AsOfOption, ByOption, FromOption, PolicyOption, ToOption, note_forecast, show_scores


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    tally = typer.Typer(help="Tallies: what was counted, as files that add up.", no_args_is_help=True)
    tally.command("export")(tally_export)
    tally.command("score")(tally_score)
    app.add_typer(tally, name="tally")


def tally_export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write.")],
    policy: PolicyOption,
    as_of: AsOfOption = None,
) -> None:
    """Write what all actions count for to a file: by day, person, unit and procedure, without any action."""
    from api.scores.tally_files import export_tally

    output: Output = context.obj
    with output.session() as kaoji, progress_bars() as progress:
        answer = export_tally(kaoji, file, policy=policy, as_of=as_of, progress=progress)
    output.show(answer, ["", "value"], [[key, value] for key, value in answer.items()])


def tally_score(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(help="Files that `kaoji tally export` wrote, one of each ledger.")
    ],
    policy: PolicyOption,
    from_: FromOption,
    to: ToOption,
    by: Annotated[ByOption, typer.Option(help="Whom to score.")] = ByOption.all,
) -> None:
    """Score the tallies of several ledgers together, as if their actions were in one."""
    from api.bootstrap import system_clock
    from api.cli.rules import known_rules
    from api.scores.tally_files import score_tallies

    output: Output = context.obj
    cards, head = score_tallies(
        files, known_rules(output), policy=policy, from_text=from_, to_text=to, by=by.value, now=system_clock()
    )
    note_forecast(output, head, to)
    show_scores(output, cards, head, f"ledgers added up: {len(head['ledgers'])}")
