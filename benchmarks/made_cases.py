"""Make case files of any size straight away, chunk by chunk, and beside them the same as tables for the peers.

The chunks hold what corrections and links leave, in case order: what `projections.tallies.case_files` derives
from the history of the same seed (a test compares the two). So a hundred million actions need no history in
memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.courses import REASONS, STEPS, procedure_codes
from benchmarks.peer_tables import PeerTables, action_columns, holders_of, rule_tables
from benchmarks.synthetic import Chunk, chunks, context, world
from domain.measuring.cases import (
    ACTION_RECORD,
    EXTRA_RECORD,
    LONE,
    NOTHING,
    OVERTURNED,
    SHARE_RECORD,
    STATES_DUE,
    STATES_OTHER,
    STATES_REASON,
    STATES_SHARES,
    STATES_STEP,
    Actions,
    Cases,
    Extras,
    Role,
    Shares,
)
from domain.measuring.limits import Rules, compile_rules
from domain.measuring.spans import Spans, spans_of

EXTRAS_MAX: Final = 0.7
"""No made-up history has more extras than this for each action."""
_ROW_GROUP: Final = 500_000


@dataclass(frozen=True)
class Made:
    """Resident case files under the made-up register, and how many codes there are."""

    cases: Cases
    spans: Spans
    rules: Rules
    staff: int
    procedures: int

    @property
    def bytes_held(self) -> int:
        """What a pass over everything has to read."""
        return sum(part.nbytes for part in (*self.cases.arrays.values(), self.spans))


def made_cases(actions: int, *, tables_in: Path | None = None, whole: bool = False) -> Made:
    """Cases with `actions` actions, or a few less; with `whole` all cases begun, which have a few more.

    With `tables_in` also written there for the peers.
    """
    room = int(actions * 1.1) + 4_096
    # Memory that is never touched is never taken.
    records: Actions = np.empty(room, ACTION_RECORD).view(np.recarray)
    extras: Extras = np.empty(int(room * EXTRAS_MAX), EXTRA_RECORD).view(np.recarray)
    shares: Shares = np.empty(room, SHARE_RECORD).view(np.recarray)
    starts = np.empty(room, np.int64)
    filled, extra, shared, cases = 0, 0, 0, 0
    size = world(actions)
    tables = _Tables(tables_in, size.staff) if tables_in else None
    for chunk in chunks(actions):
        rows, first = _whole_cases(chunk, room - filled if whole else actions - filled)
        part = shares[shared : shared + chunk.share_row.size]
        part["staff"], part["part"] = chunk.share_staff, chunk.share_part
        many = _fill(chunk, rows, records[filled:], extras[extra:])
        made = records[filled : filled + rows.size]
        made["position"] += filled
        made["extra"][made["extra"] >= 0] += extra
        for name in ("share_start", "share_stop"):
            extras[name][extra : extra + many] += shared
        if tables is not None:
            tables.write(chunk, rows, first_case=cases)
        starts[cases : cases + first.size] = first + filled
        filled, extra, shared, cases = filled + rows.size, extra + many, shared + part.size, cases + first.size
        if not whole and filled + 100 >= actions:
            break
    if tables is not None:
        tables.close()
    starts[cases] = filled
    rules = compile_rules(context(), procedures=procedure_codes(), reasons=REASONS, steps=STEPS)
    held = Cases(
        starts[: cases + 1],
        cast(Actions, records[:filled]),
        cast(Extras, extras[:extra]),
        cast(Shares, shares[:shared]),
    )
    return Made(held, spans_of(held), rules, size.staff, len(procedure_codes()))


def _whole_cases(chunk: Chunk, wanted: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(rows that stand, where among them each case begins), of as many whole cases as have `wanted` rows."""
    rows = chunk.effective()
    case = chunk.case[rows]
    if rows.size > wanted:
        rows = rows[: int(np.searchsorted(case, case[wanted]))]
        case = case[: rows.size]
    return rows.astype(np.int32), np.flatnonzero(np.diff(case, prepend=-1))


def _fill(chunk: Chunk, rows: NDArray[np.int32], records: Any, extras: Any) -> int:
    """Write the records of a chunk; returns how many extras they have."""
    column = {name: values[rows] for name, values in chunk.columns.items()}
    role = chunk.role[rows]
    share_start, share_stop = (
        np.searchsorted(chunk.share_row, np.arange(chunk.case.size), side=side)[rows] for side in ("left", "right")
    )
    states = (
        (column["due_kind"] > 0) * np.uint8(STATES_DUE)
        | (share_stop > share_start) * np.uint8(STATES_SHARES)
        | (column["step"] >= 0) * np.uint8(STATES_STEP)
        | (role == Role.RATED) * np.uint8(STATES_OTHER)
        | ((column["reason"] >= 0) & np.isin(role, _REASONED)) * np.uint8(STATES_REASON)
    )
    told = {STATES_DUE: "due", STATES_STEP: "step", STATES_REASON: "reason", STATES_OTHER: "rating"}
    lone = np.isin(states, tuple(told)) & (column["due_kind"] < 2)
    stated = np.flatnonzero((states > 0) & ~lone)
    made = records[: rows.size]
    made["extra"] = NOTHING
    for bit, name in told.items():
        alone = lone & (states == bit)
        made["extra"][alone] = LONE - column[name][alone].astype(np.int64)
    made["extra"][stated] = np.arange(stated.size)
    made["states"], made["role"], made["kind"] = states, role, column["type"]
    made["marks"] = column["present"] | chunk.overturned[rows] * np.uint8(OVERTURNED)
    made["day"] = context().zone.day_of(column["time"])
    made["position"] = rows + 1
    for name in ("owner", "unit", "procedure"):
        made[name] = column[name]
    extra = extras[: stated.size]
    for name in ("time", "reason", "step", "due_kind", "rating"):
        extra[name] = column[name][stated]
    extra["share_start"], extra["share_stop"] = share_start[stated], share_stop[stated]
    extra["due_day"], extra["due_time"] = _due_days(column)[stated], 0
    instant = extra["due_kind"] == 2
    extra["due_time"][instant] = column["due"][stated][instant]
    return stated.size


_REASONED: Final = (Role.SUSPENDED, Role.TARGET_CANCELLED)


def _due_days(column: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """The day that each row states as due, 0 for none."""
    days: NDArray[np.int64] = column["due"].copy()
    instant = column["due_kind"] == 2
    days[instant] = context().zone.day_of(column["due"][instant])
    return days


class _Tables:
    """The peers' tables as Parquet files, written chunk by chunk."""

    def __init__(self, folder: Path, staff: int) -> None:
        self.folder = folder
        self._holders: list[pa.Table] = []
        self._next_holder = staff
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def write(self, chunk: Chunk, rows: NDArray[np.int32], *, first_case: int) -> None:
        """Add the rows of a chunk."""
        column = {name: values[rows] for name, values in chunk.columns.items()}
        place = np.full(chunk.case.size, -1, np.int64)
        # A target belongs to its owner alone: participants do not apply.
        of_case = chunk.role[rows] < Role.TARGET_SET
        place[rows[of_case]] = np.flatnonzero(of_case)
        shared = place[chunk.share_row] >= 0
        holder, shares = holders_of(
            column["owner"], place[chunk.share_row[shared]], chunk.share_staff[shared], chunk.share_part[shared],
            first_code=self._next_holder,
        )  # fmt: skip
        self._next_holder = max(self._next_holder, int(holder.max(initial=0)) + 1)
        self._holders.append(pa.table(shares))
        self._waiting.append(
            action_columns(
                case=np.cumsum(np.diff(chunk.case[rows], prepend=-1) > 0) - 1 + first_case,
                role=chunk.role[rows],
                day=context().zone.day_of(column["time"]),
                holder=holder,
                unit=column["unit"],
                procedure=column["procedure"],
                reason=column["reason"],
                due_day=np.where(column["due_kind"] == 0, -1, _due_days(column)),
                rating=column["rating"],
                present=column["present"],
                overturned=chunk.overturned[rows],
            )
        )
        if sum(each.num_rows for each in self._waiting) >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        table = pa.concat_tables(self._waiting)
        self._waiting = []
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.folder / "actions.parquet", table.schema, compression="lz4")
        self._writer.write_table(table.combine_chunks())

    def close(self) -> None:
        """Write the rest."""
        if self._waiting:
            self._flush()
        assert self._writer is not None, "there are always some actions"
        self._writer.close()
        versions, calendar = rule_tables(context())
        others = {"holders": pa.concat_tables(self._holders), "versions": versions, "calendar": calendar}
        for name, table in others.items():
            pq.write_table(table, self.folder / f"{name}.parquet", compression="lz4")


def read_tables(folder: Path, staff: int) -> PeerTables:
    """The tables that were written there, in memory."""
    names = ("actions", "holders", "versions", "calendar")
    return PeerTables(staff, *(pq.read_table(folder / f"{name}.parquet").combine_chunks() for name in names))
