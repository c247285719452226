"""Keep Python from searching for garbage where many objects are made, and hardly a circle among them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collections() -> Iterator[None]:
    """Many new objects, none in a circle: to search them for garbage takes longer than to make them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def collector_off() -> Iterator[None]:
    """Keep the garbage collector also from walking through everything that is loaded, again and again."""
    gc.freeze()
    try:
        with without_collections():
            yield
    finally:
        gc.unfreeze()
