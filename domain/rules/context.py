"""What measuring depends on beside the actions: zone, precision, register, calendar, under one hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import msgspec

from domain.rules.calendars import Calendar, load_calendar, to_date
from domain.rules.procedures import Register
from domain.zones import Zone, load_zone

DuePrecision = Literal["day", "instant"]


@dataclass(frozen=True, eq=False)
class Context:
    """A tally belongs to one context. Equal hashes count alike; another hash needs a fold of everything."""

    zone: Zone
    due_precision: DuePrecision
    register: Register
    calendar: Calendar

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the parts: the zone file's bytes, the calendar's days, and what the register says."""
        parts = [
            self.zone.name,
            self.zone.sha256,
            self.due_precision,
            self.register.hash,
            self.calendar.hash,
        ]
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()

    def describe(self) -> dict[str, Any]:
        """The parts as printed beside every score."""
        provisional = self.calendar.provisional_from
        return {
            "hash": self.hash,
            "zone": self.zone.name,
            "due_precision": self.due_precision,
            "register": {"name": self.register.name, "hash": self.register.hash},
            "calendar": {
                "name": self.calendar.name,
                "hash": self.calendar.hash,
                "provisional_from": None if provisional is None else to_date(provisional).isoformat(),
            },
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Context) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)


def make_context(*, zone: str, due_precision: DuePrecision, register: Register, calendar: str) -> Context:
    """A context from names. Raises UnknownNameError for a zone or calendar that does not exist."""
    return Context(load_zone(zone), due_precision, register, load_calendar(calendar))
