"""Print answers as a table, JSON or CSV; progress goes to a terminal's standard error only."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api.bootstrap import Kaoji
    from api.settings import Settings
    from projections.driver import Progress


BETWEEN = 3
"""Cells between two columns of a table."""
SHORTEST = 8
NONE_FOLDED: Mapping[str, int] = {}
_NUMBER = re.compile(r"-?[0-9.,/]+|–")


class OutputFormat(StrEnum):
    """How a command prints."""

    table = "table"
    json = "json"
    csv = "csv"


@dataclass(frozen=True)
class Output:
    """What every command needs: the settings, and how to print."""

    settings: Settings
    format: OutputFormat

    @property
    def language(self) -> str:
        """zh or en."""
        return self.settings.language

    def said(self, sentence: str) -> str:
        """An error, a remedy or a finding in the language of the settings."""
        if self.language == "en":
            return sentence
        from api.wording.wording import said_in

        return said_in(self.language, sentence)

    def note(self, sentence: str) -> None:
        """A remark for people, beside the answer, in that language."""
        print(self.said(sentence), file=sys.stderr)

    def remedied(self, refused: Mapping[str, Any]) -> dict[str, Any]:
        """What was refused, with what mends it said in that language."""
        return {**refused, "remedy": refused["remedy"] and self.said(refused["remedy"])}

    @contextmanager
    def session(self, *, create: bool = False) -> Iterator[Kaoji]:
        """The store that the settings name; a command that only reads does not make one."""
        from api.bootstrap import opened

        with opened(self.settings, create=create) as kaoji:
            yield kaoji

    def show(
        self,
        value: Any,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        title: str = "",
        *,
        folded: Mapping[str, int] = NONE_FOLDED,
    ) -> None:
        """Print the value as JSON, or the rows under their columns as a table or CSV."""
        if self.format == OutputFormat.json:
            print_json(value)
        elif self.format == OutputFormat.csv:
            writer = csv.writer(sys.stdout)
            writer.writerow(columns)
            writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
        else:
            print_table(columns, rows, title, folded=folded)


def print_json(value: Any) -> None:
    """One JSON value on one line."""
    print(json.dumps(value, ensure_ascii=False))


def print_texts(texts: Iterable[str]) -> None:
    """Parts of one text on one line, printed as they come."""
    sys.stdout.writelines(texts)
    print()


def print_json_list(values: Iterable[Any]) -> None:
    """One JSON array on one line, printed as its elements come."""
    begun = False
    for value in values:
        print(", " if begun else "[", json.dumps(value, ensure_ascii=False), sep="", end="")
        begun = True
    print("]" if begun else "[]")


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    title: str = "",
    *,
    shorten: str | None = None,
    folded: Mapping[str, int] = NONE_FOLDED,
) -> None:
    """A table as wide as the terminal allows, and elsewhere as wide as it needs; numbers to the right.

    On a narrow terminal the column `shorten` is cut with an ellipsis, or left out, so that rows keep to a line;
    or columns are `folded` to so many cells each, so that the others have room.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    kept = [["–" if cell is None else str(cell) for cell in row] for row in rows]
    console = Console(highlight=False, emoji=False, markup=False)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    widths = [_widest(column, [row[index] for row in kept]) for index, column in enumerate(columns)]
    too_wide = max(0, sum(widths) + BETWEEN * (len(widths) - 1) - console.width)
    shown = []
    for index, column in enumerate(columns):
        numeric = bool(kept) and all(_NUMBER.fullmatch(row[index]) for row in kept)
        narrow = console.is_terminal and too_wide > 0
        cut = column == shorten and narrow
        if cut and widths[index] - too_wide < SHORTEST:
            continue
        shown.append(index)
        table.add_column(
            column,
            justify="right" if numeric else "left",
            no_wrap=numeric or cut,
            overflow="ellipsis" if cut else "fold",
            max_width=widths[index] - too_wide if cut else folded.get(column) if narrow else None,
        )
    for row in kept:
        table.add_row(*(row[index] for index in shown))
    if not console.is_terminal:
        wide = Console(width=100_000)
        console.width = max(Measurement.get(wide, wide.options, table).maximum, cell_len(title), 1)
    if title:
        console.print(title, style="italic")
    console.print(table)


def _widest(column: str, cells: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, [column, *cells]))


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Bars by projection on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _name, _position, _aim: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    def show(name: str, position: int, aim: int) -> None:
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=aim)
        bars.update(tasks[name], completed=position, total=aim)

    with bars:
        yield show
