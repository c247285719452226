"""The pages of the documentation and the blocks in them: what there is to run, to check and to follow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^( *)```(\S*)(.*?)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the file it stands for (if any), its text, and the line it begins on."""

    language: str
    file: str | None
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """One command of a console block, and the lines that the page shows after it."""

    command: str
    shown: tuple[str, ...]
    line: int


def name_of(page: Path) -> str:
    """How a page is called in a test's name."""
    return str(page.relative_to(ROOT))


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return blocks_in(page.read_text(encoding="utf-8"))


def blocks_in(text: str) -> list[Block]:
    """The fenced blocks of a text, in order."""
    return [
        Block(
            language=found[2],
            file=_file(found[3]),
            text=re.sub(rf"^{found[1]}", "", found[4], flags=re.MULTILINE),
            line=text.count("\n", 0, found.start()) + 2,
        )
        for found in _FENCE.finditer(text)
    ]


def prose_of(page: Path) -> str:
    """The text of a page without its fenced blocks and inline code."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return re.sub(r"`[^`\n]*`", "", text)


def commands_in(block: Block) -> Iterator[Command]:
    """Commands begin with `$ `; one that ends with a backslash goes on in the next line."""
    lines = block.text.splitlines()
    at = 0
    while at < len(lines):
        assert lines[at].startswith("$ "), f"line {block.line + at}: {lines[at]!r} is shown by no command"
        begin, command = at, lines[at][2:]
        while command.endswith("\\"):
            at += 1
            command += "\n" + lines[at]
        at += 1
        first = at
        while at < len(lines) and not lines[at].startswith("$ "):
            at += 1
        yield Command(command, tuple(lines[first:at]), block.line + begin)


def _file(info: str) -> str | None:
    found = re.search(r"\bfile=(\S+)", info)
    return None if found is None else found[1]
