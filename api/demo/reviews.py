"""Reconsiderations and lawsuits against decisions; their outcomes come months late, some in the years after."""

from __future__ import annotations

from typing import Final

from api.demo.dice import Dice
from api.demo.drafts import COMPLAINTS, Data, Draft, Outbox
from api.demo.licences import Decided
from api.demo.office_days import DAY, second_of_day

_ADVERSE: Final = ("revoked", "revoked", "partly-revoked", "altered", "found-illegal", "found-void")
_HARMLESS: Final = ("upheld", "upheld", "upheld", "upheld", "rejected", "ordered-to-perform")
_CHANCE: Final = {"licensing.refused": 0.05, "licensing.granted": 0.0015, "enforcement.penalised": 0.07}


class Reviews:
    """Writes reviews of decisions."""

    def __init__(self, dice: Dice, outbox: Outbox) -> None:
        self._dice, self._outbox = dice, outbox

    def habitual_review(self, about: Decided) -> None:
        """A review as often, and with such success, as is usual against this bureau."""
        dice = self._dice
        if dice.happens(_CHANCE.get(about.draft.type, 0.01)):
            self.review(about, adverse=dice.happens(about.bureau.adverse))

    def review(self, about: Decided, *, adverse: bool) -> Draft:
        """Application and outcome of a reconsideration; now and then the case goes on to court."""
        dice, decision = self._dice, about.draft
        applied = decision.day + dice.between(3, 58)
        decided = applied + dice.between(25, 60)
        to_court = dice.happens(0.25)
        first = "upheld" if to_court else dice.pick(_ADVERSE if adverse else _HARMLESS)
        outcome = self._decide(about, "reconsideration", applied, decided, first)
        if to_court:
            applied = decided + dice.between(5, 15)
            decided = applied + dice.between(90, 420)
            outcome = self._decide(about, "court", applied, decided, dice.pick(_ADVERSE if adverse else _HARMLESS))
        return outcome

    def _decide(self, about: Decided, forum: str, applied: int, decided: int, outcome: str) -> Draft:
        dice, decision = self._dice, about.draft
        # Some registries know only the number of the case.
        of = None if dice.happens(0.2) else decision
        extra: Data = {"of": {"case": decision.subject}} if of is None else {}
        at = applied * DAY + second_of_day(dice)
        self._outbox.add(COMPLAINTS, "review.applied", decision.subject, at, {"forum": forum, **extra}, of=of)
        at = decided * DAY + second_of_day(dice)
        data: Data = {"procedure": "reconsideration", "forum": forum, "outcome": outcome, **extra}
        return self._outbox.add(COMPLAINTS, "review.decided", decision.subject, at, data, of=of)
