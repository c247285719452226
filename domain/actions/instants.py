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
_BETWEEN = np.array([[_SHAPE[place]] for place in _SEPARATORS], np.uint8)
_OFFSET = len("+00:00")
_OFFSET_DIGITS = [-5, -4, -2, -1]
_MICROSECOND_DIGITS = 6
_MONTHS = np.arange("0000-01", "10000-02", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
"""The first day of each month from January of the year 0 on, in days since 1970-01-01."""
_DAYS_OF_MONTH = np.diff(_MONTHS)

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
    """The instants of those texts that have a usual shape, and which these are."""
    offsets = np.cumsum([0, *map(len, texts)])
    # What is not ASCII becomes a question mark, which no usual shape has.
    return _parsed_where_sure(np.frombuffer("".join(texts).encode("ascii", "replace"), np.uint8), offsets)


def _parsed_where_sure(text: Bytes, offsets: NDArray[np.integer[Any]]) -> tuple[Ints, NDArray[np.bool_]]:
    starts, lengths = offsets[:-1].astype(np.int64), np.diff(offsets).astype(np.int64)
    found = np.empty(starts.size, np.int64)
    sure = np.zeros(starts.size, np.bool_)
    utc = np.zeros(starts.size, np.int64)
    some = np.flatnonzero(lengths > 0)
    utc[some] = text[starts[some] + lengths[some] - 1] == ord("Z")
    shapes = 2 * lengths + utc
    for shape in set(shapes.tolist()):
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
    sure = is_digit[_DIGITS].all(axis=0) & (signs[_SEPARATORS] == _BETWEEN).all(axis=0)
    # The two digits from each place on, where there are two: all numbers are made of such.
    pairs = digit[:-1] * np.uint8(10) + digit[1:]
    month, day, hour, minute, second = pairs[[5, 8, 11, 14, 17]].astype(np.int64)
    year = pairs[0].astype(np.int64) * 100 + pairs[2]
    sure &= (year > 0) & (month > 0) & (month <= 12) & (hour < 24) & (minute < 60) & (second < 60)
    at = np.where(sure, year * 12 + month - 1, 0)
    sure &= (day > 0) & (day <= _DAYS_OF_MONTH[at])
    seconds = (_MONTHS[at] + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second
    microsecond: Ints | int = 0
    if fraction == 1:
        sure[:] = False
    elif fraction:
        sure &= (signs[19] == ord(".")) & is_digit[20 : 19 + fraction].all(axis=0)
        microsecond = np.zeros(many, np.int64)
        for place in range(_MICROSECOND_DIGITS):
            microsecond *= 10
            if place < fraction - 1:
                microsecond += digit[20 + place]
    if not utc:
        ahead, (hours, minutes) = signs[-_OFFSET], pairs[[-4, -1]].astype(np.int64)
        sure &= is_digit[_OFFSET_DIGITS].all(axis=0) & (signs[-3] == ord(":"))
        sure &= ((ahead == ord("+")) | (ahead == ord("-"))) & (hours < 24) & (minutes < 60)
        seconds -= np.where(ahead == ord("+"), 1, -1) * (hours * 3_600 + minutes * 60)
    return seconds * 1_000_000 + microsecond, sure
