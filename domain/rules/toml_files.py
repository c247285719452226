"""Read a TOML file of ours strictly: each error names file, line and key, and what was probably meant."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from domain.errors import WrongInputError

Path_ = tuple[str | int, ...]
_HEADER: Final = re.compile(r"\s*(\[\[|\[)\s*([^\]]+?)\s*\]\]?")
_KEY: Final = re.compile(r"\s*(?:\"([^\"]+)\"|'([^']+)'|([A-Za-z0-9_-]+))\s*(?:=|\.)")
_BYTES_MAX: Final = 4 * 1024 * 1024


class TomlFileError(WrongInputError):
    """A TOML file of ours (policy, register) that cannot be used as it is."""


class StrictModel(BaseModel):
    """Nothing is coerced, nothing unknown is passed over, nothing changes afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


Model = TypeVar("Model", bound=StrictModel)


@dataclass(frozen=True)
class TomlText:
    """The text of one TOML file, its values, and the name it is called by in errors."""

    place: str
    text: str
    values: dict[str, Any]

    def line_of(self, path: Path_) -> int | None:
        """Line on which the value at `path` (or the nearest table around it) is written, from 1."""
        lines = _lines(self.text)
        for length in range(len(path), 0, -1):
            if path[:length] in lines:
                return lines[path[:length]]
        return None

    def error(self, path: Path_, message: str, kind: type[TomlFileError] = TomlFileError) -> TomlFileError:
        """An error that points at the value at `path`."""
        line = self.line_of(path)
        where = self.place if line is None else f"{self.place}:{line}"
        key = ".".join(f"{part}" if isinstance(part, str) else f"[{part + 1}]" for part in path)
        named = f"{key.replace('.[', '[')}: " if key else ""
        return kind(f"{where}: {named}{message}")

    def parse(self, model: type[Model], kind: type[TomlFileError] = TomlFileError) -> Model:
        """The values as `model`, or an error with the first fault found and how many more there are."""
        try:
            return model.model_validate(self.values)
        except ValidationError as error:
            faults = _own_faults(error.errors(include_url=False, include_input=True))
            # An unknown key often explains the missing one beside it, so it comes first.
            first = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
            path = tuple(part for part in first["loc"] if not str(part).startswith("function-"))
            message = _sentence(dict(first), _known_keys(model, path))
            more = f" ({len(faults) - 1} more after this one.)" if len(faults) > 1 else ""
            raise self.error(path, message + more, kind) from error


def _own_faults(faults: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without those that only say that a list is too short now, of which an entry is at fault."""
    places = [fault["loc"] for fault in faults]
    return [
        fault
        for fault, place in zip(faults, places, strict=True)
        if fault["type"] != "too_short"
        or not any(len(other) > len(place) and other[: len(place)] == place for other in places)
    ]


def read_toml(path: Path, kind: type[TomlFileError] = TomlFileError) -> TomlText:
    """Read a file. Raises `kind` when it is missing, too large, not UTF-8 or not TOML."""
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise kind(f"{path}: larger than 4 MiB. That cannot be the file meant; name another.")
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise kind(f"{path}: not UTF-8 at byte {error.start}. Save the file as UTF-8.") from error
    except OSError as error:
        raise kind(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    return parse_toml(text, place=str(path), kind=kind)


def parse_toml(text: str, *, place: str, kind: type[TomlFileError] = TomlFileError) -> TomlText:
    """Parse a text. Raises `kind` with the line when it is not TOML."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        return TomlText(place, text, tomllib.loads(text, parse_float=Decimal))
    except (ValueError, ArithmeticError, RecursionError) as error:
        # TOMLDecodeError is a ValueError; so is an integer of 5,000 digits, and a huge exponent is arithmetic.
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        where = f"{place}:{found[1]}" if found else place
        reason = re.sub(r" \(at .*\)$", "", str(error)).rstrip(".")
        raise kind(f"{where}: not valid TOML: {reason}. Mend this line.") from error


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A hint with the nearest known name and all of them."""
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{hint}Known: {', '.join(sorted(known))}."


def _sentence(fault: dict[str, Any], known: Sequence[str]) -> str:
    kind, given = fault["type"], fault.get("input")
    if kind == "extra_forbidden":
        return f"Unknown key. {did_you_mean(str(fault['loc'][-1]), known)}"
    if kind == "missing":
        return "This key is missing. Add it."
    if kind in {"literal_error", "enum"}:
        expected = [part.strip(" '") for part in re.split(r",| or ", str(fault["ctx"]["expected"]))]
        return f"Unknown value {_shown(given)}. {did_you_mean(str(given), expected)}"
    if kind == "string_pattern_mismatch":
        return f"A code is small letters and digits, joined by single - _ or . signs; it is {_shown(given)} here."
    if kind in _WRITTEN:
        return f"{_WRITTEN[kind]}; it is {_shown(given)} here."
    message = str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "It must be")
    if kind in {"value_error", "assertion_error"}:
        return message
    return f"{message}; it is {_shown(given)} here."


def _shown(given: Any) -> str:
    """A value as it would be written in the file."""
    if isinstance(given, bool):
        return str(given).lower()
    return f"{given}" if isinstance(given, Decimal | date) else repr(given)


_WRITTEN: Final = {
    "bool_type": "Write true or false, without quotes",
    "date_type": "Write a date without quotes, for one 2021-07-15",
    "dict_type": "Write a table: { key = value }",
    "int_type": "Write a whole number, without quotes",
    "model_type": "Write a table: { key = value }",
    "string_type": "Write a text, in quotes",
    "tuple_type": "Write a list: [first, second]",
}
"""What another kind of value should have looked like."""


def _known_keys(model: type[BaseModel], path: Path_) -> list[str]:
    """Keys that the table around `path` may hold."""
    at: Any = model
    freely_named = False
    for part in path[:-1]:
        if isinstance(part, int) or freely_named:
            freely_named = False
            continue
        field = _field(at, part) if _is_model(at) else None
        at = _inner_model(field.annotation) if field is not None else None
        freely_named = field is not None and get_origin(field.annotation) is dict
    return [field.alias or name for name, field in at.model_fields.items()] if _is_model(at) else []


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    """The field that a key of the file stands for: by its alias where it has one."""
    return next((each for name, each in model.model_fields.items() if (each.alias or name) == key), None)


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _inner_model(annotation: Any) -> Any:
    if _is_model(annotation):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _inner_model(argument)
        if found is not None:
            return found
    return None


def _lines(text: str) -> dict[Path_, int]:
    """Line of every table header and key that is written in the usual way; good enough to point at."""
    lines: dict[Path_, int] = {}
    counts: dict[str, int] = {}
    table: Path_ = ()
    for number, line in enumerate(text.split("\n"), start=1):
        header = _HEADER.match(line)
        if header and not line.lstrip().startswith(("[[[", "[ [")):
            names = [name.strip(" \"'") for name in header[2].split(".")]
            dotted = ".".join(names)
            if header[1] == "[[":
                counts[dotted] = counts.get(dotted, -1) + 1
            table = ()
            for depth, name in enumerate(names, start=1):
                outer = ".".join(names[:depth])
                table += (name, counts[outer]) if outer in counts else (name,)
            lines.setdefault(table, number)
            if header[1] == "[[":
                lines.setdefault(table[:-1], number)
            continue
        key = _KEY.match(line)
        if key:
            lines.setdefault((*table, key[1] or key[2] or key[3]), number)
    return lines
