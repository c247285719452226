"""Columns of numbers as text: integers in units of a decimal place, written by Arrow instead of one by one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain.scoring.json_columns import Flags, TextColumn, joined, where

Units = NDArray[np.int64]


def decimal_column(units: Units, places: int, *, there: Flags | None = None) -> TextColumn:
    """Units of zero or more with all their decimals; null where they are not there."""
    if there is not None:
        units = np.where(there, units, 0)
    whole, part = np.divmod(units, 10**places)
    texts: TextColumn = pa.array(whole).cast(pa.string())
    if places:
        # The leading one keeps the zeros behind the point, and is cut off.
        decimals = pc.utf8_slice_codeunits(pa.array(part + 10**places).cast(pa.string()), 1)
        texts = joined([texts, decimals], ".")
    return texts if there is None else where(there, texts, None)


def plain_column(units: Units, places: int, *, there: Flags | None = None) -> TextColumn:
    """The same without zeros at the end, as `domain.numbers.plain` prints a number."""
    whole, part = np.divmod(units, 10**places)
    texts = decimal_column(whole, 0, there=there)
    # Most numbers are whole: only the others have zeros that are to be taken away.
    broken = part != 0 if there is None else (part != 0) & there
    if not broken.any():
        return texts
    ends = pc.ascii_rtrim(decimal_column(units[broken], places), characters="0")
    found: TextColumn = pc.replace_with_mask(texts, pa.array(broken), ends)
    return found


def with_texts(column: TextColumn, texts: dict[int, str]) -> TextColumn:
    """The same with other texts in some rows."""
    if not texts:
        return column
    rows = sorted(texts)
    mask = np.zeros(len(column), np.bool_)
    mask[rows] = True
    found: TextColumn = pc.replace_with_mask(column, pa.array(mask), pa.array([texts[row] for row in rows]))
    return found
