"""Keep the standing actions of every case in the contract's order, and put new ones where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.hints import natural, prefetch
from domain.measuring.cases import (
    LONE,
    NOTHING,
    SHARE_RECORD,
    STATES_OTHER,
    STATES_REASON,
    STATES_STEP,
    Role,
    role_table,
)
from projections.history.columns import History
from projections.tallies.case_files import StandingActions, standing_actions
from projections.tallies.case_order import untied
from projections.tallies.excerpt import CaseRows

Codes = NDArray[np.int32]
Rows = NDArray[np.int64]
Chain = Any
"""Records of CHAIN_RECORD."""
Kept = Any
"""Records of KEPT_RECORD."""

CHAIN_RECORD: Final = np.dtype(
    [
        ("time", np.int64),
        ("unit", np.int32),
        ("owner", np.int32),
        ("procedure", np.int32),
        ("before", np.int32),  # the row before it in its case
        # NOTHING: as recorded. From LONE down: the same, and its shares begin at LONE less this. Else: number of
        # what is kept of it.
        ("told", np.int32),
        ("type", np.uint8),
        ("present", np.uint8),
        ("due_kind", np.uint8),
        ("states", np.uint8),  # whether it states a reason, a step, or a rating (STATES_OTHER)
    ],
    align=True,
)
"""A row as it was recorded, and where it stands: what is asked of every row of a case that is gathered lies
together, so that a row is one way to memory, and not one for each column. 32 bytes."""

FIRST_ROOM: Final = 1_024
AHEAD: Final = 16
"""So many rows before its turn the newest row of a case is fetched; where to find it, twice as many."""
_ROLES: Final = role_table()

KEPT_RECORD: Final = np.dtype(
    [
        ("time", np.int64),
        ("due", np.int64),
        ("subject", np.int32),  # in whose case it stands
        ("unit", np.int32),
        ("owner", np.int32),
        ("procedure", np.int32),
        ("reason", np.int32),
        ("step", np.int32),
        ("shares", np.int32),  # where its participants' shares begin; NOTHING: it has none
        ("type", np.uint8),
        ("role", np.uint8),
        ("due_kind", np.uint8),
        ("rating", np.uint8),
        ("present", np.uint8),
        ("stands", np.bool_),
        ("overturned", np.bool_),
    ],
    align=True,
)
"""An action of which others say something, or which speaks of others: as all of them leave it."""

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


@compiled
def fill(
    chain: Chain, time: NDArray[np.int64], unit: Codes, owner: Codes, procedure: Codes, kind: NDArray[np.uint8],
    present: NDArray[np.uint8], due_kind: NDArray[np.uint8], reason: Codes, step: Codes, rating: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Write the records of some rows, as they were recorded; they stand in no case yet."""
    for row in range(chain.size):
        own = chain[row]
        own.time = time[row]
        own.unit = unit[row]
        own.owner = owner[row]
        own.procedure = procedure[row]
        own.before = own.told = NOTHING
        own.type = kind[row]
        own.present = present[row]
        own.due_kind = due_kind[row]
        own.states = (
            (STATES_REASON if reason[row] >= 0 else 0)
            | (STATES_STEP if step[row] >= 0 else 0)
            | (STATES_OTHER if rating[row] > 0 else 0)
        )


@compiled
def time_of(row: int, chain: Chain, kept: Kept) -> int:
    """The instant of an action, as it was recorded or as it was corrected to."""
    return int(kept[chain[row].told].time) if chain[row].told >= 0 else int(chain[row].time)


@compiled
def take_out(rows: Rows, subjects: Codes, chain: Chain, last: Codes) -> None:
    """Take rows out of the cases of these subjects; of NOTHING: it stands in none."""
    for number in range(rows.size):
        if subjects[number] < 0:
            continue
        above = -1
        row = last[subjects[number]]
        while row != rows[number]:
            above = row
            row = chain[row].before
        if above < 0:
            last[subjects[number]] = chain[row].before
        else:
            chain[above].before = chain[row].before


@compiled
def join(
    rows: Rows, subjects: Codes, chain: Chain, kept: Kept, last: Codes,
    tied: Rows,
) -> int:  # fmt: skip
    """Put rows into the cases of these subjects, in order of time.

    Returns how many share their instant with another of their case; `tied` says which, by their number.
    """
    many = 0
    for number in range(rows.size):
        fetch_newest(subjects, number, chain, last)
        own = time_of(rows[number], chain, kept)
        above = -1
        row = last[subjects[number]]
        while row >= 0 and time_of(row, chain, kept) > own:
            above = row
            row = chain[row].before
        if row >= 0 and time_of(row, chain, kept) == own:
            tied[many] = number
            many += 1
        chain[rows[number]].before = row
        if above < 0:
            last[subjects[number]] = rows[number]
        else:
            chain[above].before = rows[number]
    return many


@compiled
def fetch_newest(subjects: Codes, number: int, chain: Chain, last: Codes) -> None:
    """Have the newest rows of cases fetched whose turn comes soon."""
    end = subjects.size - 1
    prefetch(last, natural(subjects[min(number + 2 * AHEAD, end)]))
    prefetch(chain, natural(max(last[subjects[min(number + AHEAD, end)]], 0)))


@compiled
def find_equals(
    rows: Rows, subjects: Codes, chain: Chain, kept: Kept, last: Codes,
    found: Rows, found_of: Codes,
) -> int:  # fmt: skip
    """Write the rows that share the instant of some rows in the cases of these subjects, and the subjects.

    Returns how many, or less than 0: minus the room that it takes.
    """
    filled = 0
    for number in range(rows.size):
        own = time_of(rows[number], chain, kept)
        row = last[subjects[number]]
        while time_of(row, chain, kept) > own:
            row = chain[row].before
        while row >= 0 and time_of(row, chain, kept) == own:
            if filled < found.size:
                found[filled] = row
                found_of[filled] = subjects[number]
            filled += 1
            row = chain[row].before
    return filled if filled <= found.size else -filled


@compiled
def put_in_order(
    rows: Rows, subjects: Codes, times: NDArray[np.int64], chain: Chain, kept: Kept, last: Codes,
) -> None:  # fmt: skip
    """Give rows that stand in these cases the order in which they come here, among those of their instant; all of
    one case and instant come one after the other."""
    begin = 0
    while begin < rows.size:
        end = begin + 1
        while end < rows.size and subjects[end] == subjects[begin] and times[end] == times[begin]:
            end += 1
        above = -1
        row = last[subjects[begin]]
        while time_of(row, chain, kept) > times[begin]:
            above = row
            row = chain[row].before
        while row >= 0 and time_of(row, chain, kept) == times[begin]:
            row = chain[row].before
        for number in range(begin, end):
            chain[rows[number]].before = row
            row = rows[number]
        if above < 0:
            last[subjects[begin]] = row
        else:
            chain[above].before = row
        begin = end
