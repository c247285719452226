"""Cut case files by cases into partitions that can be folded anywhere, and fold one as Arrow batches.

A case lies in one partition whole, and its contributions are integers, so the sum over all partitions is the same
bits however many there are and wherever each was folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from domain.measuring.cases import CASE_ARRAYS, Cases
from domain.measuring.fold import fold_in_chunks
from domain.measuring.limits import Rules
from domain.measuring.tally import TALLY_RECORD, Tally
from projections.tallies.case_files import CaseFiles

_FIELDS: Final[list[Any]] = [
    pa.field("partition", pa.int32()),
    *(pa.field(name, pa.binary()) for name in CASE_ARRAYS),
]
_KEYS: Final[list[Any]] = [
    pa.field(name, pa.int32()) for name in ("kind", "person", "unit", "procedure", "day", "value")
]

PARTITION_SCHEMA: Final = pa.schema(_FIELDS)
"""One row is one partition: its arrays as bytes, little-endian as every processor in use has them."""

SUM_SCHEMA: Final = pa.schema([*_KEYS, pa.field("part", pa.int64())])
"""Rows of a tally: all but `part` are its key."""


class PartitionFold(NamedTuple):
    """Folds the partitions of Arrow batches; it can be sent to another process."""

    rules: Rules
    asked: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Batches of PARTITION_SCHEMA in, batches of SUM_SCHEMA out: one for each partition."""
        for batch in batches:
            columns = [batch.column(name) for name in CASE_ARRAYS]
            for row in range(batch.num_rows):
                cases = _cases_from([column[row] for column in columns])
                yield _batch_of(folded(cases, self.rules, self.asked))


def partitions(files: CaseFiles, number: int) -> Iterator[pa.RecordBatch]:
    """So many batches of one row; a case lies where the code of its subject, modulo the number, says."""
    for each in range(number):
        cases = some_cases(files.cases, np.flatnonzero(files.subject % number == each))
        columns: list[pa.Array[Any]] = [pa.array([each], pa.int32())]
        columns += [pa.array([array.tobytes()], pa.binary()) for array in cases.arrays.values()]
        yield pa.RecordBatch.from_arrays(columns, schema=PARTITION_SCHEMA)


def folded(cases: Cases, rules: Rules, asked: int) -> NDArray[Any]:
    """Rows of TALLY_RECORD, merged."""
    found = Tally.empty()
    for chunk in fold_in_chunks(cases, rules, asked=asked, rows=1 << 20):
        rows = np.zeros(chunk.size, TALLY_RECORD)
        for name in TALLY_RECORD.names or ():
            rows[name] = chunk[name]
        found = (found + Tally(rows, (), (), ()).merged()).merged()
    return found.rows


def tally_of(sums: pa.Table, *, staff: Sequence[str], units: Sequence[str], procedures: Sequence[str]) -> Tally:
    """Rows of SUM_SCHEMA as a tally, whatever their order."""
    rows = np.zeros(sums.num_rows, TALLY_RECORD)
    for name in SUM_SCHEMA.names:
        rows[name] = sums.column(name).to_numpy()
    return Tally(rows, staff, units, procedures).merged()


def some_cases(cases: Cases, chosen: NDArray[np.intp]) -> Cases:
    """Some of the cases, by their numbers, with what they rest on and nothing else."""
    begin, sizes = cases.starts[chosen], cases.starts[chosen + 1] - cases.starts[chosen]
    actions: Any = cases.actions[_spans(begin, sizes)]
    states = actions.extra >= 0
    extras: Any = cases.extras[actions.extra[states]]
    actions.extra[states] = np.arange(extras.size)
    shared = extras.share_stop - extras.share_start
    shares: Any = cases.shares[_spans(extras.share_start, shared)]
    extras.share_stop = np.cumsum(shared)
    extras.share_start = extras.share_stop - shared
    return Cases(np.append(0, np.cumsum(sizes)).astype(np.int64), actions, extras, shares)


def _spans(begin: NDArray[Any], sizes: NDArray[Any]) -> NDArray[np.int64]:
    """All numbers of the spans that begin there and are so long, one span after another."""
    before = np.cumsum(sizes, dtype=np.int64) - sizes
    return np.repeat(begin.astype(np.int64) - before, sizes) + np.arange(int(sizes.sum()))


def _cases_from(scalars: Sequence[Any]) -> Cases:
    arrays: list[Any] = [
        np.frombuffer(scalar.as_buffer(), dtype).copy()
        for scalar, dtype in zip(scalars, CASE_ARRAYS.values(), strict=True)
    ]
    return Cases(arrays[0], *(array.view(np.recarray) for array in arrays[1:]))


def _batch_of(rows: NDArray[Any]) -> pa.RecordBatch:
    columns = [pa.array(rows[field.name].astype(field.type.to_pandas_dtype())) for field in SUM_SCHEMA]
    return pa.RecordBatch.from_arrays(columns, schema=SUM_SCHEMA)
