"""Parse many RFC 3339 texts at once: array arithmetic for the usual shapes, one by one for all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.actions import parse_instant

_SHAPE = b"0000-00-00T00:00:00"
_SEPARATORS = [place for place, sign in enumerate(_SHAPE) if sign != ord("0")]
_DIGITS = [place for place, sign in enumerate(_SHAPE) if sign == ord("0")]
_OFFSET = len("+00:00")
_MICROSECOND_DIGITS = 6
_DAYS_OF_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_EPOCH_DAY = 719_468
"""Days from 0000-03-01 to 1970-01-01."""


def parse_instants(texts: Sequence[str]) -> NDArray[np.int64]:
    """`parse_instant` of each: microseconds since 1970. Raises ValueError, as that does."""
    found = np.empty(len(texts), np.int64)
    shapes = np.array([2 * len(text) + text.endswith("Z") for text in texts], np.int64)
    for shape in np.unique(shapes).tolist():
        where = np.flatnonzero(shapes == shape)
        chosen = texts if where.size == len(texts) else [texts[index] for index in where.tolist()]
        values, sure = _parsed(chosen, shape // 2, utc=shape % 2 == 1)
        for index in np.flatnonzero(~sure).tolist():
            values[index] = parse_instant(chosen[index])
        found[where] = values
    return found


def _parsed(texts: Sequence[str], length: int, *, utc: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Values of texts of one length, and which of them are sure to be right."""
    unknown = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    fraction = length - len(_SHAPE) - (1 if utc else _OFFSET)
    joined = "".join(texts)
    if fraction < 0 or fraction == 1 or not joined.isascii():
        return unknown
    signs = np.frombuffer(joined.encode("ascii"), np.uint8).reshape(len(texts), length)
    digit = signs.astype(np.int32) - ord("0")
    is_digit = (digit >= 0) & (digit <= 9)
    sure = is_digit[:, _DIGITS].all(axis=1)
    for place in _SEPARATORS:
        sure &= signs[:, place] == _SHAPE[place]

    def number(begin: int, many: int) -> NDArray[np.int64]:
        value = digit[:, begin].astype(np.int64)
        for place in range(begin + 1, begin + many):
            value = value * 10 + digit[:, place]
        return value

    year, month, day = number(0, 4), number(5, 2), number(8, 2)
    hour, minute, second = number(11, 2), number(14, 2), number(17, 2)
    sure &= (year > 0) & (month > 0) & (month <= 12) & (hour < 24) & (minute < 60) & (second < 60)
    days, exists = _days(year, np.clip(month, 1, 12), day)
    sure &= exists
    microsecond = np.zeros(len(texts), np.int64)
    if fraction:
        sure &= (signs[:, 19] == ord(".")) & is_digit[:, 20 : 19 + fraction].all(axis=1)
        kept = min(fraction - 1, _MICROSECOND_DIGITS)
        microsecond = number(20, kept) * 10 ** (_MICROSECOND_DIGITS - kept)
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
    if utc:
        sure &= signs[:, -1] == ord("Z")
    else:
        ahead, hours, minutes = signs[:, -_OFFSET], number(length - 5, 2), number(length - 2, 2)
        sure &= is_digit[:, [-5, -4, -2, -1]].all(axis=1) & (signs[:, -3] == ord(":"))
        sure &= ((ahead == ord("+")) | (ahead == ord("-"))) & (hours < 24) & (minutes < 60)
        seconds -= np.where(ahead == ord("+"), 1, -1) * (hours * 3_600 + minutes * 60)
    return seconds * 1_000_000 + microsecond, sure


def _days(
    year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Days since 1970-01-01 in the Gregorian calendar, and which of them the calendar has."""
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    exists = (day > 0) & (day <= _DAYS_OF_MONTH[month] + ((month == 2) & leap))
    # Counted from March on, so that the leap day is the last of a year.
    year = year - (month <= 2)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + of_year - _EPOCH_DAY, exists
