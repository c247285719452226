"""Assemble the commands, take the options that hold for all of them, and turn errors into exit codes."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from api.cli import (
    actions,
    administration,
    completeness,
    demonstration,
    history,
    ingestion,
    monitoring,
    operations,
    quarantine,
    rules,
    scores,
    tallies,
)
from api.cli.output import Output, OutputFormat
from api.errors import exit_code
from api.watching.logs import logs_are_json, set_up_logs, tear_down_logs
from domain.errors import KaojiError, WrongInputError
from domain.log_events import COMMAND_FAILED


class OptionError(WrongInputError):
    """An option of every command that is named without its value."""


class OutputError(KaojiError):
    """An answer that cannot be written to where standard output leads."""


class Commands(TyperGroup):
    """The commands; what they print is out before they count as done."""

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """Read the line; prints help where that is asked for."""
        with _printing():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: Any) -> Any:
        """Run the command. An error ends it in the language that was asked for."""
        try:
            with _printing():
                return super().invoke(ctx)
        except KaojiError as error:
            _end(error, ctx.obj)


app = typer.Typer(
    name="kaoji",
    cls=Commands,
    help="Appraise public officials by what really happened: actions in, exact and explainable scores out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

GLOBAL_OPTIONS = ("--store", "--format", "--lang", "--senders")
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
    senders: Annotated[
        str | None, typer.Option(help="File of who may send for which source; default KAOJI_SENDERS")
    ] = None,
) -> None:
    """Options of every command."""
    from api.settings import read_settings

    settings = read_settings(store=store, language=lang, senders=senders)
    set_up_logs(settings)
    context.obj = Output(settings=settings, format=format)


for room in (
    demonstration,
    ingestion,
    scores,
    tallies,
    actions,
    administration,
    quarantine,
    completeness,
    rules,
    operations,
    monitoring,
    history,
):
    room.add_commands(app)


_NEW_OBJECTS_MAX = 500_000
"""More new objects than these are searched for garbage. A command makes hundreds of thousands that it keeps, and
hardly a circle among them: Python's own 700 make it search for a third of its time."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `kaoji` and exit. 0 done; 1 done, and what was asked for does not hold; 2 wrong usage or input;
    3 a server cannot be reached."""
    _open_streams()
    tear_down_logs()
    gc.set_threshold(_NEW_OBJECTS_MAX, 20, 20)
    # NumPy's linear algebra, which nothing here asks for, starts a thread for each processor when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Whatever is left at the end goes with the process: Python would search it for circles before, several times.
    atexit.register(gc.freeze)
    try:
        app(hoisted(sys.argv[1:] if arguments is None else arguments), prog_name="kaoji")
    except KaojiError as error:
        _end(error, None)
    raise AssertionError("the application exits")


def _end(error: KaojiError, output: Output | None) -> NoReturn:
    """Say what went wrong, where settings were read in the language they name, and exit."""
    code = exit_code(error)
    if logs_are_json():
        COMMAND_FAILED.log(reason=str(error), error=type(error).__name__, exit_code=code)
    else:
        print(f"kaoji: {error if output is None else output.said(str(error))}", file=sys.stderr)
    sys.exit(code)


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The line with the options of every command first, wherever they stood before a `--`. Raises OptionError."""
    first, rest, waiting = [], [], iter(arguments)
    for word in waiting:
        name, equals, _ = word.partition("=")
        if word == "--":
            rest.append(word)
            rest.extend(waiting)
        elif name in GLOBAL_OPTIONS:
            value = word if equals else next(waiting, None)
            if value is None:
                raise OptionError(f"{name} needs a value. See `kaoji --help`.")
            first.extend([word] if equals else [word, value])
        else:
            rest.append(word)
    return first + rest


@contextmanager
def _printing() -> Iterator[None]:
    """Print all of it, or end: quietly where nobody reads on. Raises OutputError where there is no room."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _stop_printing()
        sys.exit(0)
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        _stop_printing()
        raise OutputError(
            "The answer cannot be written: there is no room left. Make some, or name another place."
        ) from error


def _stop_printing() -> None:
    """Send what is still buffered nowhere; else Python would complain once more while it flushes."""
    with suppress(OSError):  # Standard output need not be a file.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_streams() -> None:
    """Make sure that there is something to print to, and that it takes every character."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - open until the process ends
        elif isinstance(stream, TextIOWrapper):
            # A terminal of another encoding, or half a character in a file's name, is no reason to say nothing.
            stream.reconfigure(errors="backslashreplace")
