"""The published schemas say what the check does, but for what a schema cannot say."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from api.action_schemas import action_asyncapi, action_schema, example_event
from api.reference.__main__ import main
from api.reference.files import GENERATED, stale_files
from domain.actions.actions import check_action
from domain.actions.data import FIELDS
from domain.actions.refusals import QUARANTINE_CODES, RefusedError
from domain.actions.types import ACTION_TYPES
from tests.domain.made_actions import NOW, REQUIRED, checked, event, json_values, text, valid_events

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = action_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("path", list(GENERATED))
def test_generated_file_says_what_the_code_says(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == GENERATED[path](), "run `python -m api.reference --write`"


def test_check_names_the_files_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stale_files(tmp_path) == list(GENERATED)
    assert main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_page_names_every_type_field_and_code() -> None:
    page = GENERATED["docs/reference/actions.md"]()
    for name in (*ACTION_TYPES, *FIELDS, *QUARANTINE_CODES):
        assert f"`{name}`" in page


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert [branch["title"] for branch in SCHEMA["oneOf"]] == list(ACTION_TYPES)


@pytest.mark.parametrize("type", list(ACTION_TYPES))
def test_example_and_least_record_of_each_type_pass_both(type: str) -> None:
    for record in (example_event(type), event(type)):
        checked(record)
        VALIDATOR.validate(record)
    for field in REQUIRED.get(type, {}):
        data = {name: value for name, value in REQUIRED[type].items() if name != field}
        assert not VALIDATOR.is_valid(event(type, data=data))


def test_example_of_every_field_passes_both() -> None:
    for name, rule in FIELDS.items():
        record = event(data={"owner": "S1", name: rule.__metadata__[-1].examples[0]})
        checked(record)
        VALIDATOR.validate(record)


@given(valid_events())
def test_every_valid_action_passes_the_check_and_the_schema(record: dict[str, Any]) -> None:
    checked(record)
    VALIDATOR.validate(record)


@st.composite
def mutated_events(draw: st.DrawFn) -> dict[str, Any]:
    """A valid event with one or two places set to any value, added or removed."""
    record = copy.deepcopy(draw(valid_events()))
    for _ in range(draw(st.integers(1, 2))):
        places = [(record, name) for name in record]
        data = record.get("data")
        if isinstance(data, dict):
            places += [(data, name) for name in (*data, draw(st.sampled_from(list(FIELDS))))]
            nested = [
                inner for value in data.values() for inner in (value if isinstance(value, list) else [value])
            ]
            places += [(inner, name) for inner in nested if isinstance(inner, dict) for name in (*inner, "case")]
        holder, name = draw(st.sampled_from(places))
        if draw(st.booleans()) and name in holder:
            del holder[name]
        else:
            values = json_values | st.sampled_from(
                ["", "\0", 5.0, True, "2024-02-30", 0.1234567, [], {}, {"\0": 1}]
            )
            holder[name] = draw(values)
    return record


@given(mutated_events())
def test_what_the_schema_refuses_the_check_refuses_too_and_the_other_way_round(record: dict[str, Any]) -> None:
    try:
        check_action(text(record), now=NOW)
    except RefusedError:
        assert not VALIDATOR.is_valid(record) or schema_can_not_say(record)
    else:
        VALIDATOR.validate(record)


@pytest.mark.parametrize(
    "record",
    [
        event(data={"due": "2024-02-30"}),
        event(time="2023-02-29T00:00:00Z"),
        event(time="2030-01-01T00:00:00Z"),
        event(data={"owner": "S1", "participants": [{"staff": "S2", "share": 0.1234567}]}),
        event(data={"owner": "S1", "participants": [{"staff": "S2", "share": 0.6}] * 2}),
    ],
    ids=range(5),
)
def test_what_the_schema_can_not_say_is_listed_in_it(record: dict[str, Any]) -> None:
    VALIDATOR.validate(record)
    with pytest.raises(RefusedError):
        checked(record)
    for words in ("calendar", "six decimals", "add up to at most 1", "24 hours ahead", "1,048,576 bytes"):
        assert words in SCHEMA["description"]


def test_asyncapi_names_both_content_modes_and_points_into_the_schema() -> None:
    document = action_asyncapi()
    channel = document["channels"]["administrative-actions"]
    assert (document["asyncapi"], list(channel["messages"])) == ("3.0.0", ["structured", "binary"])
    messages = document["components"]["messages"]
    assert [message["contentType"] for message in messages.values()] == [
        "application/cloudevents+json",
        "application/json",
    ]
    for message in messages.values():
        assert "case number" in message["bindings"]["kafka"]["key"]["description"]
    references = [
        part.partition("#")[2].strip('/"').split("/")
        for part in json.dumps(document).split('"$ref": ')[1:]
        for part in [part.split(",")[0].split("}")[0]]
    ]
    for steps in references:
        target: Any = document if steps[0] in ("components", "channels") else SCHEMA
        for step in filter(None, steps):
            target = target[step]


def schema_can_not_say(record: dict[str, Any]) -> bool:
    """Whether the record breaks a rule that is beyond JSON Schema, told without the check."""
    data = record.get("data", {})
    shares = [one["share"] for one in data.get("participants", [])]
    days = [str(record["time"])[:10], str(data.get("due", "2024-01-01"))[:10]]
    return (
        sum(round(share * 1e6) for share in shares) > 1_000_000
        or any(f"{share:.6f}" != f"{share:.9f}"[:-3] or f"{share:.9f}"[-3:] != "000" for share in shares)
        or not all(map(exists, days))
    )


def exists(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True
