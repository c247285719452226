"""Know which actions are corrected or voided, in 16 bytes a link, and work with those that a batch is about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.sorted_runs import SortedRuns


class LinkKind(IntEnum):
    """What a reference does to the action it means."""

    VOIDED = 1
    CORRECTED = 2
    CLEARED = 3
    OVERTURNED = 4
    ABOUT = 5


class Link(NamedTuple):
    """An action means another one, and both have come: `known_at` is the position of the later one."""

    position: int
    kind: LinkKind
    target: int
    known_at: int


class KnownLinks:
    """The links that later ones depend on: which actions are corrected, by which, and which are voided."""

    def __init__(self) -> None:
        self._corrections = SortedRuns(np.int64)  # target -> position
        self._corrected = SortedRuns(np.int64)  # position -> target
        self._voids = SortedRuns(np.int64)  # target -> position

    def add(self, links: Mapping[str, NDArray[Any]]) -> None:
        """Keep links, given as columns."""
        position, target = (links[name].astype(np.int64) for name in ("position", "target"))
        corrects, voids = (links["kind"] == kind for kind in (LinkKind.CORRECTED, LinkKind.VOIDED))
        self._corrections.add(_keys(target[corrects]), position[corrects])
        self._corrected.add(_keys(position[corrects]), target[corrects])
        self._voids.add(_keys(target[voids]), position[voids])

    def near(self, positions: Iterable[int]) -> NearLinks:
        """What is known of these actions, of what they correct, and of all other corrections of that."""
        near, about = NearLinks(), _keys(sorted(set(positions)))
        if not about.size:
            return near
        _, targets = self._corrected.find(about)
        about = np.union1d(about, _keys(targets))
        for target, position in _found(self._corrections, about):
            near.remember(Link(position, LinkKind.CORRECTED, target, max(position, target)))
        _, corrections = self._corrections.find(about)
        about = np.union1d(about, _keys(corrections))
        for target, position in _found(self._voids, about):
            near.remember(Link(position, LinkKind.VOIDED, target, max(position, target)))
        return near


class NearLinks:
    """Some of the links, to which those of a batch are added one after the other."""

    def __init__(self) -> None:
        self._corrections: dict[int, list[tuple[int, int]]] = defaultdict(list)  # target -> (position, known_at)
        self._corrected: dict[int, int] = {}  # position of a correction -> target
        self._voided: dict[int, int] = {}  # target -> known_at

    def remember(self, link: Link) -> None:
        """Take in a link."""
        if link.kind == LinkKind.VOIDED:
            self._voided[link.target] = min(link.known_at, self._voided.get(link.target, link.known_at))
        elif link.kind == LinkKind.CORRECTED:
            self._corrections[link.target].append((link.position, link.known_at))
            self._corrected[link.position] = link.target

    def amended_by(self, link: Link) -> set[int]:
        """Actions whose effective row changes with a link: the corrected one, or that of a voided correction."""
        if link.kind == LinkKind.CORRECTED:
            return {link.target}
        if link.kind == LinkKind.VOIDED and link.target in self._corrected:
            return {self._corrected[link.target]}
        # A void of a correction that still waits shows when the correction's own target comes.
        return set()

    def corrections_of(self, target: int, known_at: int) -> tuple[int, ...]:
        """Corrections of an action that are in force at a position."""
        return tuple(
            position
            for position, since in self._corrections[target]
            if since <= known_at and self._voided.get(position, known_at + 1) > known_at
        )


def _keys(positions: NDArray[np.int64] | list[int]) -> NDArray[np.uint64]:
    return np.asarray(positions, np.uint64)


def _found(runs: SortedRuns, keys: NDArray[np.uint64]) -> list[tuple[int, int]]:
    """(key, what is kept under it)."""
    asked, found = runs.find(keys)
    return list(zip(keys[asked].tolist(), found.tolist(), strict=True))
