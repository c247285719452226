"""Know the codes of words without the words, of which there are millions: these stand in the store."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.measuring.cases import NOBODY
from domain.sorted_runs import SortedRuns
from projections.history.told import Column, texts_at

_KNOWN: Final = np.dtype([("rest", "<u8"), ("code", "<i4")])
"""What stands for a word under the first half of its hash: the other half, and its code."""


class WordCodes:
    """The codes of one vocabulary, in 20 bytes a word. Words that share 128 bits of their SHA-256 are one."""

    def __init__(self) -> None:
        self._many = 0
        self._known = SortedRuns(_KNOWN)

    def __len__(self) -> int:
        return self._many

    def find_all(self, words: Column) -> NDArray[np.int32]:
        """Code of each word; NOBODY for those that are unknown."""
        codes = np.full(len(words), NOBODY, np.int32)
        hashes = _hashes(words)
        asked, known = self._known.find(hashes[:, 0])
        same = known["rest"] == hashes[asked, 1]
        codes[asked[same]] = known["code"][same]
        return codes

    def learn(self, words: Column) -> None:
        """Give the next codes to words that are unknown, none of which stands twice."""
        hashes = _hashes(words)
        known = np.empty(len(words), _KNOWN)
        known["rest"] = hashes[:, 1]
        known["code"] = np.arange(self._many, self._many + len(words))
        self._known.add(hashes[:, 0], known)
        self._many += len(words)


def _hashes(words: Column) -> NDArray[np.uint64]:
    text, begins = texts_at(words)
    held = text.tobytes()
    digests = b"".join([sha256(held[begin:end]).digest() for begin, end in pairwise(begins.tolist())])
    return np.frombuffer(digests, "<u8").reshape(-1, 4)[:, :2]
