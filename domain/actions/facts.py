"""Facts and what is sealed: which part of an action everybody may read for ever, and its compact text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from pydantic_core import ValidationError

from domain.actions.data import FIELDS
from domain.actions.rules import ENVELOPE, field_validator, instant_validator
from domain.actions.types import ACTION_TYPES
from domain.actions.upcasts import RETIRED_FIELDS

SEALED_FIELDS: Final = frozenset({"note"})
FACT_FIELDS: Final = tuple(name for name in (*FIELDS, *RETIRED_FIELDS) if name not in SEALED_FIELDS)

_ATTRIBUTES: Final = frozenset(ENVELOPE)
_PLAIN_ATTRIBUTES: Final = tuple(name for name in ENVELOPE if name != "data")
_FACT_FIELDS: Final = frozenset(FACT_FIELDS)
_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "participants": ("staff", "share"),
    "evidence": ("ref", "sha256"),
    "of": ("source", "id", "case"),
}
_NESTED: Final = frozenset({*_MEMBERS, "changes"})
_CHANGEABLE: Final = ("time", "type", *FIELDS, *RETIRED_FIELDS)
_encode: Final = msgspec.json.Encoder().encode


def holds_only_facts(event: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether a checked event holds nothing that has to be sealed."""
    if not (_ATTRIBUTES.issuperset(event) and _FACT_FIELDS.issuperset(data)):
        return False
    if _NESTED.isdisjoint(data):
        return True
    return all(_facts_within(name, data[name]) == data[name] for name in _NESTED if name in data)


def facts_text(event: Mapping[str, Any], data: Mapping[str, Any]) -> bytes:
    """The facts of a checked event as compact JSON, its keys in the order of the tables."""
    facts = {name: event[name] for name in _PLAIN_ATTRIBUTES if event.get(name) is not None}
    facts["data"] = known = {name: data[name] for name in FACT_FIELDS if name in data}
    if not _NESTED.isdisjoint(known):
        for name in _NESTED.intersection(known):
            known[name] = _facts_within(name, known[name])
    return _encode(facts)


def _facts_within(name: str, value: Any) -> Any:
    if name == "changes":
        return _facts_of_changes(value)
    if name not in _MEMBERS:
        return value
    members = _MEMBERS[name]
    if isinstance(value, list):
        return [{member: one[member] for member in members if member in one} for one in value]
    return {member: value[member] for member in members if member in value}


def _facts_of_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The known fields of a correction, in which `false` stands for a value that no action could hold.

    Such a correction is without effect, and the facts alone must say so; what was sent instead of a valid value
    may be free text, and is sealed. (`false` is a valid value of no field.)
    """
    facts: dict[str, Any] = {}
    for name in _CHANGEABLE:
        if name not in changes:
            continue
        value = changes[name]
        if value is not None and not _is_possible(name, value):
            facts[name] = False
        elif name not in SEALED_FIELDS:
            facts[name] = None if value is None else _facts_within(name, value)
    return facts


def _is_possible(name: str, value: Any) -> bool:
    if name == "type":
        return isinstance(value, str) and value in ACTION_TYPES
    validator = instant_validator() if name == "time" else field_validator(name)
    try:
        validator.validate_python(value)
    except ValidationError:
        return False
    return True
