"""Commands about the history as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import Output, progress_bars


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    group = typer.Typer(help="The history: all recorded actions as columns.", no_args_is_help=True)
    group.command("export")(history_export)
    app.add_typer(group, name="history")


def history_export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder to write to: a new one, or an empty one.")],
) -> None:
    """Write all recorded actions as Parquet files, with what their codes stand for."""
    from projections.history.export import export_history
    from projections.history.writer import HistoryProjection

    output: Output = context.obj
    with output.session() as kaoji, progress_bars() as progress:
        kaoji.driver.catch_up(only=HistoryProjection.name, progress=progress)
        with kaoji.views.reading() as connection:
            build = kaoji.views.live(connection, HistoryProjection.name)
            done = export_history(kaoji.views, connection, build, folder)
    answer = {"folder": str(folder), **done._asdict()}
    output.show(answer, ["", "value"], [[key, value] for key, value in answer.items()])
