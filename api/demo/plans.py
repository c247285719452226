"""The annual plan: targets set at the year's start, moved, completed, missed or cancelled."""

from __future__ import annotations

from typing import Final, Literal

from api.demo.dice import Dice
from api.demo.drafts import PLAN, Data, Outbox
from api.demo.office_days import DAY, OfficeDays, second_of_day
from api.demo.organisation import Bureau, Organisation
from api.demo.places import HEAD_OFFICE
from domain.rules.calendars import to_date

# missed: completed after the due date, or never; later: due only after the year.
TargetFate = Literal["completed", "missed", "cancelled", "later"]
_TITLES: Final = (
    "Decide licences within 80 % of the limit",
    "Internal audit of all processes",
    "Train every officer in the new procedures",
    "Publish the guide to licences",
    "Inspect all high-risk producers",
    "Answer complaints within ten working days",
    "Review all controlled documents",
    "Put two more matters online",
)


class Plans:
    """Writes targets of any bureau."""

    def __init__(self, days: OfficeDays, dice: Dice, organisation: Organisation, outbox: Outbox) -> None:
        self._days, self._dice, self._organisation, self._outbox = days, dice, organisation, outbox

    def habitual_fate(self, bureau: Bureau) -> TargetFate:
        """How targets of a bureau like this one end."""
        roll = self._dice.roll()
        if roll < bureau.missed:
            return "missed"
        return "cancelled" if roll > 0.97 else "later" if roll > 0.93 else "completed"

    def write(self, bureau: Bureau, fate: TargetFate) -> None:
        """Write one target and what becomes of it."""
        dice, days = self._dice, self._days
        set_on = days.days[days.first + dice.between(2, 18)]
        owner, office = self._organisation.someone(bureau, dice.pick(("head", "quality", "licensing")), set_on)
        code = bureau.number("P", days.year)
        last = days.last_day
        due = last + dice.between(20, 80) if fate == "later" else min(set_on + dice.between(50, 350), last)
        if fate != "later" and dice.happens(0.3):
            due = last
        data: Data = {"procedure": "annual-plan", "owner": owner.id, "unit": office, "title": dice.pick(_TITLES)}
        if bureau.code != HEAD_OFFICE and dice.happens(0.3):
            data["basis"] = ["yearly plan of the head office"]
        self._tell("target-set", code, set_on, data | {"due": to_date(due).isoformat()})
        if fate in ("completed", "missed") and dice.happens(0.1) and due - set_on > 40:
            due = self._move(code, data, set_on, due)
        if fate == "cancelled":
            self._tell(
                "target-cancelled", code, due - dice.between(0, 30), {"reason": "taken over by the head office"}
            )
        elif fate == "completed":
            self._tell("target-completed", code, due - dice.low_of(0, 40), self._result(code, bureau))
        elif fate == "missed" and dice.happens(0.6):
            self._tell("target-completed", code, due + 1 + dice.low_of(0, 60), self._result(code, bureau))

    def _move(self, code: str, data: Data, set_on: int, due: int) -> int:
        """Set the target again before it is due; a later day, still in the year."""
        moved = min(due + self._dice.between(10, 60), self._days.last_day)
        again = data | {"due": to_date(moved).isoformat(), "reason": "moved by the head office"}
        self._tell("target-set", code, self._dice.between(set_on + 5, due), again)
        return moved

    def _result(self, code: str, bureau: Bureau) -> Data:
        if not self._dice.happens(bureau.tidy):
            return {}
        return {"outcome": "done", "evidence": [{"ref": f"plan:{code}/report"}]}

    def _tell(self, kind: str, code: str, day: int, data: Data) -> None:
        at = day * DAY + second_of_day(self._dice)
        self._outbox.add(PLAN, f"plan.{kind}", code, at, data)
