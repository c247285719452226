"""Work with what was refused: show it, check it again, give it up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.bootstrap import Kaoji
from consumers.mapping import load_mapping
from consumers.retry import arrival_again
from consumers.senders import read_senders
from domain.errors import UnknownNameError, WrongInputError
from domain.ledger.quarantine import Entry
from domain.refusals import QUARANTINE_CODES
from projections.recorded_actions import instant_text


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
        "state": entry.state,
        "sha256": entry.sha256.hex(),
    }
    if raw:
        shown["raw"] = None if entry.raw is None else entry.raw.decode("utf-8", "backslashreplace")
    return shown


def listed(
    kaoji: Kaoji, *, code: str | None = None, source: str | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Open entries by number. Raises UnknownNameError for a code that is none."""
    _check_code(code)
    return [entry_json(each) for each in kaoji.ledger.quarantine.list(code=code, source=source, limit=limit)]


def chosen(
    kaoji: Kaoji, entries: Sequence[int], *, code: str | None = None, source: str | None = None
) -> list[Entry]:
    """Open entries by number or by filter. Raises WrongInputError when neither is given, or both."""
    if bool(entries) == (code is not None or source is not None):
        raise WrongInputError("Name entries by number, or choose them with --code or --source.")
    if entries:
        return [kaoji.ledger.quarantine.get(each) for each in entries]
    _check_code(code)
    return kaoji.ledger.quarantine.list(code=code, source=source)


def retry(
    kaoji: Kaoji, entries: Sequence[int], *, code: str | None = None, source: str | None = None
) -> list[dict[str, Any]]:
    """Check entries again in the order in which they came; each is recorded, a duplicate, or still refused."""
    picked = chosen(kaoji, entries, code=code, source=source)
    gone = [each.entry_id for each in picked if each.raw is None or each.state != "open"]
    if gone:
        raise WrongInputError(f"Entries {', '.join(map(str, gone))} are not open any more: leave them out.")
    now = kaoji.clock()
    arrivals = [
        arrival_again(each.raw or b"", place=each.place, now=now, mapping_named=load_mapping) for each in picked
    ]
    if kaoji.settings.senders is not None:
        # Who sent it is told by its place; trying again is no way around the binding.
        senders = read_senders(kaoji.settings.senders)
        arrivals = [senders.again(each.place).bound(each) for each in arrivals]
    verdicts = kaoji.ledger.append(arrivals, retried=[each.entry_id for each in picked]) if picked else []
    kaoji.driver.catch_up()
    return [
        {
            "entry": each.entry_id,
            "verdict": verdict.kind,
            "position": verdict.position,
            "code": verdict.code,
            "remedy": verdict.remedy,
        }
        for each, verdict in zip(picked, verdicts, strict=True)
    ]


def _check_code(code: str | None) -> None:
    if code is not None and code not in QUARANTINE_CODES:
        raise UnknownNameError("quarantine code", code, QUARANTINE_CODES, see="kaoji quarantine list")
