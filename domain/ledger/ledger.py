"""The ledger: append each action once, in one transaction with everything that belongs to it, and read it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from eventsourcing.persistence import IntegrityError, ProcessRecorder, StoredEvent, Tracking

from domain.errors import KaojiError
from domain.ledger.comparing import same_as_found, same_in_batch
from domain.ledger.errors import StaleTrackingError, TakenVersionError, WrongStoreError, store_errors_told
from domain.ledger.keys import Keys
from domain.ledger.opening_keys import open_keys
from domain.ledger.quarantine import Quarantine, entry_rows, storable
from domain.ledger.receipts import count_rows, counted
from domain.ledger.records import ACTION_TOPIC, Arrival, Head, Recorded, Sealed, Verdict
from domain.ledger.sealing import Sealer
from domain.ledger.store import Batch, CountRow, Found, RefusedAgain, Store, event_row

if TYPE_CHECKING:
    from domain.actions.actions import Action

CONFLICT = "conflict"
CONFLICT_REMEDY = (
    "An action with this source and id is recorded with other content: send this one under an id of its own, "
    "or send record.corrected to change what is recorded."
)


class Ledger:
    """Holds every action once, at gapless positions that never change.

    One writer at a time, any number of readers. Made by `open_ledger`. May be used from several threads.
    """

    def __init__(self, store: Store, keys: Keys, *, clock: Callable[[], int], place: str) -> None:
        self._store, self._place = store, place
        self._sealer = Sealer(keys)
        self._expects_duplicates = False
        about = store.about()
        self.ledger_id = UUID(about["ledger_id"])
        self.keys = keys
        self.quarantine = Quarantine(store, clock=clock, place=place)

    def append(
        self, arrivals: Sequence[Arrival], *, tracking: Sequence[Tracking] = (), retried: Sequence[int] = ()
    ) -> list[Verdict]:
        """Record what is new and quarantine what is refused, in one transaction; a verdict for each arrival.

        `retried` is empty or gives for each arrival the open quarantine entry that it was; entries whose arrival
        is in the ledger afterwards are marked retried, the others stay what they are, with what is wrong today.
        Raises StaleTrackingError when a tracking does not rise, EntryMovedError when an entry is not open any
        more; then, as after any error but StoreUnreachableError, nothing was written.
        """
        assert not retried or len(retried) == len(arrivals), "retried names one entry for each arrival"
        sorting = _Sorting(arrivals)
        sealed: dict[int, Sealed] = {}
        with store_errors_told(self._place):
            if self._expects_duplicates:
                self._look_up(sorting)
            while True:
                self._seal(sorting, sealed)
                batch, verdicts = sorting.batch(sealed, tracking, retried)
                try:
                    first = self._store.write(batch)
                except StaleTrackingError:
                    raise
                except IntegrityError:
                    # Write first, look for duplicates only when there are some. What is recorded stays recorded,
                    # so each round finds at least one more key, and the loop ends.
                    before = len(sorting.found)
                    self._look_up(sorting)
                    if len(sorting.found) == before:
                        raise
                else:
                    break
        self._expects_duplicates = bool(sorting.found)
        return sorting.placed(verdicts, first)

    def record(self, event: StoredEvent) -> int:
        """Record one event of our own, which is no action, in its stream; its position.

        Raises TakenVersionError when the stream has that version already; then nothing was written.
        """
        with store_errors_told(self._place):
            try:
                return self._store.write(Batch(events=[event_row(event)]))
            except IntegrityError as error:
                raise TakenVersionError(event.originator_version) from error

    def classify(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        """Return what `append` would answer now, writing nothing."""
        sorting = _Sorting(arrivals)
        with store_errors_told(self._place):
            self._look_up(sorting)
            _, verdicts = sorting.batch({}, (), ())
            return sorting.placed(verdicts, self._store.head().position + 1)

    def read(self, *, after: int, limit: int) -> list[Recorded]:
        """Return up to `limit` events with positions above `after`, in order."""
        with store_errors_told(self._place):
            return self._store.read(after=after, limit=limit)

    def read_positions(self, positions: Sequence[int]) -> list[Recorded]:
        """Return the events at these positions in ascending order; positions beyond the head are left out."""
        with store_errors_told(self._place):
            return self._store.read_positions(positions)

    def positions_of(self, keys: Sequence[UUID]) -> dict[UUID, int]:
        """Return the positions of the actions with these keys; unknown keys are left out."""
        with store_errors_told(self._place):
            found = self._store.positions_of([key.bytes for key in keys])
        return {UUID(bytes=key): position for key, position in found.items()}

    def head(self) -> Head:
        """Return the last position and when it was recorded."""
        with store_errors_told(self._place):
            return self._store.head()

    def position_at(self, recorded_at: int) -> int:
        """Return the last position recorded at or before that instant (microseconds); 0 when there is none."""
        with store_errors_told(self._place):
            return self._store.position_at(recorded_at)

    def track(self, tracking: Tracking) -> None:
        """Note how far something has come. Raises StaleTrackingError when that does not rise."""
        with store_errors_told(self._place):
            self._store.write(Batch(tracking=(tracking,)))

    def counted(self, *, since: int, until: int) -> list[CountRow]:
        """Return, by source, what came beside new actions in a time (microseconds, whole quarter hours)."""
        with store_errors_told(self._place):
            return counted(self._store, since=since, until=until)

    def max_tracking_id(self, name: str) -> int | None:
        """Return the last tracking recorded under this name; None (not 0) when there is none."""
        with store_errors_told(self._place):
            return self._store.max_tracking_id(name)

    def unseal(self, position: int) -> bytes | None:
        """Return the received bytes; None when nothing was sealed there or the key was destroyed.

        Raises MissingKeyError when the key file does not belong to this ledger.
        """
        with store_errors_told(self._place):
            part = self._store.sealed_at(position)
        return None if part is None else self._sealer.unseal([part])[0]

    def seals(self) -> bool:
        """Return whether any part of the ledger is sealed, so that its key file is needed."""
        with store_errors_told(self._place):
            return bool(self._store.query("SELECT 1 FROM ledger_sealed LIMIT 1"))

    def counts(self) -> dict[str, Any]:
        """Return {"events": number, "quarantined": {code: number of open entries}}."""
        return {"events": self.head().position, "quarantined": self.quarantine.counts()}

    @property
    def recorder(self) -> ProcessRecorder:
        """The library's view of the same ledger, for event-sourced applications."""
        assert isinstance(self._store, ProcessRecorder)
        return self._store

    def close(self) -> None:
        """Let go of the database and the key file."""
        self._store.close()
        self.keys.close()

    def _look_up(self, sorting: _Sorting) -> None:
        found = self._store.find([key for key in sorting.firsts if key not in sorting.found])
        pairs = [(index, key) for key, (index, _) in sorting.firsts.items() if key in found]
        # Later arrivals with the same key are compared with what is recorded, not with the first arrival.
        pairs += [(index, key) for index, key in sorting.repeats.items() if key in found]
        compared = [(key, sorting.action(index), found[key]) for index, key in pairs]
        same = same_as_found(compared, self._sealer)
        sorting.found.update(found)
        for (index, key), equal in zip(pairs, same, strict=True):
            sorting.settled[index] = _settled(equal, found[key].position)

    def _seal(self, sorting: _Sorting, sealed: dict[int, Sealed]) -> None:
        missing = {
            index: (key, action)
            for index, (key, action) in sorting.to_seal.items()
            if index not in sealed and key not in sorting.found
        }
        if missing:
            sealed.update(self._sealer.seal(missing))


class _Sorting:
    """The arrivals of one batch by what becomes of them; filled up as more is learnt about the ledger."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self.arrivals = arrivals
        self.firsts: dict[bytes, tuple[int, Action]] = {}
        self.repeats: dict[int, bytes] = {}
        self.to_seal: dict[int, tuple[bytes, Action]] = {}
        self.found: dict[bytes, Found] = {}
        self.settled: dict[int, Verdict] = {}
        self._refused: list[int] = []
        self._fresh: list[int] = []
        firsts = self.firsts
        for index, arrival in enumerate(arrivals):
            action = arrival.action
            if action is None:
                self._refused.append(index)
            elif (key := action.key_known or action.key_bytes) in firsts:
                self.repeats[index] = key
            else:
                firsts[key] = index, action
                if action.received is not None:
                    self.to_seal[index] = key, action

    def action(self, index: int) -> Action:
        action = self.arrivals[index].action
        assert action is not None, "only a checked arrival has a key"
        return action

    def batch(
        self, sealed: dict[int, Sealed], tracking: Sequence[Tracking], retried: Sequence[int]
    ) -> tuple[Batch, list[Verdict | None]]:
        """Return what to write, and the verdicts; None stands for "recorded" until positions are known."""
        found = self.found
        fresh = {key: first for key, first in self.firsts.items() if key not in found} if found else self.firsts
        self._fresh = [index for index, _ in fresh.values()]
        events = [(key, 1, ACTION_TOPIC, action.facts) for key, (_, action) in fresh.items()]
        parts = [(at, sealed[index]) for at, index in enumerate(self._fresh) if index in sealed] if sealed else []
        judged = self._judged()
        verdicts: list[Verdict | None] = [None] * len(self.arrivals)
        for index, verdict in judged:
            verdicts[index] = verdict
        if retried:
            return Batch(events, parts, tracking=tracking, **self._retried(retried, verdicts)), verdicts
        entries = entry_rows(
            [
                (self.arrivals[index], verdict.code or "", verdict.remedy or "")
                for index, verdict in judged
                if verdict.kind == "quarantined"
            ]
        )
        duplicates = [self.action(index).source for index, verdict in judged if verdict.kind == "duplicate"]
        counts = count_rows(duplicates=duplicates, refused=entries)
        return Batch(events, parts, entries, counts=counts, tracking=tracking), verdicts

    def _retried(self, retried: Sequence[int], verdicts: Sequence[Verdict | None]) -> dict[str, Any]:
        """What becomes of quarantine entries. Nobody has sent them again, so only what is new is counted."""
        again, done, recorded = [], [], []
        for index, (entry_id, verdict) in enumerate(zip(retried, verdicts, strict=True)):
            if verdict is not None and verdict.kind == "quarantined":
                again.append(RefusedAgain(entry_id, verdict.code or "", storable(verdict.remedy or "")))
                continue
            done.append(entry_id)
            if verdict is None:
                recorded.append(self.action(index).source)
        return {"retried": done, "refused_again": again, "counts": count_rows(retried=recorded)}

    def placed(self, verdicts: list[Verdict | None], first: int) -> list[Verdict]:
        """Return the verdicts with positions, the first new event being at `first`."""
        recorded = map(
            Verdict._make, zip(repeat("recorded"), count(first), repeat(None), repeat(None), strict=False)
        )
        for index, done in zip(self._fresh, recorded, strict=False):
            verdicts[index] = done
        for index, key in self.repeats.items():
            verdict = verdicts[index]
            assert verdict is not None, "a repeat is judged before its first is written"
            if verdict.kind == "duplicate" and verdict.position is None:
                original = verdicts[self.firsts[key][0]]
                verdicts[index] = verdict._replace(position=original.position if original else None)
        return [verdict for verdict in verdicts if verdict is not None]

    def _judged(self) -> list[tuple[int, Verdict]]:
        """The arrivals that are nothing new, in their order, and what becomes of each."""
        judged = dict(self.settled)
        for index in self._refused:
            refusal = self.arrivals[index].refusal
            assert refusal is not None, "an arrival is either an action or refused"
            judged[index] = Verdict("quarantined", None, refusal.code, refusal.remedy)
        for index, key in self.repeats.items():
            if key not in self.found:
                _, first = self.firsts[key]
                judged[index] = _settled(same_in_batch(self.action(index), first), None)
        return sorted(judged.items())


def _settled(same: bool, position: int | None) -> Verdict:
    if same:
        return Verdict("duplicate", position, None, None)
    return Verdict("quarantined", None, CONFLICT, CONFLICT_REMEDY)


def open_ledger(store_url: str, *, keys: Path | str, clock: Callable[[], int], create: bool = True) -> Ledger:
    """Open the ledger at "sqlite:///path" or "postgresql+psycopg://…", making it when `create` says so.

    `keys` is the path of the key file, or the URL of the key database; `clock` gives microseconds since 1970.
    Raises WrongStoreError for what cannot hold a ledger or its keys, NoLedgerError when there is none and `create`
    is false, StoreUnreachableError when the store does not answer. Nothing is left behind where it raises.
    """
    _see_that_keys_lie_apart(keys, store_url)
    opened_keys = open_keys(keys, clock=clock)
    try:
        store, place = _open_store(store_url, clock=clock, create=create)
    except KaojiError:
        opened_keys.close()
        raise
    return Ledger(store, opened_keys, clock=clock, place=place)


def _see_that_keys_lie_apart(keys: Path | str, store_url: str) -> None:
    if isinstance(keys, str) and store_url.startswith("postgresql+psycopg:"):
        from domain.ledger.keys_postgres import is_same_place, same_place

        if is_same_place(keys, store_url):
            raise WrongStoreError(same_place("the place of the store"))


def _open_store(store_url: str, *, clock: Callable[[], int], create: bool) -> tuple[Store, str]:
    # Imported here: PostgreSQL's driver costs a quarter of a second, which a command on a file need not pay.
    scheme = store_url.partition(":")[0]
    if scheme == "sqlite":
        from domain.ledger.opening_sqlite import open_sqlite_store

        return open_sqlite_store(store_url, clock=clock, create=create)
    if scheme == "postgresql+psycopg":
        from domain.ledger.opening_postgres import open_postgres_store

        return open_postgres_store(store_url, clock=clock, create=create)
    raise WrongStoreError(
        f"{scheme!r} names no store that Kaoji knows. Write sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE."
    )
