"""The published schemas of actions: JSON Schema and AsyncAPI, made from the tables that the check is made from."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import TypeAdapter

from domain.actions.data import FIELDS, fields_of
from domain.actions.refusals import RECORD_BYTES_MAX
from domain.actions.rules import ENVELOPE, REQUIRED_ATTRIBUTES
from domain.actions.types import ACTION_TYPES, ActionType

SCHEMA_ID: Final = "urn:kaoji:action:1"
CHANNEL: Final = "administrative-actions"
UNSAID: Final = (
    "a day must exist in the calendar (no 30 February, no year 0000)",
    "a share has at most six decimals, and the shares of one action add up to at most 1",
    "`time` lies at most 24 hours ahead",
    f"a record has at most {RECORD_BYTES_MAX:,} bytes and is nested at most 200 deep",
    "no object has one key twice",
)
"""What the check refuses and JSON Schema cannot say."""

_NUL_FREE: Final = "^[^\\u0000]*$"


def action_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one action as a structured CloudEvent, one branch per type."""
    definitions: dict[str, Any] = {}
    attributes = {name: _rule(rule, definitions) for name, rule in ENVELOPE.items()}
    attributes["data"] |= {"$ref": "#/$defs/data"}
    fields = {name: _rule(rule, definitions) for name, rule in FIELDS.items()}
    fields["of"] = {"anyOf": [{"$ref": "#/$defs/action-of"}, {"$ref": "#/$defs/review-of"}]}
    branches = [_branch(kind, definitions) for kind in ACTION_TYPES.values()]
    definitions["data"] = _object(fields, ()) | {
        "description": "What is known of the action. Fields that are not listed are kept, sealed and ignored.",
        "if": {"properties": {"participants": {"minItems": 1}}, "required": ["participants"]},
        "then": {"required": ["owner"]},
    }
    definitions["value"] = {
        "description": "Any JSON value without the character U+0000.",
        "type": ["null", "boolean", "number", "string", "array", "object"],
        "pattern": _NUL_FREE,
        "items": {"$ref": "#/$defs/value"},
        "propertyNames": {"pattern": _NUL_FREE},
        "additionalProperties": {"$ref": "#/$defs/value"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Administrative action",
        "description": "One administrative action as a structured CloudEvents 1.0 event. Checked beyond this "
        f"schema: {'; '.join(UNSAID)}.",
        **_object(attributes, REQUIRED_ATTRIBUTES),
        "oneOf": branches,
        "$defs": dict(sorted(definitions.items())),
        "examples": [example_event("licensing.granted")],
    }


def action_asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0 of the Kafka channel: both content modes of CloudEvents, keyed by the case number."""
    schema = "./action.schema.json"
    headers = {
        f"ce_{name}": {"$ref": f"{schema}#/properties/{name}"}
        for name in ("specversion", "id", "source", "type", "subject", "time", "sequence")
    }
    key = {"type": "string", "description": "the case number (`subject`), so that a case stays in one partition"}
    bindings = {"kafka": {"key": key, "bindingVersion": "0.5.0"}}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Kaoji: administrative actions",
            "version": "1.0.0",
            "description": "What licensing, enforcement and other systems send: one record, one action.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            CHANNEL: {
                "address": CHANNEL,
                "description": "Any topic name serves; this is the default. Any compression.",
                "messages": {
                    "structured": {"$ref": "#/components/messages/structured"},
                    "binary": {"$ref": "#/components/messages/binary"},
                },
                "bindings": {"kafka": {"topic": CHANNEL, "bindingVersion": "0.5.0"}},
            }
        },
        "operations": {
            "receiveActions": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{CHANNEL}"},
                "summary": "Kaoji records every action once, however often and in whatever order it comes.",
            }
        },
        "components": {
            "messages": {
                "structured": {
                    "name": "structured",
                    "title": "An action in structured mode",
                    "contentType": "application/cloudevents+json",
                    "headers": {
                        "type": "object",
                        "properties": {"content-type": {"const": "application/cloudevents+json"}},
                    },
                    "payload": {"$ref": schema},
                    "bindings": bindings,
                    "examples": [{"payload": example_event("licensing.granted")}],
                },
                "binary": {
                    "name": "binary",
                    "title": "An action in binary mode: attributes as headers, `data` as the value",
                    "contentType": "application/json",
                    "headers": {
                        "type": "object",
                        "properties": {"content-type": {"const": "application/json"}, **headers},
                        "required": [f"ce_{name}" for name in REQUIRED_ATTRIBUTES],
                    },
                    "payload": {"$ref": f"{schema}#/$defs/data"},
                    "bindings": bindings,
                },
            }
        },
    }


def example_event(action_type: str) -> dict[str, Any]:
    """A valid event of that type, made of the examples in the tables: the required fields, a unit, an owner."""
    fields = fields_of(action_type)
    names = dict.fromkeys(("unit", "owner", *ACTION_TYPES[action_type].required))
    event = {name: _example(ENVELOPE[name]) for name in (*REQUIRED_ATTRIBUTES, "sequence")}
    event |= {"type": action_type, "data": {name: _example(fields[name]) for name in names}}
    return event


def schema_text(schema: dict[str, Any]) -> str:
    """A schema as it is published."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _branch(kind: ActionType, definitions: dict[str, Any]) -> dict[str, Any]:
    fields = fields_of(kind.name)
    narrow = {}
    for name, rule in fields.items():
        # In `data` of any type `of` is as wide as in a review: every other type narrows it too.
        if rule is not FIELDS[name] or (name == "of" and kind.family != "review"):
            definition = f"{kind.family if rule is not FIELDS[name] else 'action'}-{name}"
            definitions[definition] = _rule(rule, definitions)
            narrow[name] = {"$ref": f"#/$defs/{definition}"}
    data: dict[str, Any] = {"properties": narrow}
    if kind.required:
        data["required"] = list(kind.required)
    branch: dict[str, Any] = {
        "title": kind.name,
        "description": f"{kind.en}. {kind.zh}。",
        "properties": {"type": {"const": kind.name}, "data": data},
    }
    if kind.required:
        branch["required"] = ["data"]
    return branch


def _object(properties: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        **({"required": list(required)} if required else {}),
        "propertyNames": {"pattern": _NUL_FREE},
        "additionalProperties": {"$ref": "#/$defs/value"},
    }


def _rule(rule: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = TypeAdapter(rule).json_schema()
    definitions |= {name: _without_nul(one) for name, one in schema.pop("$defs", {}).items()}
    said = rule.__metadata__[-1]
    schema |= {"description": said.description, "examples": said.examples}
    stated: dict[str, Any] = _without_nul(schema)
    return stated


def _without_nul(schema: Any) -> Any:
    """The schema with U+0000 forbidden wherever it leaves a text free, and without pydantic's titles."""
    if isinstance(schema, list):
        return [_without_nul(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {
        name: inner if name == "examples" else _without_nul(inner)
        for name, inner in schema.items()
        if not (name == "title" and isinstance(inner, str))
    }
    if schema.get("type") == "string" and not schema.keys() & {"pattern", "enum", "const"}:
        schema["pattern"] = _NUL_FREE
    if schema.get("additionalProperties") is True:
        schema["propertyNames"] = {"pattern": _NUL_FREE}
        schema["additionalProperties"] = {"$ref": "#/$defs/value"}
    return schema


def _example(rule: Any) -> Any:
    return rule.__metadata__[-1].examples[0]
