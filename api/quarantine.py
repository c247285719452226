"""Work with what was refused: show it, check it again, give it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast, get_args

from api.as_of import moment
from api.bootstrap import Kaoji
from consumers.mapping import Mapping, load_mapping
from consumers.retry import Retrial
from consumers.senders import Senders, read_senders
from domain.actions.refusals import QUARANTINE_CODES, RefusedError
from domain.errors import UnknownNameError, WrongInputError
from domain.ledger.quarantine import ANY, Entry, EntryFilter, Quarantine, State
from domain.ledger.records import Arrival
from domain.zones import load_zone
from projections.recorded_actions import instant_text

STATES = (*get_args(State), "all")


@dataclass(frozen=True, slots=True)
class QuarantineQuery:
    """The filters of `kaoji quarantine` and `/quarantine`, named alike, as text. All that are given must hold."""

    code: str | None = None
    source: str | None = None
    case: str | None = None
    place: str | None = None
    from_: str | None = None
    to: str | None = None

    def __bool__(self) -> bool:
        return self != QuarantineQuery()

    def filter(self, kaoji: Kaoji, *, state: str = "open") -> EntryFilter:
        """The same for the ledger. Raises UnknownNameError, and WrongInputError for what is no time."""
        if self.code is not None and self.code not in QUARANTINE_CODES:
            raise UnknownNameError("quarantine code", self.code, QUARANTINE_CODES, see="kaoji quarantine list")
        if state not in STATES:
            raise UnknownNameError("state", state, STATES)
        zone = load_zone(kaoji.settings.zone)
        until = moment(self.to, "to", zone, end=True)
        return EntryFilter(
            code=self.code,
            source=self.source,
            case=self.case,
            place=self.place,
            since=moment(self.from_, "from", zone),
            until=None if until is None else until - 1,
            state=None if state == "all" else cast(State, state),
        )


def entry_json(entry: Entry, *, raw: bool = False) -> dict[str, Any]:
    """An entry as commands and routes show it; with `raw` the received bytes, as text where they are text."""
    shown: dict[str, Any] = {
        "entry": entry.entry_id,
        "place": entry.place,
        "code": entry.code,
        "remedy": entry.remedy,
        "source": entry.source,
        "id": entry.action_id,
        "type": entry.type,
        "subject": entry.subject,
        "times_seen": entry.times_seen,
        "refused_at": instant_text(entry.refused_at),
        "seen_at": instant_text(entry.seen_at),
        "state": entry.state,
        "resolved_at": None if entry.resolved_at is None else instant_text(entry.resolved_at),
        "reason": entry.reason,
        "bytes": entry.size_bytes,
        "sha256": entry.sha256.hex(),
    }
    if raw:
        shown["raw"] = None if entry.raw is None else entry.raw.decode("utf-8", "backslashreplace")
    return shown


def listed(
    kaoji: Kaoji, query: QuarantineQuery, *, state: str = "open", after: int = 0, limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Entries by number, read as they are asked for. Raises WrongInputError for a filter that is none."""
    wanted = query.filter(kaoji, state=state)
    return map(entry_json, kaoji.ledger.quarantine.each(wanted, after=after, limit=limit))


def summary(kaoji: Kaoji) -> list[dict[str, Any]]:
    """Open entries by code and source, with what mends records of that code."""
    return [
        {
            "code": group.code,
            "source": group.source,
            "entries": group.entries,
            "first_refused_at": instant_text(group.refused_at),
            "last_seen_at": instant_text(group.seen_at),
            "remedy": QUARANTINE_CODES.get(group.code, ""),
        }
        for group in kaoji.ledger.quarantine.groups()
    ]


def retry(
    kaoji: Kaoji,
    entries: Sequence[int],
    query: QuarantineQuery = QuarantineQuery(),
    *,
    mapping: str | None = None,
    after: int = 0,
    limit: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Check open entries again, by number or by filter, in the order in which they came: some hundred at once.

    Each is recorded, a duplicate, or still refused, which does not hold up those behind it. With `mapping`
    records of logs and tables go through that mapping; a filter that names no source then means that of the
    mapping. The views catch up at the end. Raises WrongInputError before anything is tried, and EntryMovedError
    where somebody else deals with the same entries.
    """
    loaded = None if mapping is None else load_mapping(mapping)
    if loaded is not None and query and query.source is None:
        # A mapping states the source of what it makes: another system's records would become this one's for good.
        query = replace(query, source=loaded.rules.source)
    chunks = _chosen(kaoji, entries, query, after=after, limit=limit)
    senders = None if kaoji.settings.senders is None else read_senders(kaoji.settings.senders)
    return _retried(kaoji, chunks, lambda name: loaded or load_mapping(name), senders)


def _retried(
    kaoji: Kaoji,
    chunks: Iterator[Sequence[Entry]],
    mapping_named: Callable[[str], Mapping],
    senders: Senders | None,
) -> Iterator[dict[str, Any]]:
    trial = Retrial(mapping_named)
    try:
        for chunk in chunks:
            now = kaoji.clock()
            arrivals = [_again(trial, each, now) for each in chunk]
            if senders is not None:
                # Who sent it is told by its place; trying again is no way around the binding.
                arrivals = [senders.again(each.place).bound(each) for each in arrivals]
            verdicts = kaoji.ledger.append(arrivals, retried=[each.entry_id for each in chunk])
            for each, verdict in zip(chunk, verdicts, strict=True):
                yield {
                    "entry": each.entry_id,
                    "verdict": verdict.kind,
                    "position": verdict.position,
                    "code": verdict.code,
                    "remedy": verdict.remedy,
                }
    finally:
        kaoji.driver.catch_up()


def _again(trial: Retrial, entry: Entry, now: int) -> Arrival:
    before = RefusedError(entry.code, entry.remedy)
    return trial.arrival(entry.raw or b"", form=entry.form, place=entry.place, now=now, before=before)


def drop(
    kaoji: Kaoji,
    entries: Sequence[int],
    query: QuarantineQuery = QuarantineQuery(),
    *,
    reason: str | None = None,
    after: int = 0,
    limit: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Give open entries up, by number or by filter. Raises WrongInputError before anything is dropped."""
    quarantine = kaoji.ledger.quarantine
    _check_one_way(entries, query)
    if entries:
        numbers = iter(_open_numbers(quarantine, entries))
    else:
        found = quarantine.each(query.filter(kaoji), after=after, limit=limit)
        numbers = (each.entry_id for each in found)
    return (entry_json(quarantine.drop(each, reason=reason)) for each in numbers)


def _chosen(
    kaoji: Kaoji, entries: Sequence[int], query: QuarantineQuery, *, after: int, limit: int | None
) -> Iterator[Sequence[Entry]]:
    """Open entries with their bytes, in chunks."""
    _check_one_way(entries, query)
    quarantine = kaoji.ledger.quarantine
    if not entries:
        return quarantine.chunks(query.filter(kaoji), after=after, limit=limit)
    numbers = _open_numbers(quarantine, entries)
    return (chunk for each in numbers for chunk in quarantine.chunks(ANY, after=each - 1, upto=each))


def _open_numbers(quarantine: Quarantine, entries: Sequence[int]) -> Sequence[int]:
    """These entries, each once, by number. Raises WrongInputError where one is not there, or not open any more."""
    numbers = sorted(set(entries))
    gone = [each for each in numbers if quarantine.get(each).state != "open"]
    if len(gone) == 1:
        raise WrongInputError(
            f"Entry {gone[0]} is not open any more: leave out what was retried or dropped already."
        )
    if gone:
        named = ", ".join(map(str, gone))
        raise WrongInputError(
            f"Entries {named} are not open any more: leave out what was retried or dropped already."
        )
    return numbers


def _check_one_way(entries: Sequence[int], query: QuarantineQuery) -> None:
    if bool(entries) == bool(query):
        raise WrongInputError(
            "Name entries by number, or choose them with --code, --source, --case, --place, --from or --to."
        )
