"""Give recorded actions back as CloudEvents, as recorded or as they stand after corrections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from domain.actions.actions import facts_action
from domain.ledger.ledger import Ledger
from domain.ledger.records import ACTION_TOPIC, Recorded
from projections.audit.index import LaterFacts
from projections.audit.postings import Rows
from projections.corrections import effective_actions
from projections.damage import UnreadableEventError
from projections.integrity import leaves_of

PAGE = 1_000
_decode = msgspec.json.Decoder().decode


def recorded_actions(
    ledger: Ledger, positions: Iterable[Rows], *, effective: LaterFacts | None = None
) -> Iterator[dict[str, Any]]:
    """The actions at these positions, each with `position`, `recorded_at` and `hash` (its Merkle leaf).

    Given the later facts as `effective`, as they leave them: then none of the positions may be voided. Reads a
    page at a time.
    """
    for page in _pages(positions):
        read = [each for each in ledger.read_positions(page.tolist()) if each.topic == ACTION_TOPIC]
        standing = {}
        if effective is not None:
            stored = {each.position: facts_action(each.facts) for each in read}
            standing = effective_actions(stored, effective.history, ledger, effective)
        for each, leaf in zip(read, leaves_of(read), strict=True):
            event = _decoded(each)
            if effective is not None:
                action = standing[each.position]
                event["time"], event["data"] = action.time, action.data
            event["position"] = each.position
            event["recorded_at"] = instant_text(each.recorded_at)
            event["hash"] = leaf.hex()
            yield event


def _pages(positions: Iterable[Rows]) -> Iterator[Rows]:
    """The same positions in arrays of a page each, the last one shorter."""
    waiting: list[Rows] = []
    for some in positions:
        waiting.append(some)
        if sum(each.size for each in waiting) >= PAGE:
            whole = np.concatenate(waiting)
            full = whole.size - whole.size % PAGE
            yield from np.split(whole[:full], full // PAGE)
            waiting = [whole[full:]]
    if sum(each.size for each in waiting):
        yield np.concatenate(waiting)


def _decoded(recorded: Recorded) -> dict[str, Any]:
    try:
        event: dict[str, Any] = _decode(recorded.facts)
    except msgspec.MsgspecError as error:
        raise UnreadableEventError(recorded.position, error) from error
    return event


@lru_cache(maxsize=1_024)  # a batch is recorded at one time
def instant_text(microseconds: int) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    instant = datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(microsecond=microseconds % 1_000_000)
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")
