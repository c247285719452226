"""Find actions in the history: by case, person in any role, unit with all below it, type, and both times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import numpy as np

from domain.directory import Directory
from domain.zones import Zone
from projections.audit.conditions import AtTime, Condition, OfStaff, OfType, UnitTree
from projections.audit.index import AuditIndex
from projections.audit.postings import BLOCK_ROWS, Rows, Standing, among, distinct
from projections.audit.views import View
from projections.history.columns import History
from projections.history.rows import subject_word

SUBJECT_FAMILIES = ("licensing", "plan", "quality", "staff", "unit")
STEP_ROWS = 256
"""So many rows that postings name are looked at first (fewer where fewer are asked for), then four times as many
each time, up to a block."""
READ_ROWS = 16
"""So many rows are read through in the time in which one that is named is picked out and looked at."""
FEW_SHARE = 1_024
"""With such a share of a block's rows a condition is good enough: no other is looked up there."""
PICKED_SHARE = 4
"""Where every condition has more than a fourth of a block's rows, reading all costs less than picking them out."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to look for; everything that is given must hold. Times in microseconds, ends exclusive."""

    case: str | None = None
    staff: str | None = None
    unit: str | None = None
    type: str | None = None
    from_time: int | None = None
    to_time: int | None = None
    first_position: int = 1
    last_position: int | None = None
    effective: bool = False


class AuditTrail:
    """Answers audits, with an index that grows with the history. May be used from several threads."""

    def __init__(self, *, block_rows: int = BLOCK_ROWS) -> None:
        self._block_rows = block_rows
        self._lock = Lock()
        self._index: AuditIndex | None = None
        self._tree: tuple[Directory, UnitTree] | None = None

    def index(self, history: History) -> AuditIndex:
        """The index of this history, or of the later state of it that is known already."""
        with self._lock:
            known = self._index
            if known is None or known.history.build != history.build:
                known = self._index = AuditIndex.without_rows(history, block_rows=self._block_rows).grown(history)
            elif known.history.position < history.position:
                known = self._index = known.grown(history)
            return known

    def find(
        self,
        index: AuditIndex,
        wanted: AuditFilter,
        *,
        zone: Zone,
        directory: Callable[[], Directory],
        limit: int | None = None,
    ) -> Iterator[Rows]:
        """Positions of the actions that match, or the first `limit` of them, rising, some at a time.

        The directory is asked for only where a unit is.
        """
        history, conditions = index.history, list[Condition]()  # as a rule the fewest first
        if wanted.staff is not None:
            conditions.append(OfStaff.named(wanted.staff, history))
        if wanted.type is not None:
            conditions.append(OfType.like(wanted.type))
        if wanted.from_time is not None or wanted.to_time is not None:
            conditions.append(AtTime(wanted.from_time, wanted.to_time))
        if wanted.unit is not None:
            conditions.append(self._unit_tree(history, directory(), zone).below(wanted.unit, history))
        last = history.position if wanted.last_position is None else min(history.position, wanted.last_position)
        search = _Search(
            index=index,
            first=max(0, wanted.first_position - 1),
            stop=max(0, last),
            case=None if wanted.case is None else _rows_of_case(index, wanted.case),
            conditions=conditions,
            effective=wanted.effective,
            step=STEP_ROWS if limit is None else max(1, min(limit, STEP_ROWS)),
        )
        return _first_of(search.found(), limit)

    def _unit_tree(self, history: History, directory: Directory, zone: Zone) -> UnitTree:
        known = self._tree
        if known is None or known[0] is not directory or known[1].coded < len(history.words_of("unit")):
            known = self._tree = directory, UnitTree.of(history, directory, zone)
        return known[1]


def _first_of(found: Iterable[Rows], limit: int | None) -> Iterator[Rows]:
    """The first `limit` of positions that are found a few at a time; looks no further than it must."""
    left = limit
    for some in found if left is None or left > 0 else ():
        if left is not None:
            some = some[:left]
            left -= some.size
        if some.size:
            yield some
        if left == 0:
            return


def subjects_of_case(case: str, history: History) -> dict[str, int]:
    """The codes of the subjects of all families that may be meant by a case, as far as they are known."""
    words = history.words["subject"]
    found = {family: words.find(subject_word(family, case)) for family in SUBJECT_FAMILIES}
    return {family: code for family, code in found.items() if code >= 0}


def _rows_of_case(index: AuditIndex, case: str) -> Rows:
    """Actions of the case or target, reviews that mean it, and later facts about these, or about such facts."""
    codes = subjects_of_case(case, index.history)
    rows, tail = index.history.rows, index.indexed
    own = [index.subject.rows_of_each(np.array(sorted(codes.values()), np.int64))]
    own += [np.flatnonzero(rows["subject"][tail:] == code) + tail for code in codes.values()]
    if "licensing" in codes:
        own.append(np.flatnonzero(rows["of_case"][tail:] == codes["licensing"]) + tail)
    return index.later.following(distinct(np.concatenate(own)) + 1) - 1


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The rows `begin` to `stop - 1`, of which only `rows` (None for all) can match as recorded, if `unchecked`
    hold for them."""

    begin: int
    stop: int
    rows: Rows | None
    unchecked: Sequence[Condition]


@dataclass
class _Search:
    """One audit on its way through the rows `first` to `stop - 1`."""

    index: AuditIndex
    first: int
    stop: int
    case: Rows | None
    conditions: Sequence[Condition]
    effective: bool
    step: int

    def __post_init__(self) -> None:
        self._looked_up = {
            condition: [(each, codes, each.blocks_with(codes)) for each, codes in condition.looked_up(self.index)]
            for condition in self.conditions
        }

    def found(self) -> Iterator[Rows]:
        """Positions, rising."""
        at = self.first
        for stretch in self._stretches():
            if at < stretch.begin and self.effective:
                yield self._positions(_Stretch(at, stretch.begin, _NONE, ()))
            yield self._positions(stretch)
            at = stretch.stop
        if at < self.stop and self.effective:
            yield self._positions(_Stretch(at, self.stop, _NONE, ()))

    def _stretches(self) -> Iterator[_Stretch]:
        """In order; between them nothing can match as recorded."""
        if self.case is not None:
            yield from self._in_steps(_Stretch(self.first, self.stop, self.case, self.conditions))
            return
        gathered, size = list[_Stretch](), 0
        for block in self._blocks().tolist():
            stretch = self._candidates(block)
            if stretch.rows is not None:
                gathered.append(stretch)
                size += stretch.rows.size
            if stretch.rows is None or size >= self.step:
                yield from self._together(gathered)
                gathered, size = [], 0
            if stretch.rows is None:
                yield from self._in_steps(stretch)
        yield from self._together(gathered)
        yield from self._in_steps(_Stretch(max(self.first, self.index.indexed), self.stop, None, self.conditions))

    def _together(self, gathered: list[_Stretch]) -> Iterator[_Stretch]:
        """Stretches with their rows, and nothing between them, as one: a look at a few rows costs as much as one
        at many."""
        if gathered:
            rows = np.concatenate([each.rows for each in gathered if each.rows is not None])
            unchecked = [
                each for each in self.conditions if any(each in stretch.unchecked for stretch in gathered)
            ]
            yield from self._in_steps(_Stretch(gathered[0].begin, gathered[-1].stop, rows, unchecked))

    def _blocks(self) -> Rows:
        """Blocks in which every condition can hold for some row."""
        blocks = np.zeros(len(self.index.type.blocks), np.bool_)
        blocks[self.first // self.index.block_rows : -(-self.stop // self.index.block_rows)] = True
        for condition in self.conditions:
            blocks &= np.any([there for *_, there in self._looked_up[condition]], axis=0)
        return np.flatnonzero(blocks)

    def _candidates(self, block: int) -> _Stretch:
        """A block with the rows of the condition that has the fewest there."""
        size = self.index.block_rows
        begin, stop = max(self.first, block * size), min(self.stop, (block + 1) * size)
        best, standing, fewest = None, list[Standing](), size // PICKED_SHARE
        for condition in self.conditions:
            found = [
                each.standing(block, codes) for each, codes, there in self._looked_up[condition] if there[block]
            ]
            count = sum(each.count() for each in found)
            if count <= fewest:
                best, standing, fewest = condition, found, count
            if count <= size // FEW_SHARE:
                break
        if best is None:
            return _Stretch(begin, stop, None, self.conditions)
        rows = standing[0].rows()
        if len(standing) > 1:
            rows = distinct(np.concatenate([each.rows() for each in standing]))
        unchecked = [each for each in self.conditions if each is not best or not best.exact]
        return _Stretch(begin, stop, rows, unchecked)

    def _in_steps(self, stretch: _Stretch) -> Iterator[_Stretch]:
        """The same in pieces that grow."""
        begin, rows = stretch.begin, stretch.rows
        while begin < stretch.stop:
            piece = None
            if rows is None:
                stop = min(begin + self.step * READ_ROWS, stretch.stop)
            else:
                first, behind = np.searchsorted(rows, [begin, stretch.stop]).tolist()
                stop = stretch.stop if behind - first <= self.step else int(rows[first + self.step])
                piece = rows[first : min(behind, first + self.step)]
            yield _Stretch(begin, stop, piece, stretch.unchecked)
            self.step = min(self.step * 4, BLOCK_ROWS)
            begin = stop

    def _positions(self, stretch: _Stretch) -> Rows:
        found = self._matching(stretch)
        if self.effective:
            found = found[~among(found + 1, self.index.amended.targets)]
            found = np.union1d(found, self._matching_amended(stretch.begin, stretch.stop))
            found = found[~among(found + 1, self.index.voided)]
        return found + 1

    def _matching(self, stretch: _Stretch) -> Rows:
        """Rows that match as recorded."""
        view, rows, unchecked = self.index.recorded_rows, stretch.rows, list(stretch.unchecked)
        if rows is not None:
            return _kept(view, rows[view.columns["type"][rows] != 0], unchecked)
        whole = slice(stretch.begin, stretch.stop)
        mask = view.columns["type"][whole] != 0
        while unchecked and np.count_nonzero(mask) > mask.size // 4:
            mask &= unchecked.pop(0).holds(view, whole)
        return _kept(view, stretch.begin + np.flatnonzero(mask), unchecked)

    def _matching_amended(self, begin: int, stop: int) -> Rows:
        """Rows between for which amended rows stand that match."""
        targets, rows = self._amended
        first, behind = np.searchsorted(targets, [begin + 1, stop + 1])
        targets, rows = targets[first:behind], rows[first:behind]
        for condition in self.conditions:
            if rows.size:
                kept = condition.holds(self.index.amended.view, rows)
                targets, rows = targets[kept], rows[kept]
        return targets - 1

    @cached_property
    def _amended(self) -> tuple[Rows, Rows]:
        """Targets, rising, and amended rows that stand for them: those that can match."""
        amended = self.index.amended
        if self.case is not None:
            mine = self.case[among(self.case + 1, amended.targets)] + 1
            return mine, amended.rows[np.searchsorted(amended.targets, mine)]
        for condition in self.conditions:
            if isinstance(condition, OfStaff):
                return amended.that_may_name(condition.staff, condition.subject)
        return amended.targets, amended.rows


_NONE = np.empty(0, np.int64)


def _kept(view: View, rows: Rows, conditions: Sequence[Condition]) -> Rows:
    for condition in conditions:
        if not rows.size:
            break
        rows = rows[condition.holds(view, rows)]
    return rows
