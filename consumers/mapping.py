"""Load a mapping by name or from a file, so that it can turn logs and tables into actions."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from consumers.local_times import LocalTimes
from consumers.mapping_format import MappingFile
from domain.errors import UnknownNameError
from domain.rules.toml_files import TomlFileError, TomlText, parse_toml, read_toml


class MappingError(TomlFileError):
    """A mapping file that cannot be used as it is; the message names file, line and key."""


@dataclass(frozen=True)
class Mapping:
    """A checked mapping and what it is called."""

    name: str
    rules: MappingFile
    toml: TomlText

    @cached_property
    def times(self) -> LocalTimes:
        """How this mapping reads times."""
        return LocalTimes(self.rules.zone, self.rules.time_formats)

    @property
    def text(self) -> str:
        """The TOML text, as it is adopted and shown."""
        return self.toml.text


def load_mapping(name: str, *, adopted: Table[str, str] | None = None) -> Mapping:
    """The mapping in the file `name`, or the adopted (name -> TOML text) or shipped one of that name.

    What ends in `.toml` or holds a `/` is a file. Raises UnknownNameError, MappingError.
    """
    if name.endswith(".toml") or "/" in name:
        return _mapping(name, read_toml(Path(name), MappingError))
    if adopted is not None and name in adopted:
        return parse_mapping(adopted[name], name=name)
    if name in shipped_mappings():
        return parse_mapping((files("consumers") / "mappings" / f"{name}.toml").read_text("utf-8"), name=name)
    if Path(name).is_file():
        return _mapping(name, read_toml(Path(name), MappingError))
    known = {*shipped_mappings(), *(adopted or ())}
    raise UnknownNameError("mapping", name, known, see="kaoji mapping suggest FILE")


def parse_mapping(text: str, *, name: str) -> Mapping:
    """The mapping that a TOML text holds. Raises MappingError."""
    return _mapping(name, parse_toml(text, place=name, kind=MappingError))


def shipped_mappings() -> list[str]:
    """Names of the mappings that come with Kaoji."""
    entries = (files("consumers") / "mappings").iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml"))


def _mapping(name: str, toml: TomlText) -> Mapping:
    mapping = Mapping(name, toml.parse(MappingFile, MappingError), toml)
    try:
        _ = mapping.times
    except UnknownNameError as error:
        raise toml.error(("zone",), str(error), MappingError) from error
    return mapping
