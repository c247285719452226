"""The reference page of the command line: every command, argument and option, from the application itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args

from typer.main import get_command

from api.cli.main import GLOBAL_OPTIONS, app

GENERATED_NOTE = "<!-- Made from the code by `python -m api.reference --write`; edit the code, not this page. -->"

_KINDS: Final = {str: "text", int: "whole number", float: "number", Path: "path"}

_OPENING = """Options of every command may stand anywhere on the line. Answers go to standard output; remarks, \
progress bars (on a terminal only) and errors go to standard error. An error is one sentence that says what to do \
next.

| exit code | means |
| --- | --- |
| 0 | done |
| 1 | done, and what was asked for does not hold: a check that failed, `--strict` with quarantined records |
| 2 | wrong usage or input; nothing was changed |
| 3 | a server cannot be reached |"""


def command_line_page() -> str:
    """The whole page as Markdown."""
    root = get_command(app)
    options = _table(each for each in root.params if each.opts[0] in GLOBAL_OPTIONS)
    parts = [
        "# Command line",
        GENERATED_NOTE,
        str(root.help),
        _OPENING,
        f"## Options of every command\n\n{options}",
    ]
    return "\n\n".join([*parts, *_commands(root, "kaoji")]) + "\n"


def _commands(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        called = f"{path} {name}"
        if hasattr(command, "commands"):
            yield f"## `{called}`\n\n{command.help}"
            yield from _commands(command, called)
        else:
            yield _command(command, called)


def _command(command: Any, called: str) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join([called, "[OPTIONS]", *map(_usage, arguments)])
    parts = [f"## `{called}`", _one_line(command.help), f"```text\n{usage}\n```"]
    rows = [each for each in command.params if each.name != "help"]
    return "\n\n".join([*parts, _table(rows)] if rows else parts)


def _usage(argument: Any) -> str:
    name = _argument_name(argument)
    return name if argument.required else f"[{name}]"


def _argument_name(argument: Any) -> str:
    name = argument.metavar or str(argument.name).upper()
    return f"{name}…" if argument.nargs == -1 and not name.endswith("…") else name


def _table(parameters: Any) -> str:
    rows = [_row(each) for each in parameters]
    return "\n".join(["| name | value | if left out | meaning |", "| --- | --- | --- | --- |", *rows])


def _row(parameter: Any) -> str:
    is_argument = parameter.param_type_name == "argument"
    name = _argument_name(parameter) if is_argument else "`, `".join(parameter.opts)
    cells = (f"`{name}`", _kind(parameter), _default(parameter), _one_line(parameter.help or ""))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _kind(parameter: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return "a flag"
    annotation = parameter.type_descriptor.annotation
    inside = [each for each in get_args(annotation) if each is not NoneType] or [annotation]
    kind = get_args(inside[0])[0] if get_args(inside[0]) else inside[0]
    if issubclass(kind, Enum):
        return ", ".join(f"`{each.value}`" for each in kind)
    return _KINDS[kind]


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default in (None, False, ()) or callable(parameter.default):
        return ""
    return f"`{_text(parameter.default)}`"


def _text(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _one_line(text: str) -> str:
    return " ".join(text.split())
