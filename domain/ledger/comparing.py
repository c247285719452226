"""Whether two records of one (source, id) say the same: the contract's equality, sealed parts included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain.actions.actions import facts_action, same_action
from domain.ledger.errors import MissingKeyError
from domain.ledger.records import Sealed
from domain.ledger.sealing import Sealer
from domain.ledger.store import Found

if TYPE_CHECKING:
    from domain.actions.actions import Action


def same_in_batch(arrived: Action, first: Action) -> bool:
    """Say whether two arrivals are equal."""
    if arrived.facts == first.facts and arrived.received == first.received:
        return True
    return same_action(first, arrived)


def same_as_found(pairs: Sequence[tuple[bytes, Action, Found]], sealer: Sealer) -> list[bool]:
    """Say for each (action key, arrival, what is recorded) whether the two are equal.

    Where the key that sealed a part is gone, the facts decide.
    """
    parts = [(key, found.sealed) for key, _, found in pairs if found.sealed is not None]
    opened = iter(_opened(parts, sealer))
    return [_same(arrived, found, None if found.sealed is None else next(opened)) for _, arrived, found in pairs]


def _same(arrived: Action, found: Found, received: bytes | None) -> bool:
    if found.sealed is None:
        if arrived.received is None and arrived.facts == found.facts:
            return True
        return same_action(facts_action(found.facts), arrived)
    if received is None:
        return same_action(facts_action(found.facts), facts_action(arrived.facts))
    if received == arrived.received:
        return True
    return same_action(facts_action(received), arrived)


def _opened(parts: Sequence[tuple[bytes, Sealed]], sealer: Sealer) -> list[bytes | None]:
    try:
        return sealer.unseal(parts)
    except MissingKeyError:
        # A lost key must not stop the next ingest; the facts still tell a conflict from a repeat.
        return [_opened_if_possible(part, sealer) for part in parts]


def _opened_if_possible(part: tuple[bytes, Sealed], sealer: Sealer) -> bytes | None:
    try:
        return sealer.unseal([part])[0]
    except MissingKeyError:
        return None
