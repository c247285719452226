"""Read what an action states out of the ordinary: from its extra record, or from its row where it is one thing."""

from __future__ import annotations

from domain.compiled import compiled
from domain.measuring.cases import LONE, Actions, Extras


@compiled
def due_day_of(actions: Actions, extras: Extras, row: int) -> int:
    """The day that an action states as due."""
    extra = actions[row].extra
    return int(LONE - extra) if extra <= LONE else int(extras[extra].due_day)


@compiled
def due_kind_of(actions: Actions, extras: Extras, row: int) -> int:
    """Whether that is a date (1) or an instant (2)."""
    extra = actions[row].extra
    return 1 if extra <= LONE else int(extras[extra].due_kind)


@compiled
def reason_of(actions: Actions, extras: Extras, row: int) -> int:
    """The code of the reason that an action states."""
    extra = actions[row].extra
    return int(LONE - extra) if extra <= LONE else int(extras[extra].reason)


@compiled
def step_of(actions: Actions, extras: Extras, row: int) -> int:
    """The code of the step that an action states."""
    extra = actions[row].extra
    return int(LONE - extra) if extra <= LONE else int(extras[extra].step)


@compiled
def rating_of(actions: Actions, extras: Extras, row: int) -> int:
    """The rating that a rating gives."""
    extra = actions[row].extra
    return int(LONE - extra) if extra <= LONE else int(extras[extra].rating)
