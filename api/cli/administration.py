"""Commands that keep the house: status, rebuilds, what was quarantined, the HTTP server."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli.output import Output, progress_bars


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    app.command("status")(status)
    app.command("rebuild")(rebuild)
    app.command("serve")(serve)
    quarantine = typer.Typer(help="What was refused, and why.", no_args_is_help=True)
    quarantine.command("list")(quarantine_list)
    quarantine.command("show")(quarantine_show)
    quarantine.command("retry")(quarantine_retry)
    quarantine.command("drop")(quarantine_drop)
    app.add_typer(quarantine, name="quarantine")


def status(context: typer.Context) -> None:
    """Show positions, lag, counts, waiting references and quarantine."""
    from api.status import status as answer

    output: Output = context.obj
    with output.session() as kaoji:
        found = answer(kaoji)
    rows: list[list[Any]] = [["events", found["events"]], ["last recorded", found["recorded_at"]]]
    rows += [
        [f"view {each['name']}", f"at {each['position']}, {each['lag']} behind"] for each in found["projections"]
    ]
    rows += [["waiting references", found["waiting"]], ["without effect", len(found["without_effect"])]]
    rows += [["self-recorded corrections", len(found["self_recorded"])]]
    rows += [[f"quarantined {code}", number] for code, number in found["quarantined"].items()]
    rows += [["scoring core", found["core"]]]
    output.show(found, ["", "value"], rows)


def rebuild(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Views to rebuild; default all.")] = None,
) -> None:
    """Build views anew beside the live ones, which serve until the swap."""
    from domain.errors import UnknownNameError

    output: Output = context.obj
    with output.session() as kaoji, progress_bars() as progress:
        known = list(kaoji.driver.projections)
        for name in names or ():
            if name not in known:
                raise UnknownNameError("view", name, known)
        kaoji.driver.catch_up(progress=progress)
        done = [
            {"name": name, "position": kaoji.driver.rebuild(name, progress=progress)} for name in names or known
        ]
    output.show({"rebuilt": done}, ["view", "position"], [[each["name"], each["position"]] for each in done])


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Where to listen; beyond loopback needs KAOJI_TOKEN.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Serve the HTTP API."""
    from api.http.server import check_listening
    from api.http.server import serve as run
    from consumers.senders import read_senders

    output: Output = context.obj
    check_listening(host, port, output.settings.token)
    if output.settings.senders is not None:
        read_senders(output.settings.senders)
    with output.session(create=True) as kaoji:
        run(kaoji, host=host, port=port, token=output.settings.token)


LIMIT_MAX = 2**63 - 1
CodeOption = Annotated[str | None, typer.Option(help="Only this code.")]
SourceOption = Annotated[str | None, typer.Option(help="Only records of this sending system.")]
EntriesArgument = Annotated[list[int] | None, typer.Argument(help="Numbers of entries.")]


def quarantine_list(
    context: typer.Context,
    code: CodeOption = None,
    source: SourceOption = None,
    limit: Annotated[int | None, typer.Option(min=0, max=LIMIT_MAX, help="At most so many.")] = None,
) -> None:
    """List what is quarantined and open."""
    from api.quarantine import listed

    output: Output = context.obj
    with output.session() as kaoji:
        found = listed(kaoji, code=code, source=source, limit=limit)
    columns = ["entry", "place", "code", "remedy"]
    output.show(found, columns, [[each[name] for name in columns] for each in found])


def quarantine_show(
    context: typer.Context, entry: Annotated[int, typer.Argument(help="Number of the entry.")]
) -> None:
    """Show one entry with the bytes that were received."""
    from api.quarantine import entry_json

    output: Output = context.obj
    with output.session() as kaoji:
        found = entry_json(kaoji.ledger.quarantine.get(entry), raw=True)
    output.show(found, ["", "value"], [[name, value] for name, value in found.items()])


def quarantine_retry(
    context: typer.Context, entries: EntriesArgument = None, code: CodeOption = None, source: SourceOption = None
) -> None:
    """Check entries again, by number or by filter, and record those that now pass."""
    from api.quarantine import retry

    output: Output = context.obj
    with output.session() as kaoji:
        found = retry(kaoji, entries or (), code=code, source=source)
    columns = ["entry", "verdict", "position", "code", "remedy"]
    output.show(found, columns, [[each.get(name) for name in columns] for each in found])
    if any(each["verdict"] == "quarantined" for each in found):
        raise typer.Exit(1)


def quarantine_drop(
    context: typer.Context, entries: EntriesArgument = None, code: CodeOption = None, source: SourceOption = None
) -> None:
    """Give entries up, by number or by filter: their bytes go; place, hash and code stay."""
    from api.quarantine import chosen, entry_json

    output: Output = context.obj
    with output.session() as kaoji:
        picked = chosen(kaoji, entries or (), code=code, source=source)
        found = [entry_json(kaoji.ledger.quarantine.drop(each.entry_id)) for each in picked]
    output.show(found, ["entry", "state"], [[each["entry"], each["state"]] for each in found])
