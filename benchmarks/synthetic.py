"""Make up cases of a large administration from a seed: several years, every rule of the indicators exercised.

20,000 staff in 2,000 units and 60 procedures (fewer in small histories). A case is drawn as a row of slots
(`benchmarks.courses`), so that all of it is array arithmetic: some millions of actions a second and core. What
a chunk of cases holds follows from the seed and the number of the chunk alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.chances import (
    CODE,
    IS_ADVERSE,
    IS_DECISION,
    IS_OWN,
    IS_RECORD,
    IS_STEP,
    LINK_KIND,
    LINK_TARGET,
    LINKS,
    NAMES_OWNER,
    NAMES_PROCEDURE,
    NAMES_REASON,
    NAMES_UNIT,
    OUTCOME_OF,
    RATED,
    RATING_OF,
    REASON_OF,
    REVIEW,
    ROLES,
    STATES_DUE,
    STEP_OF,
    TYPE_OF,
)
from benchmarks.courses import COURSE_WEIGHTS, COURSES, PROCEDURES, SLOTS, register_toml
from domain.measuring.cases import NOBODY, Role
from domain.rules.calendars import load_calendar
from domain.rules.context import Context
from domain.rules.procedures import parse_register
from domain.zones import load_zone
from projections.history.links import LinkKind
from projections.history.rows import (
    HAS_BASIS,
    HAS_EVIDENCE,
    HAS_OUTCOME,
    HAS_OWNER,
    HAS_SUPERVISOR,
    ROW_COLUMNS,
)
from projections.history.segments import SCHEMAS

SEED: Final = 415708
CHUNK_CASES: Final = 16_384
FIRST_SECOND, LAST_SECOND = 1_546_300_800, 1_751_241_600  # 2019-01-01 to 2025-06-30, when all is looked at
FROM_DAY, TO_DAY = 19_723, 20_088  # the year 2024
ROWS_PER_CASE: Final = 6.5
SPECIAL_SUBJECTS: Final = 1
"""The first subject codes are no cases: 0 is the counter where ratings are given that name their case by id."""

_DTYPES: Final = {name: SCHEMAS["rows"].field(name).type.to_pandas_dtype() for name in ROW_COLUMNS}


class World(NamedTuple):
    """Who and what there is: sizes of the dictionaries, and how many cases begin in the whole time."""

    staff: int
    units: int
    cases: int


def world(actions: int) -> World:
    """20,000 staff and 2,000 units from a million actions on; fewer in a smaller history."""
    staff = max(200, min(20_000, actions // 50))
    return World(staff, staff // 10, max(1, int(actions / ROWS_PER_CASE)))


@lru_cache(maxsize=1)
def context() -> Context:
    """Zone, register and calendar under which made-up histories are scored."""
    register = parse_register(register_toml(), place="benchmarks")
    return Context(load_zone("Asia/Shanghai"), "day", register, load_calendar("china"))


@dataclass(frozen=True)
class Chunk:
    """Actions of some cases, in case order and within a case in the contract's order.

    `columns` are those of the history's rows, as corrections leave them. Links are (row, kind, target row) in
    the chunk. `references` are the rows whose `of` means an action, found or not.
    """

    columns: dict[str, NDArray[Any]]
    case: NDArray[np.int64]
    """Number of each action's case, in the chunk."""
    role: NDArray[np.uint8]
    overturned: NDArray[np.bool_]
    voided: NDArray[np.bool_]
    share_row: NDArray[np.int64]
    share_staff: NDArray[np.int32]
    share_part: NDArray[np.int32]
    link_row: NDArray[np.int64]
    link_kind: NDArray[np.uint8]
    link_target: NDArray[np.int64]
    waiting: NDArray[np.int64]
    """Ratings that mean an action which never came: they count nowhere."""

    def effective(self) -> NDArray[np.int64]:
        """Rows that stand in case files."""
        stands = ~self.voided & (self.role != Role.NONE)
        stands[self.waiting] = False
        return np.flatnonzero(stands)


def chunks(actions: int, *, seed: int = SEED) -> Iterator[Chunk]:
    """The cases that begin in the whole time, in the order in which they begin: a few more than `actions` rows."""
    size = world(actions)
    numbers = iter(range(-(-size.cases // CHUNK_CASES)))
    with ThreadPoolExecutor(2) as pool:
        ahead = [pool.submit(_chunk, size, number, seed) for number in islice(numbers, 2)]
        while ahead:
            made = ahead.pop(0).result()
            ahead += [pool.submit(_chunk, size, number, seed) for number in islice(numbers, 1)]
            yield made


def _chunk(size: World, number: int, seed: int) -> Chunk:
    """Chunk `number` of the cases of a world."""
    random = np.random.default_rng([seed, number])
    cases = _Cases(size, number, random)
    case, slot, second = _rows(cases, random)
    return _filled(cases, random, case, slot, second)


class _Cases:
    """What is drawn once a case."""

    def __init__(self, size: World, number: int, random: np.random.Generator) -> None:
        self.world = size
        self.first = number * CHUNK_CASES
        self.size = few = min(CHUNK_CASES, size.cases - self.first)
        self.course = np.searchsorted(np.cumsum(COURSE_WEIGHTS)[:-1], random.random(few)).astype(np.uint8)
        index = self.first + np.arange(few)
        span = LAST_SECOND - FIRST_SECOND
        begun = (index + random.random(few)) * (span / size.cases)
        self.begun = FIRST_SECOND + begun.astype(np.int64)
        self.fraction = random.integers(0, 1_000_000, few)
        self.owner = self._staff(random)
        self.next_owner = self._staff(random)
        self.helpers = (self._staff(random), self._staff(random))
        self.unit = self._unit_of(self.owner)
        self.next_unit = self._unit_of(self._staff(random))
        draws = random.integers(0, 256, (few, 8), np.uint8).T
        self.owner_changes = np.where(draws[0] < 10, draws[1] % 24, 255).astype(np.uint8)
        self.unit_changes = np.where(draws[2] < 6, draws[3] % 24, 255).astype(np.uint8)
        self.shared = np.where(draws[4] < 26, 1 + (draws[4] & 1), 0).astype(np.uint8)
        self.parts = draws[5] % len(_PARTS)
        # Now and then a participant is the owner too.
        self.helpers[0][draws[6] < 6] = self.owner[draws[6] < 6]
        self.abandoned = np.where(draws[7] < 6, draws[6] % 12, 255).astype(np.uint8)
        first = np.concatenate(([0], np.cumsum(PROCEDURES)[:-1]))
        self.procedure = self._procedure(random, first)
        self.next_procedure = np.where(random.random(few) < 0.01, self._procedure(random, first), self.procedure)

    def _staff(self, random: np.random.Generator) -> NDArray[np.int32]:
        return random.integers(0, self.world.staff, self.size, np.int32)

    def _unit_of(self, staff: NDArray[np.int32]) -> NDArray[np.int32]:
        """The first units are above the others, and have no cases of their own."""
        above = self.world.units // 40 + 1
        return above + staff % (self.world.units - above)

    def _procedure(self, random: np.random.Generator, first: NDArray[Any]) -> NDArray[np.int32]:
        many = np.asarray(PROCEDURES)[self.course]
        found = first[self.course] + (random.random(self.size) * many).astype(np.int64)
        return np.asarray(found, np.int32)


_PARTS: Final = np.array(
    [(300_000, 200_000), (250_000, 250_000), (333_333, 333_333), (600_000, 400_000)], np.int32
)

_WAITS: Final = np.random.default_rng(1).standard_exponential(65_536).astype(np.float32)
_WAITS[:100] = 0  # two actions in the same microsecond: rare, and there


def _rows(
    cases: _Cases, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
    """(case, slot, second) of every action that is there, in case order."""
    there = np.zeros((cases.size, SLOTS), np.bool_)
    second = np.zeros((cases.size, SLOTS), np.int32)
    for number, course in enumerate(COURSES):
        which = np.flatnonzero(cases.course == number)
        shape = (len(course), which.size)
        chance = np.array([[min(65_535, round(slot.chance * 65_536))] for slot in course], np.uint16)
        has = random.integers(0, 65_536, shape, np.uint16) <= chance
        for place, slot in enumerate(course):
            if slot.needs is not None:
                has[place] &= has[slot.needs]
            if slot.unless is not None:
                has[place] &= ~has[slot.unless]
            has[place] &= cases.abandoned[which] > place
        days = np.array([[slot.days * 86_400] for slot in course], np.float32)
        wait = _WAITS[random.integers(0, 65_536, shape, np.uint16)] * days
        passed = np.cumsum((wait * has).astype(np.int32), axis=0, dtype=np.int32)
        there[which, : len(course)] = has.T
        second[which, : len(course)] = passed.T
    there &= second <= (LAST_SECOND - cases.begun)[:, None]
    found = np.flatnonzero(there)
    case, place_in_course = np.divmod(found, SLOTS)
    return case, place_in_course.astype(np.uint8), cases.begun[case] + second.ravel()[found]


def _filled(
    cases: _Cases, random: np.random.Generator, case: NDArray[np.int64], slot: NDArray[np.uint8],
    second: NDArray[np.int64],
) -> Chunk:  # fmt: skip
    """The columns of the actions, their shares and links."""
    rows = case.size
    draw = random.integers(0, 2**64, rows, np.uint64).view(np.uint8).reshape(rows, 8).T.copy()
    kind = TYPE_OF[cases.course[case], slot, draw[0]]
    staff = np.where(slot >= cases.owner_changes[case], cases.next_owner[case], cases.owner[case])
    names_owner = draw[1] < NAMES_OWNER[kind]
    unit = np.where(slot >= cases.unit_changes[case], cases.next_unit[case], cases.unit[case])
    procedure = np.where(slot >= 8, cases.next_procedure[case], cases.procedure[case])
    time = second * 1_000_000 + cases.fraction[case]
    outcome = OUTCOME_OF[kind, draw[0]]
    supervised = draw[5] < 200
    due_kind, due = _dues(kind, draw, time)
    by_case = (kind == REVIEW) & ~LINKS[cases.course[case], slot]
    subject = (SPECIAL_SUBJECTS + cases.first + case).astype(np.int32)
    columns = {
        "type": kind,
        "subject": subject,
        "source": cases.course[case].astype(np.int32),
        "time": time,
        "unit": np.where(draw[2] < NAMES_UNIT[kind], unit, np.int32(NOBODY)),
        "owner": np.where(names_owner, staff, np.int32(NOBODY)),
        "actor": np.where(draw[5] > 230, cases.helpers[0][case], np.int32(NOBODY)),
        "supervisor": np.where(supervised, cases.helpers[1][case], np.int32(NOBODY)),
        "recorder": np.where(IS_RECORD[kind], cases.helpers[1][case], np.int32(NOBODY)),
        "procedure": np.where(draw[3] < NAMES_PROCEDURE[kind], procedure, np.int32(NOBODY)),
        "reason": np.where(draw[6] < NAMES_REASON[kind], REASON_OF[draw[7]], np.int32(NOBODY)),
        "outcome": outcome,
        "step": np.where(IS_STEP[kind], STEP_OF[draw[6]], np.int32(NOBODY)),
        "of_case": np.where(by_case, subject, np.int32(NOBODY)),
        "due_kind": due_kind,
        "due": due,
        "rating": np.where(kind == RATED, 1 + np.minimum(RATING_OF[draw[7]], 4), 0),
        "present": (
            names_owner * np.uint8(HAS_OWNER)
            + ((draw[4] & 15) < 14) * np.uint8(HAS_BASIS)
            + ((draw[4] >> 4) < 13) * np.uint8(HAS_EVIDENCE)
            + supervised * np.uint8(HAS_SUPERVISOR)
            + (outcome >= 0) * np.uint8(HAS_OUTCOME)
        ),
    }
    return _linked(cases, draw, case, slot, {n: c.astype(_DTYPES[n], copy=False) for n, c in columns.items()})


def _dues(
    kind: NDArray[np.uint8], draw: NDArray[np.uint8], time: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(kind, due) as the history keeps them: a day, or an instant."""
    due_kind = np.where(draw[6] < STATES_DUE[kind], np.where(draw[2] & 3, 1, 2), 0).astype(np.uint8)
    due = np.zeros(kind.size, np.int64)
    stated = np.flatnonzero(due_kind)
    wait = 3 + (draw[7][stated].astype(np.int64) >> 2)
    wait[kind[stated] == CODE["plan.target-set"]] *= 4
    instant = time[stated] + wait * 86_400_000_000
    due[stated] = np.where(due_kind[stated] == 2, instant, (instant + 28_800_000_000) // 86_400_000_000)
    return due_kind, due


def _linked(
    cases: _Cases, draw: NDArray[np.uint8], case: NDArray[np.int64], slot: NDArray[np.uint8],
    columns: dict[str, NDArray[Any]],
) -> Chunk:  # fmt: skip
    """Put in what actions say about each other, and who shares in them."""
    kind, rows = columns["type"], case.size
    row_of = np.full(cases.size * SLOTS, -1, np.int64)
    row_of[case * SLOTS + slot] = np.arange(rows)
    meant = LINK_TARGET[cases.course[case], slot]
    link = np.flatnonzero(meant >= 0)
    target = row_of[case[link] * SLOTS + meant[link]]
    link_kind = LINK_KIND[cases.course[case[link]], slot[link]]
    # A few ratings are given at a counter and name their case by the id of its first action.
    rating = (kind == RATED) & (draw[6] < 8)
    waiting = np.flatnonzero(rating & (draw[6] < 1))
    first = np.searchsorted(case, case)
    told = np.flatnonzero(rating & (draw[6] >= 1) & IS_OWN[kind[first]])
    columns["subject"][waiting] = columns["subject"][told] = 0
    link = np.concatenate((link, told))
    target = np.concatenate((target, first[told]))
    link_kind = np.concatenate((link_kind, np.full(told.size, LinkKind.ABOUT, np.uint8)))
    order = np.argsort(link, kind="stable")
    link, target, link_kind = link[order], target[order], link_kind[order]
    voided, overturned = _consequences(kind, columns["outcome"], link, target, link_kind)
    role = ROLES[kind].copy()
    role[(kind == REVIEW) & (columns["of_case"] >= 0) & IS_ADVERSE[columns["outcome"]]] = Role.ADVERSE_REVIEW
    shared = np.flatnonzero((columns["owner"] >= 0) & (cases.shared[case] > 0) & (draw[3] < 250))
    many = cases.shared[case[shared]].astype(np.int64)
    share_row = np.repeat(shared, many)
    second = np.arange(share_row.size) - np.repeat(np.cumsum(many) - many, many)
    who = case[share_row]
    return Chunk(
        columns=columns, case=case, role=role, overturned=overturned, voided=voided,
        share_row=share_row,
        share_staff=np.where(second == 0, cases.helpers[0][who], cases.helpers[1][who]),
        share_part=_PARTS[cases.parts[who], second],
        link_row=link, link_kind=link_kind, link_target=target, waiting=waiting,
    )  # fmt: skip


def _consequences(
    kind: NDArray[np.uint8], outcome: NDArray[np.int32], link: NDArray[np.int64], target: NDArray[np.int64],
    link_kind: NDArray[np.uint8],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:  # fmt: skip
    """(voided, overturned) of every row: a review or clearing that is voided overturns nothing."""
    voided, overturned = np.zeros(kind.size, np.bool_), np.zeros(kind.size, np.bool_)
    voided[target[link_kind == LinkKind.VOIDED]] = True
    standing = ~voided[link]
    adverse = (link_kind == LinkKind.OVERTURNED) & IS_ADVERSE[outcome[link]] & IS_DECISION[kind[target]]
    overturned[target[standing & (adverse | (link_kind == LinkKind.CLEARED))]] = True
    return voided, overturned
