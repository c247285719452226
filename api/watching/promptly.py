"""Ask the store for no longer than the answer is of use: what hangs there is told, not waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Final, Generic, TypeVar

from domain.errors import UnreachableError

ANSWER_SECONDS_MAX: Final = 5.0
"""Prometheus gives up on a scrape after ten."""

Answer = TypeVar("Answer")


class Promptly(Generic[Answer]):
    """A question to the store that is answered in time, or not at all. Thread-safe.

    A table that somebody has locked, or a server that is frozen, would hold up the very answers that are to tell
    of it. While one question hangs no other is put: who asks meanwhile waits for the same answer.
    """

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._lock = Lock()
        self._asked: Future[Answer] | None = None
        self._asked_at = 0.0

    def __call__(self) -> Answer:
        """The answer, or what the question raised. Raises UnreachableError when there is none in time."""
        with self._lock:
            asked = self._asked
            if asked is None or asked.done():
                asked = self._asked = Future()
                self._asked_at = time.monotonic()
                # One that hangs must not keep the process from ending.
                Thread(target=self._answer, args=(asked,), name="kaoji-look", daemon=True).start()
            left = self._asked_at + ANSWER_SECONDS_MAX - time.monotonic()
        try:
            return asked.result(max(0.0, left))
        except TimeoutError as error:
            raise UnreachableError(
                f"The store has given no answer for {ANSWER_SECONDS_MAX:.0f} s. See what it waits for: a lock, "
                "the disk, a server that is frozen."
            ) from error

    def _answer(self, asked: Future[Answer]) -> None:
        try:
            asked.set_result(self._ask())
        except BaseException as error:  # noqa: BLE001  # handed over to who asked, whatever it is
            asked.set_exception(error)
