"""Count what came of each source beside new actions, by quarter hours: the durable part of a sender's receipt."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from domain.ledger.sql import QUARTER_MICROSECONDS, RECEIPT_COLUMNS
from domain.ledger.store import CountRow, EntryRow, Store


def count_rows(
    *, duplicates: Sequence[str] = (), refused: Sequence[EntryRow] = (), retried: Sequence[str] = ()
) -> list[CountRow]:
    """What one batch adds, by source; `duplicates` and `retried` give the source of each such action.

    New actions are not counted: the ledger itself says how many there are.
    """
    if not (duplicates or refused or retried):
        return []
    refusals: Counter[str | None] = Counter()
    for entry in refused:
        refusals[entry.source or None] += entry.times
    doubled: Counter[str | None] = Counter(duplicates)
    tried: Counter[str | None] = Counter(retried)
    return [
        CountRow(
            # A source may be longer than an index takes.
            hashlib.sha256((source or "").encode()).digest(),
            source,
            doubled[source],
            refusals[source],
            tried[source],
        )
        for source in sorted({*doubled, *refusals, *tried}, key=lambda each: each or "")
    ]


def counted(store: Store, *, since: int, until: int) -> list[CountRow]:
    """Sums by source of what was counted from `since` on, up to before `until`: whole quarters."""
    assert since % QUARTER_MICROSECONDS == until % QUARTER_MICROSECONDS == 0, "counts are kept by quarters"
    rows = store.query(
        f"SELECT {RECEIPT_COLUMNS} FROM ledger_receipts WHERE quarter >= ? AND quarter < ?",
        (since // QUARTER_MICROSECONDS, until // QUARTER_MICROSECONDS),
    )
    sums: dict[bytes, CountRow] = {}
    for row in map(CountRow._make, rows):
        before = sums.get(row.source_sha256)
        if before is not None:
            row = row._replace(
                duplicates=row.duplicates + before.duplicates,
                refused=row.refused + before.refused,
                retried=row.retried + before.retried,
            )
        sums[row.source_sha256] = row
    return sorted(sums.values(), key=lambda each: each.source or "")
