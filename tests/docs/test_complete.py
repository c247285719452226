"""Nothing that a user meets is undocumented: commands, options, settings, codes, types, routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from api.cli.main import app
from api.reference.files import stale_files
from api.reference.http import openapi
from api.reference.settings import described_settings
from api.settings import VARIABLES
from api.watching.metric_names import METRICS
from api.watching.readiness import REASONS
from consumers.kafka_settings import _KINDS
from domain.actions.refusals import QUARANTINE_CODES
from domain.actions.types import ACTION_TYPES
from domain.log_events import LOG_EVENTS, RESERVED_FIELDS
from tests.docs.pages import PAGES, ROOT, name_of


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands(get_command(app), "kaoji"))


def section(called: str) -> str:
    _, found, rest = page("reference/command-line.md").partition(f"## `{called}`\n")
    assert found, f"{called} is not documented"
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize("called", COMMANDS)
def test_command_is_documented_with_all_its_options(called: str) -> None:
    said = section(called)
    for parameter in COMMANDS[called].params:
        if parameter.name == "help":
            continue
        assert parameter.help, f"{called}: {parameter.name} has no help"
        assert " ".join(parameter.help.split()).replace("|", "\\|") in said, f"{called}: {parameter.name}"
        if parameter.param_type_name == "option":
            assert all(f"`{option}`" in said or f"{option}`" in said for option in parameter.opts)


def test_options_of_every_command_are_documented() -> None:
    said = section("kaoji demo") and page("reference/command-line.md").partition("## `kaoji demo`")[0]
    for parameter in get_command(app).params:
        if parameter.name != "help":
            assert f"`{parameter.opts[0]}`" in said


def test_every_setting_is_documented() -> None:
    read = set(re.findall(r'"(KAOJI_[A-Z_]+)"', (ROOT / "api" / "settings.py").read_text(encoding="utf-8")))
    assert read == set(VARIABLES) == {name for _, name, _ in described_settings()}
    assert all(f"| `{name}` |" in page("reference/settings.md") for name in read)
    assert all(f"`{name}`" in page("reference/settings.md") for name in _KINDS)


def test_every_quarantine_code_is_documented_with_its_remedy() -> None:
    for name in ("reference/actions.md", "how-to/send-actions.md"):
        assert [code for code in QUARANTINE_CODES if f"| `{code}` |" not in page(name)] == []


def test_every_metric_is_documented_with_its_labels() -> None:
    said = page("reference/metrics.md")
    for metric in METRICS.values():
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        assert f"| `{metric.name}` | {metric.kind} | {labels} |" in said
    assert [code for code in REASONS if f"| `{code}` |" not in said] == []
    assert [code for code in QUARANTINE_CODES if f"`{code}`" not in said] == []


def test_every_log_event_is_documented_with_its_fields() -> None:
    said = page("reference/logs.md")
    for event in LOG_EVENTS.values():
        _, found, rest = said.partition(f"## `{event.name}`\n")
        assert found, f"{event.name} is not documented"
        assert [name for name in event.fields if f"| `{name}` |" not in rest.partition("\n## ")[0]] == []
    assert [name for name in RESERVED_FIELDS if f"| `{name}` |" not in said] == []


def test_every_type_is_documented() -> None:
    assert [name for name in ACTION_TYPES if f"| `{name}` |" not in page("reference/actions.md")] == []


def test_changelog_counts_the_types() -> None:
    assert f"{len(ACTION_TYPES)} types" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_route_and_parameter_is_documented() -> None:
    said = page("reference/http.md")
    for path, methods in openapi()["paths"].items():
        for method, operation in methods.items():
            assert f"## `{method.upper()} {path}`" in said
            assert operation["description"]
            assert all(f"| `{each['name']}` |" in said for each in operation.get("parameters", ()))


def test_every_indicator_is_explained_in_the_rules() -> None:
    from domain.policies.policy import load_policy

    said = page("explanation/scoring.md")
    for indicator in load_policy("gx-2012").indicators:
        word = indicator.code.replace("-", " ").capitalize()
        assert f"| {word} |" in said, f"{word} is not explained"


def test_generated_pages_are_what_the_code_makes() -> None:
    assert stale_files(ROOT) == []


def test_commands_named_in_pages_exist() -> None:
    groups = {called.rpartition(" ")[0] for called in COMMANDS} - {"kaoji"}
    known = {*COMMANDS, *groups}
    for each in PAGES:
        for said in re.findall(r"`kaoji ([a-z]+(?: [a-z]+)?)", each.read_text(encoding="utf-8")):
            called = f"kaoji {said}"
            assert called in known or called.rpartition(" ")[0] in known, f"{name_of(each)} names `{called}`"
