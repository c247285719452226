"""The reference page of actions: every attribute, type, field and quarantine code, from the tables in the code."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from api.action_schemas import CHANNEL, UNSAID, example_event
from domain.actions.data import FIELDS, fields_of
from domain.actions.refusals import QUARANTINE_CODES
from domain.actions.rules import ENVELOPE, REQUIRED_ATTRIBUTES
from domain.actions.types import ACTION_TYPES


def actions_page() -> str:
    """The whole page as Markdown."""
    sections = (_opening(), _attributes(), _types(), _fields(), _facts(), _codes(), _schemas())
    return "\n\n".join(sections) + "\n"


def _opening() -> str:
    return f"""# Actions

<!-- Made from the code by `python -m api.reference --write`; edit the code, not this page. -->

One record is one administrative action, sent as one CloudEvents 1.0 event. In files: NDJSON, one event a \
line. In Kafka: topic `{CHANNEL}`, structured or binary content mode, keyed by the case number.

```json
{json.dumps(example_event("licensing.granted"), ensure_ascii=False, indent=2)}
```

(`source`, `id`) identifies an action. The same pair again with equal content (the same type, subject, \
instant, sequence, and data as JSON values) is a duplicate: counted and ignored. With other content it is \
a conflict.

Nothing is coerced: `"5"` and `true` are no ratings. (5.0 is the same JSON number as 5, and taken.) A fact \
is never refused for being incomplete, early or late: only what is listed as required is required, and \
what is given must be valid."""


def _attributes() -> str:
    rows = [
        (f"`{name}`", "yes" if name in REQUIRED_ATTRIBUTES else "", _description(rule), _example(rule))
        for name, rule in ENVELOPE.items()
        if name != "data_base64"
    ]
    return f"""## The envelope

{_table(("attribute", "required", "what it holds", "example"), rows)}

A text that is required must not be empty. An attribute that is null counts as absent. `data_base64` is \
not taken. Other attributes (extensions) are kept, sealed, and ignored by scoring."""


def _types() -> str:
    rows = [
        (f"`{kind.name}`", kind.en, kind.zh, ", ".join(f"`{name}`" for name in kind.required))
        for kind in ACTION_TYPES.values()
    ]
    return f"""## Types

{_table(("type", "meaning", "含义", "required in `data`"), rows)}"""


def _fields() -> str:
    rows = [(f"`{name}`", _description(rule), _example(rule)) for name, rule in FIELDS.items()]
    return f"""## Fields of `data`

Every field may be given in every type. All texts but `note` have at least one character.

{_table(("field", "rule", "example"), rows)}

Some types narrow a field:

{_table(("type", "field", "rule", "example"), _narrowed())}

Corrected can be every action but `record.*` and `review.*`; voided every action but a void. A correction \
is always recorded; it is without effect, as a whole, where its result is invalid, where it changes `of` \
or `type`, or where it moves `time` to more than 24 hours after the correction itself."""


def _narrowed() -> list[tuple[str, ...]]:
    rows: dict[tuple[str, ...], list[str]] = {}
    for kind in ACTION_TYPES:
        for name, rule in fields_of(kind).items():
            if rule is not FIELDS[name]:
                key = (f"`{name}`", _description(rule), _example(rule))
                rows.setdefault(key, []).append(f"`{kind}`")
    return [(", ".join(kinds), *row) for row, kinds in rows.items()]


def _facts() -> str:
    return """## What is stored open, and what is sealed

The attributes and fields of this page are *facts*: they stand open in the ledger for ever, and scores are \
made of nothing else. A record that holds only facts is stored as it was received, byte for byte. `note`, \
every field and attribute that is not on this page (also within `participants`, `evidence`, `of` and \
`changes`), and every value in `changes` that its field could not hold are *sealed*: encrypted under a key \
that can be destroyed."""


def _codes() -> str:
    rows = [(f"`{code}`", remedy) for code, remedy in QUARANTINE_CODES.items()]
    return f"""## Quarantine codes

A refused record is kept with its bytes, its place, one code, and a sentence that says what to mend. Where \
several codes apply the first of this table is given; but `too-large` is judged before all others, then \
`forbidden-source` where the record is JSON, and `conflict` last. A refused record leaves its (`source`, `id`) \
free for the mended one.

{_table(("code", "meaning and remedy"), rows)}"""


def _schemas() -> str:
    unsaid = "\n".join(f"- {one}" for one in UNSAID)
    return f"""## Schemas

`api/schemas/action.schema.json` (JSON Schema 2020-12) and `api/schemas/actions.asyncapi.json` (AsyncAPI \
3.0) say the same for machines. What they cannot say:

{unsaid}"""


def _description(rule: Any) -> str:
    return str(rule.__metadata__[-1].description)


def _example(rule: Any) -> str:
    return f"`{json.dumps(rule.__metadata__[-1].examples[0], ensure_ascii=False)}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
