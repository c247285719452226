"""Copies of SQLite files while they are in use, and what SQLite itself finds wrong with a file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from domain.errors import KaojiError
from domain.ledger.errors import WrongStoreError, cannot_be_opened, is_locked, lacks_room

_PAGES_AT_ONCE = 4_096
_FAULTS_MAX = 20

Copied = Callable[[int, int], None]
"""Called with (pages copied, pages in all)."""


class CopyError(KaojiError):
    """A copy that could not be made, or is not whole."""


def copy_file(source: Path, target: Path, *, copied: Copied = lambda _done, _all: None) -> None:
    """Copy an SQLite file as it stands at one moment, with what is still in its write-ahead log.

    Writers go on meanwhile. The copy is one file, flushed to disk, readable by its owner only, and takes the name
    `target` when it is complete and SQLite has checked it. Raises CopyError, and WrongStoreError where the source
    is no SQLite file; then there is no target.
    """
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        part.touch(mode=0o600)
        with closing(_opened(source, "ro")) as ours, closing(sqlite3.connect(part)) as theirs:
            # A transaction that reads keeps the moment; otherwise each write of others would begin the copy anew.
            ours.execute("BEGIN")
            ours.execute("SELECT count(*) FROM sqlite_master").fetchone()
            ours.backup(
                theirs, pages=_PAGES_AT_ONCE, progress=lambda _code, left, total: copied(total - left, total)
            )
            theirs.execute("PRAGMA journal_mode = DELETE")
        faults = damage_in(part)
        if faults:
            raise CopyError(
                f"The copy of {source} is damaged: {faults[0]}. Is {source} itself? See `kaoji verify`."
            )
        _flush(part)
        part.rename(target)
        _flush(target.parent)
    except sqlite3.Error as error:
        if lacks_room(error):
            raise CopyError(f"{target} cannot be written ({error}). Make room, or name another place.") from error
        raise WrongStoreError(f"{source} cannot be copied: {error}. Is it a store, and whole?") from error
    except OSError as error:
        raise CopyError(
            f"{target} cannot be written ({error.strerror}). Make room, or name another place."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def damage_in(file: Path) -> list[str]:
    """What SQLite finds wrong with a file: torn pages, indexes that do not fit. Empty when it is whole.

    Raises WrongStoreError where SQLite cannot look into it.
    """
    if file.is_dir():
        raise WrongStoreError(f"{file} is a folder. Name a file in it.")
    try:
        with closing(_opened(file, "ro")) as connection:
            rows = connection.execute(f"PRAGMA integrity_check({_FAULTS_MAX})").fetchall()
    except sqlite3.Error as error:
        if cannot_be_opened(error) or is_locked(error):
            raise WrongStoreError(
                f"{file} cannot be opened: {error}. Check that it and its folder can be written, and that no "
                "other program keeps it."
            ) from error
        return [str(error)]
    told = [" ".join(str(row[0]).split()) for row in rows]
    return [] if told == ["ok"] else told


def settle(file: Path) -> None:
    """Bring what is in the write-ahead log into the file, which nobody else has open, so that it can be moved."""
    with closing(_opened(file, "rw")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _opened(file: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode={mode}", uri=True, timeout=30)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
