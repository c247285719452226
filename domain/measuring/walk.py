"""Walk over a case once and note what the fold goes by: its landmarks, and who holds it by each action.

What is noted depends on no rule and no period. The walk has next to no branches, for which role comes next and who
is named anew cannot be foreseen: a wrong guess costs a processor more than all that is noted of an action.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.hints import natural
from domain.measuring.cases import LAST_OWN, NOBODY, STATES_DUE, Actions, Role

NOWHERE: Final = 2**62
"""The row of a landmark that a case does not have: after all others."""

ROLES: Final = len(Role)

UNNOTED: Final = int(Role.NONE)
"""No action in a case has this role: its place takes what is not to be noted."""

HELD_RECORD = np.dtype(
    [
        ("owner", np.int32),  # the row that names the owner, whose participants are his too
        ("unit", np.int32),
        ("procedure", np.int32),
        ("due", np.int32),  # the row that states the limit
    ],
    align=True,
)
"""Who holds a case, by what procedure and limit: each as the last action that names it says, -1 until one does."""

Landmarks: TypeAlias = NDArray[np.int64]
"""The row of the first action of each role, by role; NOWHERE where there is none."""
Held: TypeAlias = "np.recarray[Any, Any]"
"""Records of HELD_RECORD, one for each action of a case: how it is held from this action on."""


def room_to_walk(actions: int) -> tuple[Landmarks, Held]:
    """Room for what is noted of a case of so many actions."""
    return np.empty(ROLES, np.int64), np.empty(actions, HELD_RECORD).view(np.recarray)


@compiled
def walk(actions: Actions, upto: int, first: int, stop: int, landmarks: Landmarks, held: Held) -> None:
    """Note the landmarks of the case in the rows `first` to `stop`, as of position `upto`, and how it is held."""
    clear(landmarks)
    owner, unit, procedure, due = -1, NOBODY, NOBODY, -1
    for row in range(first, stop):
        _, owner, unit, procedure, due = step(actions, upto, row, landmarks, owner, unit, procedure, due)
        hold(held, row - first, owner, unit, procedure, due)


@compiled
def clear(landmarks: Landmarks) -> None:
    """Forget the case before."""
    for role in range(ROLES):
        landmarks[role] = NOWHERE


@compiled
def step(
    actions: Actions, upto: int, row: int, landmarks: Landmarks, owner: int, unit: int, procedure: int, due: int
) -> tuple[bool, int, int, int, int]:  # fmt: skip
    """Note one action. Returns whether it is known and of the case itself, and how the case is held from it on."""
    row = natural(row)
    role = int(actions[row].role) if actions[row].position <= upto else UNNOTED
    own = (role != UNNOTED) & (role <= LAST_OWN)
    landmarks[role] = min(landmarks[role], row)
    owner = row if own & (actions[row].owner >= 0) else owner
    unit = int(actions[row].unit) if own & (actions[row].unit >= 0) else unit
    procedure = int(actions[row].procedure) if own & (actions[row].procedure >= 0) else procedure
    due = row if own & (actions[row].states & STATES_DUE != 0) else due
    return own, owner, unit, procedure, due


@compiled
def hold(held: Held, place: int, owner: int, unit: int, procedure: int, due: int) -> None:
    """Write how a case is held."""
    place = natural(place)
    held[place].owner = owner
    held[place].unit = unit
    held[place].procedure = procedure
    held[place].due = due


@compiled
def noted(actions: Actions, upto: int, row: int) -> bool:
    """Whether an action is known at position `upto` and of the case itself."""
    return bool((actions[row].position <= upto) & (actions[row].role <= LAST_OWN))


@compiled
def by_then(found: int, row: int) -> int:
    """A landmark, if it stands at `row` or before it; else -1."""
    return found if found <= row else -1
