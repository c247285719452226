"""Time zones as integers: on which day an instant falls, by the tzdata package and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import UnknownNameError
from domain.tzif import TransitionTable, parse_tzif

DAY_MICROSECONDS: Final = 86_400_000_000
# No offset of any zone reaches this; a day boundary is therefore never further than this from UTC midnight.
_OFFSET_MAX: Final = 26 * 3_600_000_000


@dataclass(frozen=True, eq=False)
class Zone:
    """One time zone: `offsets[i]` is in force for instants in [`transitions[i - 1]`, `transitions[i]`).

    Both arrays are int64 microseconds, so compiled code can search them as it is. `sha256` is the digest of
    the zone file they were read from. Days are counted from 1970-01-01.
    """

    name: str
    transitions: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sha256: str

    def day_of(self, occurred_at: NDArray[np.int64]) -> NDArray[np.int32]:
        """Day of each instant (int64 microseconds since 1970-01-01T00:00Z) in this zone."""
        if not len(occurred_at):
            return np.empty(0, np.int32)
        low, high = np.searchsorted(self.transitions, (occurred_at.min(), occurred_at.max()), side="right")
        if low == high:
            # One offset covers them all, as it does for every day in Shanghai since 1991.
            local = occurred_at + self.offsets[low]
        else:
            segments = np.searchsorted(self.transitions[low:high], occurred_at, side="right")
            local = occurred_at + self.offsets[low : high + 1][segments]
        days: NDArray[np.int64] = local // DAY_MICROSECONDS
        return days.astype(np.int32)

    def day_of_instant(self, occurred_at: int) -> int:
        """Day of one instant."""
        segment = int(np.searchsorted(self.transitions, occurred_at, side="right"))
        return (occurred_at + int(self.offsets[segment])) // DAY_MICROSECONDS

    def end_of_day(self, day: int) -> int:
        """The first instant from which on every instant lies after `day`.

        Where clocks go back over midnight a day can return for an hour; it has ended when it has ended for
        good. A day that a zone skipped ends where the day before it does.
        """
        midnight = (day + 1) * DAY_MICROSECONDS
        low, high = np.searchsorted(self.transitions, (midnight - _OFFSET_MAX, midnight + _OFFSET_MAX)).tolist()
        end = midnight - int(self.offsets[low])
        for segment in range(low, high + 1):
            starts = int(self.transitions[segment - 1]) if segment > low else midnight - _OFFSET_MAX
            stops = int(self.transitions[segment]) if segment < high else midnight + _OFFSET_MAX
            local_end = midnight - int(self.offsets[segment])
            if starts < local_end:
                end = min(local_end, stops)
        return end


@lru_cache(maxsize=64)
def load_zone(name: str) -> Zone:
    """The zone of that IANA name. Raises UnknownNameError with the nearest names."""
    table, digest = _read(name)
    return Zone(
        name=name,
        transitions=_frozen(np.asarray(table.transitions, np.int64) * 1_000_000),
        offsets=_frozen(np.asarray(table.offsets, np.int64) * 1_000_000),
        sha256=digest,
    )


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """Every name the installed tzdata package knows."""
    return tuple(sorted((files("tzdata") / "zones").read_text(encoding="utf-8").split()))


def zone_data_version() -> str:
    """The release of the installed tzdata package, such as 2026.1 for the IANA release 2026a."""
    return version("tzdata")


def _read(name: str) -> tuple[TransitionTable, str]:
    if name not in zone_names():
        raise UnknownNameError("time zone", name, _near_zones(name))
    data = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    return parse_tzif(data), hashlib.sha256(data).hexdigest()


def _near_zones(name: str) -> list[str]:
    """A handful of names worth listing: 598 would hide the sentence."""
    last = name.rpartition("/")[2].lower()
    alike = [known for known in zone_names() if last and last in known.lower()]
    near = get_close_matches(name, zone_names(), n=3, cutoff=0.5)
    return sorted({*alike[:5], *near, "Asia/Shanghai", "UTC"})


def _frozen(values: NDArray[np.int64]) -> NDArray[np.int64]:
    values.flags.writeable = False
    return values
