"""Assemble the commands, take the options that hold for all of them, and turn errors into exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import click
import typer

from api.cli import actions, administration, demonstration, ingestion, rules, scores
from api.cli.output import Output, OutputFormat
from api.errors import exit_code
from domain.errors import KaojiError

app = typer.Typer(
    name="kaoji",
    help="Appraise public officials by what really happened: actions in, exact and explainable scores out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

GLOBAL_OPTIONS = ("--store", "--format", "--lang")
"""They may stand anywhere on the line."""


@app.callback()
def common_options(
    context: typer.Context,
    store: Annotated[
        str | None,
        typer.Option(help="sqlite:///FILE or postgresql+psycopg://…; default KAOJI_STORE, else ./kaoji.db"),
    ] = None,
    format: Annotated[OutputFormat, typer.Option(help="How to print.")] = OutputFormat.table,
    lang: Annotated[str | None, typer.Option(help="zh or en; default KAOJI_LANG, else en")] = None,
) -> None:
    """Options of every command."""
    from api.settings import read_settings

    context.obj = Output(settings=read_settings(store=store, language=lang), format=format)


for room in (demonstration, ingestion, scores, actions, administration, rules):
    room.add_commands(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `kaoji` and exit. 0 done; 1 done, and what was asked for does not hold; 2 wrong usage or input;
    3 a server cannot be reached."""
    command = typer.main.get_command(app)
    line = hoisted(list(sys.argv[1:] if arguments is None else arguments))
    try:
        status = command.main(line, prog_name="kaoji", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KaojiError as error:
        print(f"kaoji: {error}", file=sys.stderr)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader has seen enough; Python would complain once more while it flushes.
        sys.stderr.close()
        sys.exit(0)
    sys.exit(status if isinstance(status, int) else 0)


def hoisted(arguments: list[str]) -> list[str]:
    """The line with the options of every command first, wherever they stood before a `--`."""
    first, rest, waiting = [], [], iter(arguments)
    for word in waiting:
        name, equals, _ = word.partition("=")
        if word == "--":
            rest.append(word)
            rest.extend(waiting)
        elif name in GLOBAL_OPTIONS:
            first.append(word)
            if not equals:
                first.extend(value for value in [next(waiting, None)] if value is not None)
        else:
            rest.append(word)
    return first + rest
