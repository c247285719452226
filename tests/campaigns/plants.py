"""Show that the campaign finds bugs: plant one in a copy of the product, and kill until it is caught.

python -m tests.campaigns.plants --plant all
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.campaigns.servers import brokers

ROOT = Path(__file__).parents[2]
SESSION_MS = 1_500
_PARTS = ("domain", "projections", "consumers", "api", "tests")
_CAUGHT = 1


@dataclass(frozen=True)
class Plant:
    """One bug: texts that are replaced, each of which the product must hold exactly once."""

    what: str
    edits: Sequence[tuple[str, str, str]]
    store: str = "sqlite"


class LostPlaceError(Exception):
    """The product has changed: the text in which a bug was to be planted is no longer there."""


# Indented as they stand in the product.
_RECORD = """\
            self._intake.take(batch.arrivals, tracking=batch.tracking)
"""
_OFFSET = """\
            for each in {row.application_name: row for row in batch.tracking}.values():
                self._intake._ledger.track(each)
"""
_APPEND = """\
            self._intake.take(batch.arrivals)
"""
_FENCE = """\
            if cursor.fetchone() is None:
                raise StaleTrackingError(name, tracking_id)
"""
_NO_FENCE = """\
            cursor.fetchone()
"""
_FIRST_RISES = "application_name = name AND notification_id >= first)"
_LAST_RISES = "application_name = name AND notification_id >= last)"
_KEY = "(key := action.key_known or action.key_bytes)"
_ANY_KEY = '(key := __import__("os").urandom(16))'
_WRITE = """\
                    first = self._store.write(batch)
"""
_WRITE_TWICE = """\
                    first = self._store.write(Batch(batch.events, batch.sealed, tracking=batch.tracking))
                    self._store.write(Batch(entries=batch.entries, counts=batch.counts))
"""
_ADVANCE = """\
        advanced = [self.store.advance(connection, build, batch[-1].position) for build in builds]
"""
_ADVANCED = """\
        advanced = [Checkpoint(b.projection, b.build, batch[-1].position, b.live, b.format) for b in builds]
"""
_TAKE_IN = """\
                with times.stage("write"), self.store.transaction() as connection:
"""
_TAKE_IN_ADVANCED = """\
                with self.store.transaction() as connection:
                    for build in builds:
                        self.store.advance(connection, build, batch[-1].position)
"""
_REST = """\
            (build,) = self._write([build], connection, batch, changes)
"""
_REST_ADVANCED = """\
            self.store.advance(connection, build, batch[-1].position)
"""

PLANTS = {
    "offset-first": Plant(
        "The offset is committed before the batch is written.",
        [("consumers/kafka.py", _RECORD, _OFFSET + _APPEND)],
    ),
    "offset-later": Plant(
        "The offset is committed after the batch, in a transaction of its own.",
        [("consumers/kafka.py", _RECORD, _APPEND + _OFFSET)],
    ),
    "no-fencing": Plant(
        "A batch that another member has written already is written again.",
        [("domain/ledger/store_sqlite.py", _FENCE, _NO_FENCE)],
    ),
    "fenced-by-its-end": Plant(
        "Only the last offset of a batch is compared with the ledger (on PostgreSQL; this one was ours).",
        [("domain/ledger/store_postgres.py", _FIRST_RISES, _LAST_RISES)],
        store="postgres",
    ),
    "no-duplicate-check": Plant(
        "Each arrival gets a key of its own, so that a repeat is recorded again.",
        [("domain/ledger/ledger.py", _KEY, _ANY_KEY)],
    ),
    "quarantine-elsewhere": Plant(
        "Refused records are written after the batch, in a transaction of their own.",
        [("domain/ledger/ledger.py", _WRITE, _WRITE_TWICE)],
    ),
    "position-elsewhere": Plant(
        "The position of a view is committed before its rows, in a transaction of its own.",
        [
            ("projections/driver.py", _ADVANCE, _ADVANCED),
            ("projections/driver.py", _TAKE_IN, _TAKE_IN_ADVANCED + _TAKE_IN),
            ("projections/driver.py", _REST, _REST_ADVANCED + _REST),
        ],
    ),
}


@contextmanager
def planted(plant: Plant) -> Iterator[Path]:
    """A copy of the product with the bug in it. Raises LostPlaceError."""
    with tempfile.TemporaryDirectory(prefix="kaoji-plant-") as folder:
        copy = Path(folder)
        for part in _PARTS:
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        for file, old, new in plant.edits:
            text = (copy / file).read_text(encoding="utf-8")
            if text.count(old) != 1:
                raise LostPlaceError(
                    f"{file} holds this {text.count(old)} times, not once; mend the plant:\n{old}"
                )
            (copy / file).write_text(text.replace(old, new), encoding="utf-8")
        yield copy


def campaign_in(
    tree: Path,
    *,
    folder: Path,
    seed: int,
    crashes: int,
    store: str,
    kafka: str,
    session_ms: int = SESSION_MS,
    step: str | None = None,
) -> subprocess.Popen[str]:
    """A campaign by the code of that tree, begun; it keeps its stores in the folder."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.campaigns.crashes", "--seed", seed, "--crashes", crashes]
    command += ["--store", store, "--kafka", kafka, "--session-ms", session_ms, "--folder", folder]
    command += ["--step", step] if step is not None else []
    return subprocess.Popen(list(map(str, command)), cwd=tree, stdout=subprocess.PIPE, text=True)


def fault_found(done: subprocess.Popen[str]) -> str | None:
    """The first fault of a campaign, once it has ended; None where there was none."""
    out, _ = done.communicate()
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    fault: str | None = found["campaigns"][0]["first_fault"]
    assert (done.returncode == _CAUGHT) == (fault is not None), out
    return fault


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant bugs from the command line; 1 where one is not caught."""
    parser = argparse.ArgumentParser(
        description="Plant bugs in copies of the product; the campaign must find them."
    )
    parser.add_argument("--plant", choices=("all", *PLANTS), default="all")
    parser.add_argument("--seed", type=int, default=1, help="the first one; the next ones follow")
    parser.add_argument("--seeds-max", type=int, default=5)
    parser.add_argument("--crashes", type=int, default=40)
    given = parser.parse_args(arguments)
    results: list[dict[str, Any]] = []
    with ExitStack() as stack:
        kafka = stack.enter_context(brokers(1))
        for name in PLANTS if given.plant == "all" else [given.plant]:
            results.append(_tried(name, given, kafka.bootstrap))
            print(json.dumps(results[-1], ensure_ascii=False), flush=True)
    print(json.dumps({"plants": results}, ensure_ascii=False))
    return 0 if all(each["seed"] is not None for each in results) else 1


def _tried(name: str, given: argparse.Namespace, kafka: str) -> dict[str, Any]:
    plant, begun, fault, seed = PLANTS[name], time.monotonic(), None, None
    with planted(plant) as tree:
        for number in range(given.seed, given.seed + given.seeds_max):
            run = campaign_in(
                tree, folder=tree, seed=number, crashes=given.crashes, store=plant.store, kafka=kafka
            )
            fault = fault_found(run)
            if fault is not None:
                seed = number
                break
    return {
        "plant": name,
        "what": plant.what,
        "store": plant.store,
        "seed": seed,
        "crashes": given.crashes,
        "seconds": round(time.monotonic() - begun),
        "fault": None if fault is None else fault[:300],
    }


if __name__ == "__main__":
    sys.exit(main())
