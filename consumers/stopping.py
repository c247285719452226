"""Be told to stop, and share what time there is for that between all that has to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import Final

SECONDS_MAX: Final = 4.0
"""From the word to the end of all that may hang; a process needs a moment more to be gone in five seconds."""
_LOOK_SECONDS: Final = 0.1


class Stop:
    """Whether everything is to end, and how long one may still wait for something once it is.

    `set` may be called by a signal handler: it takes no lock, which the thread it interrupts could hold.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since: float | None = None

    def set(self) -> None:
        """Everything is to end. The time runs from the first call on."""
        if self._since is None:
            self._since = self._monotonic()

    def is_set(self) -> bool:
        """Whether everything is to end."""
        return self._since is not None

    def left(self, seconds_max: float) -> float:
        """How many seconds may be waited for something: `seconds_max`, but no longer than all have together."""
        if self._since is None:
            return seconds_max
        return max(0.0, min(seconds_max, self._since + SECONDS_MAX - self._monotonic()))

    def wait(self, seconds_max: float) -> None:
        """Sleep for so long, or until everything is to end."""
        until = self._monotonic() + seconds_max
        while not self.is_set() and (left := until - self._monotonic()) > 0:
            time.sleep(min(_LOOK_SECONDS, left))

    def outlast(self, work: Callable[[], None], *, seconds_max: float) -> None:
        """Do something that may hang: once everything is to end, it is left behind after `seconds_max`."""
        failed: list[BaseException] = []

        def do() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  # raised where it is waited for
                failed.append(error)

        # A daemon: what hangs must not keep the process from ending.
        thread = Thread(target=do, name="closer", daemon=True)
        thread.start()
        while thread.is_alive() and not self.is_set():
            thread.join(_LOOK_SECONDS)
        thread.join(self.left(seconds_max))
        if failed:
            raise failed[0]
