"""A sender's receipt: what came of its records on one day, with a hash over what was recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from api.as_of import day_number
from api.bootstrap import Kaoji
from domain.actions.receipts import Receipted, digest_of_all, receipted
from domain.ledger.records import ACTION_TOPIC
from domain.ledger.sql import QUARTER_MICROSECONDS
from domain.zones import load_zone

READ_AT_ONCE: Final = 5_000
_LATE_MICROSECONDS: Final = 300 * 1_000_000
"""How long a batch that was begun before midnight may take to be written."""


class _Day(NamedTuple):
    begin: int
    end: int
    after: int
    last: int


def receipt(kaoji: Kaoji, day: str, *, source: str | None = None) -> dict[str, Any]:
    """What `kaoji receipt` prints for a day YYYY-MM-DD of KAOJI_ZONE, of every source or of one.

    A day's receipt never changes once it is `final`.
    """
    bounds = _day(kaoji, day)
    digests: defaultdict[str, bytearray] = defaultdict(bytearray)
    for _, each in _recorded(kaoji, bounds.after, bounds.last):
        if source is None or each.source == source:
            digests[each.source] += each.digest
    counts = {row.source: row for row in kaoji.ledger.counted(since=bounds.begin, until=bounds.end)}
    names = {*digests, *(name for name in counts if name is not None)} if source is None else {source}
    unreadable = counts.get(None)
    return {
        "ledger": str(kaoji.ledger.ledger_id),
        "day": day,
        "zone": kaoji.settings.zone,
        "final": kaoji.ledger.head().recorded_at >= bounds.end or kaoji.clock() >= bounds.end + _LATE_MICROSECONDS,
        "after": bounds.after,
        "upto": bounds.last,
        "unreadable": 0 if unreadable is None else unreadable.refused,
        "sources": [_of_source(name, digests.get(name, b""), counts.get(name)) for name in sorted(names)],
    }


def _of_source(name: str, digests: bytes | bytearray, counts: Any) -> dict[str, Any]:
    recorded = len(digests) // 32
    duplicates, refused, retried = (counts.duplicates, counts.refused, counts.retried) if counts else (0, 0, 0)
    return {
        "source": name,
        "sent": recorded - retried + duplicates + refused,
        "recorded": recorded,
        "duplicates": duplicates,
        "refused": refused,
        "retried": retried,
        "sha256": digest_of_all(digests).hex(),
    }


def receipt_records(
    kaoji: Kaoji, day: str, *, source: str | None = None, after: int = 0, limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """What was recorded that day in ledger order, each action with the hash that goes into the day's."""
    bounds = _day(kaoji, day)
    left = limit
    for position, each in _recorded(kaoji, max(after, bounds.after), bounds.last):
        if left == 0:
            return
        if source is None or each.source == source:
            yield {"position": position, "source": each.source, "id": each.id, "sha256": each.digest.hex()}
            left = None if left is None else left - 1


def _day(kaoji: Kaoji, day: str) -> _Day:
    number, zone = day_number(day, "day"), load_zone(kaoji.settings.zone)
    begin, end = (
        # Long ago zones were off by odd seconds; nothing was recorded then.
        bound // QUARTER_MICROSECONDS * QUARTER_MICROSECONDS
        for bound in (zone.end_of_day(number - 1), zone.end_of_day(number))
    )
    return _Day(begin, end, kaoji.ledger.position_at(begin - 1), kaoji.ledger.position_at(end - 1))


def _recorded(kaoji: Kaoji, after: int, last: int) -> Iterator[tuple[int, Receipted]]:
    while after < last:
        batch = kaoji.ledger.read(after=after, limit=min(READ_AT_ONCE, last - after))
        if not batch:
            return
        for event in batch:
            if event.topic == ACTION_TOPIC:
                yield event.position, receipted(event.facts)
        after = batch[-1].position
