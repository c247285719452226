"""Bring case files of one position to another: cases that changed in between are laid over those that stood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.measuring.cases import Cases
from domain.measuring.limits import NEVER
from domain.measuring.spans import spans_of
from domain.rules.context import Context
from domain.threads import in_parts
from projections.history.columns import History
from projections.history.links import LinkKind
from projections.tallies.case_files import CaseFiles, case_files
from projections.tallies.entries import Rows
from projections.tallies.excerpt import ENDS, excerpt_of, subjects_of
from projections.tallies.partitions import some_cases

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Roomy:
    """Case files as they were at a position, in arrays that have room behind what is filled.

    They may be written to: marks and additions are the reader's own.
    """

    files: CaseFiles
    room: Mapping[str, NDArray[Any]]
    """The same arrays with their room."""
    position: int


def laid_over(kept: Roomy, history: History, context: Context) -> CaseFiles:
    """Files that count, as of the history's position, what its own would count.

    Cases that changed stand behind the others as the history knows them, and where they stood before, their span
    says that they never count. Cases may hold later actions, which a count as of the position passes over.
    """
    subjects = _changed_subjects(kept, history)
    if not subjects.size:
        return kept.files
    files = kept.files
    wanted = np.zeros(int(max(subjects[-1], files.subject.max(initial=0))) + 1, np.bool_)
    wanted[subjects] = True
    gone: Any = files.spans[wanted[files.subject]]
    gone.first_day = gone.first_position = NEVER
    files.spans[wanted[files.subject]] = gone
    return _joined(kept, _files_of(history, subjects, context))


def dense(files: CaseFiles, upto: int, chosen: NDArray[Any] | None = None) -> CaseFiles:
    """The same, or some cases by their numbers, without those that never count and without later actions, in order
    of the subjects' codes."""
    kept = np.flatnonzero(files.spans.first_position <= upto) if chosen is None else chosen
    kept = kept[np.argsort(files.subject[kept], kind="stable")]
    cases = some_cases(files.cases, kept)
    if (files.spans.last_position[kept] > upto).any():
        known = cases.actions.position <= upto
        sizes = np.add.reduceat(known, cases.starts[:-1], dtype=np.int64)
        actions: Any = cases.actions[known]
        cases = replace(cases, actions=actions, starts=np.append(0, np.cumsum(sizes)))
        cases = some_cases(cases, np.arange(kept.size))
    return CaseFiles(cases, spans_of(cases), files.subject[kept])


def _changed_subjects(kept: Roomy, history: History) -> NDArray[np.int32]:
    """Codes of the subjects whose cases may differ between the two positions, rising."""
    first, last = sorted((kept.position, history.position))
    longer = history.at(last)
    changed = np.zeros(last, np.bool_)
    changed[changed_since(longer, first)] = True
    changed[kept.position : history.position] = True  # new ones; later ones are passed over
    if not changed.any():
        return np.empty(0, np.int32)
    add_linked(longer, changed)
    return subjects_of(longer, np.flatnonzero(changed))


def changed_since(history: History, position: int) -> Rows:
    """Rows up to a position that say something else, or belong elsewhere, by what was recorded after it."""
    links, amended = history.links, history.amended
    later = links["known_at"] > position
    changes = later & (links["kind"] != LinkKind.ABOUT) & (links["target"] <= position)
    # What had come before that which it means was still waiting then.
    waited = later & (links["position"] <= position)
    corrected = (amended["known_at"] > position) & (amended["target"] <= position)
    found: Rows = np.unique(
        np.concatenate([links["target"][changes], links["position"][waited], amended["target"][corrected]])
    )
    return found - 1


def _files_of(history: History, subjects: NDArray[np.int32], context: Context) -> CaseFiles:
    """The files of some subjects alone, with the ledger's positions."""
    flags = np.zeros(history.position, np.bool_)
    wanted = np.zeros(int(subjects[-1]) + 2, np.bool_)  # the last is for what names none
    wanted[subjects] = True
    in_parts(history.position, mark_rows, history.rows["subject"], history.rows["of_case"], wanted, flags)
    add_linked(history, flags)
    rows = np.flatnonzero(flags)
    to_instant = context.due_precision == "instant"
    entries = {name: flags[getattr(history, name)[ends[0]] - 1] for name, ends in ENDS.items()}
    files = case_files(excerpt_of(history, rows, entries), context.zone, to_instant=to_instant, subjects=subjects)
    actions, spans = files.cases.actions, files.spans
    actions.position = rows[actions.position - 1] + 1
    spans.first_position = rows[spans.first_position - 1] + 1
    spans.last_position = rows[spans.last_position - 1] + 1
    return files


@compiled
def mark_rows(
    begin: int, end: int, subject: NDArray[np.int32], of_case: NDArray[np.int32], wanted: Flags, flags: Flags
) -> None:
    """Flag the rows of the wanted subjects, and those that mean their cases."""
    last = wanted.size - 1
    for row in range(begin, end):
        flags[row] = wanted[min(subject[row], last)] or wanted[min(of_case[row], last)]


def add_linked(history: History, flags: Flags) -> None:
    """Flag all rows that flagged ones are linked with, over any number of links."""
    own, meant = history.links["position"] - 1, history.links["target"] - 1
    while True:
        fresh = flags[own] != flags[meant]
        if not fresh.any():
            return
        flags[own[fresh]] = flags[meant[fresh]] = True


def _joined(kept: Roomy, more: CaseFiles) -> CaseFiles:
    """Both, the second ones behind."""
    cases, other = kept.files.cases, more.cases
    stated, shared = other.actions.extra >= 0, other.extras.share_stop > other.extras.share_start
    other.actions.extra[stated] += cases.extras.size
    other.extras.share_start[shared] += cases.shares.size
    other.extras.share_stop[shared] += cases.shares.size

    def grown(name: str, before: NDArray[Any], values: NDArray[Any]) -> Any:
        size = before.size + values.size
        room = kept.room[name]
        if room.size < size:
            return np.concatenate([before, values]).view(type(before))
        room[before.size : size] = values
        return room[:size]

    joined = Cases(
        grown("starts", cases.starts, other.starts[1:] + cases.actions.size),
        grown("actions", cases.actions, other.actions),
        grown("extras", cases.extras, other.extras),
        grown("shares", cases.shares, other.shares),
    )
    return CaseFiles(
        joined,
        grown("spans", kept.files.spans, more.spans),
        grown("subject", kept.files.subject, more.subject),
    )
