"""Parse many RFC 3339 texts at once: array arithmetic for the usual shapes, one by one for all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.actions.actions import parse_instant

_SHAPE = b"0000-00-00T00:00:00"
_SEPARATORS = [place for place, sign in enumerate(_SHAPE) if sign != ord("0")]
_DIGITS = [place for place, sign in enumerate(_SHAPE) if sign == ord("0")]
_OFFSET = len("+00:00")
_MICROSECOND_DIGITS = 6
_DAYS_OF_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_EPOCH_DAY = 719_468
"""Days from 0000-03-01 to 1970-01-01."""

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]


def parse_instants(texts: Sequence[str]) -> Ints:
    """`parse_instant` of each: microseconds since 1970. Raises ValueError, as that does."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)])
    return parse_encoded(np.frombuffer(b"".join(encoded), np.uint8), offsets)


def parse_encoded(text: Bytes, offsets: NDArray[np.integer[Any]]) -> Ints:
    """The same for UTF-8 texts that stand one after the other: text i is text[offsets[i] : offsets[i + 1]]."""
    found, sure = _parsed_where_sure(text, offsets)
    for index in np.flatnonzero(~sure).tolist():
        found[index] = parse_instant(
            text[offsets[index] : offsets[index + 1]].tobytes().decode("utf-8", "replace")
        )
    return found


def sure_instants(texts: Sequence[str]) -> tuple[Ints, NDArray[np.bool_]]:
    """The instants of those ASCII texts that have a usual shape, and which these are."""
    offsets = np.cumsum([0, *map(len, texts)])
    return _parsed_where_sure(np.frombuffer("".join(texts).encode("ascii"), np.uint8), offsets)


def _parsed_where_sure(text: Bytes, offsets: NDArray[np.integer[Any]]) -> tuple[Ints, NDArray[np.bool_]]:
    starts, lengths = offsets[:-1].astype(np.int64), np.diff(offsets).astype(np.int64)
    found = np.empty(starts.size, np.int64)
    sure = np.zeros(starts.size, np.bool_)
    utc = np.zeros(starts.size, np.int64)
    some = np.flatnonzero(lengths > 0)
    utc[some] = text[starts[some] + lengths[some] - 1] == ord("Z")
    shapes = 2 * lengths + utc
    for shape in np.unique(shapes).tolist():
        where = np.flatnonzero(shapes == shape)
        length = shape // 2
        if length - len(_SHAPE) >= (1 if shape % 2 else _OFFSET):
            # A row for each place in the text, so that what is done at a place is done on neighbours.
            signs = np.ascontiguousarray(text[starts[where, np.newaxis] + np.arange(length)].T)
            found[where], sure[where] = _parsed(signs, utc=shape % 2 == 1)
    return found, sure


def _parsed(signs: Bytes, *, utc: bool) -> tuple[Ints, NDArray[np.bool_]]:
    """Values of texts of one length, place by place, and which of them are sure to be right."""
    length, many = signs.shape
    fraction = length - len(_SHAPE) - (1 if utc else _OFFSET)
    digit = signs - np.uint8(ord("0"))  # what comes before 0 becomes large
    is_digit = digit <= 9
    sure = is_digit[_DIGITS].all(axis=0)
    for place in _SEPARATORS:
        sure &= signs[place] == _SHAPE[place]

    def number(begin: int, digits: int) -> NDArray[np.int32]:
        value: NDArray[np.int32] = digit[begin].astype(np.int32)
        for place in range(begin + 1, begin + digits):
            value = value * 10 + digit[place]
        return value

    year, month, day = number(0, 4), number(5, 2), number(8, 2)
    hour, minute, second = number(11, 2), number(14, 2), number(17, 2)
    sure &= (year > 0) & (month > 0) & (month <= 12) & (hour < 24) & (minute < 60) & (second < 60)
    days, exists = _days(year, np.clip(month, 1, 12), day)
    sure &= exists
    seconds = days.astype(np.int64) * 86_400 + (hour * 3_600 + minute * 60 + second)
    microsecond = np.zeros(many, np.int64)
    if fraction == 1:
        sure[:] = False
    elif fraction:
        sure &= (signs[19] == ord(".")) & is_digit[20 : 19 + fraction].all(axis=0)
        kept = min(fraction - 1, _MICROSECOND_DIGITS)
        microsecond = number(20, kept).astype(np.int64) * 10 ** (_MICROSECOND_DIGITS - kept)
    if not utc:
        ahead, hours, minutes = signs[-_OFFSET], number(length - 5, 2), number(length - 2, 2)
        sure &= is_digit[[-5, -4, -2, -1]].all(axis=0) & (signs[-3] == ord(":"))
        sure &= ((ahead == ord("+")) | (ahead == ord("-"))) & (hours < 24) & (minutes < 60)
        seconds -= np.where(ahead == ord("+"), 1, -1) * (hours * 3_600 + minutes * 60)
    return seconds * 1_000_000 + microsecond, sure


def _days(
    year: NDArray[np.int32], month: NDArray[np.int32], day: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Days since 1970-01-01 in the Gregorian calendar, and which of them the calendar has."""
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    exists = (day > 0) & (day <= _DAYS_OF_MONTH[month] + ((month == 2) & leap))
    # Counted from March on, so that the leap day is the last of a year.
    year = year - (month <= 2)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + of_year - _EPOCH_DAY, exists
