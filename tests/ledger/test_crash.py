"""A writer that is killed in the middle of appends loses nothing and records nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from domain.ledger.ledger import Ledger
from tests.support.crashing_writer import BATCH, TRACKING, write_batches
from tests.support.ledgers import LedgerMaker, record

KILLS = 4
WRITER = Path(__file__).parents[1] / "support" / "crashing_writer.py"


def test_killed_writers_lose_nothing_and_record_nothing_twice(make_ledger: LedgerMaker) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    make_ledger().close()

    for _ in range(KILLS):
        kill_after(chance.uniform(0.0, 0.5), make_ledger)
        ledger = make_ledger()
        check_whole(ledger)
        ledger.close()

    ledger = make_ledger()
    last = ledger.max_tracking_id(TRACKING)
    write_batches(ledger, until=(-1 if last is None else last) + 3)
    check_whole(ledger)


def kill_after(seconds: float, make_ledger: LedgerMaker) -> None:
    command = [sys.executable, str(WRITER), make_ledger.url, str(make_ledger.keys)]
    root = WRITER.parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env={"PYTHONPATH": str(root)}) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        writer.kill()


def check_whole(ledger: Ledger) -> None:
    last = ledger.max_tracking_id(TRACKING)
    batches = 0 if last is None else last + 1
    events = ledger.read(after=0, limit=1_000_000)
    assert [event.position for event in events] == list(range(1, batches * BATCH + 1))
    for event in events[:: BATCH // 2]:
        number = event.position - 1
        at = number % BATCH
        sealed = record(number, subject=f"case-{at}", note=f"note {at}") if at % 4 == 0 else None
        assert ledger.unseal(event.position) == sealed
        if sealed is None:
            assert event.facts == record(number, subject=f"case-{at}")
    assert ledger.counts()["quarantined"].get("malformed-json", 0) == batches
    times_seen = [entry.times_seen for entry in ledger.quarantine.list()]
    assert times_seen == [1] * batches
