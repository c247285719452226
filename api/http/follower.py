"""Keep the views up with the ledger while the server runs, whoever writes to it."""

from __future__ import annotations

from threading import Event, Thread
from typing import Final

from api.bootstrap import Kaoji
from domain.errors import KaojiError
from domain.log_events import VIEWS_FOLLOWING, VIEWS_NOT_FOLLOWING

POLL_SECONDS: Final = 1.0
STOP_SECONDS_MAX: Final = 1.0


class Follower:
    """A thread that catches up when it is woken, and every second for what other processes record."""

    def __init__(self, kaoji: Kaoji) -> None:
        self._kaoji = kaoji
        self._wanted = Event()
        self._stopping = Event()
        self._thread: Thread | None = None
        self._fault: str | None = None

    def start(self) -> None:
        """Begin to follow. May be called again after `stop`."""
        self._stopping.clear()
        self._thread = Thread(target=self._follow, name="kaoji-follower", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was recorded: do not wait for the next poll."""
        self._wanted.set()

    def stop(self) -> None:
        """Stop after the batch at hand, or leave it behind: a batch that is not committed is as if never begun."""
        self._stopping.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS_MAX)

    def fault(self) -> str | None:
        """Why the views are not being kept up, if they are not."""
        if self._thread is None or not self._thread.is_alive():
            return "Nothing keeps the views up with the ledger any more. Restart the server."
        return self._fault

    def _follow(self) -> None:
        while not self._stopping.is_set():
            self._wanted.clear()
            try:
                self._kaoji.driver.catch_up(progress=self._until_stopped)
                if self._kaoji.standing is not None:
                    self._kaoji.standing.follow(self._kaoji.history(progress=self._until_stopped))
                self._note(None)
            except _StoppedError:
                return
            except KaojiError as error:
                # Shown by /health/ready until it has passed; the next poll tries again.
                self._note(str(error))
            self._wanted.wait(POLL_SECONDS)

    def _note(self, fault: str | None) -> None:
        before, self._fault = self._fault, fault
        if fault is not None and fault != before:
            VIEWS_NOT_FOLLOWING.log(reason=fault)
        elif fault is None and before is not None:
            VIEWS_FOLLOWING.log()

    def _until_stopped(self, _projection: str, _position: int, _aim: int) -> None:
        if self._stopping.is_set():
            raise _StoppedError


class _StoppedError(Exception):
    """Leaves a long catching up between two of its batches."""
