"""Apply later facts to earlier ones: an action as its corrections leave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from domain.actions.actions import Action, correct_data, order_key
from domain.actions.stored_facts import Facts


@dataclass(frozen=True, slots=True)
class Corrected:
    """An action under its corrections."""

    action: Action
    in_effect: tuple[Action, ...]
    """Those corrections that changed it, in the order in which they apply."""
    without_effect: tuple[Action, ...]
    """Those that are recorded and do nothing: an invalid result, a time too late, a field that stays."""


def apply_corrections(action: Action, corrections: Sequence[Action]) -> Corrected:
    """Apply corrections in the contract's order, each to what the earlier ones left; field by field the
    later one wins. One whose result would be invalid is left out as a whole."""
    in_effect, without_effect = [], []
    for correction in sorted(corrections, key=order_of):
        outcome = correct_data(
            action.type,
            action.data,
            action.time,
            correction.data["changes"],
            corrected_at=correction.occurred_at,
        )
        if outcome is None:
            without_effect.append(correction)
            continue
        data, time, occurred_at = outcome
        action = replace(action, data_read=data, time=time, occurred_at=occurred_at)
        in_effect.append(correction)
    return Corrected(action, tuple(in_effect), tuple(without_effect))


def order_of(action: Action) -> tuple[object, ...]:
    """The contract's order of actions: instant, sequence, source, id."""
    return order_key(action.source, action.id, action.occurred_at, action.sequence)


def facts_of(action: Action) -> Facts:
    """What views read of an action that stands only in memory, such as a corrected one."""
    envelope = {name: getattr(action, name) for name in ("id", "source", "type", "subject", "time", "data")}
    return msgspec.convert(envelope, Facts)
