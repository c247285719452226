"""Commands that keep the house: status, rebuilds, the HTTP server."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli.output import Output, progress_bars
from domain.errors import WrongInputError

WATCH_SECONDS = 2.0


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    app.command("status")(status)
    app.command("rebuild")(rebuild)
    app.command("serve")(serve)


def status(
    context: typer.Context,
    seconds: Annotated[
        float | None, typer.Argument(min=0.1, max=86_400, help="With --watch: time between two looks; default 2.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
) -> None:
    """Show positions, lag, pauses, counts, waiting references and quarantine."""
    from api.cli.watching import view_cell
    from api.cli.watching import watch as go_on_watching
    from api.status import status as answer

    output: Output = context.obj
    if watch:
        go_on_watching(output, seconds=seconds or WATCH_SECONDS)
        return
    if seconds is not None:
        raise WrongInputError(f"{seconds:g} is for `kaoji status --watch {seconds:g}`. Leave it out to look once.")
    with output.session() as kaoji:
        found = answer(kaoji)
    rows: list[list[Any]] = [["events", found["events"]], ["last recorded", found["recorded_at"]]]
    rows += [[f"view {each['name']}", view_cell(each)] for each in found["projections"]]
    rows += [["fault", found["fault"]]] if found["fault"] else []
    rows += [[f"left out of {each['view']}", each["position"]] for each in found["skipped"]]
    rows += [["waiting references", found["waiting"]], ["without effect", len(found["without_effect"])]]
    rows += [["self-recorded corrections", len(found["self_recorded"])]]
    rows += [[f"numbers missing from {source}", number] for source, number in found["gaps"].items()]
    rows += [[f"quarantined {code}", number] for code, number in found["quarantined"].items()]
    rows += [["kept files", " ".join(found["kept_files"] or ())], ["scoring core", found["core"]]]
    output.show(found, ["", "value"], rows)
    if found["fault"]:
        raise typer.Exit(1)


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
    from api.memory import give_back_free_memory

    give_back_free_memory()
    from api.http.server import check_listening
    from api.http.server import serve as run
    from consumers.senders import read_senders

    output: Output = context.obj
    check_listening(host, port, output.settings.token)
    if output.settings.senders is not None:
        read_senders(output.settings.senders)
    with output.session(create=True) as kaoji:
        run(kaoji, host=host, port=port, token=output.settings.token)
