"""Send mutated records through every way in, from a printed seed: no error that nobody handles, nothing lost.

python -m tests.campaigns.fuzz --seed 7 --records 1000000
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from api.bootstrap import opened
from api.settings import Settings
from domain.errors import UnreachableError
from domain.ledger.quarantine import ANY
from tests.campaigns.damaged_files import damage
from tests.campaigns.members import in_child
from tests.campaigns.oracle import FOR_EVER, score_faults, view_faults
from tests.campaigns.servers import brokers
from tests.campaigns.traffic import YEAR
from tests.campaigns.ways_in import WAYS, Counts

ROUND = 5_000
ROUNDS_MEASURED_MIN = 12
"""With fewer rounds nothing is said about memory."""
GROWTH_BYTES_MAX = 48 * 1024 * 1024
"""Between the second quarter of the rounds and the last: what views keep of a hundred thousand more actions."""


@dataclass
class Result:
    """What came of one way."""

    way: str
    counts: Counts = field(default_factory=Counts)
    memory: list[int] = field(default_factory=list)
    """Resident bytes after each round."""
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As it is printed."""
        counts, rounds = self.counts, len(self.memory)
        return {
            "way": self.way,
            "sent": counts.sent,
            "recorded": counts.recorded,
            "duplicates": counts.duplicates,
            "quarantined": counts.quarantined,
            "lost": counts.lost,
            "memory_mib": [each >> 20 for each in self.memory[:: max(1, rounds // 8)]],
            "seconds": round(self.seconds, 1),
            "faults": self.faults[:5],
        }


def fuzz(
    *,
    seed: int,
    records: int,
    settings: Settings,
    folder: Path,
    kafka: str,
    ways: Sequence[str] = tuple(WAYS),
    say: Callable[[str], None] = lambda _text: None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """All ways one after the other, each in a process of its own, into one ledger; results and faults."""
    results, faults = [], []
    for number, way in enumerate(ways):
        share = records // len(ways) + (number < records % len(ways))
        found = in_child(partial(_one, way, share, settings, folder, seed, kafka), folder)
        say(json.dumps(found))
        results.append(found)
        faults += [f"{way}: {fault}" for fault in found["faults"]]
    faults += in_child(lambda: _ledger_faults(settings, results), folder)
    return results, faults


def _one(way: str, records: int, settings: Settings, folder: Path, seed: int, kafka: str) -> dict[str, Any]:
    result, begun = Result(way), time.monotonic()
    # A warning for each batch with refused records: they all have some.
    logging.disable(logging.WARNING)
    try:
        with WAYS[way](settings, folder, seed + list(WAYS).index(way), kafka) as send:
            left = records
            while left:
                number = min(left, ROUND)
                left -= number
                counts = send(number)
                result.counts.take(counts.sent, counts)
                if counts.lost:
                    result.faults.append(f"of {counts.sent} records {counts.lost} are in no count")
                gc.collect()
                result.memory.append(_resident_bytes())
    except Exception:  # noqa: BLE001 # Whatever it is, it is what we were looking for.
        result.faults.append(traceback.format_exc()[-6000:])
    result.seconds = time.monotonic() - begun
    if len(result.memory) >= ROUNDS_MEASURED_MIN and not result.faults:
        quarter = len(result.memory) // 4
        before, after = max(result.memory[quarter : 2 * quarter]), max(result.memory[-quarter:])
        if after - before > GROWTH_BYTES_MAX:
            result.faults.append(f"memory grows from {before >> 20} to {after >> 20} MiB")
    return result.to_json()


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def _ledger_faults(settings: Settings, results: Sequence[dict[str, Any]]) -> list[str]:
    """The ledger against what was told on the way in; and whether its views can live on what was recorded."""
    faults = []
    with opened(settings) as kaoji:
        counts = kaoji.ledger.counted(since=0, until=FOR_EVER)
        entries = kaoji.ledger.quarantine.chunks(ANY)
        found = {
            "recorded": kaoji.ledger.head().position,
            "duplicates": sum(each.duplicates for each in counts),
            "quarantined": sum(entry.times_seen for chunk in entries for entry in chunk),
        }
        for kind, number in found.items():
            told = sum(each[kind] for each in results)
            if told != number:
                faults.append(f"{told} were told to be {kind}, the ledger has {number}")
        faults += view_faults(kaoji)
    return faults + score_faults(settings, year=YEAR)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz from the command line; 1 where anything was lost, or an error came out that nobody handled."""
    parser = argparse.ArgumentParser(description="Send mutated records through every way in; nothing may be lost.")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--way", choices=tuple(WAYS), action="append", help="only this one (may be repeated)")
    parser.add_argument("--kafka", help="HOST:PORT of a running Kafka")
    parser.add_argument("--folder", type=Path, help="where the store is made (default: the temporary folder)")
    given = parser.parse_args(arguments)
    print(f"SEED={given.seed} RECORDS={given.records}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="kaoji-fuzz-", dir=given.folder))
    ways = given.way or tuple(WAYS)
    with ExitStack() as stack:
        kafka = given.kafka
        if "kafka" in ways and kafka is None:
            kafka = stack.enter_context(brokers(1)).bootstrap
        results, faults = fuzz(
            seed=given.seed, records=given.records, settings=_settings(folder / "kaoji.db"), folder=folder,
            kafka=kafka or "", ways=ways, say=lambda text: print(text, flush=True),
        )  # fmt: skip
    rounds = max(10, given.records // 500)
    damaged = in_child(lambda: damage(_settings(folder / "damaged.db"), folder, given.seed, rounds), folder)
    for fault in faults[:20]:
        print(f"FAULT {fault}")
    if faults:
        print(f"FAILED: SEED={given.seed}; the store is kept in {folder}")
    print(json.dumps({"seed": given.seed, "ways": results, "damaged_files": damaged, "faults": len(faults)}))
    return 1 if faults else 0


def _settings(file: Path) -> Settings:
    keys = file.with_name(f"{file.stem}-keys.db")
    return Settings(store=f"sqlite:///{file}", keys=keys, language="en", zone="Asia/Shanghai", token=None)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UnreachableError as error:
        sys.exit(f"{error}")
