"""The reference pages of metrics and log events, from where they are declared."""

from __future__ import annotations

from collections.abc import Iterable

from api.reference.command_line import GENERATED_NOTE
from api.watching.metric_names import METRICS, Metric
from api.watching.readiness import REASONS
from domain.actions.refusals import QUARANTINE_CODES
from domain.log_events import LOG_EVENTS, LogEvent

_WHERE = {"both": "both", "serve": "`kaoji serve`", "consume": "`kaoji consume`"}
_KINDS = {str: "text", int: "whole number", float: "number"}

_METRICS_OPENING = """`kaoji serve` answers `GET /metrics` beside its other routes, \
`kaoji consume --metrics PORT` on a port of its own, both in the text format of Prometheus. Beside these come \
`process_…`: memory, handles and processor time of the process, as Prometheus's own library names them. \
How to use them: [watch what goes on](../how-to/watch.md)."""

_LOGS_OPENING = """The log goes to standard error; answers go to standard output. `KAOJI_LOG=json` writes one \
JSON object a line, `KAOJI_LOG_LEVEL` says how much ([settings](settings.md)). Events keep their names and fields \
from release to release; the sentences may change. How to use them: [watch what goes on](../how-to/watch.md)."""

_LOGS_FIELDS = """| field | value | meaning |
| --- | --- | --- |
| `at` | text | When, in UTC, with milliseconds. |
| `level` | text | `debug`, `info`, `warning` or `error`. |
| `event` | text | Name of the event: one of those below. |
| `message` | text | The sentence, for people. |
| `pid` | whole number | The process. |
| `logger` | text | With `library` only: which one speaks. |
| `exception` | text | With an error that nobody expected: where it came from. |"""


def metrics_page() -> str:
    """The whole page as Markdown."""
    rows = [
        "| metric | kind | labels | in | meaning |",
        "| --- | --- | --- | --- | --- |",
        *map(_row, METRICS.values()),
    ]
    codes = ", ".join(f"`{code}`" for code in QUARANTINE_CODES)
    parts = [
        "# Metrics",
        GENERATED_NOTE,
        _METRICS_OPENING,
        "\n".join(rows),
        f"Values of `code` are the quarantine codes, explained under [actions](actions.md): {codes}.",
        "## Why /health/ready is red",
        "The answer bears a list `reasons`; each has a `code`, a `detail` and, where it is about views, `views`.",
        _table(("code", "meaning"), ((f"`{code}`", meaning) for code, meaning in REASONS.items())),
    ]
    return "\n\n".join(parts) + "\n"


def logs_page() -> str:
    """The whole page as Markdown."""
    events = [_event(event) for event in LOG_EVENTS.values()]
    parts = ["# Log events", GENERATED_NOTE, _LOGS_OPENING, "## Fields of every line", _LOGS_FIELDS, *events]
    return "\n\n".join(parts) + "\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
    return f"| `{metric.name}` | {metric.kind} | {labels} | {_WHERE[metric.where]} | {metric.help} |"


def _event(event: LogEvent) -> str:
    sentence = event.sentence.replace(":.0f}", "}")
    parts = [f"## `{event.name}`", f"{event.level.capitalize()}. {event.meaning}", f"> {sentence}"]
    if event.fields:
        rows = ((f"`{name}`", _KINDS[field.kind], field.meaning) for name, field in event.fields.items())
        parts.append(_table(("field", "value", "meaning"), rows))
    return "\n\n".join(parts)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
