"""Derive case files from the history: effective actions, case by case, in the contract's order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.action_types import ACTION_TYPES
from domain.cases import (
    ACTION_RECORD,
    ADVERSE_OUTCOMES,
    FIRST_OWN,
    LAST_OWN,
    NOBODY,
    SHARE_RECORD,
    Cases,
    Role,
    make_records,
    role_table,
)
from domain.zones import Zone
from projections.history.columns import History
from projections.history.effective import EffectiveRows, effective_rows, marked, overturned
from projections.history.rows import ROW_COLUMNS
from projections.history.writer import LinkKind

_ROLES = role_table()
_REVIEW = ACTION_TYPES["review.decided"].code
_IS_SERVICE = np.zeros(_ROLES.size, np.bool_)
_IS_SERVICE[[kind.code for kind in ACTION_TYPES.values() if kind.family == "service"]] = True
_IS_REVIEW = np.zeros(_ROLES.size, np.bool_)
_IS_REVIEW[[kind.code for kind in ACTION_TYPES.values() if kind.family == "review"]] = True


@dataclass(frozen=True)
class CaseFiles:
    """Cases in order of their number's code, with the way back to the ledger."""

    cases: Cases
    subject: NDArray[np.int32]
    """Code of each case's subject."""
    position: NDArray[np.int64]
    """Ledger position of each action."""


def case_files(history: History, zone: Zone, *, subjects: Iterable[int] | None = None) -> CaseFiles:
    """The files of all cases and plan targets, or of those whose subject codes are given."""
    actions = effective_rows(history)
    role, subject = _roles_and_subjects(history, actions)
    chosen = (subject >= 0) & (role != Role.NONE) & ~marked(history, LinkKind.VOIDED)
    if subjects is not None:
        chosen &= np.isin(subject, np.fromiter(subjects, np.int32))
    row = np.flatnonzero(chosen)
    row = row[_order(history, subject[row], actions.columns["time"][row], row)]
    subject = subject[row]
    first = np.flatnonzero(np.diff(subject, prepend=-1)) if row.size else np.empty(0, np.int64)
    column = {name: actions.columns[name][row] for name in ROW_COLUMNS}
    due_instant = column["due_kind"] == 2
    due_day = np.where(due_instant, 0, column["due"]).astype(np.int32)
    due_day[due_instant] = zone.day_of(column["due"][due_instant])
    records = make_records(
        ACTION_RECORD,
        row.size,
        role=role[row],
        time=column["time"],
        day=zone.day_of(column["time"]),
        unit=column["unit"],
        owner=column["owner"],
        procedure=column["procedure"],
        reason=column["reason"],
        due_kind=column["due_kind"],
        due_day=due_day,
        due_time=np.where(due_instant, column["due"], 0),
        rating=column["rating"],
        overturned=overturned(history, actions.columns["type"])[row],
        share_start=actions.share_start[row],
        share_stop=actions.share_stop[row],
    )
    shares = make_records(
        SHARE_RECORD, actions.share_staff.size, staff=actions.share_staff, part=actions.share_part
    )
    cases = Cases(np.append(first, row.size).astype(np.int64), records, shares)
    return CaseFiles(cases, subject[first], row + 1)


def _roles_and_subjects(history: History, actions: EffectiveRows) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """What each row does, and to the case of which subject. A review by case stands in the case it means."""
    kind = actions.columns["type"]
    role = _ROLES[kind]
    subject = actions.columns["subject"]
    words = history.words["outcome"]
    adverse = np.array(sorted(words.find(outcome) for outcome in ADVERSE_OUTCOMES))
    by_case = actions.columns["of_case"]
    review = (kind == _REVIEW) & (by_case != NOBODY) & np.isin(actions.columns["outcome"], adverse[adverse >= 0])
    if review.any():
        role = np.where(review, np.uint8(Role.ADVERSE_REVIEW), role)
        subject = np.where(review, by_case, subject)
    about = history.references["position"][history.references["kind"] == LinkKind.ABOUT] - 1
    about = about[_IS_SERVICE[kind[about]]]
    if about.size:
        subject = subject.copy()
        subject[about] = _subjects_meant(history, about, role, subject)
    return role, subject


def _subjects_meant(
    history: History, about: NDArray[np.int64], role: NDArray[np.uint8], subject: NDArray[np.int32]
) -> list[int]:
    """The case in which a rating or error takes effect that names an action: that of the action it means,
    through others of its kind; NOBODY while it waits for one, or where it means no action of a case."""
    links = history.links
    meant = dict(zip((links["position"] - 1).tolist(), (links["target"] - 1).tolist(), strict=True))
    refers = set((history.references["position"] - 1).tolist())
    voided = marked(history, LinkKind.VOIDED)
    found = []
    for row in about.tolist():
        seen = [row]
        while row in meant and meant[row] not in seen:
            row = meant[row]
            seen.append(row)
        stands = row not in refers and not voided[seen[1:]].any()
        of_case = FIRST_OWN <= role[row] <= LAST_OWN or _IS_SERVICE[history.rows["type"][row]]
        found.append(int(subject[row]) if stands and of_case else NOBODY)
    return found


def _order(
    history: History, subject: NDArray[np.int32], time: NDArray[np.int64], row: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Sort by subject and time; where both are equal, by the rest of the contract's key."""
    order = np.lexsort((time, subject))
    same = (np.diff(subject[order]) == 0) & (np.diff(time[order]) == 0)
    if not same.any():
        return order
    tied = np.zeros(order.size, np.bool_)
    tied[:-1] |= same
    tied[1:] |= same
    where = np.flatnonzero(tied)
    rows = row[order[where]]
    ids = history.ids.take(rows)
    sources = history.words_of("source")
    source = [sources[code] for code in history.rows["source"][rows]]
    sequence = [_sequence_key(text) for text in ids["sequence"].to_pylist()]
    keys = zip(
        subject[order[where]].tolist(), time[order[where]].tolist(), sequence, source, ids["id"].to_pylist(),
        range(where.size), strict=True,
    )  # fmt: skip
    order[where] = order[where][[key[-1] for key in sorted(keys)]]
    return order


def _sequence_key(text: str | None) -> tuple[int, int, str]:
    """Absent before present; digits by their value, however many there are."""
    if text is None:
        return 0, 0, ""
    digits = text.lstrip("0")
    return 1, len(digits), digits


def waiting_actions(history: History) -> NDArray[np.int64]:
    """Positions of the actions that wait: for the action that they mean, or for the case that they speak of."""
    kind, subject = history.rows["type"], history.rows["subject"]
    refers = np.zeros(history.position, np.bool_)
    refers[history.references["position"] - 1] = True
    waiting = refers.copy()
    waiting[history.links["position"] - 1] = False
    of_case = np.where(_IS_REVIEW[kind], history.rows["of_case"], np.where(_IS_SERVICE[kind], subject, NOBODY))
    speaks = ~refers & (of_case != NOBODY)
    role = _ROLES[kind]
    known = np.unique(subject[(role >= FIRST_OWN) & (role <= LAST_OWN)])
    waiting |= speaks & ~np.isin(of_case, known)
    waiting &= ~marked(history, LinkKind.VOIDED)
    return np.flatnonzero(waiting) + 1
