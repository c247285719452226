"""The audit trail by a plain look at every row: whole columns and masks, no index, no pages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.actions.types import ACTION_TYPES
from domain.directory import Directory
from domain.zones import Zone
from projections.audit.trail import AuditFilter
from projections.history.columns import History
from projections.history.effective import EffectiveRows, effective_rows, marked
from projections.history.links import LinkKind
from projections.history.rows import subject_word

STAFF_ROLES = ("owner", "actor", "supervisor", "recorder")
SUBJECT_FAMILIES = ("licensing", "plan", "quality", "staff", "unit")
Mask = NDArray[np.bool_]


def plain_scan(history: History, wanted: AuditFilter, *, zone: Zone, directory: Directory) -> NDArray[np.int64]:
    """Positions of the actions that match, rising."""
    columns = effective_rows(history) if wanted.effective else _as_recorded(history)
    mask: Mask = history.rows["type"] != 0
    mask[: max(0, wanted.first_position - 1)] = False
    if wanted.last_position is not None:
        mask[max(0, wanted.last_position) :] = False
    if wanted.effective:
        mask &= ~marked(history, LinkKind.VOIDED)
    if wanted.type is not None:
        mask &= np.isin(history.rows["type"], _type_codes(wanted.type))
    if wanted.from_time is not None:
        mask &= columns.columns["time"] >= wanted.from_time
    if wanted.to_time is not None:
        mask &= columns.columns["time"] < wanted.to_time
    if wanted.case is not None:
        mask &= _of_case(history, columns, wanted.case)
    if wanted.staff is not None:
        mask &= _of_staff(history, columns, wanted.staff)
    if wanted.unit is not None:
        mask &= _of_unit(history, columns, wanted.unit, zone, directory)
    return np.flatnonzero(mask) + 1


def _as_recorded(history: History) -> EffectiveRows:
    position = np.arange(1, history.position + 1)
    shares = history.shares
    return EffectiveRows(
        history.rows,
        np.searchsorted(shares["position"], position, "left"),
        np.searchsorted(shares["position"], position, "right"),
        shares["staff"],
        shares["part"].astype(np.int64),
    )


def _type_codes(pattern: str) -> Sequence[int]:
    if pattern.endswith("*"):
        return [kind.code for name, kind in ACTION_TYPES.items() if name.startswith(pattern[:-1])]
    return [ACTION_TYPES[pattern].code] if pattern in ACTION_TYPES else []


def _of_case(history: History, rows: EffectiveRows, case: str) -> Mask:
    """Actions of the case or target, reviews that mean it, and later facts about these, or about such facts."""
    words = history.words["subject"]
    codes = [words.find(subject_word(family, case)) for family in SUBJECT_FAMILIES]
    mask: Mask = np.isin(rows.columns["subject"], [code for code in codes if code >= 0])
    by_case = words.find(subject_word("licensing", case))
    if by_case >= 0:
        mask |= rows.columns["of_case"] == by_case
    target, later = history.links["target"] - 1, history.links["position"] - 1
    while (more := mask[target] & ~mask[later]).any():
        mask[later[more]] = True
    return mask


def _of_staff(history: History, rows: EffectiveRows, staff: str) -> Mask:
    mask = np.zeros(history.position, np.bool_)
    code = history.words["staff"].find(staff)
    if code >= 0:
        for role in STAFF_ROLES:
            mask |= rows.columns[role] == code
        running = np.concatenate([[0], np.cumsum(rows.share_staff == code)])
        mask |= running[rows.share_stop] > running[rows.share_start]
    subject = history.words["subject"].find(subject_word("staff", staff))
    if subject >= 0:
        mask |= rows.columns["subject"] == subject
    return mask


def _of_unit(history: History, rows: EffectiveRows, unit: str, zone: Zone, directory: Directory) -> Mask:
    """Actions of the unit and of all units that stood below it on the day of the action."""
    epochs = np.array(directory.epochs(), np.int32)
    days = [int(epochs[0]) - 1 if epochs.size else 0, *epochs.tolist()]
    units = history.words_of("unit")
    below = np.zeros((len(days), len(units) + 1), np.bool_)  # the last column is for actions without a unit
    for epoch, day in enumerate(days):
        for code, name in enumerate(units):
            below[epoch, code] = unit in directory.ancestors(name, day)
    day = zone.day_of(rows.columns["time"])
    mask: Mask = below[np.searchsorted(epochs, day, "right"), rows.columns["unit"]]
    words = history.words_of("subject")
    about = [code for code, word in enumerate(words) if word.startswith("unit:")]
    for row in np.flatnonzero(np.isin(rows.columns["subject"], about)).tolist():
        name = words[rows.columns["subject"][row]].removeprefix("unit:")
        mask[row] |= unit in directory.ancestors(name, int(day[row]))
    return mask
