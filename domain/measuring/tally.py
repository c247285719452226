"""What was counted: integer rows that form a commutative group, so sums merge in any order alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import WrongInputError

WHOLE: Final = 1_000_000
"""One case, in the millionths in which numerators and denominators are kept."""

_MAGIC: Final = b"kaoji.Tally.v2\n"

TALLY_RECORD: Final = np.dtype(
    [
        ("part", np.int64),  # millionths of a member
        ("person", np.int32),
        ("unit", np.int32),
        ("procedure", np.int32),
        ("day", np.int32),
        ("value", np.int32),
        ("kind", np.uint16),  # population << 8 | pattern
    ],
    align=True,
)
"""One sum: 32 bytes, of which all but `part` are its key."""

_KEY: Final = ("kind", "person", "unit", "procedure", "day", "value")
_CODED: Final = ("person", "unit", "procedure")

TallyRow = tuple[int, int, str | None, str | None, str | None, int, int, int]
"""(population, pattern, person, unit, procedure, day, value, part): one row with texts instead of codes."""


@dataclass(frozen=True, eq=False)
class Tally:
    """Rows of TALLY_RECORD; they may repeat a key and have no order until `canonical`.

    `person`, `unit` and `procedure` index `staff`, `units` and `procedures`, -1 stands for none. `day`
    counts from 1970-01-01 in the zone of the context. The dictionaries may be lists that go on growing: only
    codes that rows use are ever looked up.
    """

    rows: NDArray[Any]
    staff: Sequence[str]
    units: Sequence[str]
    procedures: Sequence[str]

    def __post_init__(self) -> None:
        assert self.rows.dtype == TALLY_RECORD, f"rows are {self.rows.dtype}"

    def __len__(self) -> int:
        return len(self.rows)

    def __add__(self, other: Tally) -> Tally:
        staff, person = _merged(self.staff, other.staff, other.rows["person"])
        units, unit = _merged(self.units, other.units, other.rows["unit"])
        procedures, procedure = _merged(self.procedures, other.procedures, other.rows["procedure"])
        theirs = _recoded(other.rows, person, unit, procedure)
        return Tally(np.concatenate((self.rows, theirs)), staff, units, procedures)

    def __neg__(self) -> Tally:
        rows = self.rows.copy()
        rows["part"] = -rows["part"]
        return replace(self, rows=rows)

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
        if not len(self.rows):
            return self
        order, starts = _grouped([self.rows[name] for name in _KEY])
        part = np.add.reduceat(self.rows["part"][order], starts)
        rows = self.rows[order[starts]]
        rows["part"] = part
        return replace(self, rows=rows[part != 0])

    def canonical(self) -> Tally:
        """The one form of what this tally says: keys unique, rows and texts sorted, unused texts gone."""
        summed = self.merged()
        staff, person = _sorted_codes(summed.staff, summed.rows["person"])
        units, unit = _sorted_codes(summed.units, summed.rows["unit"])
        procedures, procedure = _sorted_codes(summed.procedures, summed.rows["procedure"])
        rows = _recoded(summed.rows, person, unit, procedure)
        # A dictionary may hold a text twice; sorted codes bring such keys together, so they are summed again.
        return Tally(rows, staff, units, procedures).merged()

    def listed(self) -> list[TallyRow]:
        """Every row with its texts, as it stands; for tests and small results."""
        rows = self.rows
        return [
            (
                kind >> 8,
                kind & 255,
                self.staff[person] if person >= 0 else None,
                self.units[unit] if unit >= 0 else None,
                self.procedures[procedure] if procedure >= 0 else None,
                day,
                value,
                part,
            )
            for kind, person, unit, procedure, day, value, part in zip(
                *(rows[name].tolist() for name in (*_KEY, "part")), strict=True
            )
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
        for name in ("part", *_KEY):
            column = tally.rows[name]
            parts.append(column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes())
        return b"".join(parts)

    @staticmethod
    def from_bytes(data: bytes) -> Tally:
        """Read what `to_bytes` wrote. Raises TallyFormatError."""
        at = len(_MAGIC) + 8
        if data[: len(_MAGIC)] != _MAGIC or len(data) < at:
            raise TallyFormatError("These bytes are no tally of version 2. Write them again.")
        end = at + int.from_bytes(data[at - 8 : at], "little")
        try:
            head = json.loads(data[at:end])
            size = int(head["rows"])
            dictionaries = [list(map(str, head[name])) for name in ("staff", "units", "procedures")]
        except (ValueError, KeyError, TypeError) as error:
            raise TallyFormatError("The head of these tally bytes is broken. Write them again.") from error
        if end + size * sum(TALLY_RECORD[name].itemsize for name in ("part", *_KEY)) > len(data):
            raise TallyFormatError("These tally bytes end too early. Copy the whole of them again.")
        rows = np.zeros(size, TALLY_RECORD)
        for name in ("part", *_KEY):
            little = np.frombuffer(data, TALLY_RECORD[name].newbyteorder("<"), size, end)
            rows[name] = little
            end += little.nbytes
        return Tally(rows, *dictionaries)

    @staticmethod
    def empty() -> Tally:
        """The neutral element."""
        return Tally.of(())

    @staticmethod
    def of(listed: Iterable[TallyRow]) -> Tally:
        """A tally from rows with texts; the slow door, for tests and references."""
        codes: tuple[dict[str, int], dict[str, int], dict[str, int]] = ({}, {}, {})
        rows = [
            (
                part,
                *(
                    -1 if text is None else known.setdefault(text, len(known))
                    for text, known in zip((person, unit, procedure), codes, strict=True)
                ),
                day,
                value,
                population << 8 | pattern,
            )
            for population, pattern, person, unit, procedure, day, value, part in listed
        ]
        return Tally(np.array(rows, TALLY_RECORD), *(list(known) for known in codes))


def _recoded(
    rows: NDArray[Any], person: NDArray[np.int32], unit: NDArray[np.int32], procedure: NDArray[np.int32]
) -> NDArray[Any]:
    recoded = rows.copy()
    for name, codes in zip(_CODED, (person, unit, procedure), strict=True):
        recoded[name] = codes
    return recoded


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
