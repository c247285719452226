"""Read times as logs and tables write them, and say them as RFC 3339 or as a local date."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from domain.actions.data import INSTANT_PATTERN
from domain.zones import load_zone, zone_names

_INSTANT: Final = re.compile(INSTANT_PATTERN, re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class LocalTimes:
    """Times of one zone. What does not say an offset is local time there.

    A local time that comes twice means the first; one that the zone skipped moves on by what was skipped.
    """

    def __init__(self, zone: str, formats: Sequence[str] = ()) -> None:
        """Raises UnknownNameError for a zone that is not known."""
        self._zone = _zone(zone)
        self._formats = tuple(formats)

    def instant(self, text: str) -> str:
        """RFC 3339 with an offset; unchanged where it is that already. Raises ValueError."""
        if _INSTANT.fullmatch(text):
            return text
        moment = self._parse(text)
        if moment.tzinfo is None:
            # By way of UTC, so that a skipped local time moves forward instead of staying impossible.
            moment = _in_zone(_in_zone(moment.replace(tzinfo=self._zone, fold=0), UTC), self._zone)
        offset = moment.utcoffset()
        if offset is None or offset.seconds % 60 or offset.microseconds:
            moment = _in_zone(moment, UTC)  # RFC 3339 knows no seconds in an offset, local mean times do.
        return moment.isoformat()

    def date(self, text: str) -> str:
        """The local date, YYYY-MM-DD. Raises ValueError."""
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat()
        moment = self._parse(text)
        if moment.tzinfo is not None:
            moment = _in_zone(moment, self._zone)
        return moment.date().isoformat()

    def _parse(self, text: str) -> datetime:
        for form in self._formats:
            try:
                return datetime.strptime(text, form)
            except ValueError:
                continue
        return datetime.fromisoformat(text)


def _in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """The same moment there. Raises ValueError where the calendar there does not reach it."""
    try:
        return moment.astimezone(zone)
    except OverflowError as error:
        raise ValueError(str(error)) from error


@lru_cache(maxsize=16)
def _zone(name: str) -> ZoneInfo:
    """From the tzdata package, as everywhere in Kaoji: a system's own zone files may say something else."""
    if name not in zone_names():
        load_zone(name)  # Its error lists the nearest names.
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
