"""Print answers as a table, JSON or CSV; progress goes to a terminal's standard error only."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api.bootstrap import Kaoji
    from api.settings import Settings
    from projections.driver import Progress


_NUMBER = re.compile(r"[0-9.,/]+|–")


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

    @contextmanager
    def session(self, *, create: bool = False) -> Iterator[Kaoji]:
        """The store that the settings name; a command that only reads does not make one."""
        from api.bootstrap import opened

        with opened(self.settings, create=create) as kaoji:
            yield kaoji

    def show(self, value: Any, columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
        """Print the value as JSON, or the rows under their columns as a table or CSV."""
        if self.format == OutputFormat.json:
            print_json(value)
        elif self.format == OutputFormat.csv:
            writer = csv.writer(sys.stdout)
            writer.writerow(columns)
            writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
        else:
            print_table(columns, rows, title)


def print_json(value: Any) -> None:
    """One JSON value on one line."""
    print(json.dumps(value, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """A table as wide as the terminal allows, and elsewhere as wide as it needs; numbers to the right."""
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    kept = [["–" if cell is None else str(cell) for cell in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(kept) and all(_NUMBER.fullmatch(row[index]) for row in kept)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in kept:
        table.add_row(*row)
    console = Console(highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        wide = Console(width=100_000)
        console.width = max(Measurement.get(wide, wide.options, table).maximum, cell_len(title), 1)
    if title:
        console.print(title, style="italic")
    console.print(table)


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


def note(text: str) -> None:
    """A remark for people, beside the answer."""
    print(text, file=sys.stderr)
