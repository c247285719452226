"""The history of cases as the measures read it: columns in case order, effective actions only."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.action_types import ACTION_TYPES

NOBODY = -1
"""Code of a person, unit, procedure or reason that the action does not name."""


class Role(IntEnum):
    """What an action does to its case, as far as measures care."""

    NONE = 0
    STEP = 1
    RECEIVED = 2
    ACCEPTED = 3
    SUSPENDED = 4
    RESUMED = 5
    GRANTED = 6
    REFUSED = 7
    WITHDRAWN = 8
    OPENED = 9
    PENALISED = 10
    DISMISSED = 11
    TRANSFERRED = 12
    CLOSED = 13
    RATED = 14
    ERROR_FOUND = 15
    ADVERSE_REVIEW = 16
    TARGET_SET = 17
    TARGET_COMPLETED = 18
    TARGET_CANCELLED = 19


FIRST_OWN, LAST_OWN = int(Role.STEP), int(Role.CLOSED)
"""Actions of the case itself; ratings, errors and reviews only speak about it."""

ROLE_OF_TYPE = {
    "licensing.received": Role.RECEIVED,
    "licensing.accepted": Role.ACCEPTED,
    "licensing.suspended": Role.SUSPENDED,
    "licensing.resumed": Role.RESUMED,
    "licensing.granted": Role.GRANTED,
    "licensing.refused": Role.REFUSED,
    "licensing.withdrawn": Role.WITHDRAWN,
    "enforcement.opened": Role.OPENED,
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


ACTION_RECORD = np.dtype(
    [
        ("time", np.int64),  # microseconds since 1970-01-01T00:00Z
        ("due_time", np.int64),
        ("share_start", np.int64),
        ("share_stop", np.int64),
        ("day", np.int32),  # days since 1970-01-01 in the context's zone
        ("unit", np.int32),
        ("owner", np.int32),
        ("procedure", np.int32),
        ("reason", np.int32),
        ("due_day", np.int32),
        ("due_kind", np.uint8),  # 0 none, 1 a date, 2 an instant
        ("role", np.uint8),
        ("rating", np.uint8),
        ("overturned", np.bool_),  # a decision with a standing adverse review; an error that was cleared
    ],
    align=True,
)
"""One effective action: 64 bytes, a cache line, as the fold reads most of it at once."""

SHARE_RECORD = np.dtype([("part", np.int64), ("staff", np.int32)], align=True)
"""A participant's share in millionths."""

Actions: TypeAlias = "np.recarray[Any, Any]"
"""Records of ACTION_RECORD."""
Shares: TypeAlias = "np.recarray[Any, Any]"
"""Records of SHARE_RECORD."""


class Cases(NamedTuple):
    """Effective actions of some cases and plan targets, sorted by case and, within it, in the contract's order.

    `starts` has one entry more than there are cases. Voided actions are left out, corrected ones stand as
    corrected. An action's participants are `shares[share_start:share_stop]`.
    """

    starts: NDArray[np.int64]
    actions: Actions
    shares: Shares


def make_records(kind: np.dtype[Any], size: int, **columns: NDArray[Any]) -> np.recarray[Any, Any]:
    """Records of a kind, filled column by column; columns that are not given are zero."""
    records = np.zeros(size, kind).view(np.recarray)
    for name, column in columns.items():
        records[name] = column
    return records
