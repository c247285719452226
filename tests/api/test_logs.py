"""The log: every event declared and emitted, its fields as declared, as text or JSON, and no secret in it."""

from __future__ import annotations

import ast
import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.settings import SettingError, read_settings
from api.watching.logs import hide, logs_are_json, set_up_logs, tear_down_logs
from domain import log_events
from domain.log_events import BATCH_RECORDED, CONSUMER_WAITING, LEVELS, LOG_EVENTS, RESERVED_FIELDS
from tests.support.command_line import CommandLine

ROOT = Path(__file__).parents[2]
ROOMS = ("domain", "projections", "consumers", "api")
CONSTANTS = {name: each for name, each in vars(log_events).items() if isinstance(each, log_events.LogEvent)}


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    tear_down_logs()


def calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield path, node


def emitted() -> dict[str, list[tuple[str, set[str | None]]]]:
    """By constant, where it is logged and with which fields."""
    found = defaultdict(list)
    for path, call in calls():
        assert isinstance(call.func, ast.Attribute)
        if call.func.attr == "log" and isinstance(call.func.value, ast.Name) and call.func.value.id.isupper():
            place = f"{path.relative_to(ROOT)}:{call.lineno}"
            found[call.func.value.id].append((place, {keyword.arg for keyword in call.keywords}))
    found.pop("LOGGER", None)
    return found


# --- what is declared is emitted, and the other way round


def test_every_event_that_is_logged_is_declared_with_the_fields_it_is_given() -> None:
    for name, places in emitted().items():
        assert name in CONSTANTS, f"{places} logs {name}, which domain/log_events.py does not declare"
        for place, fields in places:
            assert fields == set(CONSTANTS[name].fields), f"{place}: {name} is given other fields than declared"


def test_every_declared_event_is_logged_somewhere() -> None:
    used = {CONSTANTS[name].name for name in emitted()}
    # What a library says is no event of ours; the handler names it.
    assert set(LOG_EVENTS) - used == {"library"}


def test_nothing_is_logged_but_declared_events() -> None:
    said = {"debug", "info", "warning", "warn", "error", "exception", "critical"}
    loose = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path, call in calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in said
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id.lower() in ("log", "logger", "logging", "warnings")
    ]
    assert loose == []


@pytest.mark.parametrize("name", LOG_EVENTS)
def test_event_says_when_it_comes_and_its_sentence_uses_its_fields(name: str) -> None:
    event = LOG_EVENTS[name]
    given = {key: field.kind(1) for key, field in event.fields.items()}
    assert event.sentence.format_map(given)
    assert event.meaning.endswith((".", "?"))
    assert event.level in LEVELS
    assert not set(event.fields) & set(RESERVED_FIELDS)


@pytest.mark.parametrize(
    "values", [{"reason": "r"}, {"reason": 1, "seconds": 1.0}, {"reason": "r", "seconds": "1"}]
)
def test_event_with_other_fields_or_types_is_a_mistake_of_ours(values: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        CONSUMER_WAITING.log(**values)


# --- how it is written


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_line_has_name_and_typed_fields(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(read_settings({"KAOJI_LOG": "json"}))
    CONSUMER_WAITING.log(reason="Kafka schweigt: 100 % {still}.", seconds=2.0)
    (line,) = lines(capsys)
    assert line.pop("at").endswith("Z")
    assert line.pop("pid") > 0
    assert line == {
        "level": "warning",
        "event": "consumer-waiting",
        "message": "Kafka schweigt: 100 % {still}. Waiting 2 s before the next try.",
        "reason": "Kafka schweigt: 100 % {still}.",
        "seconds": 2.0,
    }


def test_text_line_has_time_level_and_name(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(read_settings({}))
    CONSUMER_WAITING.log(reason="Kafka is away.", seconds=2.0)
    at, rest = capsys.readouterr().err.split(" ", 1)
    assert at.endswith("Z")
    assert rest == "warning consumer-waiting: Kafka is away. Waiting 2 s before the next try.\n"


def test_level_says_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    batch = {"read": 2, "recorded": 1, "duplicates": 1, "quarantined": 0, "position": 7}
    set_up_logs(read_settings({"KAOJI_LOG": "json"}))
    BATCH_RECORDED.log(**batch)
    assert lines(capsys) == []
    set_up_logs(read_settings({"KAOJI_LOG": "json", "KAOJI_LOG_LEVEL": "debug"}))
    BATCH_RECORDED.log(**batch)
    assert [line["event"] for line in lines(capsys)] == ["batch-recorded"]


def test_what_a_library_says_is_a_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(read_settings({"KAOJI_LOG": "json"}))
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("somebody").exception("it is %s", "gone")
    (line,) = lines(capsys)
    assert (line["event"], line["logger"], line["level"], line["text"]) == (
        "library", "somebody", "error", "it is gone",
    )  # fmt: skip
    assert line["exception"].endswith("ValueError: broken")


@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_hidden_wherever_they_come_up(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = read_settings(
        {
            "KAOJI_LOG": form,
            "KAOJI_TOKEN": "token-of-mine",
            "KAOJI_STORE": "postgresql+psycopg://kaoji:pa%40ssword@db/kaoji",
            "KAOJI_TRACES": "https://me:collector-key@traces/v1/traces",
        }
    )
    set_up_logs(settings)
    hide(["kafka-password"])
    CONSUMER_WAITING.log(reason="postgresql+psycopg://kaoji:pa%40ssword@db/kaoji (token-of-mine)", seconds=1)
    try:
        raise ValueError("pa@ssword kafka-password collector-key")
    except ValueError:
        logging.getLogger("somebody").exception("kafka-password")
    said = capsys.readouterr().err
    assert "consumer-waiting" in said
    for secret in ("pa%40ssword", "pa@ssword", "token-of-mine", "kafka-password", "collector-key"):
        assert secret not in said


def test_command_that_fails_says_so_in_the_form_of_the_log(tmp_path: Path) -> None:
    kaoji = CommandLine(tmp_path / "none.db")
    assert kaoji.ends(2, "status").err.startswith("kaoji: There is no ledger")
    kaoji.environment["KAOJI_LOG"] = "json"
    line = json.loads(kaoji.ends(2, "status").err)
    assert (line["event"], line["error"], line["exit_code"]) == ("command-failed", "NoLedgerError", 2)
    assert logs_are_json()
    # One that cannot read its settings knows nothing of JSON.
    kaoji.environment["KAOJI_LOG"] = "yaml"
    assert kaoji.ends(2, "status").err.startswith("kaoji: KAOJI_LOG is 'yaml'. Write one of: text, json.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAOJI_LOG_LEVEL", "loud"),
        ("KAOJI_METRICS", "9464x"),
        ("KAOJI_METRICS", "localhost:70000"),
        ("KAOJI_TRACES", "localhost:4318"),
        ("KAOJI_READY_LAG_ACTIONS", "-1"),
        ("KAOJI_READY_STALL_SECONDS", "soon"),
    ],
)
def test_setting_that_cannot_be_used_says_what_it_may_be(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=r"Write"):
        read_settings({name: value})
