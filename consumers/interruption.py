"""Let an interruption wait until the batch at hand is in the ledger, and never fall into the middle of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While entered, SIGINT and SIGTERM both raise KeyboardInterrupt, but inside `shield` only at its end.

    Signals reach the main thread only; in any other nothing is changed. The handlers from before come back on
    leaving.
    """

    def __init__(self) -> None:
        self._shielded = False
        self._pending = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @contextmanager
    def shield(self) -> Iterator[None]:
        """What is inside is finished, or fails of its own; a signal that came meanwhile is raised afterwards."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False
        if self._pending:
            self._pending = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._shielded:
            self._pending = True
        else:
            raise KeyboardInterrupt
