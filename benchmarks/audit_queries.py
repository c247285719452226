"""A thousand audits as people make them, over a made-up history: each filter, combinations, nothing and all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Final, NamedTuple

from benchmarks.synthetic import FIRST_SECOND, LAST_SECOND, world
from domain.actions.actions import check_action
from domain.actions.types import ACTION_TYPES
from domain.directory import Directory, DirectoryAction
from domain.zones import load_zone
from projections.audit.trail import AuditFilter
from projections.history.columns import History

PAGE: Final = 100
QUERIES: Final = 1_000
ZONE: Final = load_zone("Asia/Shanghai")
DAY: Final = 86_400
RECORDED: Final = 100
"""So many positions were recorded at one time."""
REORGANISED: Final = (2020, 2021, 2022, 2023, 2024)

_RARE: Final = ("record.voided", "review.decided", "service.error-cleared", "plan.target-cancelled")
_COMMON: Final = ("licensing.*", "licensing.step-done", "licensing.received", "enforcement.*", "service.rated")
_NEVER: Final = ("quality.audit-held", "training.completed", "staff.left", "unit.closed")


class Query(NamedTuple):
    """One audit, and the kind that it stands for in the figures."""

    kind: str
    wanted: AuditFilter


def organisation(history: History) -> list[bytes]:
    """A tree of three levels over the made-up units, as it would have been sent; each year some of the lowest
    move."""
    units = history.words_of("unit")
    above = len(units) // 40 + 1
    first = FIRST_SECOND - 30 * DAY
    said = [
        (first, "unit.opened", unit, units[0] if number <= above else units[1 + number % (above - 1 or 1)])
        for number, unit in enumerate(units)
        if number
    ]
    dice = Random(7)
    for year in REORGANISED:
        second = FIRST_SECOND + (year - 2019) * 365 * DAY
        for number in sorted(dice.sample(range(above + 1, len(units)), max(1, len(units) // 50))):
            said.append((second, "unit.moved", units[number], units[1 + dice.randrange(above)]))
    return [_line(place, *each) for place, each in enumerate(said)]


def _line(place: int, second: int, kind: str, unit: str, parent: str) -> bytes:
    event = {
        "specversion": "1.0",
        "id": str(place),
        "source": "/made-up",
        "type": kind,
        "subject": unit,
        "time": datetime.fromtimestamp(second, UTC).isoformat(),
        "data": {"parent": parent},
    }
    return json.dumps(event).encode()


def made_directory(history: History) -> Directory:
    """The directory that the organisation makes."""
    now = LAST_SECOND * 1_000_000
    actions = [check_action(line, now=now) for line in organisation(history)]
    return Directory.fold(
        [
            DirectoryAction(
                place, each.type, each.subject, each.occurred_at, None, each.source, each.id, each.data
            )
            for place, each in enumerate(actions)
        ],
        ZONE,
    )


def made_queries(history: History, *, seed: int = 12) -> list[Query]:
    """A thousand, the kinds by turns."""
    maker = _Maker(history, Random(seed))
    kinds = maker.kinds()
    names = list(kinds)
    return [Query(names[at % len(names)], kinds[names[at % len(names)]]()) for at in range(QUERIES)]


class _Maker:
    def __init__(self, history: History, dice: Random) -> None:
        self.history, self.dice = history, dice
        self.world = world(history.position)

    def kinds(self) -> Mapping[str, Callable[[], AuditFilter]]:
        """Each kind of audit, and how one of it is made."""
        return {
            "case": lambda: AuditFilter(case=self._case()),
            "case, effective": lambda: AuditFilter(case=self._case(), effective=True),
            "staff": lambda: self._further(AuditFilter(staff=self._staff())),
            "staff, effective": lambda: self._further(AuditFilter(staff=self._staff(), effective=True)),
            "staff with type and days": lambda: self._in_days(
                AuditFilter(staff=self._staff(), type=self._type()), 30, 365
            ),
            "staff in a unit": lambda: AuditFilter(staff=self._staff(), unit=self._unit()),
            "unit": lambda: self._further(AuditFilter(unit=self._unit())),
            "unit, effective": lambda: self._further(AuditFilter(unit=self._unit(), effective=True)),
            "unit with type": lambda: self._further(AuditFilter(unit=self._unit(), type=self._type())),
            "unit with days": lambda: self._in_days(AuditFilter(unit=self._unit()), 1, 7, 90),
            "type": lambda: self._further(AuditFilter(type=self._type())),
            "days": lambda: self._in_days(AuditFilter(), 1, 1, 31, 365),
            "days, effective": lambda: self._in_days(AuditFilter(effective=True), 1),
            "recorded": lambda: self._recorded(AuditFilter(), 0.0001, 0.001, 0.1),
            "recorded with all else": lambda: self._recorded(
                self._in_days(AuditFilter(unit=self._unit(), type=self._type()), 365), 0.3
            ),
            "nothing to be found": self._nothing,
            "everything": lambda: self._further(AuditFilter(type=self.dice.choice([None, "*"]))),
        }  # fmt: skip

    def _nothing(self) -> AuditFilter:
        return self.dice.choice(
            [
                AuditFilter(staff=self._staff(), type=self.dice.choice(_NEVER)),
                AuditFilter(unit=self._unit(), type=self.dice.choice(_NEVER)),
                AuditFilter(type="plan.*", case=self._case(), staff=self._staff()),
                AuditFilter(unit=self._unit(), type="unit.*", from_time=FIRST_SECOND * 1_000_000),
                self._in_days(AuditFilter(staff=self._staff(), unit=self._unit()), 1),
                AuditFilter(type="licensing.*", to_time=(FIRST_SECOND - 60 * DAY) * 1_000_000),
            ]
        )

    def _case(self) -> str:
        return f"C{self.dice.randrange(1, 1 + self.world.cases):010}"

    def _staff(self) -> str:
        return f"S{self.dice.randrange(self.world.staff):05}"

    def _unit(self) -> str:
        """The whole, a bureau, or two times out of four a unit without any below it."""
        units = self.world.units
        bureau = self.dice.randrange(1, 2 + units // 40)
        return f"U{self.dice.choice([0, bureau, *self.dice.sample(range(units), 2)]):04}"

    def _type(self) -> str:
        return self.dice.choice([*_RARE, *_COMMON, self.dice.choice(list(ACTION_TYPES))])

    def _in_days(self, wanted: AuditFilter, *spans: int) -> AuditFilter:
        days = self.dice.choice(spans)
        first = FIRST_SECOND + self.dice.randrange((LAST_SECOND - FIRST_SECOND) // DAY - days) * DAY - 28_800
        return replace(wanted, from_time=first * 1_000_000, to_time=(first + days * DAY) * 1_000_000)

    def _recorded(self, wanted: AuditFilter, *shares: float) -> AuditFilter:
        many = max(1, int(self.history.position * self.dice.choice(shares)))
        first = self.dice.randrange(1, max(2, self.history.position - many))
        # What was recorded at one time came as a batch.
        return replace(wanted, first_position=first, last_position=-(-(first + many) // RECORDED) * RECORDED)

    def _further(self, wanted: AuditFilter) -> AuditFilter:
        """As often as not a page far behind the first."""
        if self.dice.random() < 0.5:
            return wanted
        return replace(wanted, first_position=self.dice.randrange(1, self.history.position))
