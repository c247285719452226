"""The history of cases as the measures read it: columns in case order, effective actions only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.actions.types import ACTION_TYPES
from domain.compiled import compiled

NOBODY = -1
"""Code of a person, unit, procedure or reason that the action does not name."""


class Role(IntEnum):
    """What an action does to its case, as far as counting cares."""

    NONE = 0
    STEP = 1
    RECEIVED = 2
    ACCEPTED = 3
    CORRECTION_REQUESTED = 4
    SUSPENDED = 5
    RESUMED = 6
    EXTENDED = 7
    GRANTED = 8
    REFUSED = 9
    WITHDRAWN = 10
    OPENED = 11
    PENALISED = 12
    DISMISSED = 13
    TRANSFERRED = 14
    CLOSED = 15
    RATED = 16
    ERROR_FOUND = 17
    ADVERSE_REVIEW = 18
    TARGET_SET = 19
    TARGET_COMPLETED = 20
    TARGET_CANCELLED = 21


FIRST_OWN, LAST_OWN = int(Role.STEP), int(Role.CLOSED)
"""Actions of the case itself; ratings, errors and reviews only speak about it."""

ROLE_OF_TYPE = {
    "licensing.received": Role.RECEIVED,
    "licensing.accepted": Role.ACCEPTED,
    "licensing.correction-requested": Role.CORRECTION_REQUESTED,
    "licensing.extended": Role.EXTENDED,
    "licensing.suspended": Role.SUSPENDED,
    "licensing.resumed": Role.RESUMED,
    "licensing.granted": Role.GRANTED,
    "licensing.refused": Role.REFUSED,
    "licensing.withdrawn": Role.WITHDRAWN,
    "enforcement.opened": Role.OPENED,
    "enforcement.extended": Role.EXTENDED,
    "enforcement.suspended": Role.SUSPENDED,
    "enforcement.resumed": Role.RESUMED,
    "enforcement.penalised": Role.PENALISED,
    "enforcement.dismissed": Role.DISMISSED,
    "enforcement.transferred": Role.TRANSFERRED,
    "enforcement.closed": Role.CLOSED,
    "service.rated": Role.RATED,
    "service.error-found": Role.ERROR_FOUND,
    "plan.target-set": Role.TARGET_SET,
    "plan.target-completed": Role.TARGET_COMPLETED,
    "plan.target-cancelled": Role.TARGET_CANCELLED,
}

CASE_FAMILIES = ("licensing", "enforcement", "inspection", "complaint")
DECISION_TYPES = frozenset(
    {"licensing.granted", "licensing.refused", "enforcement.penalised", "enforcement.dismissed"}
)
ADVERSE_OUTCOMES = frozenset({"revoked", "partly-revoked", "altered", "found-illegal", "found-void"})


def role_table() -> NDArray[np.uint8]:
    """Role by type code. Every action of a case family is at least a STEP; a review is ADVERSE_REVIEW
    only where its outcome is, which the history tells."""
    table = np.zeros(max(kind.code for kind in ACTION_TYPES.values()) + 1, np.uint8)
    for name, kind in ACTION_TYPES.items():
        own = Role.STEP if kind.family in CASE_FAMILIES else Role.NONE
        table[kind.code] = ROLE_OF_TYPE.get(name, own)
    return table


OVERTURNED = 32
"""Mark of a decision with a standing adverse review by its id, and of an error that was cleared."""

ACTION_RECORD = np.dtype(
    [
        ("day", np.int32),  # days since 1970-01-01 in the context's zone
        ("owner", np.int32),
        ("unit", np.int32),
        ("procedure", np.int32),
        ("extra", np.int32),  # index into Cases.extras; NOTHING, or LONE less a value, for most actions
        ("position", np.int32),  # in the ledger
        ("role", np.uint8),
        ("kind", np.uint8),  # code of the action's type
        ("states", np.uint8),  # what its extra holds, as the bits below say
        ("marks", np.uint8),  # which of the five everys it states (as Population.ACTION has them), and OVERTURNED
    ],
    align=True,
)
"""One effective action: 28 bytes, for the fold is as fast as these can be read."""

EXTRA_RECORD = np.dtype(
    [
        ("time", np.int64),  # microseconds since 1970-01-01T00:00Z
        ("due_time", np.int64),
        ("due_day", np.int32),
        ("reason", np.int32),
        ("step", np.int32),
        ("share_start", np.int32),  # participants: Cases.shares[share_start:share_stop]
        ("share_stop", np.int32),
        ("due_kind", np.uint8),  # 0 none, 1 a date, 2 an instant
        ("rating", np.uint8),
    ],
    align=True,
)
"""What few actions state: participants, a due with an instant, or more than one thing."""

SHARE_RECORD = np.dtype([("part", np.int32), ("staff", np.int32)], align=True)
"""A participant's share in millionths."""

STATES_DUE, STATES_SHARES, STATES_STEP, STATES_REASON, STATES_OTHER = 1, 2, 4, 8, 16
"""Bits of `states`: they tell the fold when an extra need not be looked at."""

NOTHING = -1
"""The `extra` of an action that states nothing out of the ordinary."""

LONE = -2
"""The `extra` of an action that states one thing only (a day it is due, a reason, a step or a rating, as `states`
and `role` tell) is this less the value: it needs no record. `domain.measuring.stated` reads both."""

Actions: TypeAlias = "np.recarray[Any, Any]"
"""Records of ACTION_RECORD."""
Extras: TypeAlias = "np.recarray[Any, Any]"
"""Records of EXTRA_RECORD."""
Shares: TypeAlias = "np.recarray[Any, Any]"
"""Records of SHARE_RECORD."""


CASE_ARRAYS: Final[Mapping[str, Any]] = {
    "starts": np.int64,
    "actions": ACTION_RECORD,
    "extras": EXTRA_RECORD,
    "shares": SHARE_RECORD,
}
"""The arrays of cases, and what they hold."""


@dataclass(frozen=True, eq=False)
class Cases:
    """Effective actions of some cases and plan targets, sorted by case and, within it, in the contract's order.

    `starts` has one entry more than there are cases. Voided actions are left out, corrected ones stand as
    corrected.
    """

    starts: NDArray[np.int64]
    actions: Actions
    extras: Extras
    shares: Shares

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of them, as CASE_ARRAYS names them."""
        return {name: getattr(self, name) for name in CASE_ARRAYS}

    @cached_property
    def longest(self) -> int:
        """Actions of the longest case, at least 1."""
        return longest_case(self.starts)

    @cached_property
    def sharers(self) -> int:
        """The most people that share in one action."""
        return 1 + most_participants(self.extras, self.extras.size)


@compiled
def longest_case(starts: NDArray[np.int64]) -> int:
    """Actions of the longest case, at least 1; without making an array of all lengths, which may be many."""
    longest = 1
    for case in range(starts.size - 1):
        longest = max(longest, starts[case + 1] - starts[case])
    return longest


@compiled
def most_participants(extras: Extras, size: int) -> int:
    """The most participants that one action names, by the first so many extras; without an array as long."""
    most = 0
    for number in range(size):
        most = max(most, extras[number].share_stop - extras[number].share_start)
    return most


def make_records(dtype: np.dtype[Any], size: int, **columns: NDArray[Any]) -> np.recarray[Any, Any]:
    """Records of a kind, filled column by column; columns that are not given are zero."""
    records = np.zeros(size, dtype).view(np.recarray)
    for name, column in columns.items():
        records[name] = column
    return records
