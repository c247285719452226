"""What can go wrong between us and a ledger, each with the sentence that says what to do next."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from eventsourcing.persistence import IntegrityError, OperationalError, PersistenceError

from domain.errors import KaojiError, UnreachableError, WrongInputError

# What is said about it depends on the server's language.
_READ_ONLY, _LOCKED, _FULL, _FORBIDDEN = "25006", "55P03", "53100", "42501"


class WrongStoreError(WrongInputError):
    """The store cannot hold a ledger, or holds something else."""


class NoLedgerError(WrongStoreError):
    """A command that only reads was pointed at a place where no ledger has been made yet."""


class StoreUnreachableError(UnreachableError):
    """The database does not answer, or broke off.

    Whether a batch that was being appended is written is then unknown: ask `max_tracking_id` or send the
    same records again, which adds nothing twice.
    """


class NoWritesError(UnreachableError):
    """The database answers, and takes no writes. Nothing was written."""

    def __init__(self, place: str, said: str) -> None:
        super().__init__(
            f"{place} takes no writes: {said}. It is a standby, or set to be read only: name the primary with "
            "--store, or have it take writes."
        )


class KeysUnreachableError(UnreachableError):
    """The keys cannot be read or written just now. Nothing was written to the ledger: keys come first."""


class BusyLedgerError(UnreachableError):
    """Somebody else has been writing to the ledger for longer than we wait."""


class StaleTrackingError(KaojiError, IntegrityError):
    """A source's tracking did not rise: another writer has been here. Nothing was written."""

    def __init__(self, name: str, tracking_id: int) -> None:
        self.name, self.tracking_id = name, tracking_id
        super().__init__(
            f"{name!r} is already recorded up to {tracking_id} or beyond, so another writer has taken it over. "
            "Nothing was written. Stop one of the two, and go on from the position that the ledger holds."
        )


class TakenVersionError(KaojiError, IntegrityError):
    """Somebody else has just recorded an event in the same stream. Nothing was written."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Another process has just recorded event {version} of the same stream; nothing was written. "
            "Look at what it says, then try again."
        )


class MissingKeyError(WrongInputError):
    """A sealed part whose key is neither among the keys nor recorded there as destroyed."""


class UnknownEntryError(WrongInputError):
    """No quarantined record bears that number."""

    def __init__(self, entry_id: int) -> None:
        super().__init__(f"No quarantined record {entry_id}. See `kaoji quarantine list`.")


class EntryMovedError(KaojiError):
    """Somebody else dealt with a quarantined record while it was tried again. Nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "Somebody else has retried or dropped one of these entries meanwhile; nothing of them was written. "
            "List what is open with `kaoji quarantine list`, then try again."
        )


@contextmanager
def store_errors_told(place: str) -> Iterator[None]:
    """Turn what the database reports into an error that says what to do; conflicts of keys pass through."""
    try:
        yield
    except IntegrityError:
        raise
    except OperationalError as error:
        raise _told(place, error) from error
    except PersistenceError as error:
        if is_read_only(error.__cause__):
            raise NoWritesError(f"The ledger in {place}", on_one_line(error)) from error
        if "malformed" in str(error):
            raise _damaged(place, str(error)) from error
        if getattr(error.__cause__, "sqlstate", None) == _FORBIDDEN:
            # PostgreSQL adds where in the statement, with an arrow below.
            reason = str(error).partition("\n")[0]
            raise WrongStoreError(
                f"The ledger in {place} cannot be used: {reason}. Give its user the right, or name another user."
            ) from error
        raise WrongStoreError(
            f"The ledger in {place} cannot be used: {error}. Was it made by another program or version?"
        ) from error


def is_read_only(error: BaseException | None) -> bool:
    """Whether PostgreSQL has refused a write because it is a standby, or set to be read only."""
    return getattr(error, "sqlstate", None) == _READ_ONLY


def is_locked(error: BaseException | None) -> bool:
    """Whether another process has kept what is asked for locked for longer than we wait."""
    return getattr(error, "sqlstate", None) == _LOCKED or _sqlite_code(error) in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def lacks_room(error: BaseException | None) -> bool:
    """Whether a disk is full, or takes nothing more."""
    return (
        getattr(error, "sqlstate", None) == _FULL
        or _sqlite_code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
        or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))
    )


def cannot_be_opened(error: BaseException | None) -> bool:
    """Whether SQLite was kept from a file, or from those that it writes beside it: that says nothing of damage."""
    return _sqlite_code(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)


def _sqlite_code(error: BaseException | None) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def on_one_line(error: Exception) -> str:
    """What a database says, often in several lines, as part of a sentence of ours."""
    return " ".join(str(error).split()).rstrip(".?")


def _told(place: str, error: OperationalError) -> KaojiError:
    text = on_one_line(error)
    lowered = text.lower()
    if "locked" in lowered or "lock timeout" in lowered or "return of writer" in lowered:
        return BusyLedgerError(
            f"Another process keeps the ledger in {place} locked. A ledger has one writer at a time: "
            "wait for it or stop it, then try again."
        )
    if "readonly" in lowered or "read-only" in lowered:
        return WrongStoreError(f"The ledger in {place} can only be read: {text}. Ask for write permission.")
    if "no such table" in lowered or "malformed" in lowered or "corrupt" in lowered:
        return _damaged(place, text)
    return StoreUnreachableError(
        f"The ledger in {place} does not answer: {text}. Check that it is there and has room, then try again; "
        "records sent twice are recorded once."
    )


def _damaged(place: str, text: str) -> WrongStoreError:
    return WrongStoreError(
        f"The ledger in {place} is damaged: {text}. `kaoji verify` says where; put its backup in place."
    )
