"""The file that an SQLite store is, and what SQLite finds wrong with it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from api.settings import Settings
from domain.errors import WrongInputError
from domain.ledger.copies_sqlite import damage_in

SQLITE = "sqlite:///"


class NoStoreFileError(WrongInputError):
    """A store that is no file, where one is needed."""


def store_file(settings: Settings) -> Path:
    """The file of an SQLite store. Raises NoStoreFileError for PostgreSQL."""
    if not settings.store.startswith(SQLITE):
        raise NoStoreFileError(
            "The store is no SQLite file. PostgreSQL is backed up with `pg_dump --format=custom` and restored "
            "with `pg_restore`: see the page on backups."
        )
    return Path(unquote(settings.store.removeprefix(SQLITE)))


def damage_of(settings: Settings) -> list[str]:
    """What SQLite finds wrong with the store's file; empty for PostgreSQL, which checks its pages itself."""
    if not settings.store.startswith(SQLITE):
        return []
    return [f"the file of the store is damaged: {each}" for each in damage_in(store_file(settings))]
