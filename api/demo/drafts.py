"""Drafts of actions, and the post that numbers them, delays them and writes them out as lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from api.demo.dice import Dice
from api.demo.office_days import DAY
from domain.rules.calendars import to_date

LICENSING, ENFORCEMENT, COMPLAINTS, PLAN, QUALITY, PERSONNEL = range(6)
SOURCES: Final = ("/licensing", "/enforcement", "/complaints", "/plan", "/quality", "/personnel")
_PREFIXES: Final = "LECPQH"
_LATE_SHARE: Final = 0.012
# The office's clock is eight hours ahead of Greenwich.
_AHEAD: Final = 8 * 3600

Data = dict[str, Any]
encode: Final[Callable[[Any], bytes]] = msgspec.json.Encoder().encode


class Draft:
    """One action before it is sent; moments are seconds since 1970-01-01 00:00 of the office's own clock."""

    __slots__ = ("arrived", "at", "data", "entered", "of", "place", "sequence", "subject", "type", "wire_id")

    def __init__(
        self, place: int, type_: str, subject: str, at: int, data: Data, sequence: str | None, of: Draft | None
    ) -> None:
        self.place = place  # index in SOURCES
        self.type = type_
        self.subject = subject
        self.at = at
        self.data = data
        self.sequence = sequence
        self.of = of
        self.entered = self.arrived = 0
        self.wire_id = ""

    @property
    def day(self) -> int:
        """Day number of the action."""
        return self.at // DAY


class Outbox:
    """Every draft of the simulation, in the order in which it was thought of."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []

    def add(
        self,
        place: int,
        type_: str,
        subject: str,
        at: int,
        data: Data,
        *,
        sequence: str | None = None,
        of: Draft | None = None,
    ) -> Draft:
        """Keep a draft; `of` is the draft that it means, by the id which that one gets when it is sent."""
        draft = Draft(place, type_, subject, at, data, sequence, of)
        self.drafts.append(draft)
        return draft

    def __len__(self) -> int:
        return len(self.drafts)


def send(drafts: list[Draft], dice: Dice, *, opening: int) -> None:
    """Give each draft the moment at which it was entered and arrived, and the number its system gave it.

    What happened before `opening`, when the systems were joined to the ledger, arrives on that day.
    """
    roll = dice.roll
    for draft in drafts:
        entered = draft.at + 1 + _lag(draft, roll)
        if roll() < _LATE_SHARE:
            entered += (2 + int(roll() * roll() * 45)) * DAY
        if entered < opening:
            # Offices first, then people, then the cases that were open.
            order = 0 if draft.type.startswith("unit.") else 600 if draft.place == PERSONNEL else 3600
            entered = opening + order + (draft.at - opening) // (40 * DAY) + 300
        draft.entered = entered
        draft.arrived = entered + int(roll() * roll() * 240)
    counts: dict[str, int] = {}
    for draft in sorted(drafts, key=lambda draft: draft.entered):
        series = f"{_PREFIXES[draft.place]}{to_date(draft.entered // DAY).year}"
        number = counts[series] = counts.get(series, 0) + 1
        draft.wire_id = f"{series}-{number:07d}"


def _lag(draft: Draft, roll: Callable[[], float]) -> int:
    """Seconds until a system sends: counters at once, inspectors back at the office, plans and files at night."""
    if draft.place in (LICENSING, COMPLAINTS):
        return int(roll() * 45)
    if draft.place == ENFORCEMENT:
        return int(roll() * 10_800)
    return 22 * 3600 - draft.at % DAY + int(roll() * 1800)


class Writer:
    """Writes drafts as CloudEvents, each system in its own style."""

    def __init__(self) -> None:
        self._dates: dict[int, str] = {}

    def event(self, draft: Draft) -> Data:
        """The CloudEvent of a draft."""
        event: Data = {
            "specversion": "1.0",
            "id": draft.wire_id,
            "source": SOURCES[draft.place],
            "type": draft.type,
            "subject": draft.subject,
            "time": self.time(draft),
        }
        if draft.sequence is not None:
            event["sequence"] = draft.sequence
        event["data"] = draft.data
        if draft.of is not None:
            event["data"] = {"of": {"source": SOURCES[draft.of.place], "id": draft.of.wire_id}, **draft.data}
        return event

    def line(self, draft: Draft) -> bytes:
        """One line of NDJSON, without its end."""
        return encode(self.event(draft))

    def time(self, draft: Draft) -> str:
        """The moment as its system writes it: the complaints system in universal time, others in local time."""
        if draft.place == COMPLAINTS:
            return f"{self._stamp(draft.at - _AHEAD)}.000Z"
        return self.local(draft.at)

    def local(self, at: int) -> str:
        """RFC 3339 with the offset of China."""
        return f"{self._stamp(at)}+08:00"

    def _stamp(self, at: int) -> str:
        day, second = divmod(at, DAY)
        text = self._dates.get(day)
        if text is None:
            text = self._dates[day] = to_date(day).isoformat()
        hour, second = divmod(second, 3600)
        minute, second = divmod(second, 60)
        return f"{text}T{hour:02d}:{minute:02d}:{second:02d}"
