"""Write, or check, every file of the repository that is made from the code: `python -m api.reference --check`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from api.action_reference import actions_page
from api.action_schemas import action_asyncapi, action_schema, schema_text
from api.command_line_reference import command_line_page
from api.http_reference import http_page
from api.mapping_reference import mapping_page
from api.rules_reference import policy_page, register_page
from api.settings_reference import settings_page
from api.watching_reference import logs_page, metrics_page

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


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or say which differ from the code; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m api.reference", description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write the files that differ")
    mode.add_argument("--check", action="store_true", help="exit 1 if a file differs from the code")
    root = Path(__file__).resolve().parents[1]
    stale = stale_files(root)
    if parser.parse_args(arguments).check:
        for path in stale:
            print(f"{path} differs from the code: run `python -m api.reference --write`.", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(GENERATED[path](), encoding="utf-8")
        print(f"wrote {path}")
    return 0


def stale_files(root: Path) -> list[str]:
    """The generated files under `root` that are missing or say something else than the code."""
    return [path for path, make in GENERATED.items() if _text(root / path) != make()]


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
