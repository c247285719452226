"""One `consume` as a process of its own, for tests that kill it: STORE KEYS BOOTSTRAP TOPIC BATCH IDLE GROUP."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

from consumers.kafka import consume
from consumers.pipeline import Totals
from consumers.stopping import Stop
from domain.ledger.ledger import open_ledger


def main(store: str, keys: str, bootstrap: str, topic: str, batch: str, idle: str, group: str) -> None:
    """Consume until idle for that many seconds; say every batch, and the totals at the end."""
    stop = Stop()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    ledger = open_ledger(store, keys=Path(keys), clock=_now)
    try:
        config = {"max_poll_records": int(batch), "session_timeout_ms": 6_000, "heartbeat_interval_ms": 1_000}
        totals = consume(
            ledger,
            bootstrap=bootstrap,
            topic=topic,
            group=group,
            config=config,
            until_idle=float(idle),
            stop=stop,
            on_batch=_said,
            clock=_now,
        )
        _said(totals)
    finally:
        ledger.close()


def _said(totals: Totals) -> None:
    print(json.dumps(totals.to_json()), flush=True)


def _now() -> int:
    return time.time_ns() // 1000


if __name__ == "__main__":
    main(*sys.argv[1:])
