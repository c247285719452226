"""What is wrong with a record that is refused: the first fault in the contract's order, and how to mend it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic_core import ErrorDetails, ValidationError

from domain.actions.data import fields_of
from domain.actions.json_text import holds_nul
from domain.actions.refusals import RECORD_BYTES_MAX, RefusedError
from domain.actions.rules import event_validator
from domain.actions.types import ACTION_TYPES
from domain.actions.upcasts import newest_version

_INSTANT: Final = (
    "an RFC 3339 date-time with its offset, capital T and Z, on a day that exists, such as "
    "2024-03-29T10:15:00+08:00"
)
_SUBJECT: Final = "the case number (for `staff.*` the staff id, for `unit.*` the unit code)"
_FOUND_CHARACTERS_MAX: Final = 80


def fault_in(event: Any) -> RefusedError:
    """The first fault of a parsed event, by the contract's order of codes; it must have one."""
    return (
        _not_a_cloudevent(event)
        or _unknown_type(event)
        or _missing_field(event)
        or _nul_character(event)
        or _bad_value(event)
    )


def fault_in_time(time: str) -> RefusedError:
    """The fault of a `time` that has the form of an instant and is none."""
    return _bad("time", time, _INSTANT)


def too_far_ahead(time: str) -> RefusedError:
    """The fault of an action that has not happened yet."""
    return RefusedError(
        "future-time",
        f"`time` is {_found(time)}, more than 24 hours ahead; send the time when it happened in the office, "
        "and mind the offset.",
    )


def too_large(size: int) -> RefusedError:
    """The fault of a record that nobody should have to parse."""
    return RefusedError(
        "too-large",
        f"The record has {size:,} bytes; send at most {RECORD_BYTES_MAX:,}: evidence goes in by reference.",
    )


def _not_a_cloudevent(event: Any) -> RefusedError | None:
    code = "not-a-cloudevent"
    if not isinstance(event, Mapping):
        return RefusedError(code, f"The record is {_found(event)}; send one JSON object that is a CloudEvent.")
    if event.get("specversion") != "1.0":
        found = _found(event["specversion"]) if "specversion" in event else "absent"
        return RefusedError(code, f'`specversion` is {found}; send the text "1.0".')
    for name, wanted in (
        ("id", "an id that is unique within `source`"),
        ("source", "the name of the sending system, such as /gx/licensing"),
        ("type", "the type of the action, such as licensing.received"),
    ):
        value = event.get(name)
        if not isinstance(value, str) or not value:
            found = "absent" if value is None else _found(value)
            return RefusedError(code, f"`{name}` is {found}; send {wanted}, as a text.")
    return None


def _unknown_type(event: Mapping[str, Any]) -> RefusedError | None:
    if event["type"] in ACTION_TYPES:
        return None
    near = get_close_matches(event["type"][:200], ACTION_TYPES, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "send one of the types in docs/reference/actions.md."
    return RefusedError("unknown-type", f"`type` is {_found(event['type'])}, which is not known; {hint}")


def _missing_field(event: Mapping[str, Any]) -> RefusedError | None:
    for name, wanted in (("subject", _SUBJECT), ("time", _INSTANT)):
        if event.get(name) in (None, ""):
            return RefusedError("missing-field", f"`{name}` is absent; send {wanted}.")
    data = event.get("data", {})
    for name in ACTION_TYPES[event["type"]].required:
        if isinstance(data, Mapping) and name not in data:
            return RefusedError(
                "missing-field",
                f"`data.{name}` is absent, and `{event['type']}` needs it; send {_wanted(event['type'], name)}.",
            )
    return None


def _nul_character(event: Mapping[str, Any]) -> RefusedError | None:
    if not holds_nul(event):
        return None
    place = next(f"`{name}`" for name, value in event.items() if "\0" in name or holds_nul(value)).replace(
        "\0", "\\u0000"
    )
    return RefusedError("bad-value", f"{place} holds the character U+0000; send the text without it.")


def _bad_value(event: Mapping[str, Any]) -> RefusedError:
    data = event.get("data", {})
    try:
        event_validator().validate_python(event)
    except ValidationError as error:
        return _bad_field(event, error.errors(include_url=False)[0])
    if isinstance(data, Mapping) and data.get("participants") and "owner" not in data:
        return _bad(
            "data.participants",
            data["participants"],
            "`data.owner` too, the staff id of the one who has the rest of the shares",
        )
    return fault_in_time(event["time"])


def _bad_field(event: Mapping[str, Any], error: ErrorDetails) -> RefusedError:
    place = [part for part in error["loc"] if part not in ACTION_TYPES]
    name = str(place[0])
    if name == "data" and len(place) > 1:
        field = str(place[1])
        value = event["data"][field]
        return _bad(f"data.{field}", value, _wanted(event["type"], field))
    return _bad(name, event.get(name), _ATTRIBUTES_WANTED[name])


_ATTRIBUTES_WANTED: Final[Mapping[str, str]] = {
    "subject": f"as a text {_SUBJECT}",
    "time": _INSTANT,
    "datacontenttype": 'the text "application/json", or leave it out',
    "dataschema": f"a version of the contract that is known here (up to {newest_version()}) and try again once "
    "Kaoji is updated, or leave it out",
    "sequence": 'a text of the digits 0 to 9, such as "12", or leave it out',
    "data_base64": "the fields as a JSON object in `data`",
    "data": "a JSON object, or leave it out",
}


def _bad(place: str, value: Any, wanted: str) -> RefusedError:
    return RefusedError("bad-value", f"`{place}` is {_found(value)}; send {wanted}.")


def _wanted(action_type: str, field: str) -> str:
    return str(fields_of(action_type)[field].__metadata__[-1].description)


def _found(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _FOUND_CHARACTERS_MAX else f"{text[:_FOUND_CHARACTERS_MAX]}…"
