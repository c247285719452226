"""The history as peers get it: effective actions in case order, in narrow columns, with all that helps prepared.

Corrections are applied, voided actions gone, references resolved, days taken in the zone, every word a small code.
An owner with participants is one code too (a *holder*), so a group-by never meets a list. What is left to do is
what the score pass does: find the landmarks of cases, who held them, their limits and stops, and count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.courses import REASONS, procedure_codes
from domain.measuring.tally import WHOLE
from domain.rules.context import Context

MEASURES: Final = (
    "targets", "targets-completed", "ratings", "good-ratings", "decided", "in-time", "faulty", "overdue-licences",
    "closed", "overdue-enforcement", "decisions", "overturned",
    "actions", "responsible", "basis", "evidence", "supervisor", "result",
)  # fmt: skip
"""What is summed for each subject: both sides of the six indicators, and the five everys with their whole."""


@dataclass(frozen=True)
class Answer:
    """Sums in millionths, one row for each member of staff and for each procedure, one column a measure."""

    staff: NDArray[np.int64]
    procedures: NDArray[np.int64]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Answer)
            and np.array_equal(self.staff, other.staff)
            and np.array_equal(self.procedures, other.procedures)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays


@dataclass(frozen=True)
class PeerTables:
    """`actions` in case order; `holders` resolves holder codes from `staff` on into shares."""

    staff: int
    actions: pa.Table
    holders: pa.Table
    """(holder, staff, part): who shares in what the holders with participants hold; part in millionths."""
    versions: pa.Table
    """(procedure, valid_from, valid_to, days, working, stops): limits; bit r of `stops` allows reason r."""
    calendar: pa.Table
    """(day, worked): working days up to and including that day, for every day that can come up."""


def answer_of(
    *, is_procedure: NDArray[Any], code: NDArray[Any], measure: NDArray[Any], counts: Sequence[NDArray[Any]],
    holders: tuple[NDArray[Any], NDArray[Any], NDArray[Any]], staff: int, procedures: int,
) -> Answer:  # fmt: skip
    """Put counts by code into the answer: `counts[i]` counts for measure + i; holders are resolved into shares."""
    of_procedure = is_procedure.astype(np.bool_)
    many = 1 + max(int(code.max(initial=0)), int(holders[0].max(initial=0)), staff)
    by_holder = np.zeros((many, len(MEASURES)), np.int64)
    by_procedure = np.zeros((procedures, len(MEASURES)), np.int64)
    for rows, sums in ((~of_procedure, by_holder), (of_procedure, by_procedure)):
        for shift, count in enumerate(counts):
            there = np.flatnonzero(rows & (count > 0))
            sums[code[there], measure[there] + shift] += count[there].astype(np.int64)
    by_staff = by_holder[:staff] * WHOLE
    holder, member, part = holders
    held = by_holder[holder].any(axis=1)
    np.add.at(by_staff, member[held], by_holder[holder[held]] * part[held, None])
    return Answer(by_staff, by_procedure * WHOLE)


def action_columns(
    *,
    case: NDArray[Any],
    role: NDArray[Any],
    day: NDArray[Any],
    holder: NDArray[Any],
    unit: NDArray[Any],
    procedure: NDArray[Any],
    reason: NDArray[Any],
    due_day: NDArray[Any],
    rating: NDArray[Any],
    present: NDArray[Any],
    overturned: NDArray[Any],
) -> pa.Table:
    """The table of actions in the types an expert would choose; what an action does not say is null."""
    return pa.table(
        {
            "case": pa.array(case.astype(np.int32)),
            "role": pa.array(role.astype(np.uint8)),
            "day": pa.array(day.astype(np.int16)),
            "holder": _nullable(holder.astype(np.int32), holder < 0),
            "has_unit": pa.array(unit >= 0),
            "procedure": _nullable(procedure.astype(np.int8), procedure < 0),
            "reason": _nullable(reason.astype(np.int8), reason < 0),
            "due_day": _nullable(due_day.astype(np.int16), due_day < 0),
            "rating": pa.array(rating.astype(np.uint8)),
            "present": pa.array(present.astype(np.uint8)),
            "overturned": pa.array(overturned),
        }
    )


def _nullable(values: NDArray[Any], absent: NDArray[np.bool_]) -> pa.Array[Any]:
    array: pa.Array[Any] = pa.array(values, mask=absent)
    return array


def holders_of(
    owner: NDArray[np.int32], share_row: NDArray[np.int64], share_staff: NDArray[Any], share_part: NDArray[Any],
    *, first_code: int,
) -> tuple[NDArray[np.int32], dict[str, NDArray[Any]]]:  # fmt: skip
    """(holder of each action, shares of the new holders): codes from `first_code` on, where there are shares.

    `share_row` is sorted. The owner has the rest of what the participants have. Actions next to each other that
    name the same people with the same shares have the same holder.
    """
    holder = owner.copy()
    part = share_part.astype(np.int64)
    rows, first = np.unique(share_row, return_index=True)
    if not rows.size:
        return holder, {"holder": np.empty(0, np.int32), "staff": np.empty(0, np.int32), "part": part}
    many = np.diff(np.append(first, share_row.size))
    one_back = np.maximum(np.arange(share_row.size) - np.repeat(many, many), 0)
    equal = (share_staff == share_staff[one_back]) & (part == part[one_back])
    same = np.logical_and.reduceat(equal, first) & (np.diff(many, prepend=0) == 0)
    same &= np.diff(owner[rows], prepend=-1) == 0
    code = np.cumsum(~same).astype(np.int32) - 1 + first_code
    holder[rows] = code
    kept = np.flatnonzero(~same)
    of_kept = np.repeat(~same, many)
    rest = WHOLE - np.add.reduceat(part, first)
    return holder, {
        "holder": np.concatenate((np.repeat(code, many)[of_kept], code[kept])),
        "staff": np.concatenate((share_staff[of_kept], owner[rows[kept]])).astype(np.int32),
        "part": np.concatenate((part[of_kept], rest[kept])),
    }


def rule_tables(context: Context) -> tuple[pa.Table, pa.Table]:
    """The register's limits and the working-day calendar."""
    rows = []
    for code, name in enumerate(procedure_codes()):
        for version in context.register.procedures[name]:
            rows.append(
                {
                    "procedure": code,
                    "valid_from": -(2**15) if version.valid_from is None else version.valid_from,
                    "valid_to": 2**15 - 1 if version.valid_to is None else version.valid_to,
                    "days": version.limit.days if version.limit else 0,
                    "working": version.limit is not None and version.limit.kind == "working",
                    "stops": sum(1 << place for place, word in enumerate(REASONS) if word in version.stop_reasons),
                }
            )
    fields = [("procedure", pa.int8()), ("valid_from", pa.int16()), ("valid_to", pa.int16()), ("days", pa.int16())]
    schema = pa.schema([pa.field(*each) for each in [*fields, ("working", pa.bool_()), ("stops", pa.uint8())]])
    first, counted = context.calendar.counted("working")
    days = np.arange(first, first + counted.size)
    known = days < 2**15
    calendar = pa.table({"day": days[known].astype(np.int16), "worked": counted[known].astype(np.int32)})
    return pa.Table.from_pylist(rows, schema=schema), calendar
