"""Score all staff from Parquet in a fresh process: python -m benchmarks.peers_cold ENGINE FOLDER STAFF OUT."""

from __future__ import annotations

import sys

import numpy as np

FROM_DAY, TO_DAY = 19_723, 20_088


def main() -> None:
    """Write the sums of every member of staff to OUT, for the benchmark to compare."""
    engine, folder, staff, out = sys.argv[1:]
    # Each process pays for importing its own engine only.
    if engine == "duckdb":
        from benchmarks import peers_duckdb

        answer = peers_duckdb.score(
            peers_duckdb.scanned(folder), staff=int(staff), procedures=0, from_day=FROM_DAY, to_day=TO_DAY
        )
    else:
        from benchmarks import peers_polars

        answer = peers_polars.score(
            peers_polars.scanned(folder),
            staff=int(staff), procedures=0, from_day=FROM_DAY, to_day=TO_DAY,
            engine="streaming" if engine == "polars-streaming" else "in-memory",
        )  # fmt: skip
    np.save(out, answer.staff)


if __name__ == "__main__":
    main()
