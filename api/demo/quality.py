"""The management system at work: audits, findings and their correction, reviews, documents, trainings."""

from __future__ import annotations

from typing import Final

from api.demo.dice import Dice
from api.demo.drafts import QUALITY, Data, Draft, Outbox
from api.demo.office_days import DAY, OfficeDays, second_of_day
from api.demo.organisation import Bureau, Organisation
from domain.rules.calendars import to_date

_TRAININGS: Final = (
    "Licensing law in daily work",
    "Evidence and its preservation",
    "Serving citizens",
    "Working with the management system",
)
_FINDINGS: Final = (
    "record of review not kept",
    "limit not told to the applicant",
    "old form in use",
    "no supervisor named",
)


class Quality:
    """Writes the quality records of any bureau."""

    def __init__(self, days: OfficeDays, dice: Dice, organisation: Organisation, outbox: Outbox) -> None:
        self._days, self._dice, self._organisation, self._outbox = days, dice, organisation, outbox

    def write(self, bureau: Bureau, *, audits: int) -> None:
        """So many audits, each with findings; half as many management reviews; documents."""
        dice = self._dice
        for _ in range(audits):
            self._audit(bureau)
        for half in range(max(1, audits // 2)):
            day = self._days.day(6, 20) if half % 2 == 0 else self._days.day(12, 12)
            leader, office = self._organisation.someone(bureau, "head", day)
            data: Data = {"procedure": "management-review", "unit": office, "owner": leader.id}
            data["outcome"] = "improvement plan agreed"
            self._tell("quality.review-held", self._number(bureau), day + dice.below(8), data)
        for _ in range(audits):
            day = self._days.days[self._days.season_slot(dice)]
            person, office = self._organisation.someone(bureau, "quality", day)
            data = {
                "procedure": "document-control",
                "unit": office,
                "owner": person.id,
                "title": "work instruction",
            }
            self._tell("quality.document-approved", self._number(bureau), day, data)

    def train(self, bureau: Bureau, *, share: float) -> None:
        """The four large trainings of the year, each for that share of the people."""
        dice, days = self._dice, self._days
        for place, title in enumerate(_TRAININGS):
            day = days.days[days.first + 40 + place * 55]
            number = f"T{days.year}-{place + 1}"
            for person in [person for group in bureau.people.values() for person in group]:
                office = person.office_on(day)
                if office is None or not office.startswith(bureau.code) or not dice.happens(share):
                    continue
                data: Data = {"procedure": "staff-training", "unit": office, "owner": person.id, "title": title}
                data["outcome"] = "passed" if dice.happens(0.96) else "failed"
                self._tell("training.completed", f"{number}-{person.id}", day + dice.below(10), data)

    def _audit(self, bureau: Bureau) -> None:
        dice, days = self._dice, self._days
        day = days.days[days.season_slot(dice)]
        auditor, office = self._organisation.someone(bureau, "quality", day)
        data: Data = {"procedure": "internal-audit", "unit": office, "owner": auditor.id}
        self._tell("quality.audit-held", self._number(bureau), day, data)
        for _ in range(dice.low_of(0, 4)):
            self._finding(bureau, day)

    def _finding(self, bureau: Bureau, day: int) -> None:
        """A finding and how far its correction gets: planned, completed, verified, or stuck on the way."""
        dice, number = self._dice, self._number(bureau)
        owner, office = self._organisation.someone(bureau, dice.pick(("licensing", "enforcement")), day)
        due = day + dice.between(30, 60)
        data: Data = {"procedure": "corrective-action", "unit": office, "owner": owner.id}
        raised: Data = data | {"reason": dice.pick(_FINDINGS), "severity": dice.pick(("minor", "minor", "major"))}
        self._tell("quality.finding-raised", number, day, raised)
        self._tell(
            "quality.correction-planned",
            number,
            day + dice.between(2, 10),
            data | {"due": to_date(due).isoformat()},
        )
        if dice.happens(0.06):
            return
        completed = due - 15 + dice.low_of(0, 40)
        self._tell("quality.correction-completed", number, completed, {"unit": office, "owner": owner.id})
        if dice.happens(0.93):
            self._tell(
                "quality.correction-verified",
                number,
                completed + dice.between(3, 25),
                {"unit": office, "outcome": "effective"},
            )

    def _number(self, bureau: Bureau) -> str:
        return bureau.number("Q", self._days.year)

    def _tell(self, type_: str, subject: str, day: int, data: Data) -> Draft:
        return self._outbox.add(QUALITY, type_, subject, day * DAY + second_of_day(self._dice), data)
