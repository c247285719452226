"""Back up an SQLite store while it is in use, and put a backup in place; PostgreSQL has tools of its own."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from api.bootstrap import opened
from api.settings import Settings
from api.store_file import SQLITE, store_file
from api.verification import verification
from domain.errors import KaojiError, WrongInputError
from domain.ledger.copies_sqlite import copy_file, damage_in, settle
from projections.driver import Progress, no_progress

_CHUNK_BYTES = 1024 * 1024


class BackupPlaceError(WrongInputError):
    """A place that a backup cannot be written to, or read from."""


class DamagedBackupError(KaojiError):
    """A backup in which something does not hold; it was not put in place."""


def backup_store(
    settings: Settings, file: Path, *, keys: bool = False, progress: Progress = no_progress
) -> dict[str, Any]:
    """Copy the store (or, with `keys`, the key file) to a file. Writers go on meanwhile.

    Raises BackupPlaceError, and what copying raises; then there is no such file.
    """
    source = _key_file(settings) if keys else store_file(settings)
    if not source.is_file():
        raise BackupPlaceError(f"There is nothing to back up: {source} is not there.")
    if file.exists() or not file.absolute().parent.is_dir():
        raise BackupPlaceError(f"{file} is there already, or its folder is not. Name a new file in a folder.")
    copy_file(source, file, copied=lambda done, total: progress("backup", done, total))
    return {"file": str(file), "bytes": file.stat().st_size, "sha256": _sha256(file)}


def restore_store(
    settings: Settings, file: Path, *, verify: bool = True, progress: Progress = no_progress
) -> dict[str, Any]:
    """Put a backup where the store is to be, after it was verified there under another name.

    Raises BackupPlaceError where something is there already, DamagedBackupError where the backup does not hold.
    """
    place = store_file(settings)
    if not file.is_file():
        raise BackupPlaceError(f"There is no file {file}. Name one that `kaoji backup` wrote.")
    if any(path.exists() for path in _with_logs(place)):
        raise BackupPlaceError(
            f"{place} is there already (or a log of it), and nothing is overwritten. Stop what uses it, move it "
            "away, and restore then."
        )
    if not place.absolute().parent.is_dir():
        raise BackupPlaceError(f"The folder of {place} does not exist. Make it first.")
    faults = damage_in(file)
    if faults:
        raise DamagedBackupError(f"{file} is damaged: {faults[0]}. Take another backup; {place} was not made.")
    tried = place.with_name(place.name + ".restoring")
    try:
        tried.unlink(missing_ok=True)
        copy_file(file, tried, copied=lambda done, total: progress("restore", done, total))
        answer = _verified(replace(settings, store=f"{SQLITE}{tried.absolute()}"), file, verify, progress)
        settle(tried)
        tried.rename(place)
    finally:
        for path in _with_logs(tried):
            path.unlink(missing_ok=True)
    return {"store": str(place), **answer}


def _key_file(settings: Settings) -> Path:
    if isinstance(settings.keys, str):
        raise BackupPlaceError(
            "The keys are in PostgreSQL. Back up the key database with `pg_dump --format=custom` and restore it "
            "with `pg_restore`: see the page on backups."
        )
    return settings.keys


def _verified(settings: Settings, file: Path, verify: bool, progress: Progress) -> dict[str, Any]:
    with opened(settings, create=False) as kaoji:
        if not verify:
            return {"events": kaoji.ledger.head().position, "root": None}
        answer = verification(kaoji, progress=progress)
    if not answer["ok"]:
        raise DamagedBackupError(f"{file} does not hold: {'; '.join(answer['faults'][:3])}. Take another backup.")
    return {"events": answer["events"], "root": answer["root"]}


def _with_logs(file: Path) -> list[Path]:
    return [file, *(file.with_name(file.name + suffix) for suffix in ("-wal", "-shm"))]


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
