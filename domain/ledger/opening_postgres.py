"""Opening a ledger in PostgreSQL: one quick look first, so that a server that is not there is told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
from eventsourcing.postgres import PostgresDatastore

from domain.errors import KaojiError
from domain.ledger import sql
from domain.ledger.errors import NoLedgerError, StoreUnreachableError, WrongStoreError, store_errors_told
from domain.ledger.postgres_urls import (
    IDLE_IN_TRANSACTION_SECONDS,
    LOCK_TIMEOUT_SECONDS,
    POOL_TIMEOUT_SECONDS,
    RECONNECT_SECONDS_MAX,
    is_not_private,
    is_refused,
    parameters_of,
    place_of,
    reason_of,
)
from domain.ledger.store import Store
from domain.ledger.store_postgres import PostgresLedgerRecorder

# Every statement of ours goes through an index. On a table that was never analysed the planner thinks otherwise
# and reads all of it: 5,000 look-ups a second instead of 200,000.
_PLANNER = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"


def open_postgres_store(store_url: str, *, clock: Callable[[], int], create: bool) -> tuple[Store, str]:
    """Open, or make, the ledger in the first schema of the search path; return it and how to call it."""
    parameters = _parameters(store_url)
    place = place_of(parameters)
    schema, exists, foreign = _looked_at(parameters, place)
    if not exists:
        if foreign:
            raise WrongStoreError(
                f"Schema {schema!r} of {place} has a table stored_events that is not ours. Name another database."
            )
        if not create:
            raise NoLedgerError(
                f"There is no ledger in {place} yet. Make one with `kaoji ingest FILE`, "
                "or name the right one with --store."
            )
    datastore = _datastore(parameters, schema)
    try:
        with store_errors_told(place):
            store = PostgresLedgerRecorder(datastore, clock=clock, new_ledger_id=uuid4)
            if not exists:
                store.create_table()
            made_by = int(store.about().get("format", "0"))
            if 0 < made_by < sql.FORMAT:
                store.upgrade()
        if not 0 < made_by <= sql.FORMAT:
            raise WrongStoreError(
                f"The ledger in {place} has format {made_by}; this Kaoji reads format {sql.FORMAT}. "
                "Use the version that made it."
            )
    except KaojiError:
        datastore.close()
        raise
    return store, place


def settings_of_postgres(store_url: str) -> dict[str, str]:
    """The server's settings that a ledger's safety rests on, its version, and whether it is reached in private.

    `ssl`: yes where this connection is encrypted; `local`: yes where it does not leave the machine; `may_create`:
    yes where its user may make tables in the first schema of the search path.
    """
    parameters = _parameters(store_url)
    names = ("server_version", "server_version_num", "fsync", "full_page_writes", "synchronous_commit")
    with _connected(parameters, place_of(parameters)) as connection:
        found: dict[str, str] = {name: _shown(connection, name) for name in names}
        row = connection.execute(
            # A user who has taken on another role does not see its own session.
            "SELECT (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), "
            "coalesce(inet_server_addr() << '127.0.0.0/8' OR inet_server_addr() = '::1', true), "
            "has_schema_privilege(current_schema(), 'CREATE')"
        ).fetchone()
    assert row is not None, "a SELECT without a table has a row"
    # There is no answer to the last where the search path names no schema that is there.
    answers = zip(("ssl", "local", "may_create"), row, strict=True)
    found |= {name: "yes" if answer else "no" for name, answer in answers}
    return found


def _shown(connection: psycopg.Connection[tuple[Any, ...]], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return "" if row is None else str(row[0])


def _parameters(store_url: str) -> dict[str, Any]:
    parameters = parameters_of(store_url, called="store URL")
    parameters["options"] = f"{parameters.get('options', '')} {_PLANNER}".strip()
    return parameters


def _looked_at(parameters: dict[str, Any], place: str) -> tuple[str, bool, bool]:
    """Return the schema, whether a ledger is in it, and whether somebody else's events are."""
    with _connected(parameters, place) as connection:
        row = connection.execute(
            "SELECT current_schema(), to_regclass(current_schema() || '.ledger_about') IS NOT NULL, "
            "to_regclass(current_schema() || '.stored_events') IS NOT NULL, "
            "to_regclass(current_schema() || '.kaoji_keys') IS NOT NULL"
        ).fetchone()
    assert row is not None
    schema, exists, foreign, has_keys = row
    if has_keys:
        raise WrongStoreError(
            f"Schema {schema!r} of {place} holds keys (KAOJI_KEYS), and a backup of the ledger must not hold "
            "them. Name another database or schema for the store."
        )
    if schema is None:
        raise WrongStoreError(f"{place} has no schema of that search path. Make it with CREATE SCHEMA.")
    return schema, exists, foreign


@contextmanager
def _connected(parameters: dict[str, Any], place: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection of its own for a quick look; what goes wrong with it is said in our words."""
    try:
        with psycopg.connect(**parameters, autocommit=True) as connection:
            yield connection
    except psycopg.Error as error:
        reason = reason_of(error)
        if is_refused(reason):
            raise WrongStoreError(
                f"{place} refuses: {reason}. Mend the store URL, or make the database."
            ) from error
        if is_not_private(reason):
            raise StoreUnreachableError(
                f"{place} is not reached as the URL asks: {reason}. Look at sslmode, sslrootcert and the host in "
                "the store URL, and at the server's certificate and pg_hba.conf."
            ) from error
        raise StoreUnreachableError(
            f"{place} does not answer: {reason}. Start it, or name another store with --store."
        ) from error


def _datastore(parameters: dict[str, Any], schema: str) -> PostgresDatastore:
    datastore = PostgresDatastore(
        dbname="",
        host="",
        port="",
        user="",
        password="",
        connect_timeout=POOL_TIMEOUT_SECONDS,
        idle_in_transaction_session_timeout=IDLE_IN_TRANSACTION_SECONDS,
        pool_size=1,
        max_overflow=9,
        pre_ping=True,
        lock_timeout=LOCK_TIMEOUT_SECONDS,
        schema=schema,
    )
    # The library's constructor knows five of libpq's parameters; the URL may hold any (sslmode, options, …).
    kwargs = datastore.pool.kwargs
    assert isinstance(kwargs, dict)
    datastore.pool.kwargs = {"row_factory": kwargs["row_factory"], **parameters}
    # Its waits double; of five minutes, the library's choice, it would sleep two while the server is back already.
    datastore.pool.reconnect_timeout = RECONNECT_SECONDS_MAX
    return datastore
