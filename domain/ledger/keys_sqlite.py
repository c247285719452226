"""Keys in an SQLite file, for all that runs on one host."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from domain.ledger.errors import (
    KeysUnreachableError,
    MissingKeyError,
    WrongStoreError,
    is_locked,
    lacks_room,
)
from domain.ledger.keys import CACHED_KEYS_MAX, Key

# "KAKY": tells the key file from any other SQLite file.
_APPLICATION_ID = 0x4B414B59
_CHUNK = 500
LOCK_TIMEOUT_SECONDS = 30
Item = TypeVar("Item")

_SCHEMA = (
    (
        "CREATE TABLE keys (key_id BLOB PRIMARY KEY, name TEXT NOT NULL, key BLOB, made_at INTEGER NOT NULL, "
        "destroyed_at INTEGER) WITHOUT ROWID"
    ),
    "CREATE UNIQUE INDEX keys_in_use ON keys (name) WHERE destroyed_at IS NULL",
    "CREATE INDEX keys_by_name ON keys (name)",
    f"PRAGMA application_id = {_APPLICATION_ID}",
)


class KeyFile:
    """Keys in an SQLite file on a local disk. It is made with the first key, readable by its owner only.

    The bytes of a destroyed key are overwritten in the file; copies that a file system or a backup of the key
    file keeps are beyond us.
    """

    def __init__(self, path: Path, *, clock: Callable[[], int]) -> None:
        self._path, self._clock = path, clock
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._cache: dict[str, Key] = {}
        self._data_version = -1
        if path.exists():
            self._connect()
        elif not path.parent.is_dir():
            raise WrongStoreError(f"The folder of the key file {path} does not exist. Make it, or name another.")

    def in_use(self, names: Iterable[str]) -> dict[str, Key]:
        """Return a key for each name, making those that are missing in one durable transaction."""
        wanted = sorted(set(names))
        with self._lock:
            self._forget_what_others_changed()
            missing = [name for name in wanted if name not in self._cache]
            if missing:
                if len(self._cache) + len(missing) > CACHED_KEYS_MAX:
                    kept = set(wanted)
                    self._cache = {name: key for name, key in self._cache.items() if name in kept}
                self._cache.update(self._found_or_made(missing))
            return {name: self._cache[name] for name in wanted}

    def get(self, key_ids: Iterable[bytes]) -> dict[bytes, bytes | None]:
        """Return each key by its id, None for one that was destroyed. Raises MissingKeyError for a lost one."""
        wanted = sorted(set(key_ids))
        found: dict[bytes, bytes | None] = {}
        with self._lock:
            if wanted and (self._connection is not None or self._path.exists()):
                with self._told("read"):
                    for part in _chunks(wanted):
                        marks = ",".join("?" * len(part))
                        select = f"SELECT key_id, key FROM keys WHERE key_id IN ({marks})"
                        found.update(self._connect().execute(select, part))
        lost = [key_id for key_id in wanted if key_id not in found]
        if lost:
            raise MissingKeyError(
                f"The key file {self._path} does not hold key {lost[0].hex()}, which the ledger needs. "
                "Name the key file that belongs to this ledger, or bring it back from its own backup."
            )
        return found

    def ids_of(self, name: str) -> list[bytes]:
        """Return the ids of the keys, not yet destroyed, that this name has (`person/…` or `subject/…`)."""
        with self._lock:
            if self._connection is None and not self._path.exists():
                return []
            with self._told("read"):
                rows = self._connect().execute(
                    "SELECT key_id FROM keys WHERE name = ? AND destroyed_at IS NULL ORDER BY key_id", (name,)
                )
                return [row[0] for row in rows]

    def destroy(self, key_id: bytes) -> bool:
        """Destroy a key for good: what it sealed can never be read again. False when it was gone already."""
        self.get([key_id])
        with self._lock, self._writing() as connection:
            self._cache = {name: key for name, key in self._cache.items() if key.key_id != key_id}
            changed = connection.execute(
                "UPDATE keys SET key = NULL, destroyed_at = ? WHERE key_id = ? AND destroyed_at IS NULL",
                (self._clock(), key_id),
            )
            return changed.rowcount > 0

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._cache.clear()

    def _found_or_made(self, names: list[str]) -> dict[str, Key]:
        with self._writing() as connection:
            found: dict[str, Key] = {}
            for part in _chunks(names):
                marks = ",".join("?" * len(part))
                for name, key_id, key in connection.execute(
                    f"SELECT name, key_id, key FROM keys WHERE destroyed_at IS NULL AND name IN ({marks})", part
                ):
                    found[name] = Key(key_id, key)
            made = {
                name: Key(secrets.token_bytes(16), secrets.token_bytes(32)) for name in names if name not in found
            }
            now = self._clock()
            connection.executemany(
                "INSERT INTO keys (key_id, name, key, made_at) VALUES (?, ?, ?, ?)",
                [(key.key_id, name, key.key, now) for name, key in made.items()],
            )
        return found | made

    def _forget_what_others_changed(self) -> None:
        # Another process may have destroyed a key that we hold in memory: sealing with it would lose the text.
        if self._connection is None:
            return
        with self._told("read"):
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version:
            self._cache.clear()
            self._data_version = version

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        connection = self._connect()
        with self._told("written"):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                # A full disk ends the transaction by itself at some moments, and at others it does not.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            with self._told("opened"):
                # Made with its permissions, before SQLite would make it readable by all.
                if not self._path.exists():
                    os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
                self._connection = _opened(self._path)
                self._data_version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return self._connection

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """What SQLite or the disk says, in our words. Raises KeysUnreachableError for what passes."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            failed = f"The key file {self._path} cannot be {what}: {error}."
            if is_locked(error):
                raise KeysUnreachableError(
                    f"{failed} Another process keeps it: wait for that or stop it, then try again."
                ) from error
            if lacks_room(error):
                raise KeysUnreachableError(f"{failed} Make room on its disk, then try again.") from error
            raise WrongStoreError(f"{failed} Name another, or check its permissions.") from error


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=LOCK_TIMEOUT_SECONDS)
    try:
        # A key must be on the disk before the ledger holds what it sealed; no journal may keep a destroyed one.
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA secure_delete = ON")
        if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
            connection.execute("BEGIN IMMEDIATE")
            made_meanwhile = connection.execute("PRAGMA application_id").fetchone()[0] == _APPLICATION_ID
            if not made_meanwhile:
                if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    connection.execute("ROLLBACK")
                    raise sqlite3.DatabaseError("it is a database of something else")
                for statement in _SCHEMA:
                    connection.execute(statement)
            connection.execute("COMMIT")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _chunks(items: list[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
