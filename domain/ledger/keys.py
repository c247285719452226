"""Keys: one per person or case, outside the ledger and its backups, so that destroying it erases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

CACHED_KEYS_MAX = 10_000
"""So many keys are kept in memory, a third of a kilobyte each: those of two batches, and more."""


class Key(NamedTuple):
    """A key in use: 16 random bytes that name it, 32 that are it."""

    key_id: bytes
    key: bytes


class Keys(Protocol):
    """Makes, finds and destroys keys. May be used from several threads, processes and, where it can, hosts.

    A destroyed key leaves its row with the key gone, so that "erased" and "lost" can be told apart.
    """

    def in_use(self, names: Iterable[str]) -> dict[str, Key]:
        """Return a key for each name, making those that are missing in one durable transaction.

        Whoever asks at the same time gets the same; never one that was destroyed before.
        """

    def get(self, key_ids: Iterable[bytes]) -> dict[bytes, bytes | None]:
        """Return each key by its id, None for one that was destroyed. Raises MissingKeyError for a lost one."""

    def ids_of(self, name: str) -> list[bytes]:
        """Return the ids of the keys, not yet destroyed, that this name has (`person/…` or `subject/…`)."""

    def destroy(self, key_id: bytes) -> bool:
        """Destroy a key for good: what it sealed can never be read again. False when it was gone already."""

    def close(self) -> None:
        """Let go of the file or the connection."""
