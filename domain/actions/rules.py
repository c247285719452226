"""The pydantic validators of actions: one union tagged by `type` for events, and its parts for corrections."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Final, Literal, NotRequired, Required, cast

from pydantic import AfterValidator, Field, Strict, TypeAdapter
from pydantic_core import SchemaValidator
from typing_extensions import TypedDict

from domain.actions.data import FIELDS, INSTANT_PATTERN, Text, existing_day, fields_of, said, strict_and_open
from domain.actions.types import ACTION_TYPES
from domain.actions.upcasts import RETIRED_FIELDS, known_version, newest_version, unknown_names

Instant = Annotated[str, Field(pattern=INSTANT_PATTERN)]

ENVELOPE: Final[dict[str, Any]] = {
    "specversion": Annotated[Literal["1.0"], said("the version of CloudEvents", "1.0")],
    "id": Annotated[Text, said("with `source`, the identity of the action", "2024-000317-12")],
    "source": Annotated[Text, said("the sending system", "/gx/licensing")],
    "type": Annotated[Text, said("what happened: one of the types below", "licensing.granted")],
    "subject": Annotated[
        Text, said("the case number; for `staff.*` the staff id, for `unit.*` the unit code", "GX-2024-000317")
    ],
    "time": Annotated[
        Instant,
        said(
            "when it happened in the office: RFC 3339 with offset, capital T and Z, no second 60; "
            "digits after the sixth are cut",
            "2024-03-29T10:15:00+08:00",
        ),
    ],
    # CloudEvents' JSON format: an attribute that is null is the same as one that is absent.
    "datacontenttype": Annotated[Text | None, said("the media type of `data`", "application/json")],
    "dataschema": Annotated[
        Annotated[
            Text, AfterValidator(known_version), Field(json_schema_extra={"not": {"pattern": unknown_names()}})
        ]
        | None,
        said(
            "the version of this contract, where it ends in `urn:kaoji:action:N` or `…/kaoji/action/vN`: "
            f"one up to {newest_version()}; absent, or any other text, is version 1",
            "urn:kaoji:action:1",
        ),
    ],
    "sequence": Annotated[
        Annotated[str, Field(pattern="^[0-9]+$")] | None,
        said("digits, which order actions of one instant as a number", "12"),
    ],
    "data_base64": Annotated[None, said("not taken: `data` is a JSON object", None)],
    "data": Annotated[dict[str, Any], said("the fields below; absent is the same as empty", {"unit": "GX-NN-03"})],
}
"""The known attributes of an event and their rules, in the order in which facts are written."""

REQUIRED_ATTRIBUTES: Final = ("specversion", "id", "source", "type", "subject", "time")


@cache
def event_validator() -> SchemaValidator:
    """The check of a whole event. Built at first use: it takes some 60 ms, which a help page need not pay."""
    events = [_event(names) for names in _names_with_equal_rules()]
    union: Any = Annotated[_union(events), Field(discriminator="type")]
    return cast(SchemaValidator, TypeAdapter(union).validator)


@cache
def data_validator(action_type: str) -> SchemaValidator:
    """The check of the `data` of one type alone."""
    return cast(SchemaValidator, TypeAdapter(_data(action_type)).validator)


@cache
def field_validator(name: str) -> SchemaValidator:
    """The check of one field of `data`, by the rule that holds for most types."""
    return cast(SchemaValidator, TypeAdapter(FIELDS.get(name) or RETIRED_FIELDS[name]).validator)


@cache
def instant_validator() -> SchemaValidator:
    """The check of one RFC 3339 date-time with offset, as a text."""
    rule = Annotated[Instant, AfterValidator(existing_day), Strict()]
    return cast(SchemaValidator, TypeAdapter(rule).validator)


def _names_with_equal_rules() -> list[tuple[str, ...]]:
    # 56 types share a dozen sets of rules: fewer validators to build and to hold.
    groups: dict[tuple[Any, ...], list[str]] = {}
    for name, action_type in ACTION_TYPES.items():
        fields = fields_of(name)
        key = (action_type.required, id(fields["of"]), id(fields["outcome"]))
        groups.setdefault(key, []).append(name)
    return [tuple(names) for names in groups.values()]


def _data(action_type: str) -> Any:
    required = ACTION_TYPES[action_type].required
    fields = {
        name: Required[rule] if name in required else NotRequired[rule]
        for name, rule in fields_of(action_type).items()
    }
    return strict_and_open(_typed_dict(f"data of {action_type}", fields))


def _event(names: tuple[str, ...]) -> Any:
    rules = ENVELOPE | {"type": Literal[names], "data": _data(names[0])}
    required = {*REQUIRED_ATTRIBUTES, *(["data"] if ACTION_TYPES[names[0]].required else [])}
    attributes = {name: Required[rule] if name in required else NotRequired[rule] for name, rule in rules.items()}
    return strict_and_open(_typed_dict(f"event {names[0]}", attributes))


def _typed_dict(name: str, fields: dict[str, Any]) -> Any:
    # The type checker wants a literal here; these are made from the tables.
    return cast(Any, TypedDict)(name, fields)


def _union(kinds: list[Any]) -> Any:
    union = kinds[0]
    for kind in kinds[1:]:
        union = union | kind
    return union
