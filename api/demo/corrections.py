"""Mistakes of the offices and their correction: what was sent wrong, and the later record that puts it right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from api.demo.administration import Administration
from api.demo.drafts import Data, Draft, Writer
from api.demo.office_days import DAY
from api.demo.organisation import Bureau
from domain.rules.calendars import to_date

_DATED: Final = frozenset(
    {"licensing.received", "licensing.granted", "enforcement.inspected", "inspection.performed"}
)
_DECISIONS: Final = frozenset({"licensing.granted", "licensing.refused", "enforcement.penalised"})
_CORRECTABLE: Final = _DATED | _DECISIONS | {"licensing.accepted", "licensing.step-done", "service.rated"}


class Corrections:
    """Spoils some drafts and adds the corrections, so that what holds in the end is what was meant."""

    def __init__(self, administration: Administration) -> None:
        self._dice, self._outbox = administration.dice, administration.outbox
        self._organisation = administration.organisation
        self._bureaus = {bureau.code: bureau for bureau in administration.organisation.bureaus}
        self._last_day = administration.days.last_day
        self._writer = Writer()

    def write(self, count: int) -> None:
        """Add about that many records of correction, and voided actions."""
        dice, drafts = self._dice, self._outbox.drafts
        candidates = [draft for draft in drafts if draft.type in _CORRECTABLE and draft.of is None]
        for draft in dice.sample(candidates, count * 7 // 10):
            self._mistake_in(draft)(draft)
        for draft in dice.sample(
            [draft for draft in drafts if draft.type == "licensing.delivered"], count * 3 // 20
        ):
            self._sent_twice(draft)

    def _mistake_in(self, draft: Draft) -> Callable[[Draft], None]:
        if draft.type == "service.rated":
            return self._wrong_rating
        if draft.type in _DATED and draft.sequence is None and self._dice.happens(0.4):
            return self._wrong_time
        if "due" in draft.data:
            return self._wrong_due
        if "owner" in draft.data and self._dice.happens(0.4):
            return self._wrong_owner
        return self._missing_basis if draft.type in _DECISIONS else self._extra_actor

    def _wrong_rating(self, draft: Draft) -> None:
        """Sent as another rating; sometimes put right only at the second try."""
        right = draft.data["rating"]
        draft.data = draft.data | {"rating": 1 + right % 5}
        if self._dice.happens(0.2):
            self._correct(draft, {"rating": 1 + (right + 1) % 5}, "another rating was meant", after_days=1)
        self._correct(draft, {"rating": right}, "keyed in wrongly", after_days=4)

    def _wrong_time(self, draft: Draft) -> None:
        """Sent with a day some days off."""
        right = draft.at
        draft.at += self._dice.pick((-2, 1, 3, 10)) * DAY
        self._correct(draft, {"time": self._writer.local(right)}, "wrong date", after_days=12)

    def _wrong_due(self, draft: Draft) -> None:
        right = draft.data["due"]
        wrong = to_date(draft.day + self._dice.between(1, 90)).isoformat()
        draft.data = draft.data | {"due": wrong}
        self._correct(draft, {"due": right}, "limit counted wrongly", after_days=2)

    def _wrong_owner(self, draft: Draft) -> None:
        right = draft.data["owner"]
        other, _ = self._organisation.someone(self._bureau(draft), "licensing", self._known_day(draft))
        draft.data = draft.data | {"owner": other.id}
        self._correct(draft, {"owner": right}, "another officer handled the case", after_days=3, favoured=right)

    def _missing_basis(self, draft: Draft) -> None:
        """The legal basis is told later."""
        draft.data = {name: value for name, value in draft.data.items() if name != "basis"}
        self._correct(draft, {"basis": ["行政许可法 §38"]}, "legal basis left out", after_days=9)

    def _extra_actor(self, draft: Draft) -> None:
        """An actor who took no part is removed."""
        other, _ = self._organisation.someone(self._bureau(draft), "service", self._known_day(draft))
        draft.data = draft.data | {"actor": other.id}
        self._correct(draft, {"actor": None}, "had no part in it", after_days=5)

    def _sent_twice(self, draft: Draft) -> None:
        """The same delivery told under two ids: the second one is voided."""
        twin = self._outbox.add(
            draft.place, draft.type, draft.subject, draft.at + 120, draft.data, sequence=draft.sequence
        )
        data: Data = {"reason": "entered twice", "recorded_by": self._clerk(twin)}
        at = twin.at + self._dice.between(1, 20) * DAY
        self._outbox.add(draft.place, "record.voided", draft.subject, at, data, of=twin)

    def _correct(
        self, draft: Draft, changes: Data, reason: str, *, after_days: int, favoured: str | None = None
    ) -> None:
        dice = self._dice
        clerk = favoured if favoured is not None and dice.happens(0.05) else self._clerk(draft)
        data: Data = {"changes": changes, "reason": reason, "recorded_by": clerk}
        at = draft.at + after_days * DAY + dice.below(DAY // 8)
        self._outbox.add(draft.place, "record.corrected", draft.subject, at, data, of=draft)

    def _clerk(self, draft: Draft) -> str:
        return self._organisation.someone(self._bureau(draft), "quality", self._known_day(draft))[0].id

    def _bureau(self, draft: Draft) -> Bureau:
        return self._bureaus[draft.subject.rsplit("-", 2)[0]]

    def _known_day(self, draft: Draft) -> int:
        """Who works in the year after is not simulated."""
        return min(draft.day, self._last_day)
