"""Commands for what was refused: list it, sum it up, show it, try it again, give it up."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Annotated, Any

import typer

from api.cli.output import Output, OutputFormat, print_json_list

NUMBER_MAX = 2**63 - 1
ROWS_SHOWN_MAX = 1_000
"""A table holds all its rows to find the widths of its columns; JSON and CSV are printed as they come."""
LISTED = ["entry", "refused_at", "source", "place", "code", "remedy"]
LISTED_FOLDED = {"refused_at": len("2026-12-31"), "source": 14, "place": 16}
"""On a narrow terminal a time has its date above its hour, and what mends a record has most of the room."""

EntriesArgument = Annotated[list[int] | None, typer.Argument(help="Numbers of entries.")]
CodeOption = Annotated[str | None, typer.Option(help="Only this code.")]
SourceOption = Annotated[str | None, typer.Option(help="Only records of this sending system.")]
CaseOption = Annotated[str | None, typer.Option(help="Only records with this subject.")]
PlaceOption = Annotated[str | None, typer.Option(help="Only from this place; may end in *.")]
FromOption = Annotated[str | None, typer.Option("--from", help="First refused on or after: date or time.")]
ToOption = Annotated[str | None, typer.Option("--to", help="First refused on or before: date or time.")]
AfterOption = Annotated[int, typer.Option(min=0, max=NUMBER_MAX, help="Only entries above this one.")]
LimitOption = Annotated[int | None, typer.Option(min=0, max=NUMBER_MAX, help="At most so many.")]


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    quarantine = typer.Typer(help="What was refused, and why.", no_args_is_help=True)
    quarantine.command("list")(quarantine_list)
    quarantine.command("summary")(quarantine_summary)
    quarantine.command("show")(quarantine_show)
    quarantine.command("retry")(quarantine_retry)
    quarantine.command("drop")(quarantine_drop)
    app.add_typer(quarantine, name="quarantine")


def quarantine_list(
    context: typer.Context,
    code: CodeOption = None,
    source: SourceOption = None,
    case: CaseOption = None,
    place: PlaceOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    state: Annotated[str, typer.Option(help="open, retried, dropped or all.")] = "open",
    after: AfterOption = 0,
    limit: LimitOption = None,
) -> None:
    """List what is quarantined, by number."""
    from api.quarantine import QuarantineQuery, listed

    output: Output = context.obj
    query = QuarantineQuery(code, source, case, place, from_, to)
    with output.session() as kaoji:
        found = listed(kaoji, query, state=state, after=after, limit=limit)
        _show(output, map(output.remedied, found), LISTED)


def quarantine_summary(context: typer.Context) -> None:
    """Sum up what is open by code and source, with what mends it."""
    from api.quarantine import summary

    output: Output = context.obj
    with output.session() as kaoji:
        found = [output.remedied(each) for each in summary(kaoji)]
    columns = ["code", "source", "entries", "first_refused_at", "last_seen_at", "remedy"]
    output.show(found, columns, [[each[name] for name in columns] for each in found])


def quarantine_show(
    context: typer.Context, entry: Annotated[int, typer.Argument(help="Number of the entry.")]
) -> None:
    """Show one entry with the bytes that were received."""
    from api.quarantine import entry_json

    output: Output = context.obj
    with output.session() as kaoji:
        found = output.remedied(entry_json(kaoji.ledger.quarantine.get(entry), raw=True))
    output.show(found, ["", "value"], [[name, value] for name, value in found.items()])


def quarantine_retry(
    context: typer.Context,
    entries: EntriesArgument = None,
    code: CodeOption = None,
    source: SourceOption = None,
    case: CaseOption = None,
    place: PlaceOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            help="For records of logs and tables: this mapping, not the one they came by. A filter then means "
            "its source, unless --source names another."
        ),
    ] = None,
) -> None:
    """Check entries again, by number or by filter, and record those that now pass."""
    from api.quarantine import QuarantineQuery, retry

    output: Output = context.obj
    query = QuarantineQuery(code, source, case, place, from_, to)
    refused = 0

    def counted(found: Iterator[dict[str, Any]]) -> Generator[dict[str, Any], None, None]:
        nonlocal refused
        for each in found:
            refused += each["verdict"] == "quarantined"
            yield each

    with (
        output.session() as kaoji,
        closing(counted(retry(kaoji, entries or (), query, mapping=mapping))) as found,
    ):
        _show(output, map(output.remedied, found), ["entry", "verdict", "position", "code", "remedy"])
    if refused:
        raise typer.Exit(1)


def quarantine_drop(
    context: typer.Context,
    entries: EntriesArgument = None,
    code: CodeOption = None,
    source: SourceOption = None,
    case: CaseOption = None,
    place: PlaceOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    reason: Annotated[str | None, typer.Option(help="Why; kept with the entry.")] = None,
) -> None:
    """Give entries up, by number or by filter: their bytes go; place, hash, code and reason stay."""
    from api.quarantine import QuarantineQuery, drop

    output: Output = context.obj
    query = QuarantineQuery(code, source, case, place, from_, to)
    with output.session() as kaoji:
        _show(output, drop(kaoji, entries or (), query, reason=reason), ["entry", "state", "reason"])


def _show(output: Output, found: Iterator[dict[str, Any]], columns: Sequence[str]) -> None:
    """Print what comes, as it comes."""
    if output.format == OutputFormat.json:
        print_json_list(found)
        return
    if output.format == OutputFormat.csv:
        output.show(None, columns, ([each[name] for name in columns] for each in found))
        return
    rows = ([_cell(name, each[name]) for name in columns] for each in found)
    output.show(None, columns, islice(rows, ROWS_SHOWN_MAX), folded=LISTED_FOLDED)
    more = sum(1 for _ in rows)
    if more:
        output.note(f"{more:,} more are not shown: say --format json or csv to see all of them")


def _cell(name: str, value: Any) -> Any:
    """A value in a table, which has times to the second."""
    return f"{value[:19]}Z" if name == "refused_at" else value
