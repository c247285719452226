"""Say which numbers are missing where a source numbers its actions."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from api.bootstrap import Kaoji
from domain.errors import UnknownNameError
from projections.history.columns import History
from projections.numbering import Numbered

RANGES_DEFAULT: Final = 100


def gaps(kaoji: Kaoji, *, source: str | None = None, limit: int = RANGES_DEFAULT) -> list[dict[str, Any]]:
    """Sources that bear numbers, or one source, each with what is missing and what was jumped over.

    Of either up to `limit` ranges, ascending; how many is None where the numbers are no count.
    Raises UnknownNameError for a source of which nothing is recorded.
    """
    found = kaoji.numbering.upto(kaoji.history())
    if source is not None:
        if source not in found:
            raise UnknownNameError("source", source, found)
        found = {source: found[source]}
    return [_told(name, each, limit) for name, each in found.items() if source is not None or each.numbers]


def missing_by_source(kaoji: Kaoji, history: History) -> dict[str, int]:
    """How many numbers are missing by then, of the sources of which any is."""
    found = kaoji.numbering.upto(history)
    return {name: each.missing for name, each in found.items() if each.counts_on and each.missing}


def _told(name: str, each: Numbered, limit: int) -> dict[str, Any]:
    counts_on = each.counts_on
    return {
        "source": name,
        "actions": each.actions,
        "numbered": each.numbers,
        "repeated": each.repeated,
        # Texts, as they are sent: a number of eighteen digits is more than JavaScript can hold.
        "first": str(each.runs[0, 0]) if len(each.runs) else None,
        "last": str(each.runs[-1, 1]) if len(each.runs) else None,
        "missing": each.missing if counts_on else None,
        "gaps": _ranges(each.gaps()[:limit]) if counts_on else [],
        "jumps": each.jumps if counts_on else None,
        "jumped": _ranges(each.jumped()[:limit]) if counts_on else [],
    }


def _ranges(ends: NDArray[np.int64]) -> list[dict[str, str]]:
    return [{"first": str(first), "last": str(last)} for first, last in ends.tolist()]
