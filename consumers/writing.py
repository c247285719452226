"""Write one batch at a time, on a thread of its own: whoever fetches and checks is never stuck in a store."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, TimeoutError
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import Final, Generic, TypeVar

from consumers.stopping import Stop

STOP_SECONDS_MAX: Final = 2.0
"""How long a batch that is being written may still take once everything is to end."""
SILENT_SECONDS: Final = 5.0
"""A batch that takes longer is told of: a store that writes takes a second or so at most."""
_LOOK_SECONDS: Final = 0.1
_SWITCH_SECONDS: Final = 0.0005

Batch = TypeVar("Batch")
Answer = TypeVar("Answer")


class AbandonedBatchError(Exception):
    """A batch was still being written when everything had to end; whether it was written, the store knows."""


class BatchWriter(Generic[Batch]):
    """Hands batches to `write`, one after the other: the next one only when the last has been `settled`.

    So nothing is ever written behind a batch that failed. All methods belong to one thread.

    `silent` is told for how many seconds a batch has been waited for, each time twice as long.
    """

    def __init__(
        self, write: Callable[[Batch], None], *, stop: Stop, silent: Callable[[float], None] = lambda _: None
    ) -> None:
        self._write, self._stop, self._silent = write, stop, silent
        self._work: SimpleQueue[tuple[Future[Batch], Batch] | None] = SimpleQueue()
        self._at_work: Future[Batch] | None = None
        self._abandoned = False
        # A daemon: a store that never answers must not keep the process from ending.
        self._thread = Thread(target=self._run, name="batch-writer", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a batch was begun and not settled yet."""
        return self._at_work is not None

    def begin(self, batch: Batch) -> None:
        """Have a batch written. The one before must have been settled."""
        assert self._at_work is None, "one batch at a time"
        self._at_work = Future()
        self._work.put((self._at_work, batch))

    def settle(self) -> Batch | None:
        """Wait until the batch that was begun is written, and return it; None where there is none.

        Raises what `write` raised, or AbandonedBatchError where it takes longer than a stop can wait.
        """
        if self._at_work is None:
            return None
        found, self._at_work = self._at_work, None
        try:
            return _awaited(found, stop=self._stop, silent=self._silent)
        except AbandonedBatchError:
            self._abandoned = True
            raise

    def close(self) -> None:
        """End the thread; what it does is waited for, unless it was abandoned."""
        self._work.put(None)
        if not self._abandoned:
            self._thread.join(self._stop.left(STOP_SECONDS_MAX))

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            future, batch = work
            try:
                self._write(batch)
            except BaseException as error:  # noqa: BLE001  # raised where the batch is settled
                future.set_exception(error)
            else:
                future.set_result(batch)
            del work, future, batch


def answered(question: Callable[[str], Answer], *, stop: Stop) -> Callable[[str], Answer]:
    """The same question to a store, which may hang: told to stop, nobody waits long for its answer.

    Raises what `question` raises, or AbandonedBatchError.
    """

    def ask(about: str) -> Answer:
        answer: Future[Answer] = Future()

        def put() -> None:
            try:
                answer.set_result(question(about))
            except BaseException as error:  # noqa: BLE001  # raised where the answer is waited for
                answer.set_exception(error)

        Thread(target=put, name="asker", daemon=True).start()
        return _awaited(answer, stop=stop)

    return ask


def _awaited(found: Future[Answer], *, stop: Stop, silent: Callable[[float], None] = lambda _: None) -> Answer:
    """The result, or what was raised. Raises AbandonedBatchError where it takes longer than a stop can wait."""
    deadline = None
    begun, seconds = time.monotonic(), SILENT_SECONDS
    while True:
        try:
            return found.result(timeout=_LOOK_SECONDS)
        except TimeoutError:
            if found.done():  # That one came out of the store.
                raise
        if time.monotonic() - begun >= seconds:
            silent(seconds)
            seconds *= 2
        if stop.is_set():
            deadline = deadline or time.monotonic() + stop.left(STOP_SECONDS_MAX)
            if time.monotonic() >= deadline:
                raise AbandonedBatchError("it did not answer in the time that there is for ending.")


@contextmanager
def quick_switching() -> Iterator[None]:
    """Let a thread that was waiting for the store go on soon: Python's threads take turns of 5 ms otherwise."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
