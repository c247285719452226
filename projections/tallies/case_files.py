"""Derive case files from the history: effective actions, case by case, in the contract's order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.actions.types import ACTION_TYPES
from domain.compiled import compiled
from domain.measuring.cases import (
    ACTION_RECORD,
    ADVERSE_OUTCOMES,
    EXTRA_RECORD,
    FIRST_OWN,
    LAST_OWN,
    LONE,
    NOBODY,
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
    make_records,
    role_table,
)
from domain.measuring.spans import Spans, spans_of
from domain.threads import in_parts
from domain.zones import DAY_MICROSECONDS, Zone
from projections.history.columns import History
from projections.history.effective import EffectiveRows, effective_rows, marked, overturned
from projections.history.links import LinkKind
from projections.tallies.case_order import case_order

_ROLES = role_table()
_REVIEW = ACTION_TYPES["review.decided"].code
_IS_SERVICE = np.zeros(_ROLES.size, np.bool_)
_IS_SERVICE[[kind.code for kind in ACTION_TYPES.values() if kind.family == "service"]] = True
_IS_REVIEW = np.zeros(_ROLES.size, np.bool_)
_IS_REVIEW[[kind.code for kind in ACTION_TYPES.values() if kind.family == "review"]] = True


@dataclass(frozen=True)
class StandingActions:
    """What each row of a history says and does after everything that was recorded about it."""

    told: EffectiveRows
    role: NDArray[np.uint8]
    subject: NDArray[np.int32]
    """Code of the subject in whose case it stands."""
    stands: NDArray[np.bool_]
    """Whether it stands in a case at all."""
    overturned: NDArray[np.bool_]


@dataclass(frozen=True)
class CaseFiles:
    """Cases in order of their number's code, with the way back to the ledger."""

    cases: Cases
    spans: Spans
    subject: NDArray[np.int32]
    """Code of each case's subject."""


def case_files(
    history: History, zone: Zone, *, to_instant: bool = False, subjects: Iterable[int] | None = None
) -> CaseFiles:
    """The files of all cases and plan targets, or of those whose subject codes are given.

    `to_instant` keeps the instants of decisions, which dues may be held against.
    """
    standing = standing_actions(history)
    actions, role, chosen = standing.told, standing.role, standing.stands
    if subjects is not None:
        chosen = chosen & np.isin(standing.subject, np.fromiter(subjects, np.int32))
    time = actions.columns["time"]
    row, starts, held = case_order(history, standing.subject, chosen, time)
    # Rows are read one after the other and written where they belong: one far place for each, not one for each
    # column.
    place = np.full(history.position, NOTHING, np.int32)
    place[row] = np.arange(row.size, dtype=np.int32)
    states, recorded = np.zeros(history.position, np.uint8), np.zeros(history.position, np.bool_)
    columns = actions.columns
    in_parts(
        history.position, tell_states, place, role, columns["due_kind"], columns["due"], columns["reason"],
        columns["step"], actions.share_start, actions.share_stop, to_instant, states, recorded,
    )  # fmt: skip
    stated = recorded[row]
    extra = np.cumsum(stated, dtype=np.int32) - 1
    extra[~stated] = NOTHING
    records = np.empty(row.size, ACTION_RECORD).view(np.recarray)
    extras = np.empty(int(np.count_nonzero(stated)), EXTRA_RECORD).view(np.recarray)
    in_parts(
        history.position, fill_records, place, states, extra, role, time, columns["type"], columns["unit"],
        columns["owner"], columns["procedure"], columns["reason"], columns["step"], columns["rating"],
        columns["present"], columns["due_kind"], columns["due"], actions.share_start, actions.share_stop,
        standing.overturned, zone.transitions, zone.offsets, records, extras,
    )  # fmt: skip
    shares = make_records(
        SHARE_RECORD, actions.share_staff.size, staff=actions.share_staff, part=actions.share_part
    )
    cases = Cases(starts, records, extras, shares)
    return CaseFiles(cases, spans_of(cases), held)


def standing_actions(history: History) -> StandingActions:
    """What every row of the history says and does, and where."""
    actions = effective_rows(history)
    role, subject = _roles_and_subjects(history, actions)
    stands = (subject >= 0) & (role != Role.NONE) & ~marked(history, LinkKind.VOIDED)
    return StandingActions(actions, role, subject, stands, overturned(history, actions.columns["type"]))


@compiled
def tell_states(
    begin: int, end: int, place: NDArray[np.int32], role: NDArray[np.uint8], due_kind: NDArray[np.uint8],
    due: NDArray[np.int64], reason: NDArray[np.int32], step: NDArray[np.int32], share_start: NDArray[np.int64],
    share_stop: NDArray[np.int64], to_instant: bool, states: NDArray[np.uint8], recorded: NDArray[np.bool_],
) -> None:  # fmt: skip
    """What each row that has a place states that counting cares for, and whether that needs a record."""
    for row in range(begin, end):
        if place[row] >= 0:
            states[row], recorded[row] = states_of(
                role[row], due_kind[row], due[row], reason[row], step[row], share_stop[row] > share_start[row],
                to_instant,
            )  # fmt: skip


@compiled
def states_of(
    role: int, due_kind: int, due: int, reason: int, step: int, shared: bool, to_instant: bool
) -> tuple[int, bool]:
    """What an action states that counting cares for, and whether that needs a record."""
    told = 0
    if due_kind > 0:
        told |= STATES_DUE
    if shared:
        told |= STATES_SHARES
    if step >= 0:
        told |= STATES_STEP
    if reason >= 0 and (role == Role.SUSPENDED or role == Role.TARGET_CANCELLED):
        told |= STATES_REASON
    if role == Role.RATED or (to_instant and Role.GRANTED <= role <= LAST_OWN):
        told |= STATES_OTHER
    dated = told == STATES_DUE and due_kind == 1 and due >= 0
    rated = told == STATES_OTHER and role == Role.RATED
    lone = dated or rated or told in (STATES_STEP, STATES_REASON)
    return told, told != 0 and not lone


@compiled
def fill_records(
    begin: int, end: int, place: NDArray[np.int32], states: NDArray[np.uint8], extra: NDArray[np.int32],
    role: NDArray[np.uint8], time: NDArray[np.int64], kind: NDArray[np.uint8], unit: NDArray[np.int32],
    owner: NDArray[np.int32], procedure: NDArray[np.int32], reason: NDArray[np.int32], step: NDArray[np.int32],
    rating: NDArray[np.uint8], present: NDArray[np.uint8], due_kind: NDArray[np.uint8], due: NDArray[np.int64],
    share_start: NDArray[np.int64], share_stop: NDArray[np.int64], overturned: NDArray[np.bool_],
    transitions: NDArray[np.int64], offsets: NDArray[np.int64], records: Actions, extras: Extras,
) -> None:  # fmt: skip
    """Write the record of each row at its place, and the extras of those that need one."""
    segment = 0
    for row in range(begin, end):
        if place[row] < 0:
            continue
        segment = segment_of(transitions, time[row], segment)
        write_record(
            row + 1, role[row], time[row], kind[row], unit[row], owner[row], procedure[row], reason[row],
            step[row], rating[row], present[row], due_kind[row], due[row], share_start[row], share_stop[row],
            overturned[row], states[row], transitions, offsets, segment, records, place[row],
            extras, extra[place[row]],
        )  # fmt: skip


@compiled
def write_record(
    position: int, role: int, time: int, kind: int, unit: int, owner: int, procedure: int, reason: int, step: int,
    rating: int, present: int, due_kind: int, due: int, share_start: int, share_stop: int, overturned: bool,
    states: int, transitions: NDArray[np.int64], offsets: NDArray[np.int64], segment: int,
    records: Actions, place: int, extras: Extras, extra: int,
) -> None:  # fmt: skip
    """Write the record of an action at its place, and its extra, unless the number of that is NOTHING.

    `segment` is that of its time in the zone.
    """
    record = records[place]
    record.day = (time + offsets[segment]) // DAY_MICROSECONDS
    record.owner = owner
    record.unit = unit
    record.procedure = procedure
    record.extra = extra
    record.position = position
    record.role = role
    record.kind = kind
    record.states = states
    record.marks = present | (OVERTURNED if overturned else 0)
    if extra >= 0:
        stated = extras[extra]
        stated.time = time
        stated.reason = reason
        stated.step = step
        stated.share_start = share_start
        stated.share_stop = share_stop
        stated.due_kind = due_kind
        stated.rating = rating
        stated.due_day = due if due_kind == 1 else 0
        stated.due_time = 0
        if due_kind == 2:
            within = segment_of(transitions, due, segment)
            stated.due_day = (due + offsets[within]) // DAY_MICROSECONDS
            stated.due_time = due
    elif states == STATES_DUE:
        record.extra = LONE - int(due)
    elif states == STATES_REASON:
        record.extra = LONE - reason
    elif states == STATES_STEP:
        record.extra = LONE - step
    elif states == STATES_OTHER:
        record.extra = LONE - int(rating)


@compiled
def segment_of(transitions: NDArray[np.int64], time: int, near: int) -> int:
    """Number of the zone's segment that holds an instant; looks near the last one first."""
    while near < transitions.size and time >= transitions[near]:
        near += 1
    while near > 0 and time < transitions[near - 1]:
        near -= 1
    return near


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
    voided = set(np.flatnonzero(marked(history, LinkKind.VOIDED)).tolist())
    found = []
    for row in about.tolist():
        seen = [row]
        while row in meant and meant[row] not in seen:
            row = meant[row]
            seen.append(row)
        stands = row not in refers and voided.isdisjoint(seen[1:])
        of_case = FIRST_OWN <= role[row] <= LAST_OWN or _IS_SERVICE[history.rows["type"][row]]
        found.append(int(subject[row]) if stands and of_case else NOBODY)
    return found


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
