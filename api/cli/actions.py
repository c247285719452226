"""Commands that look into the ledger: the audit trail, the proof that it is whole."""

from __future__ import annotations

from itertools import chain
from typing import Annotated

import typer

from api.cli.output import Output, OutputFormat, print_json, progress_bars


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    app.command("audit")(audit)
    app.command("verify")(verify)


def audit(
    context: typer.Context,
    case: Annotated[str | None, typer.Option(help="Case number, target code or finding.")] = None,
    staff: Annotated[str | None, typer.Option(help="Staff id, in any role.")] = None,
    unit: Annotated[str | None, typer.Option(help="Unit with all below it, as the tree stood that day.")] = None,
    type: Annotated[str | None, typer.Option(help="Action type; may end in *.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="When it happened: date or time.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Last day or instant, inclusive.")] = None,
    recorded_from: Annotated[str | None, typer.Option(help="When we learned of it: date or time.")] = None,
    recorded_to: Annotated[str | None, typer.Option(help="Last day or instant, inclusive.")] = None,
    after: Annotated[int, typer.Option(help="Only positions above this one.")] = 0,
    limit: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    effective: Annotated[bool, typer.Option(help="After corrections, without voided actions.")] = False,
) -> None:
    """Print the audit trail in ledger order, one CloudEvent a line.

    Where nothing is found because nobody bears a name that was given, standard error says so; the exit code is 0.
    """
    from api.audit import AuditQuery
    from api.audit import audit as answer
    from api.strangers import strangers

    output: Output = context.obj
    query = AuditQuery(case, staff, unit, type, from_, to, recorded_from, recorded_to, after, limit, effective)
    with output.session() as kaoji, progress_bars() as progress:
        events = answer(kaoji, query, progress=progress)
        first = next(events, None)
        found = events if first is None else chain([first], events)
        if output.format == OutputFormat.csv:
            columns = ["position", "recorded_at", "time", "type", "subject", "source", "id", "hash"]
            output.show(None, columns, ([event[name] for name in columns] for event in found))
        else:
            for event in found:
                print_json(event)
        if first is None:
            for sentence in strangers(kaoji, query):
                output.note(sentence)


def verify(
    context: typer.Context,
    from_scratch: Annotated[bool, typer.Option(help="Check every stored action anew, too.")] = False,
) -> None:
    """Prove that the ledger is complete and untampered, and that views equal a rebuild."""
    from api.verification import verification

    output: Output = context.obj
    with output.session() as kaoji, progress_bars() as progress:
        answer = verification(kaoji, from_scratch=from_scratch, progress=progress)
    rows = [[name, answer[name]] for name in ("events", "root", "ok")]
    rows += [["fault", fault] for fault in answer["faults"]]
    rows += [
        ["left out by order", f"{each['view']}: position {each['position']}, {each['reason']}"]
        for each in answer["skipped"]
    ]
    output.show(answer, ["", "value"], rows)
    if not answer["ok"]:
        raise typer.Exit(1)
