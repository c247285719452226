"""A rehearsal: what a whole ingest would do, batch after batch, without a trace in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from domain.ledger.ledger import Ledger, open_ledger
from domain.ledger.records import Arrival, Verdict


class Rehearsal:
    """Answers as `Ledger.append` would if everything before had been appended too.

    `Ledger.classify` looks at one batch alone; here a repeat of something in an earlier batch is a duplicate as
    well. What would be new is kept in a scratch ledger that goes with the `with` block. Without a ledger (none
    has been made yet) everything is new.
    """

    def __init__(self, ledger: Ledger | None, *, clock: Callable[[], int]) -> None:
        self._ledger = ledger
        self._folder = TemporaryDirectory(prefix="kaoji-rehearsal-")
        folder = Path(self._folder.name)
        self._scratch = open_ledger(f"sqlite:///{folder / 'scratch.db'}", keys=folder / "keys.db", clock=clock)
        self._head = 0 if ledger is None else ledger.head().position

    def append(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        """Return the verdict on each arrival; positions are those that the ledger would give."""
        recorded = self._recorded(arrivals)
        known = [arrival for arrival, is_known in zip(arrivals, recorded, strict=True) if is_known]
        fresh = [arrival for arrival, is_known in zip(arrivals, recorded, strict=True) if not is_known]
        of_known = iter(self._ledger.classify(known) if self._ledger is not None else ())
        of_fresh = iter(self._scratch.append(fresh))
        return [next(of_known) if is_known else self._moved(next(of_fresh)) for is_known in recorded]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Throw the scratch ledger away."""
        self._scratch.close()
        self._folder.cleanup()

    def _recorded(self, arrivals: Sequence[Arrival]) -> list[bool]:
        if self._ledger is None:
            return [False] * len(arrivals)
        keys = [None if arrival.action is None else arrival.action.key for arrival in arrivals]
        positions = self._ledger.positions_of([key for key in keys if key is not None])
        return [key in positions for key in keys]

    def _moved(self, verdict: Verdict) -> Verdict:
        if verdict.position is None:
            return verdict
        return verdict._replace(position=self._head + verdict.position)
