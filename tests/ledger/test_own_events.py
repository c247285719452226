"""Events of our own, which are no actions: in the same ledger, at the same gapless positions, one stream each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent

from domain.ledger.errors import TakenVersionError
from domain.ledger.ledger import Ledger
from tests.support.ledgers import LedgerMaker, arrivals, record

STREAM, OTHER = UUID(int=7), UUID(int=8)
TOPIC = "kaoji.PolicyAdopted.v1"


def event(version: int, state: bytes = b"{}", stream: UUID = STREAM) -> StoredEvent:
    return StoredEvent(stream, version, TOPIC, state)


def test_own_event_stands_between_actions_without_a_gap(ledger: Ledger) -> None:
    # Given an action
    ledger.append(arrivals(record(1)))
    # When an event of our own and another action follow
    position = ledger.record(event(1, b'{"a":1}'))
    ledger.append(arrivals(record(2)))
    # Then each has its place, and is read back as it was written
    assert position == 2
    read = ledger.read(after=0, limit=9)
    assert [(each.position, each.topic) for each in read] == [
        (1, "kaoji.Action.v1"),
        (2, TOPIC),
        (3, "kaoji.Action.v1"),
    ]
    assert (read[1].facts, read[1].commitment) == (b'{"a":1}', None)
    assert ledger.counts() == {"events": 3, "quarantined": {}}


def test_taken_version_of_a_stream_is_told_and_nothing_is_written(ledger: Ledger) -> None:
    ledger.record(event(1, b"first"))
    with pytest.raises(TakenVersionError, match="event 1 of the same stream"):
        ledger.record(event(1, b"second"))
    assert ledger.head().position == 1
    assert ledger.record(event(2)) == 2
    assert ledger.record(event(1, stream=OTHER)) == 3


def test_of_many_who_record_the_same_version_at_once_one_succeeds(make_ledger: LedgerMaker) -> None:
    ledgers = [make_ledger() for _ in range(4)]

    def attempt(number: int) -> int | None:
        try:
            return ledgers[number].record(event(1, str(number).encode()))
        except TakenVersionError:
            return None

    with ThreadPoolExecutor(4) as pool:
        positions = list(pool.map(attempt, range(4)))
    assert sorted(position for position in positions if position is not None) == [1]
    winner = next(number for number, position in enumerate(positions) if position == 1)
    assert [each.facts for each in ledgers[0].read(after=0, limit=9)] == [str(winner).encode()]
