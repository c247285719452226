"""Some events in position order, and what the actions among them say, read once for all views."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from threading import Thread

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.actions.stored_facts import read_facts
from domain.ledger.records import ACTION_TOPIC, Recorded
from projections.damage import UnreadableEventError
from projections.history.told import Told, read_told

_IN_A_THREAD_MIN = 2_000


class Actions:
    """The actions among some events: their positions, and what they say."""

    def __init__(self, events: Sequence[Recorded]) -> None:
        self._events = [each for each in events if each.topic == ACTION_TOPIC]
        self.positions: NDArray[np.int64] = np.array([each.position for each in self._events], np.int64)
        self._told: Told | None = None
        self._thread: Thread | None = None

    def begin(self) -> None:
        """Read them in a thread while something else is done: it takes little of the interpreter's time."""
        self._thread = Thread(target=self._read)
        self._thread.start()

    def told(self) -> Told:
        """What they say. Raises UnreadableEventError."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._told is None:
            self._read()
        if self._told is None:
            raise self._unreadable()
        return self._told

    def _read(self) -> None:
        # Which one it is shall be told to who asks for them.
        with suppress(msgspec.MsgspecError):
            self._told = read_told([each.facts for each in self._events])

    def _unreadable(self) -> UnreadableEventError:
        for each in self._events:
            try:
                read_facts(each.facts)
            except msgspec.MsgspecError as error:
                return UnreadableEventError(each.position, error)
        raise AssertionError("what cannot be read together cannot be read alone")


class Batch(list[Recorded]):
    """Events in position order. It belongs to one thread."""

    def __init__(self, events: Iterable[Recorded]) -> None:
        super().__init__(events)
        self.actions = Actions(self)
        if len(self) >= _IN_A_THREAD_MIN:
            self.actions.begin()


def actions_of(events: Sequence[Recorded]) -> Actions:
    """The actions among events, read already where these are a batch."""
    return events.actions if isinstance(events, Batch) else Actions(events)
