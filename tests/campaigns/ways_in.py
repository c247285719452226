"""Every way into the ledger, fed with mutated records: Kafka, HTTP, NDJSON, XES, CSV."""

from __future__ import annotations

import csv
import io
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from xml.sax.saxutils import quoteattr

import msgspec
from kafka import KafkaProducer
from starlette.testclient import TestClient

from api.bootstrap import opened, system_clock
from api.http.app import create_app
from api.intake import consume_topic, ingest_files
from api.settings import Settings
from consumers.files import open_files
from consumers.kafka_topics import create_topic
from consumers.mapping import Mapping, parse_mapping
from consumers.pipeline import Totals
from tests.campaigns.mutations import Mutations, odd_text
from tests.support.http import BATCH, LOCAL, STRUCTURED


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
TABLE = """
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


class Rows:
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


def csv_rows(rows: Rows, number: int) -> tuple[bytes, int]:
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


def xes_log(rows: Rows, number: int) -> tuple[bytes, int]:
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


def _xes_attribute(rows: Rows, name: str, text: str) -> str:
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
    rows, mapping = Rows(seed), parse_mapping(TABLE.format(way="csv"), name="fuzz")
    with _files(settings, folder, "csv", mapping, lambda number: csv_rows(rows, number)) as way:
        yield way


@contextmanager
def _xes(settings: Settings, folder: Path, seed: int, _kafka: str) -> Iterator[Way]:
    rows, mapping = Rows(seed), parse_mapping(TABLE.format(way="xes"), name="fuzz")
    with _files(settings, folder, "xes", mapping, lambda number: xes_log(rows, number)) as way:
        yield way


@contextmanager
def _http(settings: Settings, _folder: Path, seed: int, _kafka: str) -> Iterator[Way]:
    """Batches where a record can stand in one, single requests for the others, and some in binary mode."""
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


WAYS = {"kafka": _kafka_way, "http": _http, "ndjson": _ndjson, "xes": _xes, "csv": _csv}
