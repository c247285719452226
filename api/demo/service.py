"""What citizens say and find: complaints answered, ratings of the service, errors in it."""

from __future__ import annotations

from typing import Final

from api.demo.dice import Dice
from api.demo.drafts import COMPLAINTS, QUALITY, Data, Draft, Outbox
from api.demo.licences import Decided
from api.demo.office_days import DAY, OfficeDays, second_of_day
from api.demo.organisation import Bureau, Organisation
from domain.rules.calendars import to_date

_ERRORS: Final = ("wrong name of the product on the certificate", "wrong term of validity", "wrong basis cited")
_SEVERITIES: Final = ("minor", "minor", "minor", "major", "critical")


class Service:
    """Writes complaints, ratings and errors in service."""

    def __init__(self, days: OfficeDays, dice: Dice, organisation: Organisation, outbox: Outbox) -> None:
        self._days, self._dice, self._organisation, self._outbox = days, dice, organisation, outbox

    def complain(self, bureau: Bureau) -> Decided:
        """Write one complaint (mediated) or report (verified), with its answer."""
        dice, days = self._dice, self._days
        slot = min(days.season_slot(dice), days.last - 3)
        owner, office = self._organisation.someone(bureau, "service", days.days[slot])
        number = bureau.number("C", days.year)
        report = dice.happens(0.4)
        limit = 15 if report else 45
        data: Data = {
            "procedure": "report-verification" if report else "complaint-mediation",
            "unit": office,
            "owner": owner.id,
        }
        self._complaint("received", number, slot, data)
        accepted = slot + dice.low_of(0, 7)
        due = {"due": to_date(days.days[accepted + limit]).isoformat()} if dice.happens(0.8) else {}
        self._complaint("accepted", number, accepted, {"unit": office, **due})
        done = accepted + 1 + int(max(dice.roll(), dice.roll()) * (limit + 1))
        self._complaint(
            "verified" if report else "mediated",
            number,
            done,
            data | {"outcome": dice.pick(("settled", "founded", "not founded"))},
        )
        answered = done + dice.low_of(0, 5)
        return Decided(
            self._complaint("answered", number, answered, {"unit": office, "owner": owner.id}), owner, bureau
        )

    def rate(self, about: Decided, rating: int, *, latest: int | None = None, earliest: int = 0) -> Draft:
        """A rating of the case, some days after it ended; within [earliest, latest] where these are given.

        It names neither owner nor unit: they are those of the case.
        """
        dice = self._dice
        at = max(about.draft.at, earliest) + 300 + dice.low_of(0, 12) * DAY + dice.below(7200)
        if latest is not None and at > latest:
            at = min(about.draft.at + 300 + dice.below(1800), latest)
        data: Data = {"rating": rating}
        if dice.happens(0.02):
            data["note"] = (
                "Said at the counter: thank you, it was quick."
                if rating > 3
                else "Said on the telephone: too slow."
            )
        elif dice.happens(0.02):
            data["channel"] = dice.pick(("sms", "counter", "website"))
        return self._outbox.add(COMPLAINTS, "service.rated", about.draft.subject, at, data)

    def habitual_rating(self, about: Decided) -> int:
        """The rating that the owner's manner and the bureau's earn."""
        dice = self._dice
        if dice.happens(about.bureau.unhappy * about.owner.rudeness * 1.8):
            return dice.pick((3, 3, 3, 2, 2, 1))
        return 5 if dice.happens(0.75) else 4

    def find_error(self, about: Decided, *, cleared: bool, delay: int | None = None) -> Draft:
        """An error found in the case's service days after; cleared when it turns out to be none."""
        dice = self._dice
        days_after = dice.between(2, 100) if delay is None else delay
        day = about.draft.day + days_after
        data: Data = {
            "reason": dice.pick(_ERRORS),
            "severity": dice.pick(_SEVERITIES),
            "owner": about.owner.id,
            "evidence": [{"ref": f"quality:{about.draft.subject}/spot-check"}],
        }
        found = self._outbox.add(
            QUALITY, "service.error-found", about.draft.subject, day * DAY + second_of_day(dice), data
        )
        if cleared:
            at = found.at + dice.between(1, 20) * DAY
            reason: Data = {"reason": "the certificate repeats what the applicant stated"}
            self._outbox.add(QUALITY, "service.error-cleared", about.draft.subject, at, reason, of=found)
        return found

    def habitual_aftermath(self, about: Decided) -> None:
        """Rating and errors of a licence case as they happen in a bureau like this one."""
        dice = self._dice
        if dice.happens(about.bureau.response):
            self.rate(about, self.habitual_rating(about))
            if dice.happens(0.02):
                self.rate(about, 5)  # A second rating is kept and not counted.
        if dice.happens(about.bureau.error * about.owner.carelessness * 1.5):
            self.find_error(about, cleared=dice.happens(0.2))

    def _complaint(self, kind: str, number: str, slot: int, data: Data) -> Draft:
        at = self._days.days[slot] * DAY + second_of_day(self._dice)
        return self._outbox.add(COMPLAINTS, f"complaint.{kind}", number, at, data)
