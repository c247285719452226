"""Keep the views up with the ledger on a thread of its own, whoever writes to it: recording waits for no view."""

from __future__ import annotations

from threading import Event, Thread
from typing import Final

from api.bootstrap import Kaoji
from consumers.stopping import Stop
from domain.errors import KaojiError
from domain.log_events import VIEWS_FOLLOWING, VIEWS_NOT_FOLLOWING

POLL_SECONDS: Final = 1.0
STOP_SECONDS_MAX: Final = 1.0
_LOOK_SECONDS: Final = 0.1
_LAST_SECONDS_MAX: Final = 0.5


class Follower:
    """A thread that catches up when it is woken, and every second for what other processes record."""

    def __init__(self, kaoji: Kaoji) -> None:
        self._kaoji = kaoji
        self._wanted = Event()
        self._finishing = Event()
        self._stopping = Event()
        self._thread: Thread | None = None
        self._fault: str | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin to follow. May be called again after `stop`."""
        self._stopping.clear()
        self._finishing.clear()
        self._error = None
        self._thread = Thread(target=self._run, name="kaoji-follower", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was recorded: do not wait for the next poll."""
        self._wanted.set()

    def finish(self, *, stop: Stop) -> None:
        """Have the views up with all that is recorded by now, and end. Raises what keeps them from that.

        Once `stop` is set they go only as far as a moment allows, and what keeps them from more is only told:
        whoever comes next carries them on, or meets it.
        """
        thread = self._thread
        assert thread is not None, "it was started"
        self._finishing.set()
        self._wanted.set()
        while thread.is_alive() and not stop.is_set():
            thread.join(_LOOK_SECONDS)
        thread.join(stop.left(_LAST_SECONDS_MAX))
        self.stop(seconds_max=stop.left(_LAST_SECONDS_MAX))
        if isinstance(self._error, KaojiError) and stop.is_set():
            self._note(str(self._error))
        elif self._error is not None:
            raise self._error

    def stop(self, *, seconds_max: float = STOP_SECONDS_MAX) -> None:
        """Stop after the batch at hand, or leave it behind: a batch that is not committed is as if never begun."""
        self._stopping.set()
        self._wanted.set()
        # One that hangs is waited for once.
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(seconds_max)

    def fault(self) -> str | None:
        """Why the views are not being kept up, if they are not."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            return "Nothing keeps the views up with the ledger any more. Restart this process."
        return self._fault

    def _run(self) -> None:
        try:
            self._follow()
        except _StoppedError:
            pass
        except BaseException as error:
            # A fault of ours: told at once by Python, and where the end of it all is waited for.
            self._error = error
            raise

    def _follow(self) -> None:
        while not self._stopping.is_set():
            self._wanted.clear()
            # Asked first: what is recorded before the end is announced is in the round that follows.
            last = self._finishing.is_set()
            try:
                reached = self._kaoji.driver.catch_up(progress=self._until_stopped)
                if self._kaoji.standing is not None:
                    history = self._kaoji.history(upto=reached, progress=self._until_stopped)
                    self._kaoji.standing.follow(history)
                self._note(None)
            except KaojiError as error:
                if last:
                    self._error = error
                    return
                if self._stopping.is_set():
                    # Left behind, it meets a store that has been closed meanwhile.
                    return
                # Shown by /health/ready until it has passed; the next poll tries again.
                self._note(str(error))
            if last:
                return
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


class _StoppedError(BaseException):
    """Leaves a long catching up between two of its batches, as Ctrl-C does: a rebuild is gone on with later."""
