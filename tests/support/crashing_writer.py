"""Appends numbered batches to a ledger, going on from its tracking, until somebody kills it (see test_crash)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from eventsourcing.persistence import Tracking

from domain.ledger.ledger import Ledger, open_ledger
from tests.support.ledgers import Clock, arrival, record

BATCH = 40
TRACKING = "topic-0"


def write_batches(ledger: Ledger, *, until: int, after_each: Callable[[], None] = lambda: None) -> None:
    """Append batches up to number `until`, the next one being told by the ledger."""
    last = ledger.max_tracking_id(TRACKING)
    for number in range(0 if last is None else last + 1, until):
        records = [
            record(number * BATCH + at, subject=f"case-{at}", **({"note": f"note {at}"} if at % 4 == 0 else {}))
            for at in range(BATCH)
        ]
        # Each batch begins with a repeat of the batch before, and ends with a line that is refused.
        again = [record(number * BATCH - 1, subject=f"case-{BATCH - 1}")] if number else []
        lines = [*again, *records, b"{ %d" % number]
        batch = [arrival(line, f"topic-0@{number}:{at}") for at, line in enumerate(lines)]
        ledger.append(batch, tracking=[Tracking(TRACKING, number)])
        after_each()


if __name__ == "__main__":
    opened = open_ledger(sys.argv[1], keys=Path(sys.argv[2]), clock=Clock())
    print("ready", flush=True)
    write_batches(opened, until=1_000_000)
