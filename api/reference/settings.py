"""The reference page of settings: what is read from the environment, from the one place that reads it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from api import settings
from api.reference.command_line import GENERATED_NOTE
from api.settings import read_settings
from consumers import kafka_settings

_DEFAULTS = {name: getattr(read_settings({}), name) for name in settings.Settings.__dataclass_fields__}
_OPENING = """Settings are read from the environment, once, when a command begins. An option of the command line \
goes before the environment."""


def settings_page() -> str:
    """The whole page as Markdown."""
    rows = [f"| `{name}` | {_shown(_DEFAULTS[field])} | {text} |" for field, name, text in described_settings()]
    table = "\n".join(["| variable | if it is not set | meaning |", "| --- | --- | --- |", *rows])
    return "\n\n".join(["# Settings", GENERATED_NOTE, _OPENING, table, _keys(), _kafka()]) + "\n"


def described_settings() -> Iterator[tuple[str, str, str]]:
    """(field, variable, meaning) of each setting, from the sentence that stands under the field."""
    (found,) = [
        node for node in ast.parse(inspect.getsource(settings)).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    ]  # fmt: skip
    for field, text in zip(found.body, found.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(text, ast.Expr)
            assert isinstance(text.value, ast.Constant), "every setting says what it is"
            name, _, meaning = " ".join(str(text.value.value).split()).partition(": ")
            yield field.target.id, name, meaning


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return f"`./{value}`" if isinstance(value, Path) else f"`{value}`"


def _keys() -> str:
    return """The key file stands beside an SQLite store unless `KAOJI_KEYS` names another place: `FILE-keys.db` \
for the store `sqlite:///FILE`. For a PostgreSQL store it is `./kaoji-keys.db`; name \
a place of its own for a service."""


def _kafka() -> str:
    secrets = " and ".join(f"`{name}_file`" for name in kafka_settings.SECRETS)
    allowed = ", ".join(f"`{name}`" for name in kafka_settings._KINDS)
    refused = "\n".join(f"| `{name}` | {reason} |" for name, reason in kafka_settings._OWNED.items())
    return f"""## The Kafka client

`kaoji consume --kafka-config FILE` takes settings of the client: TOML (`.toml`), or lines `name = value` in a \
file of any other name. Names are those of kafka-python. They may be {allowed}.

Secrets stay out of the file: a text `${{env:NAME}}` is what the environment holds under that name, and \
{secrets} name a file that holds nothing but the password. A path of theirs that is not absolute begins \
beside the settings.

```toml
security_protocol = "SASL_SSL"
ssl_cafile = "/etc/kaoji/kafka-ca.pem"
sasl_mechanism = "SCRAM-SHA-512"
sasl_plain_username = "kaoji"
sasl_plain_password_file = "/run/secrets/kafka-password"
```

These are refused, because recording each action exactly once rests on them:

| setting | why |
| --- | --- |
{refused}"""
