"""Index the history for audits: postings of case, person, unit, type and day; later facts; amended rows.

Everything is derived from the history and never stored. Rows are indexed in blocks of 65,536 positions; the rows
after the last full block are the tail, which is read through. A growing history only adds blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.actions.types import ACTION_TYPES
from domain.zones import DAY_MICROSECONDS
from projections.audit.postings import BLOCK_ROWS, Postings, Rows
from projections.audit.views import AmendedRows, RecordedRows
from projections.history.columns import History
from projections.history.links import LinkKind

STAFF_ROLES: Final = ("owner", "actor", "supervisor", "recorder")
UNIT_TYPES: Final = np.zeros(256, np.bool_)
"""By code of a type: whether it is about a unit itself."""
UNIT_TYPES[[kind.code for kind in ACTION_TYPES.values() if kind.family == "unit"]] = True
ABOUT_UNITS: Final = 0
"""The code under which the unit postings keep actions of these types; unit u stands under u + 1."""
LINK_BLOCK_ROWS: Final = 4_096
"""Links and amended rows are fewer than actions, and so is what of them must be read through."""

_VOID: Final = ACTION_TYPES["record.voided"].code


def utc_day(time: int) -> int:
    """The code of an instant (microseconds) in the postings of days."""
    return time // DAY_MICROSECONDS


@dataclass(frozen=True, eq=False)
class LaterFacts:
    """Which later facts mean an action: links of the history, by target."""

    history: History
    postings: Postings = field(default_factory=lambda: Postings(block_rows=LINK_BLOCK_ROWS))

    def grown(self, history: History) -> LaterFacts:
        """The same of a later state of this history, whose links begin with those known here."""
        postings, targets, size = self.postings, history.links["target"], self.postings.block_rows
        for begin in range(postings.size, targets.size - size + 1, size):
            postings = postings.with_block(targets[begin : begin + size], np.arange(size))
        return LaterFacts(history, postings)

    def about(self, positions: Rows) -> Rows:
        """The links (rows of `history.links`, rising) whose target is one of these positions, which rise."""
        tail = self.postings.size
        targets = self.history.links["target"][tail:]
        if positions.size == 0:
            return positions
        at = np.minimum(np.searchsorted(positions, targets), positions.size - 1)
        found = np.flatnonzero(positions[at] == targets) + tail
        return np.concatenate([np.sort(self.postings.rows_of_each(positions)), found])

    def following(self, positions: Rows) -> Rows:
        """These positions (rising) with all facts about them, and about such facts, and so on; rising."""
        links = self.history.links["position"]
        found = fresh = positions
        while fresh.size:
            fresh = np.setdiff1d(links[self.about(fresh)], found)
            found = np.union1d(found, fresh)
        return found

    def voided(self, positions: Rows) -> Rows:
        """Those of these positions (rising) that are voided; a void of a void does nothing."""
        links, rows = self.history.links, self.about(positions)
        targets = links["target"][rows[links["kind"][rows] == LinkKind.VOIDED]]
        return np.unique(targets[self.history.rows["type"][targets - 1] != _VOID])

    def corrections(self, positions: Rows) -> tuple[Rows, Rows]:
        """Standing corrections of these positions (rising): their own positions, and those that they mean."""
        links, rows = self.history.links, self.about(positions)
        rows = rows[links["kind"][rows] == LinkKind.CORRECTED]
        own, meant = links["position"][rows], links["target"][rows]
        stands = ~np.isin(own, self.voided(np.unique(own)))
        return own[stands], meant[stands]


@dataclass(frozen=True, eq=False)
class Amended:
    """Which amended row stands for an action now: `rows[i]` of `history.amended` for `targets[i]`, which rise."""

    view: AmendedRows
    targets: Rows
    rows: Rows
    staff: Postings
    """Amended rows by person in any role, as far as they fill blocks."""
    subject: Postings
    """The same by subject."""

    @staticmethod
    def of(history: History, *, block_rows: int) -> Amended:
        """Of a history from which nothing is known yet."""
        none, empty = np.empty(0, np.int64), Postings(block_rows=block_rows)
        before = AmendedRows({"target": none}, {})
        return Amended(before, none, none, empty, empty).grown(history)

    def grown(self, history: History) -> Amended:
        """The same of a later state of the history, whose amended rows begin with those known here."""
        view, before = AmendedRows(history.amended, history.amended_shares), self.view.size
        targets = np.concatenate([self.targets, view.columns["target"][before:]])
        rows = np.concatenate([self.rows, np.arange(before, view.size)])
        order = np.argsort(targets, kind="stable")
        last = order[np.append(targets[order[1:]] != targets[order[:-1]], True)] if order.size else order
        staff, subject, size = self.staff, self.subject, self.staff.block_rows
        for begin in range(staff.size, view.size - size + 1, size):
            within = slice(begin, begin + size)
            named = [_named(view.columns[role][within]) for role in STAFF_ROLES]
            staff = _posted(staff, [view.shares(begin, begin + size), *named])
            subject = _posted(subject, [_named(view.columns["subject"][within])])
        return Amended(view, targets[last], rows[last], staff, subject)

    def that_may_name(self, staff: int, subject: int) -> tuple[Rows, Rows]:
        """Those of `targets`, rising, and `rows` in which a person may be, or which may be about that subject."""
        rows = np.concatenate(
            [
                self.staff.rows_of_each(np.array([staff])),
                self.subject.rows_of_each(np.array([subject])),
                np.arange(self.staff.size, self.view.size),
            ]
        )
        at = np.unique(np.searchsorted(self.targets, self.view.columns["target"][rows]))
        return self.targets[at], self.rows[at]


@dataclass(frozen=True, eq=False)
class AuditIndex:
    """What an audit looks things up in. Immutable: a later history gets a new one, which shares the blocks."""

    history: History
    later: LaterFacts
    amended: Amended
    voided: Rows
    """All positions that are voided, rising."""
    subject: Postings
    staff: Postings
    unit: Postings
    type: Postings
    day: Postings

    @staticmethod
    def without_rows(history: History, *, block_rows: int = BLOCK_ROWS) -> AuditIndex:
        """Only what says how facts hang together: for one question, reading the rows is cheaper than indexing."""
        fewer = min(block_rows, LINK_BLOCK_ROWS)
        later = LaterFacts(history, Postings(block_rows=fewer)).grown(history)
        amended, empty = Amended.of(history, block_rows=fewer), Postings(block_rows=block_rows)
        return AuditIndex(history, later, amended, _voided(history, 0), empty, empty, empty, empty, empty)

    def grown(self, history: History) -> AuditIndex:
        """The index of a later state of the same build of the history."""
        index = replace(
            self,
            history=history,
            later=self.later.grown(history),
            amended=self.amended.grown(history),
            voided=np.union1d(self.voided, _voided(history, self.history.links["target"].size)),
        )
        for begin in range(self.indexed, history.position - self.block_rows + 1, self.block_rows):
            index = index._with_block(begin)
        return index

    @cached_property
    def recorded_rows(self) -> RecordedRows:
        """The rows that the postings speak of."""
        return RecordedRows(self.history)

    @property
    def indexed(self) -> int:
        """How many rows are in blocks; the tail begins there."""
        return self.type.size

    @property
    def block_rows(self) -> int:
        """How many rows make a block."""
        return self.type.block_rows

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        parts = (self.subject, self.staff, self.unit, self.type, self.day, self.later.postings)
        inner = sum(each.nbytes for each in (*parts, self.amended.staff, self.amended.subject))
        return inner + self.amended.targets.nbytes + self.amended.rows.nbytes

    def _with_block(self, begin: int) -> AuditIndex:
        names = ("type", "subject", "of_case", "unit", "time", *STAFF_ROLES)
        rows = {name: self.history.rows[name][begin : begin + self.block_rows] for name in names}
        about_units = np.flatnonzero(UNIT_TYPES[rows["type"]])
        in_shares = self.recorded_rows.shares(begin, begin + self.block_rows)
        return replace(
            self,
            subject=_posted(self.subject, [_named(rows["subject"]), _named(rows["of_case"])]),
            staff=_posted(self.staff, [in_shares, *(_named(rows[role]) for role in STAFF_ROLES)]),
            unit=_posted(
                self.unit, [_named(rows["unit"], 1), (np.full(about_units.size, ABOUT_UNITS), about_units)]
            ),
            type=_posted(self.type, [_named(rows["type"])]),
            day=_posted(self.day, [_named(rows["time"] // DAY_MICROSECONDS, lowest=None)]),
        )


def _voided(history: History, first_link: int) -> Rows:
    """What the links from that one on void; a void of a void does nothing."""
    links = history.links
    targets = links["target"][first_link:][links["kind"][first_link:] == LinkKind.VOIDED]
    return np.unique(targets[history.rows["type"][targets - 1] != _VOID])


_Pairs = tuple[NDArray[Any], Rows]


def _named(codes: NDArray[Any], more: int = 0, *, lowest: int | None = 0) -> _Pairs:
    """(codes plus `more`, rows) of a column, where it names anything."""
    if lowest is None or codes.min() >= lowest:
        return codes + more, np.arange(codes.size)
    rows = np.flatnonzero(codes >= lowest)
    return codes[rows] + more, rows


def _posted(postings: Postings, pairs: list[_Pairs]) -> Postings:
    codes, rows = zip(*pairs, strict=True)
    return postings.with_block(np.concatenate(codes), np.concatenate(rows))
