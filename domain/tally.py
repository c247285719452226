"""What was counted: integer rows that form a commutative group, so sums merge in any order alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import WrongInputError

WHOLE: Final = 1_000_000
"""One case, in the millionths in which numerators and denominators are kept."""

_MAGIC: Final = b"kaoji.Tally.v1\n"
_COLUMNS: Final[dict[str, type[np.signedinteger[Any]]]] = {
    "measure": np.int8,
    "person": np.int32,
    "unit": np.int32,
    "procedure": np.int32,
    "day": np.int32,
    "numerator": np.int64,
    "denominator": np.int64,
}


class Measure(IntEnum):
    """What a row counts. The numbers are stored: never change one."""

    PLAN = 0
    SATISFACTION = 1
    TIMELINESS = 2
    TIMELINESS_OVERDUE = 3
    ERROR = 4
    CLOSURE = 5
    CLOSURE_OVERDUE = 6
    REVOCATION = 7
    RESPONSE = 8
    INCOMPLETE = 9


STOCK_MEASURES: Final = frozenset({Measure.TIMELINESS_OVERDUE, Measure.CLOSURE_OVERDUE})
"""Measures whose rows are +1 and -1 by day: what stands on a day is the sum of all rows up to it."""

TallyRow = tuple[int, str | None, str | None, str | None, int, int, int]
"""(measure, person, unit, procedure, day, numerator, denominator): one row with texts instead of codes."""


@dataclass(frozen=True, eq=False)
class Tally:
    """Columns of equal length; rows may repeat a key and have no order until `canonical`.

    `person`, `unit` and `procedure` index `staff`, `units` and `procedures`, -1 stands for none. `day`
    counts from 1970-01-01 in the zone of the context. Numerators and denominators are millionths of a case.
    The dictionaries may be lists that go on growing: only codes that rows use are ever looked up.
    """

    measure: NDArray[np.int8]
    person: NDArray[np.int32]
    unit: NDArray[np.int32]
    procedure: NDArray[np.int32]
    day: NDArray[np.int32]
    numerator: NDArray[np.int64]
    denominator: NDArray[np.int64]
    staff: Sequence[str]
    units: Sequence[str]
    procedures: Sequence[str]

    def __post_init__(self) -> None:
        for name, dtype in _COLUMNS.items():
            column = getattr(self, name)
            assert column.dtype == dtype, f"column {name} is {column.dtype}, not {dtype.__name__}"
            assert len(column) == len(self.measure), f"column {name} is longer or shorter than the others"

    def __len__(self) -> int:
        return len(self.measure)

    def __add__(self, other: Tally) -> Tally:
        staff, person = _merged(self.staff, other.staff, other.person)
        units, unit = _merged(self.units, other.units, other.unit)
        procedures, procedure = _merged(self.procedures, other.procedures, other.procedure)
        return Tally(
            measure=np.concatenate((self.measure, other.measure)),
            person=np.concatenate((self.person, person)),
            unit=np.concatenate((self.unit, unit)),
            procedure=np.concatenate((self.procedure, procedure)),
            day=np.concatenate((self.day, other.day)),
            numerator=np.concatenate((self.numerator, other.numerator)),
            denominator=np.concatenate((self.denominator, other.denominator)),
            staff=staff,
            units=units,
            procedures=procedures,
        )

    def __neg__(self) -> Tally:
        return replace(self, numerator=-self.numerator, denominator=-self.denominator)

    def __sub__(self, other: Tally) -> Tally:
        return self + -other

    def __eq__(self, other: object) -> bool:
        """Equal when both say the same in their canonical form, whatever the codes and the order of rows."""
        if not isinstance(other, Tally):
            return NotImplemented
        return self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]  # equal tallies may differ in every array

    def merged(self) -> Tally:
        """Rows of one key summed, zero rows dropped, in order of codes; dictionaries as they are."""
        columns = (self.measure, self.person, self.unit, self.procedure, self.day)
        order, starts = _grouped(columns)
        numerator = np.add.reduceat(self.numerator[order], starts) if len(order) else self.numerator
        denominator = np.add.reduceat(self.denominator[order], starts) if len(order) else self.denominator
        keep = (numerator != 0) | (denominator != 0)
        rows = order[starts][keep]
        return replace(self.take(rows), numerator=numerator[keep], denominator=denominator[keep])

    def canonical(self) -> Tally:
        """The one form of what this tally says: keys unique, rows and texts sorted, unused texts gone."""
        summed = self.merged()
        staff, person = _sorted_codes(summed.staff, summed.person)
        units, unit = _sorted_codes(summed.units, summed.unit)
        procedures, procedure = _sorted_codes(summed.procedures, summed.procedure)
        # A dictionary may hold a text twice; sorted codes bring such keys together, so they are summed again.
        return replace(
            summed,
            person=person,
            unit=unit,
            procedure=procedure,
            staff=staff,
            units=units,
            procedures=procedures,
        ).merged()

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Tally:
        """The rows chosen by an index or a mask."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    def rows(self) -> list[TallyRow]:
        """Every row with its texts, as it stands; for tests and small results."""
        columns = [getattr(self, name).tolist() for name in _COLUMNS]
        return [
            (
                measure,
                self.staff[person] if person >= 0 else None,
                self.units[unit] if unit >= 0 else None,
                self.procedures[procedure] if procedure >= 0 else None,
                day,
                numerator,
                denominator,
            )
            for measure, person, unit, procedure, day, numerator, denominator in zip(*columns, strict=True)
        ]

    def to_bytes(self) -> bytes:
        """The canonical form as bytes: equal tallies give equal bytes on every machine."""
        tally = self.canonical()
        head = {
            "rows": len(tally),
            "staff": list(tally.staff),
            "units": list(tally.units),
            "procedures": list(tally.procedures),
        }
        text = json.dumps(head, ensure_ascii=True, separators=(",", ":")).encode("ascii")
        parts = [_MAGIC, len(text).to_bytes(8, "little"), text]
        for name, dtype in _COLUMNS.items():
            parts.append(getattr(tally, name).astype(np.dtype(dtype).newbyteorder("<"), copy=False).tobytes())
        return b"".join(parts)

    @staticmethod
    def from_bytes(data: bytes) -> Tally:
        """Read what `to_bytes` wrote. Raises TallyFormatError."""
        at = len(_MAGIC) + 8
        if data[: len(_MAGIC)] != _MAGIC or len(data) < at:
            raise TallyFormatError("These bytes are no tally of version 1. Write them again.")
        end = at + int.from_bytes(data[at - 8 : at], "little")
        try:
            head = json.loads(data[at:end])
            rows = int(head["rows"])
            dictionaries = [list(map(str, head[name])) for name in ("staff", "units", "procedures")]
        except (ValueError, KeyError, TypeError) as error:
            raise TallyFormatError("The head of these tally bytes is broken. Write them again.") from error
        columns: dict[str, Any] = {}
        for name, dtype in _COLUMNS.items():
            size = rows * np.dtype(dtype).itemsize
            if end + size > len(data):
                raise TallyFormatError("These tally bytes end too early. Copy the whole of them again.")
            little = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"), rows, end)
            columns[name] = little.astype(dtype)
            end += size
        staff, units, procedures = dictionaries
        return Tally(**columns, staff=staff, units=units, procedures=procedures)

    @staticmethod
    def empty() -> Tally:
        """The neutral element."""
        return Tally.from_rows(())

    @staticmethod
    def from_rows(rows: Iterable[TallyRow]) -> Tally:
        """A tally from rows with texts; the slow door, for tests and references."""
        codes: tuple[dict[str, int], dict[str, int], dict[str, int]] = ({}, {}, {})
        listed = [
            (
                measure,
                *(
                    -1 if text is None else known.setdefault(text, len(known))
                    for text, known in zip((person, unit, procedure), codes, strict=True)
                ),
                day,
                numerator,
                denominator,
            )
            for measure, person, unit, procedure, day, numerator, denominator in rows
        ]
        columns: dict[str, Any] = {
            name: np.array([row[number] for row in listed], dtype)
            for number, (name, dtype) in enumerate(_COLUMNS.items())
        }
        staff, units, procedures = (list(known) for known in codes)
        return Tally(**columns, staff=staff, units=units, procedures=procedures)


class TallyFormatError(WrongInputError):
    """Bytes that are no tally, or not a whole one."""


def _merged(
    mine: Sequence[str], theirs: Sequence[str], codes: NDArray[np.int32]
) -> tuple[Sequence[str], NDArray[np.int32]]:
    """One dictionary for both, and their codes in it; mine keep their codes."""
    if mine is theirs or not len(theirs):
        return mine, codes
    short = min(len(mine), len(theirs))
    if list(mine[:short]) == list(theirs[:short]):
        return (mine if len(mine) >= len(theirs) else theirs), codes
    union = list(mine)
    known = {text: code for code, text in enumerate(union)}
    recode = np.empty(len(theirs) + 1, np.int32)
    # The last entry answers for code -1, none.
    recode[-1] = -1
    for code, text in enumerate(theirs):
        new = known.setdefault(text, len(union))
        if new == len(union):
            union.append(text)
        recode[code] = new
    return union, recode[codes]


def _sorted_codes(texts: Sequence[str], codes: NDArray[np.int32]) -> tuple[list[str], NDArray[np.int32]]:
    """The used texts in order of code points, and the codes that mean them."""
    used = np.unique(codes)
    used = used[used >= 0]
    ordered = sorted({texts[code] for code in used.tolist()})
    place = {text: number for number, text in enumerate(ordered)}
    recode = np.full(int(used[-1]) + 2 if len(used) else 1, -1, np.int32)
    for code in used.tolist():
        recode[code] = place[texts[code]]
    return ordered, recode[codes]


def _grouped(columns: Sequence[NDArray[Any]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Stable order of the rows by key, and where in it each key starts."""
    if not len(columns[0]):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    key = _packed(columns)
    if key is not None:
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        changed = ordered[1:] != ordered[:-1]
    else:
        order = np.lexsort(tuple(reversed(columns)))
        changed = np.zeros(len(order) - 1, np.bool_)
        for column in columns:
            changed |= column[order][1:] != column[order][:-1]
    starts = np.flatnonzero(np.concatenate((np.ones(1, np.bool_), changed)))
    return order, starts


def _packed(columns: Sequence[NDArray[Any]]) -> NDArray[np.int64] | None:
    """All key columns in one integer that sorts alike, where their ranges fit: one sort instead of five."""
    room = 1
    key = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        low = int(column.min())
        width = int(column.max()) - low + 1
        room *= width
        if room > 2**62:
            return None
        key = key * width + (column.astype(np.int64) - low)
    return key
