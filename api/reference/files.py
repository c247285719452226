"""Every file of the repository that is made from the code, and whether it still says what the code does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from api.action_schemas import action_asyncapi, action_schema, schema_text
from api.reference.actions import actions_page
from api.reference.command_line import command_line_page
from api.reference.http import http_page
from api.reference.mapping import mapping_page
from api.reference.rules import policy_page, register_page
from api.reference.settings import settings_page
from api.reference.watching import logs_page, metrics_page

GENERATED: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "docs/reference/actions.md": actions_page,
        "docs/reference/command-line.md": command_line_page,
        "docs/reference/http.md": http_page,
        "docs/reference/logs.md": logs_page,
        "docs/reference/mapping.md": mapping_page,
        "docs/reference/metrics.md": metrics_page,
        "docs/reference/policy.md": policy_page,
        "docs/reference/register.md": register_page,
        "docs/reference/settings.md": settings_page,
        "api/schemas/action.schema.json": lambda: schema_text(action_schema()),
        "api/schemas/actions.asyncapi.json": lambda: schema_text(action_asyncapi()),
    }
)
"""Each generated file, by its path in the repository, with what makes its text: add yours here."""


def stale_files(root: Path) -> list[str]:
    """The generated files under `root` that are missing or say something else than the code."""
    return [path for path, make in GENERATED.items() if _text(root / path) != make()]


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
