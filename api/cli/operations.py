"""Commands that operate what runs: views, backups, and what is wrong with the surroundings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import Output, progress_bars

NameArgument = Annotated[str, typer.Argument(metavar="VIEW", help="Name of the view.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for those who come after you.")]
NUMBER_MAX = 2**63 - 1
RateOption = Annotated[int | None, typer.Option(min=1, max=NUMBER_MAX, help="At most so many events a second.")]
BatchOption = Annotated[
    int, typer.Option(min=1, max=1_000_000, help="Events read at once; fewer take less memory.")
]


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    projection = typer.Typer(help="Views: how they stand, and what is ordered of them.", no_args_is_help=True)
    projection.command("list")(projection_list)
    projection.command("pause")(projection_pause)
    projection.command("resume")(projection_resume)
    projection.command("rebuild")(projection_rebuild)
    projection.command("skip")(projection_skip)
    projection.command("unskip")(projection_unskip)
    app.add_typer(projection, name="projection")
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("doctor")(doctor)


def projection_list(context: typer.Context) -> None:
    """List the views: position, lag, pauses, rebuilds that were not ended, events left out."""
    from api.view_operations import views_listed

    output: Output = context.obj
    with output.session() as kaoji:
        found = views_listed(kaoji)
    rows = [
        [
            each["name"],
            each["position"],
            each["lag"],
            each["paused"] and each["paused"]["reason"],
            each["rebuild"] and f"at {each['rebuild']['position']}",
            ", ".join(str(skip["position"]) for skip in each["skipped"]) or None,
        ]
        for each in found
    ]
    output.show(found, ["view", "position", "lag", "paused", "rebuild", "left out"], rows)


def projection_pause(context: typer.Context, name: NameArgument, reason: ReasonOption) -> None:
    """Have a view stand still, in every process that carries it, until it is resumed."""
    from api.view_operations import pause_view

    output: Output = context.obj
    with output.session() as kaoji:
        pause_view(kaoji, name, reason=reason)
    output.show({"paused": name}, ["paused"], [[name]])


def projection_resume(context: typer.Context, name: NameArgument) -> None:
    """Let a paused view go on, and catch it up."""
    from api.view_operations import resume_view

    output: Output = context.obj
    with output.session() as kaoji, progress_bars() as progress:
        resume_view(kaoji, name)
        position = kaoji.driver.catch_up(only=name, progress=progress)
    output.show({"resumed": name, "position": position}, ["resumed", "position"], [[name, position]])


def projection_rebuild(
    context: typer.Context,
    name: NameArgument,
    rate: RateOption = None,
    batch: BatchOption = 10_000,
    anew: Annotated[bool, typer.Option(help="Begin anew where a rebuild was not ended.")] = False,
) -> None:
    """Build a view anew beside the live one, which serves until the swap. Ctrl-C gives it up, another goes on."""
    from api.view_operations import check_view

    output: Output = context.obj
    with output.session() as kaoji, progress_bars() as progress:
        check_view(kaoji, name)
        try:
            position = kaoji.driver.rebuild(name, rate=rate, batch_max=batch, anew=anew, progress=progress)
        except KeyboardInterrupt:
            output.note(
                f"Given up; the live view is as it was. `kaoji projection rebuild {name}` goes on from here."
            )
            raise typer.Exit(1) from None
    output.show({"rebuilt": name, "position": position}, ["view", "position"], [[name, position]])


def projection_skip(
    context: typer.Context,
    name: NameArgument,
    position: Annotated[int, typer.Argument(min=1, max=NUMBER_MAX, help="Position in the ledger.")],
    reason: ReasonOption,
) -> None:
    """Have a view leave out an event that it cannot take in, also in rebuilds, until `unskip`; `verify` tells."""
    from api.view_operations import skip_event

    output: Output = context.obj
    with output.session() as kaoji, progress_bars() as progress:
        skipped = skip_event(kaoji, name, position, reason=reason)
        kaoji.driver.catch_up(only=name, progress=progress)
    columns = ["view", "position", "reason"]
    output.show(skipped, columns, [[skipped[column] for column in columns]])


def projection_unskip(
    context: typer.Context,
    name: NameArgument,
    positions: Annotated[
        list[int],
        typer.Argument(min=1, max=NUMBER_MAX, metavar="POSITION", help="Positions that it leaves out."),
    ],
    reason: ReasonOption,
    rate: RateOption = None,
    batch: BatchOption = 10_000,
) -> None:
    """Take skips back: the view is built anew with these events beside the live one, and swapped in."""
    from api.view_operations import skipped_positions, unskip_events

    output: Output = context.obj
    with output.session() as kaoji, progress_bars() as progress:
        try:
            found = unskip_events(
                kaoji, name, positions, reason=reason, rate=rate, batch_max=batch, progress=progress
            )
        except KeyboardInterrupt:
            if skipped_positions(kaoji, name).isdisjoint(positions):
                output.note(f"The view {name} was swapped already: see `kaoji projection list`.")
            else:
                output.note("Given up; the live view is as it was. The same command goes on from here.")
            raise typer.Exit(1) from None
    columns = ["view", "position", "reason"]
    output.show(found, columns, [[each[column] for column in columns] for each in found])


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write; it must not be there yet.")],
    keys: Annotated[bool, typer.Option("--keys", help="Copy the key file instead; keep the two apart.")] = False,
) -> None:
    """Copy an SQLite store to a file while it is in use, and check the copy. Keys are never in it."""
    from api.backup import backup_store

    output: Output = context.obj
    with progress_bars() as progress:
        found = backup_store(output.settings, file, keys=keys, progress=progress)
    columns = ["file", "bytes", "sha256"]
    output.show(found, columns, [[found[column] for column in columns]])


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    verify: Annotated[bool, typer.Option(help="Verify the ledger in it first.")] = True,
) -> None:
    """Put a backup where the store is to be; what is there already is never overwritten."""
    from api.backup import restore_store

    output: Output = context.obj
    with progress_bars() as progress:
        found = restore_store(output.settings, file, verify=verify, progress=progress)
    columns = ["store", "events", "root"]
    output.show(found, columns, [[found[column] for column in columns]])


def doctor(
    context: typer.Context,
    bootstrap: Annotated[str | None, typer.Option(help="Also try Kafka at HOST:PORT.")] = None,
    topic: Annotated[str, typer.Option(help="Topic of the actions.")] = "administrative-actions",
    kafka_config: Annotated[str | None, typer.Option(help="File of client settings: TLS, SASL.")] = None,
) -> None:
    """Look for what is wrong with settings and surroundings, and say what to do. Exits with 1 if anything is."""
    from api.doctor import examine

    output: Output = context.obj
    found = [
        replace(each, told=output.said(each.told))
        for each in examine(output.settings, bootstrap=bootstrap, topic=topic, kafka_config=kafka_config)
    ]
    output.show(
        {"ok": all(each.ok for each in found), "checks": [each.to_json() for each in found]},
        ["check", "ok", "found"],
        [[each.name, "yes" if each.ok else "NO", each.told] for each in found],
    )
    if not all(each.ok for each in found):
        raise typer.Exit(1)
