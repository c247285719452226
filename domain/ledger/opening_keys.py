"""Open the keys where they lie: in a file or in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from domain.ledger.keys import Keys
from domain.ledger.keys_sqlite import KeyFile


def open_keys(place: Path | str, *, clock: Callable[[], int]) -> Keys:
    """Open the keys in a file (a path) or in PostgreSQL (a URL). Raises WrongStoreError for what cannot hold them.

    `clock` gives microseconds since 1970. A database that does not answer is told when a key is needed.
    """
    if isinstance(place, Path):
        return KeyFile(place, clock=clock)
    # Imported here: PostgreSQL's driver costs a quarter of a second, which a key file need not pay.
    from domain.ledger.keys_postgres import KeyDatabase

    return KeyDatabase(place, clock=clock)
