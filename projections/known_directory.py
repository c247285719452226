"""Keep the directory between questions, for as long as nothing is recorded that could change it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final

import numpy as np

from domain.actions.types import ACTION_TYPES
from domain.directory import Directory
from domain.zones import Zone
from projections.history.columns import History
from projections.history.links import LinkKind

_ABOUT_DIRECTORY: Final = np.zeros(256, np.bool_)
_ABOUT_DIRECTORY[[kind.code for kind in ACTION_TYPES.values() if kind.family in ("staff", "unit")]] = True
_ABOUT_FACTS: Final = np.zeros(256, np.bool_)
_ABOUT_FACTS[[kind.code for kind in ACTION_TYPES.values() if kind.family == "record"]] = True


class KnownDirectory:
    """The directory of the history last asked about. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: tuple[History, Zone, int | None, Directory] | None = None

    def at(
        self, history: History, zone: Zone, fold: Callable[[], Directory], *, build: int | None = None
    ) -> Directory:
        """What `fold` makes of this history, which is called only if that may differ from what is known.

        `build`: the one of the view from which it is folded.
        """
        with self._lock:
            known = self._known
            if known is not None and zone is known[1] and build == known[2] and _unchanged(known[0], history):
                directory = known[3]
            else:
                directory = fold()
            if known is None or known[3] is not directory or known[0].position < history.position:
                self._known = history, zone, build, directory
            return directory


def _unchanged(known: History, history: History) -> bool:
    """Whether nothing came since that is about units or staff, corrects or voids such, or voids a correction."""
    if known.build != history.build or history.position < known.position:
        return False
    kinds = history.rows["type"]
    if _ABOUT_DIRECTORY[kinds[known.position :]].any():
        return False
    fresh = slice(known.links["target"].size, None)
    links = {name: column[fresh] for name, column in history.links.items()}
    meant = kinds[links["target"] - 1]
    changing = np.isin(links["kind"], [LinkKind.VOIDED, LinkKind.CORRECTED])
    return not (changing & (_ABOUT_DIRECTORY[meant] | _ABOUT_FACTS[meant])).any()
