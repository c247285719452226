"""Opening a ledger in an SQLite file: what is there is looked at first, and a wrong place is left as it was."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote
from uuid import uuid4

from domain.errors import KaojiError
from domain.ledger import sql
from domain.ledger.errors import NoLedgerError, WrongStoreError, store_errors_told
from domain.ledger.store import Store
from domain.ledger.store_sqlite import APPLICATION_ID, LedgerDatastore, SQLiteLedgerRecorder

# Whoever mistook the kind of store may have written a password.
_ACCOUNT = re.compile(r"//.*@")


def open_sqlite_store(store_url: str, *, clock: Callable[[], int], create: bool) -> tuple[Store, str]:
    """Open, or make, the file that "sqlite:///path" names; return the store and how to call it in messages."""
    path = _path(store_url)
    new = _is_new(path)
    if new and not create:
        raise NoLedgerError(
            f"There is no ledger in {path} yet. Make one with `kaoji ingest FILE`, "
            "or name the right one with --store."
        )
    absent = not path.exists()
    try:
        store = SQLiteLedgerRecorder(LedgerDatastore(_uri(path, new=new)), clock=clock, new_ledger_id=uuid4)
        with store_errors_told(str(path)):
            if new:
                store.create_table()
            _check_format(store, path)
    except KaojiError:
        if absent:
            for leftover in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                leftover.unlink(missing_ok=True)
        raise
    return store, str(path)


def _path(store_url: str) -> Path:
    location = store_url.removeprefix("sqlite://")
    name = unquote(location.removeprefix("/"))
    if location == store_url or not location.startswith("/") or not name or name == ":memory:" or "?" in name:
        raise WrongStoreError(
            f"{_ACCOUNT.sub('//…@', store_url)} names no file. Write sqlite:///kaoji.db for one in this folder, "
            "sqlite:////var/… for any."
        )
    return Path(name)


def _is_new(path: Path) -> bool:
    """Say whether a ledger is still to be made there. Raises WrongStoreError where none can be."""
    if not path.exists():
        folder = path.parent
        if not folder.is_dir():
            raise WrongStoreError(f"The folder {folder} does not exist. Make it first, or name another store.")
        if not os.access(folder, os.W_OK):
            raise WrongStoreError(
                f"The folder {folder} cannot be written. Ask for permission, or name another store."
            )
        return True
    if not path.is_file():
        raise WrongStoreError(f"{path} is no file. Name a file for the ledger, such as {path / 'kaoji.db'}.")
    try:
        return _holds_nothing(path)
    except sqlite3.Error as error:
        raise WrongStoreError(
            f"{path} holds no ledger ({error}). Name another file with --store, or put its backup in place."
        ) from error


def _holds_nothing(path: Path) -> bool:
    if path.stat().st_size == 0:
        return True
    connection = sqlite3.connect(_uri(path, new=False), uri=True, timeout=30)
    try:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    finally:
        connection.close()
    if application_id == APPLICATION_ID and "ledger_about" in tables:
        return False
    if tables:
        names = ", ".join(sorted(tables)[:3])
        raise WrongStoreError(
            f"{path} is a database of something else (it has tables {names}). Name another file with --store."
        )
    return True


def _check_format(store: SQLiteLedgerRecorder, path: Path) -> None:
    made_by = int(store.about().get("format", "0"))
    if 0 < made_by < sql.FORMAT:
        store.upgrade()
    elif made_by != sql.FORMAT:
        raise WrongStoreError(
            f"The ledger in {path} has format {made_by}; this Kaoji reads format {sql.FORMAT}. "
            "Use the version that made it."
        )


def _uri(path: Path, *, new: bool) -> str:
    location = "file:" + quote(str(path.absolute()))
    if new:
        return location + "?mode=rwc"
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return location + "?mode=rw"
    # Without leave to write beside the file SQLite cannot share it; where nobody writes it need not.
    shared = path.with_name(path.name + "-wal").exists()
    return location + ("?mode=ro" if shared else "?mode=ro&immutable=1")
