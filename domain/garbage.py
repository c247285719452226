"""Keep Python from searching for garbage where many objects are made, and hardly a circle among them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class _Switch:
    """The collector is one for all threads: the first who wants it off turns it off, the last one on again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._wanted_off = 0
        self._was_on = False

    def off(self) -> None:
        with self._lock:
            if self._wanted_off == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._wanted_off += 1

    def back(self) -> None:
        with self._lock:
            self._wanted_off -= 1
            if self._wanted_off == 0 and self._was_on:
                gc.enable()


_SWITCH = _Switch()


@contextmanager
def without_collections() -> Iterator[None]:
    """Many new objects, none in a circle: to search them for garbage takes longer than to make them."""
    _SWITCH.off()
    try:
        yield
    finally:
        _SWITCH.back()


@contextmanager
def collector_off() -> Iterator[None]:
    """Keep the garbage collector also from walking through everything that is loaded, again and again."""
    gc.freeze()
    try:
        with without_collections():
            yield
    finally:
        gc.unfreeze()
