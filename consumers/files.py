"""Open files of actions, logs and tables: each gives arrivals, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, Literal

from consumers.byte_streams import ByteStream, strip_bom
from consumers.csv_records import CsvTable
from consumers.mapping import Mapping
from consumers.mapping_run import MappingReport, MappingRun
from consumers.ndjson import read_ndjson, utf8_chunks
from consumers.xes import read_xes
from domain.errors import WrongInputError
from domain.ledger.records import Arrival

Format = Literal["ndjson", "xes", "csv"]
_SUFFIXES: Final[dict[str, Format]] = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".xes": "xes",
    ".csv": "csv",
}
_PACKED: Final = (".gz", ".zst")


class WrongFormatError(WrongInputError):
    """A file of a format that we do not read, or not in this way."""


class ActionFile:
    """One input, opened; iterate it once for its arrivals.

    `name` is what places begin with, `size_bytes` its size on disk where it has one, `bytes_read` how far it
    was read, `report` what the mapping made of it (None without a mapping).
    """

    def __init__(self, path: str, *, mapping: Mapping | None, clock: Callable[[], int]) -> None:
        self.format = _format(path, mapping)
        self._path, self._clock = path, clock
        self._run = MappingRun(mapping) if mapping is not None else None
        self._stream = ByteStream(path)
        self.name = self._stream.name
        self.size_bytes = self._stream.size_bytes

    @property
    def bytes_read(self) -> int:
        """Bytes taken from the file so far, as they lie there (packed)."""
        return self._stream.bytes_read

    @property
    def report(self) -> MappingReport | None:
        """What the mapping made of the input so far."""
        return self._run.report if self._run is not None else None

    def __iter__(self) -> Iterator[Arrival]:
        """Raises WrongInputError where the input breaks off; what came before it has been given out."""
        try:
            yield from self._arrivals()
        finally:
            self.close()

    def try_out(self) -> None:
        """Read the input once to its end without making actions of it. Raises WrongInputError if it breaks off.

        Whoever records afterwards then records all of it or nothing. Standard input and pipes, which can be read
        once only, are not tried.
        """
        if self.size_bytes is None:
            return
        with closing(ByteStream(self._path)) as stream:
            parts: Iterable[object]
            if self._run is None:
                parts = utf8_chunks(stream.chunks(), self.name)
                if not stream.packed:
                    # Lines that cannot be read are refused one by one; only the first bytes can condemn them all.
                    next(iter(parts), None)
                    return
            elif self.format == "xes":
                parts = read_xes(stream.chunks(), name=self.name)
            else:
                parts = self._table(self._run, stream).records()
            for _ in parts:
                pass

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _arrivals(self) -> Iterator[Arrival]:
        if self._run is None:
            return read_ndjson(self._stream.chunks(), name=self.name, clock=self._clock)
        if self.format == "xes":
            return self._run.arrivals(read_xes(self._stream.chunks(), name=self.name), clock=self._clock)
        return self._run.arrivals(self._table(self._run, self._stream).records(), clock=self._clock)

    def _table(self, run: MappingRun, stream: ByteStream) -> CsvTable:
        rules = run.mapping.rules.csv
        table = CsvTable(
            strip_bom(stream.chunks()),
            name=self.name,
            delimiter=rules.delimiter if rules else ",",
            encoding=rules.encoding if rules else "utf-8",
        )
        table.require(run.attributes(), mapping=run.mapping.name)
        return table


def open_files(
    paths: Sequence[str], *, mapping: Mapping | None = None, clock: Callable[[], int]
) -> list[ActionFile]:
    """All inputs, opened before any is read, so that a wrong name changes nothing. Raises WrongInputError."""
    if paths.count("-") > 1:
        raise WrongFormatError("Standard input (`-`) can be read once only.")
    opened: list[ActionFile] = []
    try:
        for path in paths:
            opened.append(ActionFile(path, mapping=mapping, clock=clock))
    except WrongInputError:
        for file in opened:
            file.close()
        raise
    return opened


def format_of_name(path: str) -> Format:
    """What the suffix says. Raises WrongFormatError."""
    if Path(path).is_dir() or not path:
        # What is wrong is not the suffix: opening says it.
        ByteStream(path)
    plain = path.lower()
    for packing in _PACKED:
        plain = plain.removesuffix(packing)
    found = next((form for suffix, form in _SUFFIXES.items() if plain.endswith(suffix)), None)
    if found is None:
        raise WrongFormatError(
            f"{path}: its name does not say what it is. Known: {', '.join(_SUFFIXES)}, each also with .gz or .zst."
        )
    return found


def _format(path: str, mapping: Mapping | None) -> Format:
    """By the suffix; standard input is NDJSON, or what the mapping reads."""
    if path == "-":
        return mapping.rules.input if mapping is not None else "ndjson"
    found = format_of_name(path)
    if found == "ndjson" and mapping is not None:
        raise WrongFormatError(f"{path}: holds actions already. Leave out --mapping, which is for XES and CSV.")
    if found != "ndjson" and mapping is None:
        raise WrongFormatError(
            f"{path}: needs a mapping that says what its parts mean: --mapping FILE. "
            f"`kaoji mapping suggest {path}` drafts one."
        )
    if mapping is not None and mapping.rules.input != found:
        raise WrongFormatError(
            f"{path}: is {found.upper()}, but mapping {mapping.name} reads {mapping.rules.input.upper()}. "
            "Name a mapping for it."
        )
    return found
