"""Run a page's examples in order, in one shell and one folder, and compare what they print with what it shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import ROOT, Block, Command, commands_in

SECONDS_MAX = 300
_MARK = "=== the example ends with"
_SHIM = '#!/bin/sh\nexec {python} {arguments} "$@"\n'


@dataclass(frozen=True)
class Ran:
    """What one command printed and how it ended."""

    command: Command
    printed: tuple[str, ...]
    exit_code: int


def run_blocks(blocks: Sequence[Block], folder: Path, *, stand_ins: Mapping[str, str]) -> list[Ran]:
    """Run console and Python blocks, after writing the files that blocks stand for.

    `stand_ins` replaces names in what is run: addresses of servers, names of files that a reader would have.
    """
    _furnish(folder)
    commands: list[Command] = []
    for number, block in enumerate(blocks):
        if block.file is not None:
            (folder / block.file).write_text(_replaced(block.text, stand_ins), encoding="utf-8")
        elif block.language == "console":
            commands += commands_in(block)
        if block.language == "python":
            name = block.file or f"block_{number}.py"
            (folder / name).write_text(_replaced(block.text, stand_ins), encoding="utf-8")
            commands.append(Command(f"python {name}", (), block.line))
    script = "".join(
        f"{_replaced(each.command, stand_ins)}\n_mark {number}\n" for number, each in enumerate(commands)
    )
    output = _run(script, folder)
    return [_ran(number, each, output) for number, each in enumerate(commands)]


def matches(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether what is printed is what is shown: a line `…` stands for any lines, `…` in a line for any text."""
    pattern = "".join(
        r"(?:[^\n]*\n)*?" if line.strip() == "…" else _line_pattern(line) + r"[ \t]*\n" for line in _trimmed(shown)
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _trimmed(printed))) is not None


def _line_pattern(line: str) -> str:
    return r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("…"))


def _trimmed(lines: Sequence[str]) -> list[str]:
    return "\n".join(line.rstrip() for line in lines).strip("\n").split("\n")


def _replaced(text: str, stand_ins: Mapping[str, str]) -> str:
    for name, instead in stand_ins.items():
        text = text.replace(name, instead)
    return text


def _furnish(folder: Path) -> None:
    """What a reader has in the folder of the checkout: the test data, and `kaoji` and `python` on the path."""
    shutil.copytree(ROOT / "tests" / "data", folder / "tests" / "data")
    programs = folder / ".bin"
    programs.mkdir()
    for name, arguments in {"kaoji": "-m api.cli", "python": ""}.items():
        program = programs / name
        program.write_text(_SHIM.format(python=shlex.quote(sys.executable), arguments=arguments))
        program.chmod(0o755)


def _run(script: str, folder: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KAOJI_", "COLUMNS"))}
    environment = {
        **kept,
        "PATH": f"{folder / '.bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
    opening = f"_mark() {{ local ended=$?; echo; echo '{_MARK}' $1 $ended; return $ended; }}\n"
    closing = '\nrunning=$(jobs -p); [ -z "$running" ] || kill $running; wait\n'
    try:
        done = subprocess.run(
            ["bash", "-c", opening + script + closing],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"not done in {SECONDS_MAX} s:\n{(error.stdout or b'').decode()}") from error
    return done.stdout.decode()


def _ran(number: int, command: Command, output: str) -> Ran:
    before, mark, after = output.partition(f"\n{_MARK} {number} ")
    assert mark, f"line {command.line}: the shell ended before this command did:\n{output[-2000:]}"
    _, _, printed = before.rpartition(f"\n{_MARK} {number - 1} ")
    lines = printed.splitlines()[0 if number == 0 else 1 :]
    return Ran(command, tuple(lines), int(after.split(None, 1)[0]))
