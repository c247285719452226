"""Append batches of actions to a ledger in SQLite, beside the library's own recorder."""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path

from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteDatastore, SQLiteProcessRecorder

from api.bootstrap import system_clock
from benchmarks.given import arrivals, batches
from benchmarks.measuring import Figures, by_turns
from domain.ledger.ledger import open_ledger
from domain.ledger.records import ACTION_TOPIC


def append(actions: int) -> Figures:
    """Batches of 5,000 into an empty ledger; the peer stores the same events and nothing beside them."""
    expected = len({each.action.key for each in arrivals(actions) if each.action is not None})
    numbers = count()
    with tempfile.TemporaryDirectory() as folder:

        def ours() -> None:
            place = Path(folder) / f"ours-{next(numbers)}"
            place.mkdir()
            ledger = open_ledger(f"sqlite:///{place / 'kaoji.db'}", keys=place / "keys.db", clock=system_clock)
            for batch in batches(actions):
                ledger.append(batch)
            assert ledger.head().position == expected, "every action once"
            ledger.close()

        def theirs() -> None:
            store = SQLiteDatastore(str(Path(folder) / f"theirs-{next(numbers)}.db"))
            recorder = SQLiteProcessRecorder(store)
            recorder.create_table()
            seen = set()
            for batch in batches(actions):
                events = []
                for each in batch:
                    if each.action is not None and each.action.key not in seen:
                        seen.add(each.action.key)
                        events.append(StoredEvent(each.action.key, 1, ACTION_TOPIC, each.action.facts))
                recorder.insert_events(events)
            assert recorder.max_notification_id() == expected, "every action once"
            store.close()

        return by_turns({"ledger": ours, "library's recorder": theirs}, items=expected, rounds=3)
