"""Turn the text of an attribute into the value of a field, as its rule in the mapping says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from consumers.local_times import LocalTimes
from consumers.mapping_format import Conversion, FieldRule
from domain.actions.refusals import RefusedError

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_EXPECTED: Final[Mapping[Conversion, str]] = {
    "date": "a date or time",
    "instant": "a time",
    "integer": "a whole number",
    "number": "a number",
    "shares": "a list of STAFF:SHARE",
}


@dataclass(frozen=True, slots=True)
class FieldReader:
    """One field: where in `data` it goes, which attribute it comes from, and how.

    `of_case` tells a case's attribute from an event's; the texts in `empty` say nothing.
    """

    path: tuple[str, ...]
    attribute: str
    of_case: bool
    default: str | None
    empty: frozenset[str]
    convert: Callable[[str], Any]

    def read(self, case: Mapping[str, str], event: Mapping[str, str]) -> Any:
        """The value, or None where there is none. Raises RefusedError."""
        text = (case if self.of_case else event).get(self.attribute)
        if not text or text in self.empty:
            text = self.default
        return None if text is None else self.convert(text)


def converter(rule: FieldRule, *, key: str, times: LocalTimes) -> Callable[[str], Any]:
    """What the rule does with a text; `key` is what the mapping calls the rule, for the remedy."""
    convert = _converter(rule, times)

    def checked(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise RefusedError(
                "bad-value",
                f"Attribute {rule.attribute!r} says {text[:200]!r}, but {key} expects "
                f"{_EXPECTED.get(rule.conversion, 'another value')}: mend it at the source, or the rule.",
            ) from error

    if rule.values:
        return _translator(rule, key, checked)
    return (lambda text: text) if rule.conversion == "text" else checked


def _translator(rule: FieldRule, key: str, convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def translate(text: str) -> Any:
        if text in rule.values:
            return rule.values[text]
        if rule.other == "keep":
            return convert(text)
        if rule.other == "omit":
            return None
        raise RefusedError(
            "bad-value",
            f"Attribute {rule.attribute!r} says {text[:200]!r}, which the values of {key} do not "
            'name: add it to them in the mapping, or state other = "keep" or "omit".',
        )

    return translate


def _converter(rule: FieldRule, times: LocalTimes) -> Callable[[str], Any]:
    converters: dict[Conversion, Callable[[str], Any]] = {
        "text": str,
        "date": times.date,
        "instant": times.instant,
        "integer": _integer,
        "number": _number,
        "list": lambda text: _parts(text, rule.separator),
        "references": lambda text: [{"ref": part} for part in _parts(text, rule.separator) or ()] or None,
        "shares": lambda text: [_share(part) for part in _parts(text, rule.separator) or ()] or None,
    }
    return converters[rule.conversion]


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text.strip()):
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(text)
    return float(text)


def _parts(text: str, separator: str) -> list[str] | None:
    return [part for piece in text.split(separator) if (part := piece.strip())] or None


def _share(text: str) -> dict[str, Any]:
    staff, colon, share = text.rpartition(":")
    if not colon or not staff.strip():
        raise ValueError(text)
    return {"staff": staff.strip(), "share": _number(share)}
