"""Answer audit queries: filters as people write them, actions in ledger order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from api.as_of import day_number
from api.bootstrap import Kaoji
from api.scores.scorecards import directory_now
from domain.actions.actions import parse_instant
from domain.actions.types import ACTION_TYPES
from domain.directory import Directory
from domain.errors import UnknownNameError, WrongInputError
from domain.zones import Zone, load_zone
from projections.audit.index import AuditIndex
from projections.audit.trail import AuditFilter
from projections.driver import Progress, no_progress
from projections.recorded_actions import recorded_actions


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """The filters of `kaoji audit` and `GET /actions`, named alike, as text. All that are given must hold."""

    case: str | None = None
    staff: str | None = None
    unit: str | None = None
    type: str | None = None
    from_: str | None = None
    to: str | None = None
    recorded_from: str | None = None
    recorded_to: str | None = None
    after: int = 0
    limit: int | None = None
    effective: bool = False


def audit(
    kaoji: Kaoji, query: AuditQuery, *, indexed: bool = False, progress: Progress = no_progress
) -> Iterator[dict[str, Any]]:
    """The actions that match, as CloudEvents with `position`, `recorded_at`, `hash`. Raises WrongInputError.

    `indexed` is for those who ask often: the history is indexed for the first question, and the index is kept.
    One question alone is answered sooner by reading the columns through.
    """
    zone = load_zone(kaoji.settings.zone)
    wanted = _filter(kaoji, query, zone)
    history, trail = kaoji.history(progress=progress), kaoji.audit_trail
    index = trail.index(history) if indexed else AuditIndex.without_rows(history)

    def directory() -> Directory:
        return directory_now(kaoji, history, zone)

    found = trail.find(index, wanted, zone=zone, directory=directory, limit=query.limit)
    return recorded_actions(kaoji.ledger, found, effective=index.later if query.effective else None)


def _filter(kaoji: Kaoji, query: AuditQuery, zone: Zone) -> AuditFilter:
    if query.after < 0 or (query.limit is not None and query.limit < 0):
        raise WrongInputError("--after and --limit are numbers from 0 up.")
    if query.type is not None and not any(_is_of_type(each, query.type) for each in ACTION_TYPES):
        raise UnknownNameError("action type", query.type, ACTION_TYPES)
    from_time, to_time = _span(query.from_, query.to, ("from", "to"), zone)
    names = ("recorded-from", "recorded-to")
    recorded_from, recorded_to = _span(query.recorded_from, query.recorded_to, names, zone)
    first = 1 if recorded_from is None else kaoji.ledger.position_at(recorded_from - 1) + 1
    return AuditFilter(
        case=query.case,
        staff=query.staff,
        unit=query.unit,
        type=query.type,
        from_time=from_time,
        to_time=to_time,
        first_position=max(first, query.after + 1),
        last_position=None if recorded_to is None else kaoji.ledger.position_at(recorded_to - 1),
        effective=query.effective,
    )


def _is_of_type(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _span(
    from_text: str | None, to_text: str | None, names: tuple[str, str], zone: Zone
) -> tuple[int | None, int | None]:
    """When it begins, and when it has ended, each if it is given; never the one after the other."""
    begin, end = _instant(from_text, names[0], zone), _instant(to_text, names[1], zone, end=True)
    if begin is not None and end is not None and end <= begin:
        raise WrongInputError(
            f"--{names[1]} ({to_text}) lies before --{names[0]} ({from_text}), so that nothing can match. "
            "Swap the two."
        )
    return begin, end


def _instant(text: str | None, name: str, zone: Zone, *, end: bool = False) -> int | None:
    """A date (its beginning in the zone, or its end) or a time, in microseconds; ends are exclusive."""
    if text is None:
        return None
    if len(text) == 10:
        day = day_number(text, name)
        return zone.end_of_day(day if end else day - 1)
    try:
        return parse_instant(text) + end
    except ValueError:
        raise WrongInputError(
            f"--{name} {text!r} is neither a date nor a time. Write 2011-12-31, or 2011-12-31T18:00:00+08:00."
        ) from None
