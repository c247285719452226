"""Show again and again how things stand: drawn anew on a terminal, a line at a time elsewhere."""

from __future__ import annotations

import csv
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from api.cli.output import Output, OutputFormat, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from api.bootstrap import Kaoji

CSV_COLUMNS: Final = (
    "at", "events", "events_per_second", "quarantined",
    "view", "position", "lag", "lag_seconds", "stall_seconds", "paused",
)  # fmt: skip


def watch(output: Output, *, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Look at the store every so many seconds until Ctrl-C. Carries no view on. Raises NoLedgerError."""
    with _until_interrupted(), output.session() as kaoji:
        _show(output, _looks(kaoji, seconds, sleep))


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """Ctrl-C ends the block. Pressed once more it does nothing: the command is about to end."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, before)


def view_cell(view: dict[str, Any]) -> str:
    """How one view stands, in words."""
    parts = [f"at {view['position']}, {view['lag']} behind"]
    if view["lag"]:
        parts[0] += f" ({view['lag_seconds']:.1f} s)"
    if view.get("stall_seconds", 0) >= 1:
        parts.append(f"still for {view['stall_seconds']:.0f} s")
    if view["paused"] is not None:
        parts.append(f"paused: {view['paused']['reason']}")
    return ", ".join(parts)


def _looks(kaoji: Kaoji, seconds: float, sleep: Callable[[float], None]) -> Iterator[dict[str, Any]]:
    from api.status import Watched
    from api.watching.observation import Observer
    from domain.errors import UnreachableError

    watched = Watched(kaoji, Observer(kaoji))
    while True:
        try:
            yield watched.look()
        except UnreachableError as error:
            # Whoever watches wants to see it come back.
            yield watched.nothing(str(error))
        sleep(seconds)


def _show(output: Output, looks: Iterator[dict[str, Any]]) -> None:
    if output.format == OutputFormat.json:
        for found in looks:
            print_json(found)
            sys.stdout.flush()
    elif output.format == OutputFormat.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(CSV_COLUMNS)
        for found in looks:
            writer.writerows(_csv_rows(found))
            sys.stdout.flush()
    elif sys.stdout.isatty():
        _draw(looks)
    else:
        for found in looks:
            print(_line(found), flush=True)


def _csv_rows(found: dict[str, Any]) -> Iterator[list[Any]]:
    for view in found["projections"]:
        paused = view["paused"] and view["paused"]["reason"]
        one = {**found, **view, "view": view["name"], "paused": paused}
        one["quarantined"] = sum(found["quarantined"].values())
        yield ["" if one[column] is None else one[column] for column in CSV_COLUMNS]


def _line(found: dict[str, Any]) -> str:
    if found["error"] is not None:
        return f"{found['at']} {found['error']}"
    views = "; ".join(f"{view['name']} {view_cell(view)}" for view in found["projections"])
    return f"{found['at']} events {_events(found)}; {views}; quarantined {sum(found['quarantined'].values())}"


def _events(found: dict[str, Any]) -> str:
    rate = found["events_per_second"]
    return f"{found['events']}" if rate is None else f"{found['events']} (+{rate:g}/s)"


def _draw(looks: Iterator[dict[str, Any]]) -> None:
    from rich.live import Live

    with Live(auto_refresh=False, vertical_overflow="crop") as live:
        for found in looks:
            live.update(_table(found), refresh=True)


def _table(found: dict[str, Any]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(found["at"])
    table.add_column("Ctrl-C ends")
    if found["error"] is not None:
        table.add_row("", Text(found["error"]))
        return table
    table.add_row("events", _events(found))
    table.add_row("last recorded", found["recorded_at"] or "–")
    for view in found["projections"]:
        table.add_row(f"view {view['name']}", Text(view_cell(view)))
    for code, number in found["quarantined"].items():
        table.add_row(f"quarantined {code}", str(number))
    return table
