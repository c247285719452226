"""Derive what the history says after corrections and without voided actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.actions.types import ACTION_TYPES
from domain.measuring.cases import ADVERSE_OUTCOMES, DECISION_TYPES
from projections.history.columns import Columns, History
from projections.history.links import LinkKind

_IS_DECISION = np.zeros(max(kind.code for kind in ACTION_TYPES.values()) + 1, np.bool_)
_IS_DECISION[[ACTION_TYPES[name].code for name in DECISION_TYPES]] = True
_VOID = ACTION_TYPES["record.voided"].code
_ERROR_FOUND = ACTION_TYPES["service.error-found"].code


@dataclass(frozen=True)
class EffectiveRows:
    """The history's rows as corrections leave them; `share_*` point into the participants' shares."""

    columns: Columns
    share_start: NDArray[np.int64]
    share_stop: NDArray[np.int64]
    share_staff: NDArray[np.int32]
    share_part: NDArray[np.int64]


def effective_rows(history: History) -> EffectiveRows:
    """Every row as its corrections leave it: the last amended one stands in the place of the first."""
    amended = history.amended
    last = _last_of_each(amended["target"])
    target = amended["target"][last] - 1
    shares, amended_shares = history.shares, history.amended_shares
    share_start, share_stop = _spans(shares["position"] - 1, history.position)
    if last.size:
        start, stop = _span(_when(amended_shares, history.position), _when(amended, history.position)[last])
        share_start[target] = start + shares["position"].size
        share_stop[target] = stop + shares["position"].size
    staff = np.concatenate([shares["staff"], amended_shares["staff"]])
    part = np.concatenate([shares["part"], amended_shares["part"]]).astype(np.int64)
    columns = _Amended(history.rows, amended, target, last) if last.size else history.rows
    return EffectiveRows(columns, share_start, share_stop, staff, part)


class _Amended(Mapping[str, NDArray[Any]]):
    """Columns in which some rows are replaced; each is copied when it is first asked for."""

    def __init__(
        self, rows: Columns, amended: Columns, target: NDArray[np.int64], last: NDArray[np.int64]
    ) -> None:
        self._rows, self._amended, self._target, self._last = rows, amended, target, last
        self._copies: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._copies:
            column = self._rows[name].copy()
            column[self._target] = self._amended[name][self._last]
            self._copies[name] = column
        return self._copies[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _spans(keys: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where in sorted `keys` each number below `size` begins and ends; nought where it is not among them."""
    start, stop = np.zeros(size, np.int64), np.zeros(size, np.int64)
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    start[keys[first]] = first
    stop[keys[first]] = np.append(first[1:], keys.size)
    return start, stop


def _last_of_each(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the last occurrence of each value: amended rows stand in the order in which they became known."""
    _, index = np.unique(values[::-1], return_index=True)
    return values.size - 1 - index


def _span(keys: NDArray[np.int64], of: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where in sorted `keys` each of `of` begins and ends."""
    return np.searchsorted(keys, of, "left"), np.searchsorted(keys, of, "right")


def _when(amended: Columns, position: int) -> NDArray[np.int64]:
    """One number for (known_at, target), in which amended rows and their shares are sorted."""
    return np.asarray(amended["known_at"] * np.int64(position + 1) + amended["target"])


def marked(history: History, kind: LinkKind) -> NDArray[np.bool_]:
    """Rows that a standing action of this kind means. A void of a void does nothing."""
    links = history.links
    found = np.zeros(history.position, np.bool_)
    if kind == LinkKind.VOIDED:
        targets = links["target"][links["kind"] == kind] - 1
        found[targets[history.rows["type"][targets] != _VOID]] = True
        return found
    standing = (links["kind"] == kind) & ~marked(history, LinkKind.VOIDED)[links["position"] - 1]
    if kind == LinkKind.OVERTURNED:
        adverse = [history.words["outcome"].find(outcome) for outcome in sorted(ADVERSE_OUTCOMES)]
        standing &= np.isin(
            history.rows["outcome"][links["position"] - 1], [code for code in adverse if code >= 0]
        )
    found[links["target"][standing] - 1] = True
    return found


def overturned(history: History, kind: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Decisions that an adverse review means by id, and errors that were cleared."""
    decisions = marked(history, LinkKind.OVERTURNED) & _IS_DECISION[kind]
    return np.asarray(decisions | (marked(history, LinkKind.CLEARED) & (kind == _ERROR_FOUND)))
