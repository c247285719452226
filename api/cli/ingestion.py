"""Commands that take actions in: from files, through mappings, from Kafka; and what would happen if."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.output import Output, OutputFormat, print_json, progress_bars

if TYPE_CHECKING:
    from consumers.files import ActionFile

COUNTS = ("read", "recorded", "duplicates", "quarantined", "position", "seconds")
SHOWN_MAX = 20

PathsArgument = Annotated[
    list[str], typer.Argument(metavar="PATH…", help="NDJSON, XES or CSV, also .gz and .zst; - is standard input.")
]
MappingOption = Annotated[str | None, typer.Option(help="For XES and CSV: a shipped mapping, or a TOML file.")]
SenderOption = Annotated[str | None, typer.Option(help="Whose files these are, where senders are bound.")]
StrictOption = Annotated[bool, typer.Option(help="Exit with 1 when a record is quarantined.")]


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    app.command("check")(check)
    app.command("ingest")(ingest)
    app.command("consume")(consume)
    mapping = typer.Typer(help="Mappings: what the parts of a log or table mean.", no_args_is_help=True)
    mapping.command("list")(mapping_list)
    mapping.command("show")(mapping_show)
    mapping.command("check")(mapping_check)
    mapping.command("suggest")(mapping_suggest)
    app.add_typer(mapping, name="mapping")


def check(
    context: typer.Context, paths: PathsArgument, mapping: MappingOption = None, sender: SenderOption = None
) -> None:
    """Say what `ingest` would do, record by record, writing nothing."""
    from api.intake import check_files

    output: Output = context.obj
    with _files(paths, mapping) as files:
        answer = check_files(output.settings, files, sender=sender)
    answer["refused"] = [output.remedied(each) for each in answer["refused"]]
    rows = [[each["place"], each["code"], each["remedy"]] for each in answer["refused"]]
    if output.format == OutputFormat.json:
        print_json(answer)
    else:
        if output.format == OutputFormat.table:
            output.show(None, COUNTS, [[answer[name] for name in COUNTS]])
        if rows or output.format == OutputFormat.csv:
            output.show(None, ["place", "code", "remedy"], rows)
    _tell_mapped(files)


def ingest(
    context: typer.Context,
    paths: PathsArgument,
    mapping: MappingOption = None,
    sender: SenderOption = None,
    strict: StrictOption = False,
) -> None:
    """Record the actions of files. Safe to repeat: what is recorded already is counted as duplicate."""
    from api.intake import ingest_files

    output: Output = context.obj
    with _files(paths, mapping) as files, progress_bars() as progress:
        shown = _Shown(output)
        totals = ingest_files(output.settings, files, sender=sender, refused=shown, progress=progress).to_json()
    _tell_totals(output, totals)
    _tell_mapped(files)
    if strict and totals["quarantined"]:
        raise typer.Exit(1)


def consume(
    context: typer.Context,
    bootstrap: Annotated[str, typer.Option(help="HOST:PORT of Kafka; several with commas.")],
    topic: Annotated[str, typer.Option(help="Topic of the actions.")] = "administrative-actions",
    group: Annotated[str, typer.Option(help="Consumer group.")] = "kaoji",
    kafka_config: Annotated[str | None, typer.Option(help="File of client settings: TLS, SASL.")] = None,
    until_idle: Annotated[float | None, typer.Option(min=0, help="End after so many seconds of silence.")] = None,
    accept_gap: Annotated[bool, typer.Option(help="Go on past records that Kafka deleted unread.")] = False,
    dead_letter: Annotated[
        str | None, typer.Option(help="Topic to publish refused records to; default KAOJI_DEAD_LETTER, else none.")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(metavar="PORT", help="PORT or HOST:PORT for /metrics and /health/…; default KAOJI_METRICS."),
    ] = None,
) -> None:
    """Record the actions of a Kafka topic, as one member of a consumer group."""
    from api.memory import give_back_free_memory

    give_back_free_memory()
    from api.intake import consume_topic

    output: Output = context.obj
    totals = consume_topic(
        output.settings,
        bootstrap=bootstrap,
        topic=topic,
        group=group,
        config_file=kafka_config,
        until_idle=until_idle,
        accept_gap=accept_gap,
        dead_letter=dead_letter,
        refused=None if output.settings.log == "json" else _Shown(output),
        metrics=metrics,
    ).to_json()
    _tell_totals(output, totals)


def mapping_list(context: typer.Context) -> None:
    """List the shipped mappings."""
    from consumers.mapping import shipped_mappings

    output: Output = context.obj
    names = shipped_mappings()
    output.show(names, ["mapping"], [[name] for name in names])


def mapping_show(name: Annotated[str, typer.Argument(help="A shipped mapping, or a TOML file.")]) -> None:
    """Print a mapping."""
    from consumers.mapping import load_mapping

    print(load_mapping(name).text, end="")


def mapping_check(
    context: typer.Context,
    mapping: Annotated[str, typer.Argument(help="A shipped mapping, or a TOML file.")],
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH…", help="Logs or tables to try.")] = None,
) -> None:
    """Check a mapping; with files, say what it makes of them and what it does not read."""
    from consumers.mapping import load_mapping

    output: Output = context.obj
    load_mapping(mapping)
    reports = []
    if paths:
        with _files(paths, mapping) as files:
            for file in files:
                for _ in file:
                    pass
                reports.append((file.name, file.report))
    if output.format == OutputFormat.json:
        print_json({"ok": True, "files": {name: report.to_json() for name, report in reports if report}})
        return
    print(f"{mapping}: a valid mapping.")
    for name, report in reports:
        for sentence in report.sentences() if report else ():
            print(f"{name}: {sentence}")


def mapping_suggest(path: Annotated[str, typer.Argument(help="An XES log or a CSV table.")]) -> None:
    """Draft a mapping for a log or table; print it as TOML with comments."""
    from consumers.suggest import suggest_mapping

    print(suggest_mapping(path), end="")


class _Shown:
    """Tells the first refused records on standard error, and how to see the rest."""

    def __init__(self, output: Output) -> None:
        self.count = 0
        self._output = output

    def __call__(self, arrival: Any, verdict: Any) -> None:
        self.count += 1
        if self.count <= SHOWN_MAX:
            self._output.note(f"quarantined {arrival.place}: {verdict.code}: {verdict.remedy}")
        elif self.count == SHOWN_MAX + 1:
            self._output.note("more were quarantined: see `kaoji quarantine list`")


@contextmanager
def _files(paths: list[str], mapping: str | None) -> Iterator[list[ActionFile]]:
    from api.bootstrap import system_clock
    from consumers.files import open_files
    from consumers.mapping import load_mapping

    loaded = None if mapping is None else load_mapping(mapping)
    files = open_files(paths, mapping=loaded, clock=system_clock)
    try:
        yield files
    finally:
        for file in files:
            file.close()


def _tell_totals(output: Output, totals: dict[str, Any]) -> None:
    output.show(totals, COUNTS, [[totals[name] for name in COUNTS]])


def _tell_mapped(files: list[ActionFile]) -> None:
    for file in files:
        for sentence in file.report.sentences() if file.report is not None else ():
            print(f"{file.name}: {sentence}", file=sys.stderr)
