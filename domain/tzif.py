"""Read a TZif file (RFC 9636): transitions and offsets, continued by its last rule to the year 9999."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import date
from typing import Final

from domain.errors import KaojiError

YEAR_MAX: Final = 9999
_EPOCH: Final = date(1970, 1, 1).toordinal()
_NAME = r"(?:<[^>]+>|[A-Za-z]{3,})"
_TIME = r"[+-]?\d{1,3}(?::\d{2}(?::\d{2})?)?"
_RULE = rf"(?:M\d{{1,2}}\.\d\.\d|J\d{{1,3}}|\d{{1,3}})(?:/{_TIME})?"
_FOOTER: Final = re.compile(
    rf"{_NAME}(?P<standard>{_TIME})(?:{_NAME}(?P<summer>{_TIME})?,(?P<begin>{_RULE}),(?P<end>{_RULE}))?"
)


class TimeZoneFileError(KaojiError):
    """The installed tzdata package holds a zone file that is not TZif as RFC 9636 defines it."""


@dataclass(frozen=True)
class TransitionTable:
    """In seconds. `offsets` has one entry more; its first holds before the first transition."""

    transitions: list[int]
    offsets: list[int]


def parse_tzif(data: bytes) -> TransitionTable:
    """Transitions of a zone file, by its 64-bit block and then its POSIX rule. Raises TimeZoneFileError."""
    if data[:4] != b"TZif" or data[4:5] < b"2":
        raise TimeZoneFileError("The zone file is not TZif version 2 or later. Reinstall the package tzdata.")
    header = 44
    isut, isstd, leap, times, types, chars = struct.unpack_from(">6l", data, 20)
    second = header + times * 5 + types * 6 + chars + leap * 8 + isstd + isut
    isut, isstd, leap, times, types, chars = struct.unpack_from(">6l", data, second + 20)
    at = second + header
    transitions = list(struct.unpack_from(f">{times}q", data, at))
    indexes = data[at + times * 8 : at + times * 9]
    at += times * 9
    kinds = [struct.unpack_from(">lB", data, at + 6 * number) for number in range(types)]
    footer = data[at + types * 6 + chars + leap * 12 + isstd + isut :].strip(b"\n").decode("ascii")
    # Before the first transition, as zoneinfo has it: the first kind of time that is no summer time.
    before = next((offset for offset, summer in kinds if not summer), kinds[0][0])
    offsets = [before, *(kinds[index][0] for index in indexes)]
    _continue(transitions, offsets, footer)
    return TransitionTable(transitions, offsets)


def _continue(transitions: list[int], offsets: list[int], footer: str) -> None:
    """Append what the rule after the last transition says, until the end of year 9999."""
    if not footer:
        return
    match = _FOOTER.fullmatch(footer)
    if match is None:
        raise TimeZoneFileError(f"The zone file ends in the rule {footer!r}, which is not POSIX. Update tzdata.")
    standard = -_seconds(match["standard"])
    if match["begin"] is None:
        offsets[-1] = standard
        return
    summer = -_seconds(match["summer"]) if match["summer"] else standard + 3600
    last = transitions[-1] if transitions else None
    first_year = 1970 if last is None else date.fromordinal(_EPOCH + last // 86_400).year
    changes = []
    # The year before tells which offset the rule has reached when it takes over.
    for year in range(first_year - 1, YEAR_MAX + 1):
        # The time of a rule is wall time: standard before summer begins, summer before it ends.
        changes.append((_rule_second(match["begin"], year) - standard, summer))
        changes.append((_rule_second(match["end"], year) - summer, standard))
    for instant, offset in sorted(changes):
        if last is not None and instant <= last:
            offsets[-1] = offset
        elif offset != offsets[-1]:
            transitions.append(instant)
            offsets.append(offset)


def _rule_second(rule: str, year: int) -> int:
    """Local second of a rule in a year: Mm.w.d, Jn (29 February never counted) or n (counted from 0)."""
    day_rule, _, time = rule.partition("/")
    new_year = date(year, 1, 1).toordinal() - _EPOCH
    if day_rule.startswith("M"):
        month, week, weekday = map(int, day_rule[1:].split("."))
        first = date(year, month, 1)
        day = (weekday - first.isoweekday()) % 7 + 7 * (week - 1)
        length = (date(year + month // 12, month % 12 + 1, 1) - first).days if month < 12 else 31
        ordinal = first.toordinal() - _EPOCH + (day if day < length else day - 7)
    elif day_rule.startswith("J"):
        number = int(day_rule[1:])
        leap_year = date(year, 12, 31).timetuple().tm_yday == 366
        ordinal = new_year + number - 1 + (1 if leap_year and number >= 60 else 0)
    else:
        ordinal = new_year + int(day_rule)
    return ordinal * 86_400 + (_seconds(time) if time else 7200)


def _seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds = [*text.lstrip("+-").split(":"), "0", "0"][:3]
    return sign * (int(hours) * 3600 + int(minutes) * 60 + int(seconds))
