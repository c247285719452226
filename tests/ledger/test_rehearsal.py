"""A rehearsal foretells a whole ingest and leaves no trace."""

from __future__ import annotations

from domain.ledger.ledger import Ledger
from domain.ledger.rehearsal import Rehearsal
from tests.support.ledgers import Clock, arrivals, record


def test_a_rehearsal_foretells_every_batch_of_an_ingest(ledger: Ledger) -> None:
    ledger.append(arrivals(record(1), record(2, note="n")))
    batches = [
        arrivals(record(1), record(3), b"{", record(2, note="other")),
        arrivals(record(3), record(3, unit="b"), record(4, note="m"), record(2, note="n")),
        arrivals(record(4, note="m"), record(4), record(5)),
    ]

    with Rehearsal(ledger, clock=Clock()) as rehearsal:
        foretold = [rehearsal.append(batch) for batch in batches]

    assert ledger.counts() == {"events": 2, "quarantined": {}}
    assert foretold == [ledger.append(batch) for batch in batches]


def test_without_a_ledger_everything_is_new_once() -> None:
    with Rehearsal(None, clock=Clock()) as rehearsal:
        verdicts = rehearsal.append(arrivals(record(1), record(2))) + rehearsal.append(arrivals(record(1)))

    assert [(verdict.kind, verdict.position) for verdict in verdicts] == [
        ("recorded", 1), ("recorded", 2), ("duplicate", 1),
    ]  # fmt: skip
