"""Ledgers and arrivals for tests: one clock that can be turned, records made from a few words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from domain.actions.actions import check_action
from domain.actions.refusals import RefusedError
from domain.ledger.ledger import Ledger, open_ledger
from domain.ledger.records import Arrival

NOW = 1_700_000_000_000_000


class Clock:
    """A clock that stands still until it is turned."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def record(
    id: str | int, *, source: str = "/gx/licensing", type: str = "licensing.received", subject: str = "case-1",
    time: str = "2023-05-04T09:00:00+08:00", **data: Any,
) -> bytes:  # fmt: skip
    """One structured CloudEvent."""
    event = {"specversion": "1.0", "id": str(id), "source": source, "type": type, "subject": subject, "time": time}
    return json.dumps({**event, "data": data}).encode()


def arrival(received: bytes, place: str = "actions.ndjson:1") -> Arrival:
    """A record as it comes in, checked."""
    try:
        return Arrival(place, received, check_action(received, now=NOW), None)
    except RefusedError as refusal:
        return Arrival(place, received, None, refusal)


def arrivals(*records: bytes) -> list[Arrival]:
    """Records as the lines of one file."""
    return [arrival(received, f"actions.ndjson:{line}") for line, received in enumerate(records, 1)]


class LedgerMaker:
    """Opens ledgers at one URL (again and again: it is the same ledger) and closes them all."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.keys, self.clock = url, folder / "keys.db", Clock()
        self._opened: list[Ledger] = []

    def __call__(self, *, clock: Callable[[], int] | None = None, create: bool = True) -> Ledger:
        ledger = open_ledger(self.url, keys=self.keys, clock=clock or self.clock, create=create)
        self._opened.append(ledger)
        return ledger

    def close(self) -> None:
        for ledger in self._opened:
            ledger.close()
        self._opened.clear()
