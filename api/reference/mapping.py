"""The reference page of mapping files: every table and key, from the models that check them."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from consumers.mapping import load_mapping
from consumers.mapping_format import (
    ActionRule,
    CaseAction,
    CaseRules,
    Constants,
    CsvRules,
    EventRules,
    FieldRule,
    Fields,
    IdRule,
    MappingFile,
    OfRules,
)

_TABLES: Final[tuple[tuple[str, type[BaseModel], str], ...]] = (
    ("The file", MappingFile, ""),
    ("`[csv]`", CsvRules, ""),
    ("`[case]`", CaseRules, "In a table, columns; in a log, the attributes of a trace."),
    (
        "`[case.actions.NAME]`",
        CaseAction,
        """In a table whose rows are events, each row repeats its case: such an action is made once, and a row \
that says something else of its case becomes a `conflict`.""",
    ),
    (
        "`[events]`",
        EventRules,
        "Without this table no event of a log is read, and each row of a table is a case.",
    ),
    (
        "A type of action",
        ActionRule,
        'Where a type is asked for: `"licensing.granted"`, or `{ type = "licensing.granted", … }`.',
    ),
    ("An id", IdRule, 'Where an id is asked for: `"COLUMN"`, or `{ parts = […], … }`.'),
    (
        "A field",
        FieldRule,
        'Where a field is asked for: `"ATTRIBUTE"`, or `{ from = "ATTRIBUTE", … }`.',
    ),
    ("`of`", OfRules, 'The reference to another action is made of two fields, such as `of.id = "COLUMN"`.'),
)


def mapping_page() -> str:
    """The whole page as Markdown."""
    return "\n\n".join(["\n\n".join(_opening()), *_sections(), _fields(), _closing()]) + "\n"


def _opening() -> Iterator[str]:
    yield "# Mapping files"
    yield "<!-- Made from the code by `python -m api.reference --write`; edit the code, not this page. -->"
    yield (
        "A mapping says what the attributes of a XES log (IEEE 1849) or the columns of a CSV table mean. It is a "
        "TOML file; what it does not know is an error that names file, line and key."
    )
    yield (
        "```console\n$ kaoji mapping suggest LOG.xes.gz > mine.toml    # a draft, with guesses\n"
        "$ kaoji mapping check mine.toml LOG.xes.gz        # what it makes of the log, and what it leaves out\n"
        "$ kaoji ingest LOG.xes.gz --mapping mine.toml\n```"
    )
    yield "The shipped mapping `receipt_wabo`, for a real licensing log:"
    yield f"```toml\n{load_mapping('receipt_wabo').text.rstrip()}\n```"


def _sections() -> Iterator[str]:
    for title, model, about in _TABLES:
        rows = "\n".join(_row(name, field) for name, field in model.model_fields.items())
        said = f"\n\n{about}" if about else ""
        yield f"## {title}{said}\n\n| key | holds | if left out | meaning |\n|---|---|---|---|\n{rows}"


def _row(name: str, field: FieldInfo) -> str:
    key = field.alias or name
    default = "required" if field.is_required() else _default(field)
    meaning = (field.description or "").replace("|", "\\|")
    return f"| `{key}` | {_holds(field.annotation)} | {default} | {meaning} |"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or isinstance(value, BaseModel) or value in ("", [], {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _holds(annotation: Any) -> str:
    """The kind of value in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin is Annotated:
        return _holds(inner[0])
    if origin is list:
        return f"list: {_holds(inner[0])}"
    if origin is dict:
        return f"table: {_holds(inner[1])}"
    if inner:
        return " or ".join(_holds(one) for one in inner if one is not NoneType)
    return _NAMES.get(annotation, "a table")


_NAMES: Final[dict[type, str]] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "`true` or `false`",
    FieldRule: "a field",
    ActionRule: "a type of action",
    IdRule: "an id",
    CaseAction: "a table",
    Fields: "fields",
    Constants: "fields and their values",
}


def _fields() -> str:
    listed = ", ".join(f"`{name}`" for name in Fields.model_fields)
    only_read = ", ".join(f"`{name}`" for name in Fields.model_fields if name not in Constants.model_fields)
    return f"""## Fields and constants

`fields` may fill {listed}: the fields of `data` in [the reference of actions](actions.md), which \
says what each may hold. `constants` may hold the same, but for {only_read}. `changes` is a table of \
fields: `changes.outcome = "COLUMN"`.

What is said further inside takes precedence: a type's own fields over `[events.fields]` or the \
action's, and those over `[case.fields]`; so do constants; a field that is read takes precedence \
over a constant."""


def _closing() -> str:
    return """## What to know

- **Times** are read as ISO 8601 (`2024-03-29T10:00:00+08:00`, `2024-03-29 10:00`, `2024-03-29`), or \
as `time_formats` say. One that states an offset keeps it. One that does not is local time in \
`zone`: where clocks go back the first of the two, and where they go forward a time that was skipped \
moves on by what was skipped. A date alone is its midnight.

- **Ids** must be the same at each reading: then a log can be ingested again, with what has been \
added, and nothing is recorded twice. Parts are joined by `/`; a `/` or `%` within a part is \
percent-encoded.

- **Nothing is dropped silently.** An activity without a type, where there is no `default`, is \
refused as `unknown-type`; a value that does not fit as `bad-value`; a row with too many or too few \
cells as `malformed-json`. Refused records go to the quarantine with all their attributes; `kaoji \
quarantine retry` tries them again with the mapping as it is then. What `ignore` and `only` pass \
over, actions of a case that states no time, and attributes that are not read, are counted by name \
in `kaoji mapping check`.

- **A table** is read row by row. A blank line is not read; an empty cell says nothing. Attributes \
inside attributes of a log are called `outer/inner`; the defaults (`global`) of a log are not \
applied."""
