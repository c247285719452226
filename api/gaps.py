"""Say which numbers are missing where a source numbers its actions."""

from __future__ import annotations

from typing import Any, Final

from api.bootstrap import Kaoji
from domain.errors import UnknownNameError
from projections.numbering import Numbered

RANGES_DEFAULT: Final = 100


def gaps(kaoji: Kaoji, *, source: str | None = None, limit: int = RANGES_DEFAULT) -> list[dict[str, Any]]:
    """Sources that bear numbers, or one source, each with up to `limit` ranges of missing numbers, ascending.

    Raises UnknownNameError for a source of which nothing is recorded.
    """
    found = kaoji.numbering.upto(kaoji.history())
    if source is not None:
        if source not in found:
            raise UnknownNameError("source", source, found)
        found = {source: found[source]}
    return [_told(name, each, limit) for name, each in found.items() if source is not None or each.numbers]


def missing_by_source(kaoji: Kaoji) -> dict[str, int]:
    """How many numbers are missing, of the sources of which any is."""
    found = kaoji.numbering.upto(kaoji.history())
    return {name: each.missing for name, each in found.items() if each.counts_on and each.missing}


def _told(name: str, each: Numbered, limit: int) -> dict[str, Any]:
    ranges = each.gaps()[:limit].tolist() if each.counts_on else []
    return {
        "source": name,
        "actions": each.actions,
        "numbered": each.numbers,
        "repeated": each.repeated,
        # Texts, as they are sent: a number of eighteen digits is more than JavaScript can hold.
        "first": str(each.runs[0, 0]) if len(each.runs) else None,
        "last": str(each.runs[-1, 1]) if len(each.runs) else None,
        "missing": each.missing if each.counts_on else None,
        "gaps": [{"first": str(first), "last": str(last)} for first, last in ranges],
    }
