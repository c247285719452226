"""The whole administration at its desks: every story under one roof, and the ordinary year of a bureau."""

from __future__ import annotations

from api.demo.dice import Dice
from api.demo.drafts import Outbox
from api.demo.enforcement import Enforcement
from api.demo.licences import Licences
from api.demo.office_days import OfficeDays
from api.demo.organisation import Bureau, Organisation
from api.demo.plans import Plans
from api.demo.quality import Quality
from api.demo.reviews import Reviews
from api.demo.service import Service


class Administration:
    """The desks that write, sharing one calendar, one organisation, one pair of dice and one outbox."""

    def __init__(self, *, seed: int, staff: int, year: int) -> None:
        self.days = OfficeDays(year)
        self.dice = Dice(seed)
        self.outbox = Outbox()
        self.organisation = Organisation(
            self.dice, staff=staff, first_day=self.days.first_day, last_day=self.days.last_day
        )
        desk = (self.days, self.dice, self.organisation, self.outbox)
        self.licences = Licences(*desk)
        self.enforcement = Enforcement(*desk)
        self.service = Service(*desk)
        self.plans = Plans(*desk)
        self.quality = Quality(*desk)
        self.reviews = Reviews(self.dice, self.outbox)

    def plan_the_year(self, bureau: Bureau, *, targets: int) -> None:
        """So many targets for a bureau, ending as its habits have it."""
        for _ in range(targets):
            self.plans.write(bureau, self.plans.habitual_fate(bureau))

    def work(self, bureau: Bureau, *, until: int) -> None:
        """Ordinary cases of a bureau, until the outbox holds `until` drafts."""
        dice = self.dice
        while len(self.outbox) < until:
            roll = dice.roll()
            if roll < 0.76:
                self._licence(bureau)
            elif roll < 0.84:
                decided = self.enforcement.write(bureau, None)
                if decided is not None:
                    self.reviews.habitual_review(decided)
            elif roll < 0.93:
                self.enforcement.inspect(bureau)
            else:
                answered = self.service.complain(bureau)
                if dice.happens(0.35):
                    self.service.rate(answered, self.service.habitual_rating(answered))

    def _licence(self, bureau: Bureau) -> None:
        decided = self.licences.write(bureau, None)
        if decided is not None:
            self.service.habitual_aftermath(decided)
            self.reviews.habitual_review(decided)
