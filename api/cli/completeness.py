"""Commands that prove to a sender that nothing is missing: daily receipts, and gaps in its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from api.cli.output import Output, OutputFormat, print_json

NUMBER_MAX = 2**63 - 1


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    app.command("receipt")(receipt)
    app.command("gaps")(gaps)


def receipt(
    context: typer.Context,
    day: Annotated[str, typer.Option(help="Day of recording, YYYY-MM-DD, in KAOJI_ZONE.")],
    source: Annotated[str | None, typer.Option(help="Only this sending system; default all.")] = None,
    records: Annotated[
        bool, typer.Option("--records", help="List what was recorded, each with its hash.")
    ] = False,
) -> None:
    """Say what came of a day's records, with a hash over what was recorded that the sender can compute too."""
    from api.receipts import receipt as answer
    from api.receipts import receipt_records

    output: Output = context.obj
    with output.session() as kaoji:
        if records:
            _show_records(output, receipt_records(kaoji, day, source=source))
            return
        found = answer(kaoji, day, source=source)
    columns = ["source", "sent", "recorded", "duplicates", "refused", "retried", "sha256"]
    output.show(found, columns, [[each[name] for name in columns] for each in found["sources"]], _title(found))


def gaps(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="Only this sending system; default all.")] = None,
    limit: Annotated[int, typer.Option(min=0, max=NUMBER_MAX, help="At most so many ranges of a source.")] = 100,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a number is missing.")] = False,
) -> None:
    """Say which numbers are missing where a source numbers its actions (`sequence`)."""
    from api.gaps import gaps as answer

    output: Output = context.obj
    with output.session() as kaoji:
        found = answer(kaoji, source=source, limit=limit)
    columns = ["source", "actions", "numbered", "repeated", "first", "last", "jumps", "missing", "gaps"]
    rows = [[*(each[name] for name in columns[:-1]), _ranges(each)] for each in found]
    output.show(found, columns, rows)
    if strict and any(each["missing"] for each in found):
        raise typer.Exit(1)


def _title(found: dict[str, Any]) -> str:
    """What concerns all rows: how far it goes, whether it may still change, and what is in no row."""
    first, last = found["after"] + 1, found["upto"]
    positions = f"positions {first} to {last}" if first <= last else "nothing recorded"
    until = "final" if found["final"] else "not final yet"
    return (
        f"{found['day']} in {found['zone']}, {until}: {positions}, {found['unreadable']} refused of unknown source"
    )


def _ranges(source: dict[str, Any]) -> str:
    ends = ((each["first"], each["last"]) for each in source["gaps"])
    return ", ".join(first if first == last else f"{first}-{last}" for first, last in ends)


def _show_records(output: Output, found: Iterator[dict[str, Any]]) -> None:
    """One a line, as they come."""
    columns = ["position", "source", "id", "sha256"]
    if output.format == OutputFormat.csv:
        output.show(None, columns, ([each[name] for name in columns] for each in found))
        return
    for each in found:
        print_json(each)
