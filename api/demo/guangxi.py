"""The Guangxi bureau's year, dealt from a deck so that the figures published for 2011 come out exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

from api.demo.administration import Administration
from api.demo.drafts import COMPLAINTS, QUALITY, Data, Draft
from api.demo.enforcement import EnforcementFate
from api.demo.licences import Decided, LicenceFate
from api.demo.office_days import DAY
from api.demo.organisation import Bureau
from api.demo.places import GUANGXI
from api.demo.plans import TargetFate

Fate = TypeVar("Fate")


@dataclass(frozen=True)
class PublishedFigure:
    """One figure that Guangxi published for 2011, in per cent, and the counts by which the simulation meets it.

    The denominator of the last one, all decisions of the year, differs from seed to seed: None.
    """

    indicator: str
    percent: str
    numerator: int
    denominator: int | None


PUBLISHED: Final = (
    PublishedFigure("plan-completion", "99.08", 108, 109),
    PublishedFigure("satisfaction", "99.47", 1126, 1132),
    PublishedFigure("timeliness", "99.84", 3120, 3125),
    PublishedFigure("error-rate", "0.03", 1, 3122),
    PublishedFigure("closure", "95.71", 134, 140),
    PublishedFigure("revocation", "0.00", 0, None),
)
# 3,120 decided in time and 2 late make 3,122 decided; with 3 overdue the denominator of timeliness is 3,125.
_LICENCES: Final[dict[LicenceFate, int]] = {"on-time": 3120, "late": 2, "overdue": 3, "open": 44, "withdrawn": 31}
_ENFORCEMENT: Final[dict[EnforcementFate, int]] = {"closed": 134, "overdue": 6, "open": 17}
_TARGETS: Final[dict[TargetFate, int]] = {"completed": 108, "missed": 1, "cancelled": 4, "later": 3}
_COMPLAINTS, _INSPECTIONS = 230, 150
_RATED_LICENCES, _RATED_COMPLAINTS, _LOW_RATINGS = 1042, 90, 6


class Guangxi:
    """Deals the fates of Guangxi's cases; what else happens there changes no figure."""

    def __init__(self, administration: Administration) -> None:
        self._all = administration
        self._dice, self._days = administration.dice, administration.days
        self._bureau: Bureau = administration.organisation.bureau(GUANGXI)

    def write(self) -> None:
        """Write the whole year of the bureau."""
        every, bureau = self._all, self._bureau
        decisions = [
            case for fate in self._deck(_LICENCES) if (case := every.licences.write(bureau, fate, inside=True))
        ]
        penalties = [
            case
            for fate in self._deck(_ENFORCEMENT)
            if (case := every.enforcement.write(bureau, fate, inside=True))
        ]
        answered = [every.service.complain(bureau) for _ in range(_COMPLAINTS)]
        for _ in range(_INSPECTIONS):
            every.enforcement.inspect(bureau)
        for target in self._deck(_TARGETS):
            every.plans.write(bureau, target)
        in_year = [case for case in decisions if case.draft.day <= self._days.last_day]
        assert len(in_year) == _LICENCES["on-time"] + _LICENCES["late"], "every such fate is decided in the year"
        self._rate(in_year, answered)
        self._rate_after_the_year(decisions)
        self._find_errors(in_year)
        self._review(in_year, penalties)

    def _deck(self, counts: dict[Fate, int]) -> list[Fate]:
        deck = [fate for fate, count in counts.items() for _ in range(count)]
        self._dice.shuffle(deck)
        return deck

    def _rate(self, decisions: list[Decided], answered: list[Decided]) -> None:
        """1,132 first ratings given in the year, six of them low; second ratings and mistakes beside them."""
        dice, service, latest = self._dice, self._all.service, self._days.end_of_year()
        in_year = [case for case in answered if case.draft.day <= self._days.last_day]
        rated = dice.sample(decisions, _RATED_LICENCES) + dice.sample(in_year, _RATED_COMPLAINTS)
        assert len(rated) == _RATED_LICENCES + _RATED_COMPLAINTS, "enough complaints are answered in the year"
        dice.shuffle(rated)
        for place, case in enumerate(rated):
            rating = dice.pick((3, 2, 1)) if place < _LOW_RATINGS else 5 if dice.happens(0.8) else 4
            first = service.rate(case, rating, latest=latest)
            if place % 100 == 7:
                service.rate(case, dice.pick((5, 1)), earliest=first.at)
            if place % 250 == 9:
                self._rated_by_mistake(case, first.at - 60)

    def _rated_by_mistake(self, case: Decided, at: int) -> None:
        """A bad rating keyed in for the wrong case, and voided later."""
        wrong = self._all.outbox.add(COMPLAINTS, "service.rated", case.draft.subject, at, {"rating": 1})
        self._void(wrong, COMPLAINTS, "keyed in for the wrong case")

    def _rate_after_the_year(self, decisions: list[Decided]) -> None:
        for case in decisions:
            if case.draft.day > self._days.last_day and self._dice.happens(0.4):
                self._all.service.rate(case, self._dice.pick((5, 4, 2)))

    def _find_errors(self, decisions: list[Decided]) -> None:
        """One error that stands, found only after the year; some that were cleared; one found by mistake."""
        chosen = self._dice.sample(decisions, 8)
        self._dice.shuffle(chosen)
        standing, mistaken, *cleared = chosen
        service = self._all.service
        service.find_error(standing, cleared=False, delay=self._days.last_day + 9 - standing.draft.day)
        for case in cleared:
            service.find_error(case, cleared=True)
        self._void(service.find_error(mistaken, cleared=False), QUALITY, "another bureau's certificate")

    def _review(self, decisions: list[Decided], penalties: list[Decided]) -> None:
        """Reviews that change nothing, and one adverse outcome that a higher court overturned."""
        reviews, dice = self._all.reviews, self._dice
        chosen = dice.sample([case for case in decisions if case.draft.type.endswith("refused")], 6)
        chosen += dice.sample(penalties, 6)
        for case in chosen[1:]:
            reviews.review(case, adverse=False)
        overturned = reviews.review(chosen[0], adverse=True)
        self._void(overturned, COMPLAINTS, "overturned on appeal", after_days=90)

    def _void(self, draft: Draft, place: int, reason: str, after_days: int = 3) -> None:
        at = draft.at + after_days * DAY
        clerk, _ = self._all.organisation.someone(self._bureau, "quality", min(at // DAY, self._days.last_day))
        data: Data = {"reason": reason, "recorded_by": clerk.id}
        self._all.outbox.add(place, "record.voided", draft.subject, at, data, of=draft)
