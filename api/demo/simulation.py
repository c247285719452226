"""A year of a whole simulated administration, from a seed: 51 units, their staff, six sending systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Final

from api.demo.administration import Administration
from api.demo.broken import Letter, broken_letters, repeated_letters
from api.demo.corrections import Corrections
from api.demo.dice import Dice
from api.demo.drafts import Writer, send
from api.demo.guangxi import Guangxi
from api.demo.office_days import DAY
from api.demo.personnel import write_staff, write_units
from api.demo.places import GUANGXI, Unit, all_units
from domain.errors import WrongInputError

YEARS: Final = range(2005, 2024)
STAFF_MIN: Final = 150
_CORRECTED_SHARE, _REPEATED_SHARE = 0.006, 0.0035
# What Guangxi's published figures take; organisation, plans and the management system come on top.
_GUANGXI_ACTIONS: Final = 20_000
_OTHER_ACTIONS: Final = 2_000
_ACTIONS_PER_PERSON: Final = 2.3


class SimulationSizeError(WrongInputError):
    """A simulation of a size that cannot be made."""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What is simulated: the same seed and sizes give the same bytes on every machine, at any time.

    `actions` is the number of lines, met within one in a hundred. With `published` (the default) the Guangxi
    bureau's indicators of the year, by policy gx-2012, are those that it published for 2011; that takes
    `actions_min(staff)` lines. Raises SimulationSizeError.
    """

    seed: int = 2011
    staff: int = 1200
    actions: int = 200_000
    year: int = 2011
    published: bool = True

    guangxi = GUANGXI
    policy = "gx-2012"

    def __post_init__(self) -> None:
        if self.year not in YEARS:
            raise SimulationSizeError(f"No year {self.year}: give one from {YEARS[0]} to {YEARS[-1]}.")
        if self.staff < STAFF_MIN:
            raise SimulationSizeError(f"{self.staff} staff cannot fill 52 units: give at least {STAFF_MIN}.")
        least = actions_min(self.staff, published=self.published)
        if self.actions < least:
            raise SimulationSizeError(
                f"{self.actions} actions are too few for {self.staff} staff: give {least} or more."
            )

    @property
    def period(self) -> tuple[date, date]:
        """First and last day of the year for which scores are meant."""
        return date(self.year, 1, 1), date(self.year, 12, 31)

    @property
    def units(self) -> list[Unit]:
        """The head office, and the 51 units below it."""
        return all_units()

    def lines(self) -> Iterator[bytes]:
        """Lines of NDJSON, without line ends, in the order in which they arrive."""
        for letter in self.letters():
            yield letter.line

    def letters(self) -> list[Letter]:
        """The same lines, each with what is to become of it: recorded, duplicate, or a quarantine code."""
        administration = self._administration()
        drafts, writer = administration.outbox.drafts, Writer()
        # Dice of its own: whatever the offices do, the post goes its way.
        dice = Dice(self.seed + 1)
        send(drafts, dice, opening=administration.days.first_day * DAY)
        letters = [Letter(draft.arrived, writer.line(draft), "recorded") for draft in drafts]
        letters += repeated_letters(drafts, dice, writer, count=int(self.actions * _REPEATED_SHARE))
        letters += broken_letters(drafts, dice, writer)
        letters.sort(key=attrgetter("arrived"))
        return letters

    def _administration(self) -> Administration:
        """Everything that happens, in the outbox."""
        administration = Administration(seed=self.seed, staff=self.staff, year=self.year)
        organisation, days, dice = administration.organisation, administration.days, administration.dice
        write_units(days, dice, organisation, administration.outbox)
        write_staff(days, dice, organisation, administration.outbox)
        size = min(1.0, self.actions / 150_000)
        for bureau in organisation.bureaus:
            if bureau.code != GUANGXI or not self.published:
                administration.plan_the_year(bureau, targets=2 + int((8 + bureau.unit.size) * size))
            administration.quality.write(bureau, audits=1 + int(bureau.unit.size * size / 4))
            administration.quality.train(bureau, share=0.85 * size)
        if self.published:
            Guangxi(administration).write()
        self._fill(administration)
        Corrections(administration).write(int(self.actions * _CORRECTED_SHARE))
        return administration

    def _fill(self, administration: Administration) -> None:
        """Let the other bureaus work until the size is reached; institutions decide nothing."""
        others = [
            bureau
            for bureau in administration.organisation.bureaus
            if bureau.unit.kind != "institution" and (bureau.code != GUANGXI or not self.published)
        ]
        start = len(administration.outbox)
        room = int(self.actions * (1 - _CORRECTED_SHARE - _REPEATED_SHARE)) - start
        whole, done = sum(bureau.unit.size for bureau in others), 0
        for bureau in others:
            done += bureau.unit.size
            administration.work(bureau, until=start + room * done // whole)


def simulate(*, seed: int = 2011, staff: int = 1200, actions: int = 200_000, year: int = 2011) -> Iterator[bytes]:
    """Lines of NDJSON of a simulated year, in the order of their arrival. Raises SimulationSizeError."""
    return Simulation(seed=seed, staff=staff, actions=actions, year=year).lines()


def actions_min(staff: int, *, published: bool = True) -> int:
    """The fewest actions with which an administration of that many people can be simulated."""
    return int(staff * _ACTIONS_PER_PERSON) + _OTHER_ACTIONS + (_GUANGXI_ACTIONS if published else 0)
