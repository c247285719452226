"""Derive what the history says after corrections and without voided actions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.action_types import ACTION_TYPES
from domain.cases import ADVERSE_OUTCOMES, DECISION_TYPES
from projections.history.columns import Columns, History
from projections.history.rows import ROW_COLUMNS
from projections.history.writer import LinkKind

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
    rows, amended = history.rows, history.amended
    count = rows["type"].size
    source = np.arange(count)
    last = _last_of_each(amended["target"])
    source[amended["target"][last] - 1] = count + last
    columns = rows
    if last.size:
        columns = {name: np.concatenate([rows[name], amended[name]])[source] for name in ROW_COLUMNS}
    shares, amended_shares = history.shares, history.amended_shares
    share_start, share_stop = _span(shares["position"], np.arange(1, count + 1))
    if last.size:
        start, stop = _span(_when(amended_shares, history.position), _when(amended, history.position)[last])
        share_start[amended["target"][last] - 1] = start + shares["position"].size
        share_stop[amended["target"][last] - 1] = stop + shares["position"].size
    staff = np.concatenate([shares["staff"], amended_shares["staff"]])
    part = np.concatenate([shares["part"], amended_shares["part"]]).astype(np.int64)
    return EffectiveRows(columns, share_start, share_stop, staff, part)


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
