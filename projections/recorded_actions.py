"""Give recorded actions back as CloudEvents, as recorded or as they stand after corrections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.actions import facts_action
from domain.ledger.ledger import Ledger
from domain.ledger.records import ACTION_TOPIC, Recorded
from projections.corrections import effective_actions
from projections.damage import UnreadableEventError
from projections.history.columns import History
from projections.integrity import leaf_of

PAGE = 1_000


def recorded_actions(
    ledger: Ledger, history: History, positions: Sequence[int], *, effective: bool = False
) -> Iterator[dict[str, Any]]:
    """The actions at these positions, each with `position`, `recorded_at` and `hash` (its Merkle leaf)."""
    for begin in range(0, len(positions), PAGE):
        page = [
            each for each in ledger.read_positions(positions[begin : begin + PAGE]) if each.topic == ACTION_TOPIC
        ]
        standing = {}
        if effective:
            read = {each.position: facts_action(each.facts) for each in page}
            standing = effective_actions(read, history, ledger)
        for each in page:
            event = _decoded(each)
            if effective:
                action = standing[each.position]
                event |= {"time": action.time, "data": action.data}
            yield event | {
                "position": each.position,
                "recorded_at": instant_text(each.recorded_at),
                "hash": leaf_of(each).hex(),
            }


def _decoded(recorded: Recorded) -> dict[str, Any]:
    try:
        event: dict[str, Any] = msgspec.json.decode(recorded.facts)
    except msgspec.MsgspecError as error:
        raise UnreadableEventError(recorded.position, error) from error
    return event


def instant_text(microseconds: int) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    instant = datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(microsecond=microseconds % 1_000_000)
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")
