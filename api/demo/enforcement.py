"""Enforcement cases and inspections, each case written so that it ends as its fate says."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal

from api.demo.dice import Dice
from api.demo.drafts import ENFORCEMENT, Data, Draft, Outbox
from api.demo.licences import Decided
from api.demo.office_days import DAY, OfficeDays, second_of_day
from api.demo.organisation import Bureau, Organisation, Person
from domain.rules.calendars import to_date

# closed: in the year where `inside`; overdue: still open at the year's end though the limit has passed;
# open: opened late in the year and still open at its end, with time left.
EnforcementFate = Literal["closed", "overdue", "open"]

# Calendar days, from the shipped register gx-2012; a test holds the two together.
PENALTY_LIMIT: Final = 90
_BASIS: Final = (
    "产品质量法 §50",
    "计量法 §27",
    "进出境动植物检疫法 §39",
    "食品安全法 §84",
    "特种设备安全监察条例 §72",
)


class Enforcement:
    """Writes enforcement cases and inspections of any bureau."""

    def __init__(self, days: OfficeDays, dice: Dice, organisation: Organisation, outbox: Outbox) -> None:
        self._days, self._dice, self._organisation, self._outbox = days, dice, organisation, outbox

    def write(self, bureau: Bureau, fate: EnforcementFate | None, *, inside: bool = False) -> Decided | None:
        """Write one case; returns its decision (penalty or dismissal) where there is one."""
        dice, days = self._dice, self._days
        if fate is None:
            roll = dice.roll()
            fate = "overdue" if roll < bureau.unclosed else "open" if roll > 0.9 else "closed"
        opened, closed = self._plan(fate, inside=inside)
        owner, office = self._organisation.someone(bureau, "enforcement", opened)
        case = _Case(self._outbox, dice, bureau.number("E", days.year), owner, office, opened)
        data: Data = {"procedure": "penalty-ordinary", "unit": office, "owner": owner.id}
        if dice.happens(0.8):
            data["due"] = to_date(opened + PENALTY_LIMIT).isoformat()
        if dice.happens(bureau.tidy):
            data["supervisor"] = self._organisation.someone(bureau, "head", opened)[0].id
            data["basis"] = [dice.pick(_BASIS)]
        case.step("opened", opened, data)
        if fate == "overdue" and closed is None:
            case.step("inspected", opened + dice.between(1, 20), {"unit": office})
            return None
        assert closed is not None, "only overdue cases are never closed"
        return self._investigate(case, bureau, opened, closed, calm=fate == "overdue")

    def inspect(self, bureau: Bureau) -> None:
        """Write one inspection: planned, performed, passed or failed."""
        dice, days = self._dice, self._days
        planned = days.days[days.season_slot(dice)]
        owner, office = self._organisation.someone(bureau, "enforcement", planned)
        number = bureau.number("I", days.year)
        procedure = dice.pick(("supervision-inspection", "supervision-inspection", "product-sampling"))
        data: Data = {"procedure": procedure, "unit": office, "owner": owner.id}
        done = planned + dice.between(2, 21)
        if dice.happens(0.8):
            at = planned * DAY + second_of_day(dice)
            self._outbox.add(
                ENFORCEMENT, "inspection.planned", number, at, data | {"due": to_date(planned + 21).isoformat()}
            )
        result: Data = data | {"outcome": "fail" if dice.happens(0.12) else "pass"}
        if dice.happens(bureau.tidy):
            result["evidence"] = [_evidence(number, "record")]
            result["basis"] = ["产品质量法 §15"]
        self._outbox.add(ENFORCEMENT, "inspection.performed", number, done * DAY + second_of_day(dice), result)

    def _plan(self, fate: EnforcementFate, *, inside: bool) -> tuple[int, int | None]:
        """The days of opening and closing; None for a case that nobody closes."""
        dice, first, last = self._dice, self._days.first_day, self._days.last_day
        if fate == "overdue":
            opened = first - 30 + dice.below(last - first - PENALTY_LIMIT - 10)
            return opened, last + 3 + dice.below(60) if dice.happens(0.5) else None
        if fate == "open":
            opened = last - dice.below(70)
            return opened, max(last + 1, opened + 4) + dice.below(18)
        if dice.happens(0.08):  # carried over from the year before
            opened = first - 1 - dice.below(60)
            return opened, first + 5 + dice.below(25)
        opened = first + dice.below(last - first - 5)
        closed = opened + 5 + int(max(dice.roll(), dice.roll()) * (PENALTY_LIMIT - 5))
        return opened, min(closed, last) if inside else closed

    def _investigate(self, case: _Case, bureau: Bureau, opened: int, closed: int, *, calm: bool) -> Decided | None:
        """Write what lies in between (`calm`: nothing moves the limit); returns the decision where one is made."""
        dice, span, office = self._dice, closed - opened, case.office
        tidy = dice.happens(bureau.tidy)
        evidence: Data = {"evidence": [_evidence(case.number, "investigation")]} if tidy else {}
        case.step("inspected", opened + span // 6, {"unit": office, "actor": case.owner.id} | evidence)
        if dice.happens(0.5):
            case.step(
                "evidence-preserved",
                opened + span // 5,
                {"unit": office, "evidence": [_evidence(case.number, "seal")]},
            )
        case.step("step-done", opened + span // 4, {"unit": office, "step": "investigation"})
        if not calm and dice.happens(0.1) and span > 20:
            case.step("suspended", opened + span // 3, {"unit": office, "reason": "test"})
            due = {"due": to_date(opened + PENALTY_LIMIT + span // 2 - span // 3).isoformat()}
            case.step("resumed", opened + span // 2, {"unit": office, **due})
        elif not calm and span > 60 and dice.happens(0.15):
            due = {"due": to_date(opened + PENALTY_LIMIT + 30).isoformat()}
            case.step(
                "extended", opened + span * 2 // 3, {"unit": office, "reason": "approved by the head", **due}
            )
        if dice.happens(0.08):
            case.step(
                "transferred", closed, {"unit": office, "to_unit": "public-security", "reason": "suspected crime"}
            )
            return None
        case.step("step-done", opened + span * 3 // 4, {"unit": office, "step": "prior-notice"})
        if dice.happens(0.12):
            case.step("hearing-held", opened + span * 4 // 5, {"unit": office})
        return self._decide(case, bureau, closed, span)

    def _decide(self, case: _Case, bureau: Bureau, closed: int, span: int) -> Decided:
        dice = self._dice
        decided = closed - min(span // 8, 6)
        if case.owner.office_on(decided) != case.office:
            case.owner, case.office = self._organisation.someone(bureau, "enforcement", decided)
        data: Data = {"procedure": "penalty-ordinary", "unit": case.office, "owner": case.owner.id}
        if dice.happens(bureau.tidy):
            data["evidence"] = [_evidence(case.number, "decision")]
            data["basis"] = [dice.pick(_BASIS)]
        colleague, _ = self._organisation.someone(bureau, "enforcement", decided)
        if dice.happens(0.2) and colleague is not case.owner:
            data["participants"] = [{"staff": colleague.id, "share": 0.5}]
        if dice.happens(0.1):
            return Decided(
                case.step("dismissed", closed, data | {"reason": "facts not established"}), case.owner, bureau
            )
        draft = case.step("penalised", decided, data | {"outcome": dice.pick(("warning", "fine", "confiscation"))})
        # The closing report names no participants again, so it names the owner alone.
        case.step("closed", closed, {"unit": case.office, "outcome": "executed"})
        return Decided(draft, case.owner, bureau)


class _Case:
    """One case; inspectors also work on weekends, so its days are plain days."""

    def __init__(self, outbox: Outbox, dice: Dice, number: str, owner: Person, office: str, opened: int) -> None:
        self._outbox, self._dice = outbox, dice
        self.number, self.owner, self.office = number, owner, office
        self._at = opened * DAY

    def step(self, kind: str, day: int, data: Data) -> Draft:
        """An action on that day, or right after the one before where that was later."""
        self._at = max(day * DAY + second_of_day(self._dice), self._at + 60)
        return self._outbox.add(ENFORCEMENT, f"enforcement.{kind}", self.number, self._at, data)


def _evidence(number: str, what: str) -> Data:
    ref = f"case-file:{number}/{what}"
    return {"ref": ref, "sha256": sha256(ref.encode()).hexdigest()}
