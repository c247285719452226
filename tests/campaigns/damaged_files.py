"""Files that were cut, flipped or packed badly on their way: each is taken in, or refused in our words."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import zstandard

from api.bootstrap import opened, system_clock
from api.intake import ingest_files
from api.settings import Settings
from consumers.files import open_files
from consumers.mapping import parse_mapping
from domain.errors import KaojiError
from projections.damage import PoisonEventError
from tests.campaigns.mutations import Mutations
from tests.campaigns.oracle import view_faults
from tests.campaigns.ways_in import TABLE, Counts, Rows, csv_rows, ndjson_of, xes_log

DAMAGED_LINES = 200


def damage(settings: Settings, folder: Path, seed: int, rounds: int) -> dict[str, int]:
    """Ingest files that were cut, flipped or packed badly. Each is taken in, or refused in our words; how many."""
    chance, mutations, rows = random.Random(f"damage {seed}"), Mutations(seed), Rows(seed)
    ends: Counter[str] = Counter()
    for number in range(rounds):
        way = chance.choice(("ndjson", "csv", "xes"))
        content = {
            "ndjson": lambda: ndjson_of(mutations.lines(DAMAGED_LINES))[0],
            "csv": lambda: csv_rows(rows, DAMAGED_LINES)[0],
            "xes": lambda: xes_log(rows, DAMAGED_LINES)[0],
        }[way]()
        packing = chance.choice(sorted(_PACKINGS))
        file = folder / f"{number}.{way}{packing}"
        file.write_bytes(_hurt(_PACKINGS[packing](content), chance))
        mapping = None if way == "ndjson" else parse_mapping(TABLE.format(way=way), name="fuzz")
        try:
            totals = ingest_files(settings, open_files([str(file)], mapping=mapping, clock=system_clock))
            kept = Counts()
            kept.take(totals.read, totals)
            assert not kept.lost, f"{file.name}: {totals}"
            ends["taken in"] += 1
        except PoisonEventError:
            raise
        except KaojiError as error:
            ends[type(error).__name__] += 1
        file.unlink()
    with opened(settings) as kaoji:
        faults = view_faults(kaoji)
    assert not faults, faults
    return dict(ends)


def _hurt(content: bytes, chance: random.Random) -> bytes:
    hurt = bytearray(content)
    dice = chance.random()
    if dice < 0.4:
        return bytes(hurt[: chance.randrange(len(hurt))])
    for _ in range(chance.choice((1, 3, 30))):
        hurt[chance.randrange(len(hurt))] = chance.choice((0, 10, 13, 34, 60, 255, chance.randrange(256)))
    if dice > 0.9:
        hurt[:0] = chance.choice(
            (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0\0", b"<!DOCTYPE x>", b"\x1f\x8b")
        )
    return bytes(hurt)


_PACKINGS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}
