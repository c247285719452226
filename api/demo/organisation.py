"""The simulated administration itself: its offices, who works where and how well, and the records of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from api.demo.dice import Dice
from api.demo.places import Unit, all_units

POSTS: Final = ("head", "licensing", "enforcement", "service", "quality")
# After one of each post, a bureau's people come in this order, over and over.
_POST_CYCLE: Final = (
    *("licensing", "licensing", "enforcement", "licensing", "licensing", "service", "licensing", "enforcement"),
    *("licensing", "licensing", "head", "licensing", "enforcement", "licensing", "quality"),
)


@dataclass(slots=True)
class Person:
    """A member of staff; `postings` are (first day, office); the factors compare them with their bureau."""

    id: str
    post: str
    competence: str
    joined: int
    postings: list[tuple[int, str]]
    slowness: float
    carelessness: float
    rudeness: float
    left: int | None = None

    def office_on(self, day: int) -> str | None:
        """Where the person works on that day, if anywhere."""
        if day < self.joined or (self.left is not None and day >= self.left):
            return None
        for first, office in reversed(self.postings):
            if first <= day:
                return office
        return None


@dataclass(slots=True)
class Bureau:
    """A unit of the first level (or the head office): its branches, its people, and how it does its work."""

    unit: Unit
    late: float
    unhappy: float
    error: float
    unclosed: float
    adverse: float
    missed: float
    response: float
    tidy: float
    quick: float
    states_due: float
    people: dict[str, list[Person]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """Code of the unit."""
        return self.unit.code

    def number(self, letter: str, year: int) -> str:
        """The next number of one kind: L licence, E enforcement, I inspection, C complaint, P plan, Q quality."""
        count = self.counts[letter] = self.counts.get(letter, 0) + 1
        return f"{self.code}-{letter}{year}-{count:05d}"


class Organisation:
    """All bureaus (the head office first) and their people; who is at work on a day."""

    def __init__(self, dice: Dice, *, staff: int, first_day: int, last_day: int) -> None:
        self._dice = dice
        self.bureaus = [_bureau(dice, unit) for unit in all_units()]
        self.people: list[Person] = []
        self._first_day, self._last_day = first_day, last_day
        for bureau, count in zip(self.bureaus, _heads(self.bureaus, staff), strict=True):
            self._engage(bureau, count)
        self._transfer(staff // 17)

    def bureau(self, code: str) -> Bureau:
        """The bureau of that code."""
        return next(bureau for bureau in self.bureaus if bureau.code == code)

    def someone(self, bureau: Bureau, post: str, day: int) -> tuple[Person, str]:
        """A person of the bureau at work that day, and their office; of another post where that one is empty."""
        found = self._at_work(bureau, bureau.people.get(post, []), day)
        if found is None:
            found = self._at_work(bureau, [p for group in bureau.people.values() for p in group], day)
        assert found is not None, f"nobody works in {bureau.code} on day {day}"
        return found

    def _at_work(self, bureau: Bureau, candidates: list[Person], day: int) -> tuple[Person, str] | None:
        if not candidates:
            return None
        # A few tries nearly always find somebody; else all are asked, from a random one on.
        start = self._dice.below(len(candidates))
        for step in range(len(candidates)):
            person = candidates[(start + step) % len(candidates)] if step > 8 else self._dice.pick(candidates)
            office = person.office_on(day)
            if office is not None and _within(office, bureau.code):
                return person, office
        return None

    def _engage(self, bureau: Bureau, count: int) -> None:
        dice = self._dice
        offices = [bureau.code, bureau.code, *(branch.code for branch in bureau.unit.branches)]
        for number in range(count):
            post = POSTS[number] if number < len(POSTS) else _POST_CYCLE[number % len(_POST_CYCLE)]
            first_five = number < len(POSTS)
            joined = self._first_day - 40 - dice.between(0, 6000)
            left = None
            if not first_five and dice.happens(0.04):
                joined = self._first_day + dice.between(20, 300)
            elif not first_five and dice.happens(0.03):
                left = self._first_day + dice.between(30, 340)
            office = bureau.code if first_five else offices[number % len(offices)]
            person = Person(
                id=f"{bureau.code}-{number + 1:04d}",
                post=post,
                competence=f"C{1 + dice.low_of(0, 4)}",
                joined=joined,
                postings=[(joined, office)],
                slowness=_factor(dice),
                carelessness=_factor(dice),
                rudeness=_factor(dice),
                left=left,
            )
            self.people.append(person)
            bureau.people.setdefault(post, []).append(person)

    def _transfer(self, count: int) -> None:
        """Move people in the year: two in three within their bureau, the others to another bureau."""
        dice = self._dice
        settled = [p for p in self.people if p.left is None and p.joined < self._first_day]
        # The first five of a bureau stay, so that every post is always filled.
        movable = [p for p in settled if int(p.id[-4:]) > len(POSTS)]
        for person in dice.sample(movable, count):
            bureau = self.bureau(person.id[:-5])
            if dice.happens(0.34):
                bureau = dice.pick([b for b in self.bureaus if b.unit.kind == bureau.unit.kind])
            there = [branch.code for branch in bureau.unit.branches] + [bureau.code]
            office = dice.pick([code for code in there if code != person.postings[0][1]])
            person.postings.append((self._first_day + dice.between(25, 330), office))
            if bureau.code != person.id[:-5]:
                bureau.people.setdefault(person.post, []).append(person)


def _within(office: str, bureau: str) -> bool:
    return office == bureau or office.startswith(f"{bureau}-")


def _factor(dice: Dice) -> float:
    """How often something goes wrong with a person, against their bureau: mostly below 1, with a long tail."""
    roll = dice.roll()
    return 0.1 + 2.6 * roll * roll * roll


def _heads(bureaus: list[Bureau], staff: int) -> list[int]:
    """Staff per bureau in proportion to size, at least two each, adding up to `staff`."""
    total = sum(bureau.unit.size for bureau in bureaus)
    spare = staff - 2 * len(bureaus)
    heads = [2 + spare * bureau.unit.size // total for bureau in bureaus]
    for place in range(staff - sum(heads)):
        heads[place % len(heads)] += 1
    return heads


def _bureau(dice: Dice, unit: Unit) -> Bureau:
    """A bureau with its habits: shares of what goes wrong, and of what its systems send."""
    return Bureau(
        unit=unit,
        late=0.002 + 0.055 * dice.roll() * dice.roll(),
        unhappy=0.003 + 0.08 * dice.roll() * dice.roll(),
        error=0.0003 + 0.012 * dice.roll() * dice.roll(),
        unclosed=0.01 + 0.16 * dice.roll() * dice.roll(),
        adverse=0.02 + 0.4 * dice.roll() * dice.roll(),
        missed=0.005 + 0.14 * dice.roll() * dice.roll(),
        response=0.15 + 0.35 * dice.roll(),
        tidy=0.82 + 0.18 * dice.roll(),
        quick=0.25 + 0.2 * dice.roll() if unit.kind == "inspection" else 0.1,
        states_due=dice.pick((0.0, 0.7, 0.85, 1.0, 0.9)),
    )
