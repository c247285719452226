"""The key database: the keys of a ledger in PostgreSQL, for members of one group on several hosts."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any, TypeVar

import psycopg
from psycopg import IsolationLevel

from domain.errors import KaojiError
from domain.ledger.errors import KeysUnreachableError, MissingKeyError, WrongStoreError, is_read_only
from domain.ledger.keys import CACHED_KEYS_MAX, Key
from domain.ledger.postgres_urls import (
    IDLE_IN_TRANSACTION_SECONDS,
    LOCK_TIMEOUT_SECONDS,
    is_refused,
    parameters_of,
    place_of,
    reason_of,
)

FORMAT = 1
_CREATION_LOCK = 0x4B414B59
# A host that vanishes without a word is noticed within half a minute, not after hours.
_NOTICED = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_LIMITS = (
    f"-c lock_timeout={LOCK_TIMEOUT_SECONDS}s "
    f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s"
)
Connection = psycopg.Connection[tuple[Any, ...]]
Answer = TypeVar("Answer")

# Names are bytes: no collation decides which are equal. They may be long, so the index holds their hashes.
_SCHEMA = (
    (
        "CREATE TABLE kaoji_keys (key_id bytea PRIMARY KEY, name bytea NOT NULL, key bytea, "
        "made_at bigint NOT NULL, destroyed_at bigint, CHECK ((key IS NULL) = (destroyed_at IS NOT NULL)))"
    ),
    "CREATE UNIQUE INDEX kaoji_keys_in_use ON kaoji_keys (sha256(name)) WHERE destroyed_at IS NULL",
    (
        "CREATE TABLE kaoji_keys_about (one boolean PRIMARY KEY DEFAULT true CHECK (one), "
        "format integer NOT NULL, changed uuid NOT NULL)"
    ),
)
_MARK = "INSERT INTO kaoji_keys_about (format, changed) VALUES (%s, gen_random_uuid())"
_LOOK = """SELECT current_schema(), pg_is_in_recovery(),
to_regclass(quote_ident(current_schema()) || '.kaoji_keys') IS NOT NULL
AND to_regclass(quote_ident(current_schema()) || '.kaoji_keys_about') IS NOT NULL,
to_regclass(quote_ident(current_schema()) || '.ledger_about') IS NOT NULL,
EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (
SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))"""
_IN_USE = "SELECT name, key_id, key FROM kaoji_keys WHERE destroyed_at IS NULL AND sha256(name) = ANY(%s)"
_MAKE = (
    "INSERT INTO kaoji_keys (key_id, name, key, made_at) "
    "SELECT key_id, name, key, %s FROM unnest(%s::bytea[], %s::bytea[], %s::bytea[]) AS made (key_id, name, key) "
    "ON CONFLICT (sha256(name)) WHERE destroyed_at IS NULL DO NOTHING"
)
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', true) "
    "WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
)
_IDENTITY = """SELECT pg_postmaster_start_time()::text, current_database(), current_schema()"""


class KeyDatabase:
    """Keeps the promises of `Keys` in the first schema of the search path; tables are made with the first key.

    A database that does not answer raises KeysUnreachableError whenever a key is needed, and is connected to
    again the next time. Opening does not need it: a ledger is read without its keys. Raises WrongStoreError
    for a database that holds something else.
    """

    def __init__(self, url: str, *, clock: Callable[[], int]) -> None:
        self._parameters, self.place = _given(url)
        self._clock = clock
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._cache: dict[str, Key] = {}
        self._changed: object = None
        with suppress(KeysUnreachableError):  # said when a key is needed
            self.are_made()

    def are_made(self) -> bool:
        """Whether the tables are there. Raises KeysUnreachableError, and WrongStoreError where they cannot be."""
        return self._done(self._looked_at)

    def in_use(self, names: Iterable[str]) -> dict[str, Key]:
        """Return a key for each name, making those that are missing in one durable transaction."""
        wanted = sorted(set(names))
        return self._done(lambda connection: self._found_or_made(connection, wanted)) if wanted else {}

    def get(self, key_ids: Iterable[bytes]) -> dict[bytes, bytes | None]:
        """Return each key by its id, None for one that was destroyed. Raises MissingKeyError for a lost one."""
        wanted = sorted(set(key_ids))

        def look_up(connection: Connection) -> dict[bytes, bytes | None]:
            if not self._looked_at(connection):
                return {}
            return dict(connection.execute("SELECT key_id, key FROM kaoji_keys WHERE key_id = ANY(%s)", (wanted,)))

        found = self._done(look_up) if wanted else {}
        lost = [key_id for key_id in wanted if key_id not in found]
        if lost:
            raise MissingKeyError(
                f"The key database ({self.place}) does not hold key {lost[0].hex()}, which the ledger needs. "
                "Name the one that belongs to this ledger, or bring it back from its own backup."
            )
        return found

    def ids_of(self, name: str) -> list[bytes]:
        """Return the ids of the keys, not yet destroyed, that this name has (`person/…` or `subject/…`)."""

        def look_up(connection: Connection) -> list[bytes]:
            if not self._looked_at(connection):
                return []
            return [key_id for _, key_id, _ in connection.execute(_IN_USE, ([_hash(name)],))]

        return self._done(look_up)

    def destroy(self, key_id: bytes) -> bool:
        """Destroy a key for good: what it sealed can never be read again. False when it was gone already.

        Its dead row is vacuumed away, the next time where a first time breaks off: then destroy it once more.
        """
        self.get([key_id])
        gone = self._done(lambda connection: self._destroyed(connection, key_id))
        try:
            self._done(lambda connection: connection.execute("VACUUM kaoji_keys"))
        except KaojiError as error:
            raise type(error)(
                f"The key is destroyed, but its dead row was not cleared away. Do it again. {error}"
            ) from error
        return gone

    def close(self) -> None:
        """Let go of the connection, and forget the keys."""
        with self._lock:
            connection, self._connection = self._connection, None
            self._cache.clear()
            if connection is not None:
                connection.close()

    def _found_or_made(self, connection: Connection, wanted: list[str]) -> dict[str, Key]:
        if not self._looked_at(connection):
            self._make_tables(connection)
        self._forget_what_was_destroyed(connection)
        missing = [name for name in wanted if name not in self._cache]
        if missing:
            if len(self._cache) + len(missing) > CACHED_KEYS_MAX:
                kept = set(wanted)
                self._cache = {name: key for name, key in self._cache.items() if name in kept}
            found = _in_use(connection, missing)
            if len(found) < len(missing):
                found = self._made(connection, missing)
            self._cache.update(found)
        return {name: self._cache[name] for name in wanted}

    def _made(self, connection: Connection, names: list[str]) -> dict[str, Key]:
        with _writing(connection):
            found = _in_use(connection, names)
            # Another host may make the same at once: the index lets one of us through, and both read that one. It
            # may be destroyed before it is read; then there is another round.
            while missing := [name for name in names if name not in found]:
                made = [(secrets.token_bytes(16), name.encode(), secrets.token_bytes(32)) for name in missing]
                connection.execute(_MAKE, (self._clock(), *map(list, zip(*made, strict=True))))
                found = _in_use(connection, names)
        return found

    def _destroyed(self, connection: Connection, key_id: bytes) -> bool:
        with _writing(connection):
            changed = connection.execute(
                "UPDATE kaoji_keys SET key = NULL, destroyed_at = %s WHERE key_id = %s AND destroyed_at IS NULL",
                (self._clock(), key_id),
            )
            if changed.rowcount:
                connection.execute("UPDATE kaoji_keys_about SET changed = gen_random_uuid()")
        return changed.rowcount > 0

    def _forget_what_was_destroyed(self, connection: Connection) -> None:
        # Read before the keys, so a key that is destroyed meanwhile is forgotten the next time. A number would not
        # do: after a failover that lost one destruction, the next would get the same.
        row = connection.execute("SELECT changed FROM kaoji_keys_about").fetchone()
        if row is None:
            raise WrongStoreError(
                f"The key database ({self.place}) is damaged. Bring it back from its own backup."
            )
        if row[0] != self._changed:
            self._cache.clear()
            self._changed = row[0]

    def _make_tables(self, connection: Connection) -> None:
        with _writing(connection):
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATION_LOCK,))
            if not _looked_at(connection, self.place):
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute(_MARK, (FORMAT,))
        self._tables = True

    def _looked_at(self, connection: Connection) -> bool:
        if not self._tables:
            self._tables = _looked_at(connection, self.place)
        return self._tables

    def _done(self, work: Callable[[Connection], Answer]) -> Answer:
        """Do it, once more where an old connection turns out to be dead: all work may be repeated."""
        with self._lock:
            again = self._connection is not None
            try:
                return self._tried(work)
            except KeysUnreachableError:
                if not again:
                    raise
                return self._tried(work)

    def _tried(self, work: Callable[[Connection], Answer]) -> Answer:
        try:
            return work(self._connected())
        except psycopg.Error as error:
            self.close()
            reason = reason_of(error)
            if is_read_only(error):
                raise KeysUnreachableError(
                    f"The key database ({self.place}) takes no writes: {reason}. "
                    "Name the primary in KAOJI_KEYS, or have it take writes."
                ) from error
            if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
                raise KeysUnreachableError(
                    f"The key database ({self.place}) does not answer: {reason}. Start it, or mend KAOJI_KEYS."
                ) from error
            raise WrongStoreError(
                f"The key database ({self.place}) cannot be used: {reason}. "
                "Give the user its rights, or name another in KAOJI_KEYS."
            ) from error
        except KaojiError:
            self.close()
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            # Whatever was known may have changed: it may be a server that took over, or a backup.
            self._cache.clear()
            self._changed, self._tables = None, False
            self._connection = _opened(self._parameters, self.place)
        return self._connection


def is_same_place(key_url: str, store_url: str) -> bool:
    """Whether both name the same schema of the same database; False where either does not answer."""
    places = []
    for url in (key_url, store_url):
        try:
            with psycopg.connect(**_given(url)[0], autocommit=True) as connection:
                places.append(connection.execute(_IDENTITY).fetchone())
        except psycopg.Error:
            return False  # told when it is opened
    return places[0] == places[1]


def _given(url: str) -> tuple[dict[str, Any], str]:
    parameters = _NOTICED | parameters_of(url, called="URL in KAOJI_KEYS")
    parameters["options"] = f"{_LIMITS} {parameters.get('options', '')}".strip()
    return parameters, place_of(parameters)


def _opened(parameters: dict[str, Any], place: str) -> Connection:
    try:
        # Nothing is prepared, so that a pooler may stand between.
        connection = psycopg.connect(**parameters, autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as error:
        reason = reason_of(error)
        if is_refused(reason):
            raise WrongStoreError(
                f"The key database ({place}) refuses: {reason}. Mend KAOJI_KEYS, or make the database."
            ) from error
        raise
    connection.isolation_level = IsolationLevel.READ_COMMITTED
    return connection


def _looked_at(connection: Connection, place: str) -> bool:
    """Whether the tables of keys are there. Raises WrongStoreError where something else is."""
    row = connection.execute(_LOOK).fetchone()
    assert row is not None
    schema, is_standby, exists, has_ledger, has_tables = row
    if schema is None:
        raise WrongStoreError(
            f"The key database ({place}) has no schema of that search path. Make it with CREATE SCHEMA."
        )
    if has_ledger:
        raise WrongStoreError(same_place(place))
    if is_standby:
        raise KeysUnreachableError(
            f"The key database ({place}) is a standby, which may not know yet what was destroyed. "
            "Name the primary in KAOJI_KEYS."
        )
    if not exists:
        if has_tables:
            raise WrongStoreError(
                f"Schema {schema!r} of the key database ({place}) holds something else. "
                "Name an empty database or schema in KAOJI_KEYS."
            )
        return False
    found = connection.execute("SELECT format FROM kaoji_keys_about").fetchone()
    if found is None or found[0] != FORMAT:
        raise WrongStoreError(
            f"The key database ({place}) has format {found and found[0]}; this Kaoji reads format {FORMAT}. "
            "Use the version that made it."
        )
    return True


def same_place(place: str) -> str:
    """What is said where keys and ledger are to lie together."""
    return (
        f"KAOJI_KEYS names the schema of the ledger itself ({place}). A backup of the ledger must not hold its "
        "keys: name a database of their own."
    )


@contextmanager
def _writing(connection: Connection) -> Iterator[None]:
    with connection.transaction():
        connection.execute(_DURABLE)
        yield


def _in_use(connection: Connection, names: list[str]) -> dict[str, Key]:
    rows = connection.execute(_IN_USE, ([_hash(name) for name in names],))
    return {name.decode(): Key(key_id, key) for name, key_id, key in rows}


def _hash(name: str) -> bytes:
    return sha256(name.encode()).digest()
