"""What came beside new actions is counted durably, by source and quarter hour, with the batch it came in."""

from __future__ import annotations

import hashlib

import pytest
from eventsourcing.persistence import Tracking

from domain.actions.refusals import RefusedError
from domain.ledger.errors import StaleTrackingError
from domain.ledger.ledger import Ledger
from domain.ledger.records import Arrival
from tests.support.ledgers import NOW, LedgerMaker, arrival, arrivals, record

QUARTER = 900_000_000
START = NOW // QUARTER * QUARTER
END = START + QUARTER


def counts(ledger: Ledger, since: int = START, until: int = END) -> list[tuple[str | None, int, int, int]]:
    return [(each.source, *each[2:]) for each in ledger.counted(since=since, until=until)]


def test_new_actions_alone_are_not_counted(ledger: Ledger) -> None:
    ledger.append(arrivals(record(1), record(2)))
    assert counts(ledger) == []


def test_duplicates_and_refusals_are_counted_each_time_by_source(ledger: Ledger) -> None:
    batch = arrivals(record(1), record(1), record(2, source="/b", rating=9), b"{", b"[]")
    ledger.append(batch)
    ledger.append(batch)
    # 1 is repeated within the batch, then twice in the next
    assert counts(ledger) == [(None, 0, 4, 0), ("/b", 0, 2, 0), ("/gx/licensing", 3, 0, 0)]


def test_the_same_refused_record_twice_in_a_batch_counts_twice(ledger: Ledger) -> None:
    ledger.append([arrival(record(2, rating=9), "a:1")] * 2)
    assert counts(ledger) == [("/gx/licensing", 0, 2, 0)]


def test_a_source_of_any_length_is_counted(ledger: Ledger) -> None:
    # PostgreSQL's index entries hold 2,700 bytes
    source = "/" + hashlib.sha256(b"").hexdigest() * 400
    ledger.append(arrivals(record(1, source=source), record(1, source=source)))
    assert counts(ledger) == [(source, 1, 0, 0)]


def test_counts_are_kept_by_quarters(make_ledger: LedgerMaker) -> None:
    ledger = make_ledger()
    make_ledger.clock.now = END - 1
    ledger.append(arrivals(b"{"))
    make_ledger.clock.now = END
    ledger.append(arrivals(b"{", b"["))
    assert counts(ledger) == [(None, 0, 1, 0)]
    assert counts(ledger, END, END + QUARTER) == [(None, 0, 2, 0)]
    assert counts(ledger, START, END + QUARTER) == [(None, 0, 3, 0)]


def test_retrying_counts_what_it_records_and_nothing_as_sent(ledger: Ledger) -> None:
    refusal = RefusedError("unknown-type", "No action has this type.")
    ledger.append([Arrival(f"a:{number}", record(number), None, refusal) for number in (1, 2, 3)])
    ledger.append(arrivals(record(2)))
    before = counts(ledger)
    entries = ledger.quarantine.list()

    again = [arrival(record(1)), arrival(record(2)), arrival(b"{")]
    verdicts = ledger.append(again, retried=[entry.entry_id for entry in entries])

    assert [verdict.kind for verdict in verdicts] == ["recorded", "duplicate", "quarantined"]
    assert (before, counts(ledger)) == ([("/gx/licensing", 0, 3, 0)], [("/gx/licensing", 0, 3, 1)])


def test_a_batch_that_is_not_written_is_not_counted(ledger: Ledger) -> None:
    ledger.track(Tracking("kafka:x", 7))
    with pytest.raises(StaleTrackingError):
        ledger.append(arrivals(b"{"), tracking=[Tracking("kafka:x", 7)])
    assert counts(ledger) == []


def test_what_would_become_of_a_batch_is_not_counted(ledger: Ledger) -> None:
    ledger.classify(arrivals(record(1), record(1), b"{"))
    assert counts(ledger) == []
