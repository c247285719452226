"""Put made-up cases into a history as it would have been recorded: interleaved, corrected later, with links."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.chances import OUTCOMES
from benchmarks.courses import COURSES, REASONS, STEPS, TARGET, procedure_codes
from benchmarks.synthetic import (
    FIRST_SECOND,
    SEED,
    SPECIAL_SUBJECTS,
    Chunk,
    World,
    chunks,
    world,
)
from domain.actions.types import ACTION_TYPES
from domain.measuring.cases import NOBODY
from projections.history.columns import History
from projections.history.links import LinkKind
from projections.history.rows import ROW_COLUMNS, Words
from projections.history.segments import SCHEMAS

_MINUTE: Final = 60_000_000
_LATE: Final = (np.random.default_rng(2).standard_exponential(65_536) * 30 * _MINUTE).astype(np.int64)
_LATE[:2_000] *= 200  # some three per cent come days late


@dataclass(frozen=True)
class _Told:
    """All chunks as one, and where each row comes to stand (position - 1)."""

    columns: dict[str, NDArray[Any]]
    share_row: NDArray[np.int64]
    share_staff: NDArray[np.int32]
    share_part: NDArray[np.int32]
    link_row: NDArray[np.int64]
    link_kind: NDArray[np.uint8]
    link_target: NDArray[np.int64]
    waiting: NDArray[np.int64]
    is_target: NDArray[np.bool_]


def made_history(actions: int, *, seed: int = SEED, whole: bool = False) -> History:
    """A history of that many positions; with `whole` a few more, up to the end of all cases begun."""
    size = world(actions)
    told = _joined(list(chunks(actions, seed=seed)), size)
    order = _arrival(told.columns["time"], size)
    upto = order.size if whole else min(actions, order.size)
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    amended, amended_shares = _uncorrect(told, place, size)
    shared = place[told.share_row] + 1
    link, target = place[told.link_row] + 1, place[told.link_target] + 1
    known_at = np.maximum(link, target)
    refers = np.concatenate((link, place[told.waiting] + 1))
    meaning = np.concatenate((told.link_kind, np.full(told.waiting.size, LinkKind.ABOUT, np.uint8)))
    whole_history = History(
        position=order.size,
        build=1,
        rows={name: told.columns[name][order] for name in ROW_COLUMNS},
        shares=_in_order(shared, position=shared, staff=told.share_staff, part=told.share_part),
        references=_in_order(refers, position=refers, kind=meaning),
        links=_in_order(known_at, position=link, kind=told.link_kind, target=target, known_at=known_at),
        amended=amended,
        amended_shares=amended_shares,
        ids=pa.table([_digits(order), pa.nulls(order.size, pa.string())], schema=SCHEMAS["ids"]),
        words=_words(size, told.is_target),
    )
    return whole_history.upto(upto)


def _joined(made: list[Chunk], size: World) -> _Told:
    """Chunks one after the other, then the organisation: its units and its staff."""
    firsts = np.cumsum([0, *(chunk.role.size for chunk in made)])
    columns = {}
    organisation = _organisation(size)
    for name in ROW_COLUMNS:
        parts = [chunk.columns.pop(name) for chunk in made]
        columns[name] = np.concatenate([*parts, organisation[name].astype(parts[0].dtype)])

    def rows(of: str) -> NDArray[np.int64]:
        return np.concatenate([getattr(chunk, of) + first for chunk, first in zip(made, firsts[:-1], strict=True)])

    def values(of: str) -> NDArray[Any]:
        return np.concatenate([getattr(chunk, of) for chunk in made])

    is_target = np.zeros(SPECIAL_SUBJECTS + size.cases, np.bool_)
    plan = np.unique([ACTION_TYPES[name].code for slot in TARGET for name in slot.types])
    is_target[columns["subject"][: firsts[-1]][np.isin(columns["type"][: firsts[-1]], plan)]] = True
    return _Told(
        columns, rows("share_row"), values("share_staff"), values("share_part"),
        rows("link_row"), values("link_kind"), rows("link_target"), rows("waiting"), is_target,
    )  # fmt: skip


def _organisation(size: World) -> dict[str, NDArray[Any]]:
    """Units opened and staff joined, before all cases."""
    many = size.units + size.staff
    kind = np.repeat(
        [ACTION_TYPES["unit.opened"].code, ACTION_TYPES["staff.joined"].code], [size.units, size.staff]
    )
    columns = dict.fromkeys(ROW_COLUMNS, np.full(many, NOBODY))
    columns |= dict.fromkeys(("due_kind", "due", "rating", "present"), np.zeros(many, np.int64))
    columns["type"] = kind
    columns["subject"] = SPECIAL_SUBJECTS + size.cases + np.arange(many)
    columns["source"] = np.full(many, len(COURSES))
    columns["time"] = (FIRST_SECOND - 86_400 * 30) * 1_000_000 + np.arange(many) * 1_000_000
    return columns


def _arrival(time: NDArray[np.int64], size: World) -> NDArray[np.int64]:
    """Rows in the order in which they were recorded: soon after they happened, some days late."""
    late = _LATE[np.random.default_rng(3).integers(0, 65_536, time.size, np.uint16)]
    late[time.size - size.units - size.staff :] = 0
    return np.argsort(time + late, kind="stable")


def _uncorrect(
    told: _Told, place: NDArray[np.int64], size: World
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Put mistakes into the actions that a correction means; returns what the corrections make of them."""
    fixed = np.flatnonzero(told.link_kind == LinkKind.CORRECTED)
    target = told.link_target[fixed]
    known_at = np.maximum(place[told.link_row[fixed]], place[target]) + 1
    order = np.lexsort((place[target], known_at))
    target, known_at = target[order], known_at[order]
    amended: dict[str, NDArray[Any]] = {"target": place[target] + 1, "known_at": known_at}
    amended |= {name: told.columns[name][target] for name in ROW_COLUMNS}
    for name, many in (("owner", size.staff), ("unit", size.units)):
        right = told.columns[name][target]
        told.columns[name][target] = np.where(right >= 0, (right + 1) % many, right)
    which = np.full(place.size, -1, np.int64)
    which[target] = np.arange(target.size)
    shared = np.flatnonzero(which[told.share_row] >= 0)
    shared = shared[np.argsort(which[told.share_row[shared]], kind="stable")]
    of = which[told.share_row[shared]]
    return amended, {
        "target": amended["target"][of],
        "known_at": known_at[of],
        "staff": told.share_staff[shared],
        "part": told.share_part[shared],
    }


def _in_order(by: NDArray[np.int64], /, **columns: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The columns in the order of something."""
    order = np.argsort(by, kind="stable")
    return {name: column[order] for name, column in columns.items()}


def _digits(numbers: NDArray[np.int64], prefix: str = "", width: int = 10) -> pa.StringArray:
    """Whole numbers as texts of equal length behind a prefix, without a Python loop over them."""
    length = len(prefix) + width
    text = np.empty((numbers.size, length), np.uint8)
    text[:, : len(prefix)] = np.frombuffer(prefix.encode("ascii"), np.uint8)
    rest = numbers.copy()
    for place in range(length - 1, len(prefix) - 1, -1):
        rest, digit = np.divmod(rest, 10)
        text[:, place] = digit + ord("0")
    offsets = np.arange(numbers.size + 1, dtype=np.int32) * np.int32(length)
    array: pa.StringArray = pa.StringArray.from_buffers(
        numbers.size, pa.py_buffer(offsets.data), pa.py_buffer(text.data)
    )
    return array


def unit_words(size: World) -> list[str]:
    """Codes of all units."""
    return [f"U{number:04}" for number in range(size.units)]


def staff_words(size: World) -> list[str]:
    """Ids of all staff."""
    return [f"S{number:05}" for number in range(size.staff)]


def _words(size: World, is_target: NDArray[np.bool_]) -> dict[str, Words]:
    """Words of every vocabulary in the order of the codes that the columns use."""
    cases = np.arange(SPECIAL_SUBJECTS, SPECIAL_SUBJECTS + size.cases)
    subjects: list[str] = _digits(cases, "case:C").to_pylist()  # type: ignore[assignment]  # none is null
    for target in (np.flatnonzero(is_target) - SPECIAL_SUBJECTS).tolist():
        subjects[target] = f"target:T{target:010}"
    units, staff = unit_words(size), staff_words(size)
    return {
        "subject": _of(["case:COUNTER", *subjects, *(f"unit:{u}" for u in units), *(f"staff:{s}" for s in staff)]),
        "source": _of([*(f"/made-up/{number}" for number in range(len(COURSES))), "/made-up/organisation"]),
        "unit": _of(units),
        "staff": _of(staff),
        "procedure": _of(procedure_codes()),
        "reason": _of(REASONS),
        "outcome": _of(OUTCOMES),
        "step": _of(STEPS),
    }


def _of(words: Iterable[str]) -> Words:
    listed = list(words)
    return Words(listed, {word: code for code, word in enumerate(listed)})
