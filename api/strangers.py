"""Say which names of an audit occur nowhere: it is a valid question, whose answer is empty for a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from api.audit import AuditQuery
from api.bootstrap import Kaoji
from api.scores.scorecards import directory_of
from domain.zones import load_zone
from projections.audit.trail import subjects_of_case
from projections.history.columns import History
from projections.history.rows import subject_word

COMPARED_MAX: Final = 20_000
"""Cases go into the millions: among more names than this only one that is written a little otherwise is found."""


def strangers(kaoji: Kaoji, query: AuditQuery) -> Iterator[str]:
    """A sentence for each case, person and unit asked for that nobody knows, with the name that may be meant."""
    history = kaoji.history()
    if query.case is not None and not subjects_of_case(query.case, history):
        words = history.words_of("subject")
        cases = [word.partition(":")[2] for word in words if not word.startswith(("staff:", "unit:"))]
        yield f"No action is about a case {query.case!r}.{_meant(query.case, cases)}"
    if query.staff is not None and not _occurs(history, "staff", query.staff):
        yield f"No action names a person {query.staff!r}.{_meant(query.staff, history.words_of('staff'))}"
    if query.unit is not None and not _occurs(history, "unit", query.unit):
        units = history.words_of("unit")
        directory = directory_of(kaoji, history, load_zone(kaoji.settings.zone))
        known = {
            *units,
            *(above for day in directory.epochs() for unit in units if (above := directory.parent(unit, day))),
        }
        if query.unit not in known:
            yield f"No action names a unit {query.unit!r}.{_meant(query.unit, sorted(known))}"


def _occurs(history: History, kind: str, name: str) -> bool:
    return history.words[kind].find(name) >= 0 or history.words["subject"].find(subject_word(kind, name)) >= 0


def _meant(name: str, known: Sequence[str]) -> str:
    plain = _plainly(name)
    found = [each for each in known if _plainly(each) == plain][:1]
    if not found and len(known) <= COMPARED_MAX:
        found = get_close_matches(name, known, n=1, cutoff=0.7)
    return f" Did you mean {found[0]!r}?" if found else ""


def _plainly(name: str) -> str:
    """Without what is easily mistaken: case, spaces, hyphens, dots, slashes."""
    return name.casefold().translate(_DROPPED)


_DROPPED: Final = str.maketrans("", "", " -_./")
