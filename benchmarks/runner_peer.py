"""The library's own way from a ledger to a view: its ProjectionRunner, on PostgreSQL, a commit for each event."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

import psycopg
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from domain.actions.stored_facts import read_facts

SAVED_AT_ONCE = 500
SECONDS_MAX = 600


class Told(Aggregate):
    """An action as an aggregate of one event."""

    class Created(Aggregate.Created):
        """What was told."""

        facts: str

    def __init__(self, facts: str) -> None:
        self.facts = facts


class Ledger(Application[uuid.UUID]):
    """The ledger in the library's own form."""


class RowsView(PostgresTrackingRecorder):
    """A row for each action, written with the tracking."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.sql_create_statements.append(
            SQL(
                "CREATE TABLE IF NOT EXISTS peer_rows (position bigint PRIMARY KEY, type text, subject text)"
            ).format()
        )

    def add(self, position: int, kind: str, subject: str, tracking: Tracking) -> None:
        """Write a row and the tracking in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute("INSERT INTO peer_rows VALUES (%s, %s, %s)", (position, kind, subject))


class RowsProjection(Projection[RowsView]):
    """Three fields of each action: the least that a view can hold."""

    topics = ()

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Add a row."""
        facts = read_facts(domain_event.facts.encode())
        self.view.add(tracking.notification_id, facts.type, facts.subject, tracking)


def seconds_of_runner(url: str, facts: Sequence[bytes]) -> float:
    """How long the runner takes for these events, from an empty view."""
    place = psycopg.conninfo.conninfo_to_dict(url)
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(place.get("dbname", "postgres")),
        "POSTGRES_HOST": str(place.get("host", "")),
        "POSTGRES_PORT": str(place.get("port", "5432")),
        "POSTGRES_USER": str(place.get("user", "postgres")),
        "POSTGRES_PASSWORD": str(place.get("password") or "none"),
    }
    ledger = Ledger(env=env)
    for begin in range(0, len(facts), SAVED_AT_ONCE):
        ledger.save(*(Told(facts=each.decode()) for each in facts[begin : begin + SAVED_AT_ONCE]))
    last = ledger.recorder.max_notification_id()
    assert last == len(facts), "every action once"
    started = time.perf_counter()
    with ProjectionRunner(
        application_class=Ledger, projection_class=RowsProjection, view_class=RowsView, env=env
    ) as runner:
        runner.wait(last, timeout=SECONDS_MAX)
        seconds = time.perf_counter() - started
    ledger.close()
    return seconds
