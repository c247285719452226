"""Compare two policies or two registers by what they mean: indicators, weights, limits; not by their text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel

from api.rules.rules import rule_of
from domain.policies.policy import Policy
from domain.rules.calendars import to_date
from domain.rules.procedures import Register

_WHAT_IT_IS: Final = {"name", "version", "register_version", "hash", "text"}
"""Fields that say which rule it is, not what it says."""
_DAYS: Final = {"valid_from", "valid_to"}


@dataclass(frozen=True)
class Difference:
    """One thing that one of the two says otherwise; `path` leads to it by names and codes."""

    path: tuple[str, ...]
    change: Literal["added", "removed", "changed", "reordered"]
    before: Any
    after: Any

    def to_json(self) -> dict[str, Any]:
        """As printed."""
        return {"path": list(self.path), "change": self.change, "before": self.before, "after": self.after}


def compared(one: Policy | Register, other: Policy | Register) -> dict[str, Any]:
    """What `kaoji policy diff` prints."""
    found = differences(one, other)
    before, after = rule_of(one), rule_of(other)
    return {
        "before": {"name": before.name, "version": before.version, "hash": before.hash},
        "after": {"name": after.name, "version": after.version, "hash": after.hash},
        "same": not found,
        "differences": [each.to_json() for each in found],
    }


def differences(one: Policy | Register, other: Policy | Register) -> list[Difference]:
    """What differs in meaning. Defaults count as written out; layout, comments, 0.9 or 0.90 do not count."""
    return list(_differences((), _meaning_of_fields(one, _WHAT_IT_IS), _meaning_of_fields(other, _WHAT_IT_IS)))


class _ByCode(dict[str, Any]):
    """Tables that are told apart by their code, in the order of the file."""


def _differences(path: tuple[str, ...], before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, _ByCode) != isinstance(after, _ByCode):
        # A list without tables does not show that its tables would have codes.
        before, after = (_ByCode() if each == [] else each for each in (before, after))
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield Difference(path, "changed", before, after)
        return
    for key, value in before.items():
        if key in after:
            yield from _differences((*path, key), value, after[key])
        else:
            yield Difference((*path, key), "removed", value, None)
    for key, value in after.items():
        if key not in before:
            yield Difference((*path, key), "added", None, value)
    if isinstance(before, _ByCode):
        common = [[key for key in each if key in before and key in after] for each in (before, after)]
        if common[0] != common[1]:
            yield Difference(path, "reordered", common[0], common[1])


def _meaning(value: Any) -> Any:
    """The value as JSON: equal where two files mean the same."""
    if isinstance(value, BaseModel):
        names = type(value).model_fields.items()
        return {field.alias or name: _meaning(getattr(value, name)) for name, field in names}
    if is_dataclass(value):
        return _meaning_of_fields(value, set())
    if isinstance(value, Mapping):
        return {str(key): _meaning(each) for key, each in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(_meaning(each) for each in value)
    if isinstance(value, (tuple, list)):
        return _meaning_of_several(value)
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _meaning_of_fields(value: Any, left_out: set[str]) -> dict[str, Any]:
    found = {each.name: getattr(value, each.name) for each in fields(value) if each.name not in left_out}
    return {
        name: to_date(each).isoformat() if name in _DAYS and isinstance(each, int) else _meaning(each)
        for name, each in found.items()
    }


def _meaning_of_several(values: Sequence[Any]) -> Any:
    codes = [str(each.code) for each in values if hasattr(each, "code")]
    if not codes or len(codes) < len(values):
        return [_meaning(each) for each in values]
    if len(set(codes)) < len(codes) or all(hasattr(each, "valid_from") for each in values):
        # Versions of one procedure: told apart by the day from which they hold.
        codes = [_since(getattr(each, "valid_from", None)) for each in values]
    if len(set(codes)) < len(codes):
        return [_meaning(each) for each in values]
    return _ByCode(zip(codes, (_without_code(_meaning(each)) for each in values), strict=True))


def _since(day: int | None) -> str:
    return "from the beginning" if day is None else f"from {to_date(day)}"


def _without_code(meaning: Any) -> Any:
    return {key: value for key, value in meaning.items() if key != "code"}
