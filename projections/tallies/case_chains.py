"""Keep the standing actions of every case in the contract's order, and put new ones where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.measuring.cases import LONE, NOTHING, SHARE_RECORD, Role, role_table
from projections.history.columns import History
from projections.tallies.case_files import StandingActions, standing_actions
from projections.tallies.case_order import untied
from projections.tallies.chain_rows import (
    CHAIN_RECORD,
    KEPT_RECORD,
    Codes,
    Rows,
    fill,
    find_equals,
    join,
    put_in_order,
    take_out,
)
from projections.tallies.excerpt import CaseRows

FIRST_ROOM: Final = 1_024
_ROLES: Final = role_table()


_AS_RECORDED: Final = (
    "time",
    "unit",
    "owner",
    "procedure",
    "type",
    "present",
    "due_kind",
    "reason",
    "step",
    "rating",
)
_AS_TOLD: Final = (
    "time",
    "due",
    "unit",
    "owner",
    "procedure",
    "reason",
    "step",
    "type",
    "due_kind",
    "rating",
    "present",
)


@dataclass(frozen=True)
class News:
    """What new actions change: `rows`, new and old ones, are from now on what `kept` says."""

    rows: Rows
    kept: NDArray[Any]
    shares: NDArray[Any]
    """Records of SHARE_RECORD; `kept` says where those of a row begin."""
    share_row: Rows
    changed: Codes
    """Subjects of the cases that old rows leave, enter, or stand in otherwise than they did."""


class CaseChains:
    """Which standing action comes before which in its case; grows with the history.

    A record for each row, and another one for those that others say something of. What few rows state is read
    from the history's columns.
    """

    def __init__(self) -> None:
        self.position = 0
        self.chain = np.empty(FIRST_ROOM, CHAIN_RECORD)
        self.last = np.full(FIRST_ROOM, NOTHING, np.int32)  # subject code -> the last row of its case
        self.kept = np.empty(FIRST_ROOM, KEPT_RECORD)
        self.shares = np.empty(FIRST_ROOM, SHARE_RECORD)
        self.share_row = np.empty(FIRST_ROOM, np.int32)
        self._kept_size = self._shares_size = 0

    def news(self, history: History, known: CaseRows) -> News:
        """What the history says beyond the position reached of actions that are linked; changes nothing."""
        rows = _spoken_of(history, self.position)
        rows = _distinct(np.concatenate([rows, known.linked(rows)]))
        now = standing_actions(known.excerpt(rows))
        kept = _kept(now)
        old = int(np.searchsorted(rows, self.position))
        were = self._subjects_before(history, rows[:old])
        changed = np.concatenate([were[were >= 0], kept["subject"][:old][kept["stands"][:old]]])
        shares = np.empty(now.told.share_staff.size, SHARE_RECORD)
        shares["staff"], shares["part"] = now.told.share_staff, now.told.share_part
        many = now.told.share_stop - now.told.share_start
        of_row = np.repeat(rows, many)
        place = np.repeat(now.told.share_start, many) + _counted_up(many)
        kept["shares"] = np.where(many > 0, np.cumsum(many) - many, NOTHING)
        return News(rows, kept, shares[place], of_row, _distinct(changed))

    def take(self, history: History, news: News) -> Codes:
        """Go on to the end of the history; returns the subjects of all cases that new rows stand in, or old ones
        otherwise than before."""
        begin, end = self.position, history.position
        self._reserve(end)
        columns = (history.rows[name][begin:end] for name in _AS_RECORDED)
        fill(self.chain[begin:end].view(np.recarray), *columns)
        old = int(np.searchsorted(news.rows, begin))
        were = self._subjects_before(history, news.rows[:old])
        take_out(news.rows[:old], were, self.chain.view(np.recarray), self.last)
        plain, of_plain = _plain(history, begin, news.rows[old:])
        self._tell(history, news)
        rows = np.concatenate([plain, news.rows[news.kept["stands"]]])
        subjects = np.concatenate([of_plain, news.kept["subject"][news.kept["stands"]]])
        self.last = _roomy(self.last, int(subjects.max(initial=-1)) + 1, NOTHING)
        self._join(history, rows, subjects)
        self.position = end
        return _distinct(np.concatenate([subjects, news.changed]))

    def _subjects_before(self, history: History, rows: Rows) -> Codes:
        """In whose case each of some old rows stands, as far as it is known here; NOTHING: in none."""
        told = self.chain["told"][rows]
        kept = self.kept[np.maximum(told, 0)]
        plain = np.where(_ROLES[history.rows["type"][rows]] == Role.NONE, NOTHING, history.rows["subject"][rows])
        return np.asarray(
            np.where(told < 0, plain, np.where(kept["stands"], kept["subject"], NOTHING)).astype(np.int32)
        )

    def _reserve(self, size: int) -> None:
        """Make room for the rows of so many positions, and a sixteenth more: in place, where the system moves
        pages, if there are many, and copies nothing."""
        if size > self.chain.size:
            self.chain.resize(size + max(FIRST_ROOM, size // 16))

    def _tell(self, history: History, news: News) -> None:
        """Keep what is told of new rows, and of old ones anew."""
        first = int(np.searchsorted(history.shares["position"], self.position, "right"))
        position = history.shares["position"][first:]
        own = np.empty(position.size, SHARE_RECORD)
        own["staff"], own["part"] = history.shares["staff"][first:], history.shares["part"][first:]
        begins = np.flatnonzero(np.diff(position, prepend=-1))
        told_of = self.chain["told"]
        told_of[position[begins] - 1] = LONE - (self._more_shares(own, position - 1) + begins)
        kept = news.kept.copy()
        kept["shares"] += np.where(kept["shares"] >= 0, self._more_shares(news.shares, news.share_row), 0)
        told = told_of[news.rows]
        fresh = np.flatnonzero(told < 0)
        told[fresh] = self._kept_size + np.arange(fresh.size)
        self._kept_size += fresh.size
        self.kept = _roomy(self.kept, self._kept_size)
        self.kept[told] = kept
        told_of[news.rows] = told

    def _more_shares(self, shares: NDArray[Any], rows: Rows) -> int:
        """Append shares of some rows; returns where they begin."""
        begin = self._shares_size
        self._shares_size += rows.size
        # One entry more than there are, so that the shares of the last row end somewhere.
        self.shares = _roomy(self.shares, self._shares_size + 1)
        self.share_row = _roomy(self.share_row, self._shares_size + 1)
        self.shares[begin : self._shares_size] = shares
        self.share_row[begin : self._shares_size] = rows
        self.share_row[self._shares_size] = NOTHING
        return begin

    def _join(self, history: History, rows: Rows, subjects: Codes) -> None:
        """Put rows where they belong, by time; those of one case and instant by the rest of the contract's key."""
        chains = (self.chain.view(np.recarray), self.kept.view(np.recarray), self.last)
        tied = np.empty(rows.size, np.int64)
        many = join(rows, subjects, *chains, tied)
        if not many:
            return
        tied = tied[:many]
        found, found_of = np.empty(FIRST_ROOM, np.int64), np.empty(FIRST_ROOM, np.int32)
        while (filled := find_equals(rows[tied], subjects[tied], *chains, found, found_of)) < 0:
            found, found_of = np.empty(-filled, np.int64), np.empty(-filled, np.int32)
        group, first = np.unique(found[:filled], return_index=True)
        told = self.chain["told"][group]
        times = np.where(told < 0, self.chain["time"][group], self.kept["time"][np.maximum(told, 0)])
        order = untied(history, group, found_of[first], times)
        put_in_order(group[order], found_of[first][order], times[order], *chains)


def _spoken_of(history: History, begin: int) -> Rows:
    """Rows that new rows say something of, and new rows that speak of others, found or not."""
    links, amended, references = history.links, history.amended, history.references
    links_known = int(np.searchsorted(links["known_at"], begin, "right"))
    amended_known = int(np.searchsorted(amended["known_at"], begin, "right"))
    references_known = int(np.searchsorted(references["position"], begin, "right"))
    found = np.concatenate(
        [
            links["position"][links_known:] - 1,
            links["target"][links_known:] - 1,
            amended["target"][amended_known:] - 1,
            references["position"][references_known:] - 1,
            np.flatnonzero(history.rows["of_case"][begin : history.position] >= 0) + begin,
        ]
    )
    return found.astype(np.int64)


def _kept(now: StandingActions) -> NDArray[Any]:
    kept = np.zeros(now.role.size, KEPT_RECORD)
    for name in _AS_TOLD:
        kept[name] = now.told.columns[name]
    for name in ("role", "subject", "stands", "overturned"):
        kept[name] = getattr(now, name)
    return kept


def _plain(history: History, begin: int, but: Rows) -> tuple[Rows, Codes]:
    """New rows that stand in a case as they were recorded, and its subject; `but` are those that are kept."""
    subject = history.rows["subject"][begin : history.position]
    stands = (_ROLES[history.rows["type"][begin : history.position]] != Role.NONE) & (subject >= 0)
    stands[but - begin] = False
    row = np.flatnonzero(stands)
    return row + begin, subject[row]


def _roomy(values: Any, size: int, nothing: int | None = None) -> Any:
    """The same values with room for so many."""
    if size <= values.size:
        return values
    grown = np.empty(max(size, values.size + values.size // 2), values.dtype)
    grown[: values.size] = values
    if nothing is not None:
        grown[values.size :] = nothing
    return grown


def _distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Each value once, rising."""
    values = np.sort(values)
    return values[np.append(True, values[1:] != values[:-1])] if values.size else values


def _counted_up(many: NDArray[np.int64]) -> Rows:
    """0, 1, 2 … for each of so many."""
    return np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
