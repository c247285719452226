"""Send mutated records through every way in, from a printed seed: no error that nobody handles, nothing lost.

python -m tests.campaigns.fuzz --seed 7 --records 1000000
"""

from __future__ import annotations

import argparse
import csv
import gc
import gzip
import io
import json
import logging
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from xml.sax.saxutils import quoteattr

import msgspec
import zstandard
from kafka import KafkaProducer

from api.bootstrap import opened, system_clock
from api.intake import consume_topic, ingest_files
from api.settings import Settings
from consumers.files import open_files
from consumers.kafka_topics import create_topic
from consumers.mapping import Mapping, parse_mapping
from consumers.pipeline import Totals
from domain.errors import KaojiError, UnreachableError
from domain.ledger.quarantine import ANY
from projections.damage import PoisonEventError
from tests.campaigns.members import in_child
from tests.campaigns.mutations import Mutations, odd_text
from tests.campaigns.oracle import FOR_EVER, score_faults, view_faults
from tests.campaigns.servers import brokers
from tests.campaigns.traffic import YEAR

ROUND = 5_000
DAMAGED_LINES = 200
ROUNDS_MEASURED_MIN = 12
"""With fewer rounds nothing is said about memory."""
GROWTH_BYTES_MAX = 48 * 1024 * 1024
"""Between the second quarter of the rounds and the last: what views keep of a hundred thousand more actions."""
WAYS = ("kafka", "http", "ndjson", "xes", "csv")


@dataclass
class Counts:
    """What was sent on one way, and what became of it."""

    sent: int = 0
    recorded: int = 0
    duplicates: int = 0
    quarantined: int = 0

    def take(self, sent: int, totals: Totals | Counts) -> None:
        """Add a round."""
        self.sent += sent
        self.recorded += totals.recorded
        self.duplicates += totals.duplicates
        self.quarantined += totals.quarantined

    @property
    def lost(self) -> int:
        """Sent, and not to be found in any count."""
        return self.sent - self.recorded - self.duplicates - self.quarantined


class Way(Protocol):
    """One way into the ledger: takes a round of records and says what became of them."""

    def __call__(self, number: int) -> Counts:
        """Send so many."""


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


# --- ways


@contextmanager
def _files(
    settings: Settings,
    folder: Path,
    name: str,
    mapping: Mapping | None,
    written: Callable[[int], tuple[bytes, int]],
) -> Iterator[Way]:
    numbers = iter(range(1 << 60))

    def way(number: int) -> Counts:
        content, sent = written(number)
        file = folder / f"{next(numbers)}.{name}"
        file.write_bytes(content)
        counts = Counts()
        counts.take(sent, ingest_files(settings, open_files([str(file)], mapping=mapping, clock=system_clock)))
        file.unlink()
        return counts

    yield way


def ndjson_of(lines: Sequence[bytes]) -> tuple[bytes, int]:
    """A file of these lines, and how many of them are no blank ones."""
    # A line end ends a record; the first line is whole, for a byte order mark would condemn the file.
    whole = [b"{}", *(line.replace(b"\n", b" ") for line in lines)]
    return b"\n".join(whole) + b"\n", sum(not line.isspace() and line != b"" for line in whole)


_CSV_COLUMNS = ("case", "nr", "when", "what", "who", "due", "rating")
_TABLE = """
source = "/fuzz/{way}"
input = "{way}"
zone = "Asia/Shanghai"
[case]
subject = "case"
[events]
time = "when"
activity = "what"
id = "nr"
default = "licensing.step-done"
[events.types]
rated = "service.rated"
granted = "licensing.granted"
[events.fields]
actor = "who"
step = "what"
due = {{ from = "due", as = "date" }}
rating = {{ from = "rating", as = "integer" }}
"""


class _Rows:
    """Rows of a table, of which some are odd in a cell or as a whole."""

    def __init__(self, seed: int) -> None:
        self._events = Mutations(seed).events()
        self.chance = random.Random(f"rows {seed}")
        self._last: dict[str, str] = {}

    def row(self) -> dict[str, str]:
        if self._last and self.chance.random() < 0.08:
            return self._last
        event, chance = next(self._events), self.chance
        row = {
            "case": event["subject"],
            "nr": event["id"],
            "when": event["time"],
            "what": chance.choice(("granted", "rated", "checked")),
            "who": "s1",
            "due": "2011-06-30",
            "rating": str(chance.randrange(1, 6)),
        }
        while chance.random() < 0.3:
            row[chance.choice(_CSV_COLUMNS)] = odd_text(chance)
        self._last = row
        return row


def csv_rows(rows: _Rows, number: int) -> tuple[bytes, int]:
    """A table, and how many rows it has below its header."""
    out = io.StringIO(newline="")
    # No bare carriage return in a cell: whether it ends a line depends on who reads.
    write = csv.writer(out, lineterminator="\n").writerow
    write(_CSV_COLUMNS)
    sent = 0
    for _ in range(number):
        cells = [cell.replace("\r", " ") for cell in rows.row().values()]
        dice = rows.chance.random()
        if dice < 0.02:
            out.write(rows.chance.choice(("x,y\n", "a,b,c,d,e,f,g,h\n", '"a"b,c\n', "a\0b,1,2,3,4,5,6\n")))
        elif dice < 0.04:
            write(cells[: rows.chance.randrange(2, len(cells))])
        elif all(not cell.strip() for cell in cells):
            continue
        else:
            write(cells)
        sent += 1
    return out.getvalue().encode("utf-8", "surrogatepass"), sent


def xes_log(rows: _Rows, number: int) -> tuple[bytes, int]:
    """A log of traces with a few events each, and how many events there are."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?><log xmlns="http://www.xes-standard.org/">']
    left = number
    while left:
        events = min(left, rows.chance.randrange(1, 6))
        left -= events
        first = rows.row()
        parts.append(f"<trace>{_xes_attribute(rows, 'case', first['case'])}")
        for _ in range(events):
            row = rows.row()
            inner = "".join(_xes_attribute(rows, name, text) for name, text in row.items() if name != "case")
            parts.append(f"<event>{inner}</event>")
        parts.append("</trace>")
    parts.append("</log>")
    return "".join(parts).encode(), number


def _xes_attribute(rows: _Rows, name: str, text: str) -> str:
    # What XML cannot hold at all would end the log, not the record: see `damaged`.
    legal = "".join(each for each in text if each in "\t\n\r" or 0x20 <= ord(each) < 0xD800 or ord(each) > 0xDFFF)
    legal = legal.replace("\ufffe", "").replace("\uffff", "")
    kind = rows.chance.choice(("string",) * 40 + ("date", "int", "list", "unheard-of"))
    inner = f"<string key={quoteattr(name)} value='inner'/>" if rows.chance.random() < 0.05 else ""
    return f"<{kind} key={quoteattr(name)} value={quoteattr(legal)}>{inner}</{kind}>"


@contextmanager
def _ndjson(settings: Settings, folder: Path, seed: int, _kafka: str) -> Iterator[Way]:
    mutations = Mutations(seed)
    with _files(settings, folder, "ndjson", None, lambda number: ndjson_of(mutations.lines(number - 1))) as way:
        yield way


@contextmanager
def _csv(settings: Settings, folder: Path, seed: int, _kafka: str) -> Iterator[Way]:
    rows, mapping = _Rows(seed), parse_mapping(_TABLE.format(way="csv"), name="fuzz")
    with _files(settings, folder, "csv", mapping, lambda number: csv_rows(rows, number)) as way:
        yield way


@contextmanager
def _xes(settings: Settings, folder: Path, seed: int, _kafka: str) -> Iterator[Way]:
    rows, mapping = _Rows(seed), parse_mapping(_TABLE.format(way="xes"), name="fuzz")
    with _files(settings, folder, "xes", mapping, lambda number: xes_log(rows, number)) as way:
        yield way


@contextmanager
def _http(settings: Settings, _folder: Path, seed: int, _kafka: str) -> Iterator[Way]:
    """Batches where a record can stand in one, single requests for the others, and some in binary mode."""
    from starlette.testclient import TestClient

    from api.http.app import create_app
    from tests.support.http import BATCH, LOCAL, STRUCTURED

    mutations, chance = Mutations(seed), random.Random(f"http {seed}")
    with (
        opened(settings) as kaoji,
        TestClient(create_app(kaoji), base_url=LOCAL, client=("127.0.0.1", 50_000)) as client,
    ):

        def told(body: bytes, headers: dict[str, str]) -> list[dict[str, Any]] | None:
            """The verdicts; None for a batch that was turned away whole."""
            answer = client.post("/actions", content=body, headers=headers)
            if answer.status_code == 200 and headers["content-type"] == BATCH:
                found: list[dict[str, Any]] = answer.json()["verdicts"]
                return found
            if answer.status_code == 400 and headers["content-type"] == BATCH:
                return None
            assert answer.status_code in (200, 201, 422), f"{answer.status_code}: {answer.text[:500]}"
            return [answer.json()]

        def single(line: bytes) -> dict[str, Any]:
            if chance.random() < 0.3:
                (verdict,) = told(*_binary(line, chance)) or []
            else:
                (verdict,) = told(line, {"content-type": STRUCTURED}) or []
            return verdict

        def way(number: int) -> Counts:
            lines = mutations.lines(number)
            alone = [line for line in lines if chance.random() < 0.02 or not _is_json(line)]
            apart = set(alone)
            together = [line for line in lines if line not in apart]
            verdicts = told(b"[" + b",".join(together) + b"]", {"content-type": BATCH}) if together else []
            if verdicts is None:
                alone, verdicts = lines, []
            else:
                # A repeat may stand in both lots.
                alone = [line for line in lines if line in apart]
            verdicts += [single(line) for line in alone]
            kinds = Counter(verdict["verdict"] for verdict in verdicts)
            return Counts(len(lines), kinds["recorded"], kinds["duplicate"], kinds["quarantined"])

        yield way


def _binary(line: bytes, chance: random.Random) -> tuple[bytes, dict[str, str]]:
    """A record as a binary one, as far as headers can hold it."""
    headers = {"content-type": chance.choice(("application/json", "application/json; charset=utf-8"))}
    try:
        event = json.loads(line)
        assert isinstance(event, dict)
    except (ValueError, AssertionError, RecursionError):
        return line, headers | {"ce-id": "x"}
    for name in ("specversion", "id", "source", "type", "subject", "time", "sequence"):
        if name in event:
            text = str(event[name]).encode("ascii", "replace").decode()
            headers[f"ce-{name}"] = "".join(each for each in text if each.isprintable())[:2_000]
    try:
        return json.dumps(event.get("data")).encode(), headers | {"ce-id": headers.get("ce-id", "x")}
    except RecursionError:
        return b"{}", headers | {"ce-id": "x"}


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


@contextmanager
def _kafka_way(settings: Settings, folder: Path, seed: int, kafka: str) -> Iterator[Way]:
    mutations, chance = Mutations(seed), random.Random(f"kafka {seed}")
    topic = f"fuzz-{seed}-{time.time_ns():x}"
    create_topic(kafka, topic, partitions=3)
    config = folder / "kafka.toml"
    config.write_text("session_timeout_ms = 6000\nheartbeat_interval_ms = 1000\n")
    producer = KafkaProducer(
        bootstrap_servers=kafka, acks="all", linger_ms=20, compression_type="gzip", max_request_size=4 << 20
    )

    def way(number: int) -> Counts:
        failures: list[BaseException] = []
        sent = 0
        for line in mutations.lines(number):
            if len(line) > 1_000_000:
                # Kafka itself takes no larger ones.
                line = line[:1_000_000]
            value, key, headers = _record(line, chance)
            if value is None and key is None:
                key = b"k"  # The client refuses a record that has neither.
            producer.send(topic, value=value, key=key, headers=headers).add_errback(failures.append)
            sent += 1
        producer.flush()
        assert not failures, f"Kafka did not take a record: {failures[0]}"
        counts = Counts()
        counts.take(
            sent,
            consume_topic(
                settings, bootstrap=kafka, topic=topic, group=topic, config_file=str(config), until_idle=0.3
            ),
        )
        return counts

    try:
        yield way
    finally:
        producer.close()


def _record(line: bytes, chance: random.Random) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
    """Value, key and headers: structured, binary, or odd."""
    dice = chance.random()
    key = chance.choice((None, b"case-1", b"\xff", b"x" * 300))
    if dice < 0.01:
        return None, key, []
    if dice < 0.15:
        value, headers = _binary(line, chance)
        named = [(name.replace("ce-", "ce_"), text.encode()) for name, text in headers.items()]
        if dice < 0.03:
            named += [("ce_id", b"again"), ("ce_data", b"\xff"), ("\u00e9", b"")]
        return value, key, named
    kind = chance.choice(
        (b"application/cloudevents+json",) * 12
        + (
            b"",
            b"text/plain",
            b"application/cloudevents+json; charset=gb18030",
            b"application/cloudevents-batch+json",
        )
    )
    return line, key, [("content-type", kind)] if kind else []


_WAYS = {"kafka": _kafka_way, "http": _http, "ndjson": _ndjson, "xes": _xes, "csv": _csv}


# --- files that are damaged as a whole


def damage(settings: Settings, folder: Path, seed: int, rounds: int) -> dict[str, int]:
    """Ingest files that were cut, flipped or packed badly. Each is taken in, or refused in our words; how many."""
    chance, mutations, rows = random.Random(f"damage {seed}"), Mutations(seed), _Rows(seed)
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
        mapping = None if way == "ndjson" else parse_mapping(_TABLE.format(way=way), name="fuzz")
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


# --- the run


def fuzz(
    *,
    seed: int,
    records: int,
    settings: Settings,
    folder: Path,
    kafka: str,
    ways: Sequence[str] = WAYS,
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
        with _WAYS[way](settings, folder, seed + WAYS.index(way), kafka) as send:
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
    parser.add_argument("--way", choices=WAYS, action="append", help="only this one (may be repeated)")
    parser.add_argument("--kafka", help="HOST:PORT of a running Kafka")
    parser.add_argument("--folder", type=Path, help="where the store is made (default: the temporary folder)")
    given = parser.parse_args(arguments)
    print(f"SEED={given.seed} RECORDS={given.records}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="kaoji-fuzz-", dir=given.folder))
    ways = given.way or WAYS
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
