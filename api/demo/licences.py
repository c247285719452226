"""Licence cases, from receipt to delivery, each written so that it ends as its fate says."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal, NamedTuple

from api.demo.dice import Dice
from api.demo.drafts import LICENSING, Data, Draft, Outbox
from api.demo.office_days import DAY, OfficeDays, second_of_day
from api.demo.organisation import Bureau, Organisation, Person
from domain.rules.calendars import to_date

# on-time, late: decided within or after the limit, in the year where `inside`; overdue: undecided at the year's
# end though the limit has passed; open: undecided then, with time left; withdrawn: by the applicant.
LicenceFate = Literal["on-time", "late", "overdue", "open", "withdrawn"]

# The limits of the shipped register gx-2012 in working days; a test holds the two together.
LICENCE_LIMITS: Final = {
    "food-production-licence": 20,
    "industrial-product-licence": 20,
    "special-equipment-registration": 20,
    "measuring-standard-approval": 20,
    "testing-agency-qualification": 20,
    "entry-quarantine-permit": 20,
    "port-health-licence": 20,
    "joint-licence": 45,
}
_MIX: Final = {
    "inspection": ("entry-quarantine-permit",) * 5
    + ("port-health-licence",) * 3
    + ("testing-agency-qualification",),
    "provincial": (
        "food-production-licence",
        "industrial-product-licence",
        "industrial-product-licence",
        "special-equipment-registration",
        "special-equipment-registration",
        "measuring-standard-approval",
        "testing-agency-qualification",
        "joint-licence",
    ),
    "head": ("industrial-product-licence", "testing-agency-qualification", "measuring-standard-approval"),
}
_BASIS: Final = {
    "food-production-licence": "食品安全法 §29",
    "industrial-product-licence": "工业产品生产许可证管理条例 §9",
    "special-equipment-registration": "特种设备安全监察条例 §25",
    "measuring-standard-approval": "计量法 §7",
    "testing-agency-qualification": "认证认可条例 §16",
    "entry-quarantine-permit": "进出境动植物检疫法 §10",
    "port-health-licence": "国境卫生检疫法实施细则 §107",
    "joint-licence": "行政许可法 §26",
}
_STOPS: Final = ("test", "expert-review", "hearing", "quarantine", "inspection")
_REFUSALS: Final = ("conditions of the standard not met", "test report shows faults", "premises not suitable")
_SHARES: Final = (0.3, 0.25, 0.2, 0.5, 0.333333, 0.4)


class Decided(NamedTuple):
    """A case that was decided (or answered, or closed): what ratings, errors and reviews speak about."""

    draft: Draft
    owner: Person
    bureau: Bureau


class Licences:
    """Writes licence cases of any bureau; `inside` keeps a decision of the year within the year."""

    def __init__(self, days: OfficeDays, dice: Dice, organisation: Organisation, outbox: Outbox) -> None:
        self.days, self.dice, self.organisation, self.outbox = days, dice, organisation, outbox

    def write(self, bureau: Bureau, fate: LicenceFate | None, *, inside: bool = False) -> Decided | None:
        """Write one case; without a fate, the habits of owner and bureau decide. None where nobody decided."""
        dice, days = self.dice, self.days
        procedure = dice.pick(_MIX[bureau.unit.kind])
        limit = LICENCE_LIMITS[procedure]
        quick = fate in (None, "on-time") and limit <= 20 and dice.happens(bureau.quick)
        slot = days.season_slot(dice)
        person, office = self.organisation.someone(bureau, "licensing", days.days[slot])
        if fate is None:
            fate = "on-time" if quick else self._fate(bureau, person)
        case = _Case(self, bureau, procedure, person, office)
        if quick:
            return case.on_the_spot(slot)
        return case.run(fate, slot, limit, inside=inside)

    def _fate(self, bureau: Bureau, person: Person) -> LicenceFate:
        roll = self.dice.roll()
        late = bureau.late * person.slowness * 2.0
        if roll < late:
            return "overdue" if roll < late * 0.12 else "late"
        return "withdrawn" if roll > 0.985 else "on-time"


class _Case:
    """One case on its way; slots are numbers of working days."""

    def __init__(self, desk: Licences, bureau: Bureau, procedure: str, owner: Person, office: str) -> None:
        self._days, self._dice, self._outbox = desk.days, desk.dice, desk.outbox
        self._organisation = desk.organisation
        self.bureau, self.procedure, self.owner, self.office = bureau, procedure, owner, office
        self.number = bureau.number("L", self._days.year)
        self.states_due = self._dice.happens(bureau.states_due)
        self._at = 0

    def on_the_spot(self, slot: int) -> Decided:
        """Received, accepted and decided at the counter; the moments may be one, told apart by `sequence`."""
        dice, who = self._dice, self._who()
        self._at = at = self._days.moment(slot, dice)
        self._send("received", at, {**self._what(), **who}, "1")
        self._send("accepted", at, {"unit": self.office}, "2")
        draft = self._send(
            "granted", at + dice.pick((0, 0, 420, 900)), self._decision("granted", who, at // DAY), "3"
        )
        if dice.happens(0.25):
            self._send("delivered", draft.at, {"unit": self.office}, "4")
        return Decided(draft, self.owner, self.bureau)

    def run(self, fate: LicenceFate, season: int, limit: int, *, inside: bool) -> Decided | None:
        """The ordinary way: receipt, acceptance, review, decision, delivery, with what the fate brings."""
        dice = self._dice
        start, end = self._plan(fate, season, limit, inside=inside)
        self._hand_over(self._days.days[start])
        if inside or not dice.happens(0.002):  # Elsewhere a start is sometimes never recorded.
            self._receive(start, limit)
        if fate == "withdrawn":
            self._step("withdrawn", end, {"unit": self.office, "reason": "withdrawn by the applicant"})
            return None
        if fate == "on-time":
            end = self._interrupt(start, end, limit, latest=self._days.last if inside else end + limit)
        if end > start + 2 and dice.happens(0.93):
            middle = start + 1 + dice.below(end - start - 1)
            self._step("step-done", middle, {"unit": self.office, "step": "review"})
        if fate == "overdue" and dice.happens(0.4):
            return None
        return self._decide(end)

    def _plan(self, fate: LicenceFate, season: int, limit: int, *, inside: bool) -> tuple[int, int]:
        """The slots at which the clock starts and the case ends."""
        dice, first, last = self._dice, self._days.first, self._days.last
        if fate == "late":
            start = first + dice.below(last - first - limit - 16)
            return start, start + limit + 1 + dice.low_of(0, 15)
        if fate == "overdue":
            return first + dice.below(last - first - limit), last + 1 + dice.below(30)
        if fate == "open":
            start = last - dice.below(limit - 1)
            return start, dice.between(last + 1, start + limit)
        if fate == "withdrawn":
            return season, season + dice.between(1, limit - 1)
        span = 1 + int(max(dice.roll(), dice.roll()) * limit)
        if dice.happens(0.04):  # carried over from the year before
            start = first - 1 - dice.below(limit // 2)
            return start, max(first, start + span)
        return season, min(season + span, last) if inside else season + span

    def _receive(self, start: int, limit: int) -> None:
        """Receipt, sometimes a correction notice, and acceptance (or none: deemed accepted on receipt)."""
        dice, data = self._dice, {**self._what(), **self._who()}
        due = self._due(start + limit)
        if dice.happens(0.06):
            self._step("received", start, data | due)
            return
        gap = dice.pick((0, 0, 0, 0, 1, 1, 2, 3, 4, 5))
        self._step("received", start - gap, data)
        if gap >= 3:
            asked = start - gap + dice.between(1, 2)
            reason = dice.pick(("seal missing", "test report out of date", "form incomplete"))
            self._step("correction-requested", asked, {"unit": self.office, "reason": reason})
            self._step("corrected", dice.between(asked, start), {"unit": self.office})
        accepted: Data = {"unit": self.office, "owner": self.owner.id}
        if dice.happens(self.bureau.tidy):
            accepted["basis"] = ["行政许可法 §32"]
        self._step("accepted", start, accepted | due)

    def _interrupt(self, start: int, end: int, limit: int, *, latest: int) -> int:
        """Stop the clock or extend the limit now and then; returns the slot of the decision, still in time."""
        dice = self._dice
        if dice.happens(0.05) and start + limit + 10 <= latest:
            data: Data = {"unit": self.office, "reason": "complex case, approved by the head"}
            self._step(
                "extended", start + limit - dice.between(1, 3), data | self._due(start + limit + 10, always=True)
            )
            return start + limit + dice.between(0, 10)
        if end - start >= 4 and dice.happens(0.13):
            stopped = start + 1 + dice.below((end - start) // 2)
            resumed = stopped + 1 + dice.below(end - stopped)
            self._step("suspended", stopped, {"unit": self.office, "reason": dice.pick(_STOPS)})
            gained = resumed - stopped
            self._step("resumed", resumed, {"unit": self.office} | self._due(start + limit + gained))
            return max(end, min(end + dice.between(0, gained), latest))
        return end

    def _decide(self, slot: int) -> Decided:
        """Grant or refuse, and deliver what was granted."""
        dice = self._dice
        day = self._days.days[slot]
        self._hand_over(day)
        kind = "refused" if dice.happens(0.06) else "granted"
        data = self._decision(kind, self._who(), day)
        if kind == "refused":
            data["reason"] = dice.pick(_REFUSALS)
        if dice.happens(0.06) and (colleagues := self._colleagues(day)):
            data["participants"] = colleagues
        draft = self._step(kind, slot, data)
        if dice.happens(0.97 if kind == "granted" else 0.9):
            self._step("delivered", slot + dice.low_of(0, 8), {"unit": self.office})
        return Decided(draft, self.owner, self.bureau)

    def _colleagues(self, day: int) -> list[Data]:
        """Those who share the credit, one or two at most; the owner keeps the rest."""
        chosen: list[str] = []
        for _ in range(self._dice.between(1, 2)):
            person, _ = self._organisation.someone(self.bureau, "licensing", day)
            if person is not self.owner and person.id not in chosen:
                chosen.append(person.id)
        return [{"staff": staff, "share": self._dice.pick(_SHARES)} for staff in chosen]

    def _decision(self, outcome: str, who: Data, day: int) -> Data:
        """What a decision says of itself; untidy bureaus leave gaps in the five everys."""
        dice, tidy = self._dice, self.bureau.tidy
        data: Data = {"procedure": self.procedure, **who, "outcome": outcome}
        if dice.happens(tidy):
            data["basis"] = [_BASIS[self.procedure], "行政许可法 §38"]
        if dice.happens(tidy):
            ref = f"dms:{self.number}/decision.pdf"
            data["evidence"] = [{"ref": ref, "sha256": sha256(ref.encode()).hexdigest()}]
        if dice.happens(tidy):
            head, _ = self._organisation.someone(self.bureau, "head", day)
            data["supervisor"] = head.id
            if dice.happens(0.5):
                data["actor"] = head.id
        return data

    def _who(self) -> Data:
        return {"unit": self.office, "owner": self.owner.id}

    def _what(self) -> Data:
        data: Data = {"procedure": self.procedure}
        roll = self._dice.roll()
        if roll < self.bureau.tidy:
            data["evidence"] = [{"ref": f"dms:{self.number}/application.pdf"}]
        if roll < 0.02:
            data["note"] = "The applicant asks to be called before noon."
        elif roll < 0.03:
            data["window"] = str(1 + self._dice.below(12))
        return data

    def _due(self, slot: int, *, always: bool = False) -> Data:
        if not (always or self.states_due):
            return {}
        day = to_date(self._days.days[slot]).isoformat()
        return {"due": f"{day}T18:00:00+08:00" if self._dice.happens(0.04) else day}

    def _hand_over(self, day: int) -> None:
        """Give the case to a colleague where its owner no longer (or not yet) works in the office."""
        if self.owner.office_on(day) != self.office:
            self.owner, self.office = self._organisation.someone(self.bureau, "licensing", day)

    def _step(self, kind: str, slot: int, data: Data) -> Draft:
        """An action on that working day, or right after the one before where that was later."""
        self._at = max(self._days.days[slot] * DAY + second_of_day(self._dice), self._at + 60)
        return self._send(kind, self._at, data)

    def _send(self, kind: str, at: int, data: Data, sequence: str | None = None) -> Draft:
        return self._outbox.add(LICENSING, f"licensing.{kind}", self.number, at, data, sequence=sequence)
