"""Whatever is wrong is answered with a sentence that says what to mend, and nothing is half-written."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from consumers.pipeline import BATCH_MAX
from domain.errors import UnreachableError
from tests.support.command_line import CommandLine, Ran

LOG = Path(__file__).parents[1] / "data" / "receipt_wabo" / "receipt.xes.gz"
PERIOD = ("--policy", "receipt_wabo", "--from", "2010-10-01", "--to", "2012-01-23")
UNREACHABLE_STORE = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
EVENT = (
    '{"specversion":"1.0","id":"1","source":"/s","type":"licensing.received","subject":"c",'
    '"time":"2011-05-05T00:00:00+08:00","data":{"owner":"p","unit":"u"}}\n'
)


@dataclass(frozen=True)
class Wrong:
    """A command that cannot be done, and words of the sentence that says why."""

    arguments: Sequence[str]
    says: str
    exit_code: int = 2
    store: str | None = None


def wrong(line: str, says: str, exit_code: int = 2, store: str | None = None) -> Wrong:
    return Wrong(line.split(" "), says, exit_code, store)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder full of things that are not what their names say."""
    folder = tmp_path_factory.mktemp("wrong")
    packed = LOG.read_bytes()
    unpacked = gzip.decompress(packed)
    files: dict[str, bytes] = {
        "good.ndjson": EVENT.encode(),
        "empty.ndjson": b"",
        "utf16.ndjson": EVENT.encode("utf-16"),
        "cut.ndjson.gz": gzip.compress(EVENT.encode() * 20_000, 1)[:-9],
        "plain.ndjson.gz": EVENT.encode(),
        "plain.ndjson.zst": EVENT.encode(),
        "cut.ndjson.zst": b"\x28\xb5\x2f\xfd\x04",
        "flipped.ndjson.gz": flipped(gzip.compress(os.urandom(90_000))),
        "actions.txt": EVENT.encode(),
        "log.xes.gz": packed,
        "cut.xes.gz": packed[: len(packed) // 2],
        "cut.xes": unpacked[: len(unpacked) // 2],
        "page.xes": b"<html><body>log in first</body></html>",
        "empty.xes": b"",
        "not.xes": b"case;activity\n1;a\n",
        "doctype.xes": b'<!DOCTYPE log [<!ENTITY a "b">]><log/>',
        "table.csv": b"case,activity\n1,a\n",
        "empty.csv": b"",
        "twice.csv": b"a,a\n1,2\n",
        "text.db": b"this is no database, whatever its name says\n" * 50,
        "text.toml": b"this is not TOML",
        "latin.toml": b'name = "\xe9"',
        "list.toml": b"[[policy]]\n",
        "kafka.toml": b'no_such_setting = "x"\n',
        "typo-policy.toml": POLICY.replace("weight", "wieght").encode(),
        "weights-policy.toml": POLICY.replace("weight = 100", "weight = 70").encode(),
        "penalties-policy.toml": POLICY.replace('measure = "timeliness"', 'measure = "penalties"').encode(),
        "zone-policy.toml": POLICY.replace("Europe/Amsterdam", "Europe/Atlantis").encode(),
        "typo-mapping.toml": MAPPING.replace("activity", "activty").encode(),
        "type-mapping.toml": MAPPING.replace("licensing.step-done", "licensing.dreamt-of").encode(),
        "zone-mapping.toml": MAPPING.replace("Europe/Amsterdam", "Mars/Olympus").encode(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    (folder / "folder.ndjson").mkdir()
    (folder / "demo").mkdir()
    (folder / "demo" / "thesis.txt").write_text("years of work")
    (folder / "locked").mkdir(mode=0o500)
    return folder


def flipped(packed: bytes) -> bytes:
    middle = len(packed) // 2
    return packed[:middle] + bytes(each ^ 0xFF for each in packed[middle : middle + 40]) + packed[middle + 40 :]


POLICY = (Path(__file__).parents[2] / "domain" / "shipped" / "policies" / "receipt_wabo.toml").read_text("utf-8")
MAPPING = (Path(__file__).parents[2] / "consumers" / "mappings" / "receipt_wabo.toml").read_text("utf-8")

INPUTS = [
    wrong("ingest", "Missing argument"),
    wrong("ingest missing.ndjson", "missing.ndjson: no such file"),
    wrong("ingest good.ndjson missing.ndjson", "missing.ndjson: no such file"),
    wrong("ingest good.ndjson cut.ndjson.gz", "cut.ndjson.gz: the gzip file breaks off"),
    Wrong(["ingest", ""], "file name is empty"),
    wrong("ingest folder", "folder: is a folder"),
    wrong("ingest folder.ndjson", "folder.ndjson: is a folder"),
    wrong("ingest actions.txt", "Known: .ndjson"),
    wrong("ingest utf16.ndjson", "is UTF-16"),
    wrong("ingest cut.ndjson.gz", "breaks off"),
    wrong("ingest flipped.ndjson.gz", "damaged"),
    wrong("ingest plain.ndjson.gz", "is not packed with gzip"),
    wrong("ingest plain.ndjson.zst", "is not packed with zstd"),
    wrong("ingest cut.ndjson.zst", "breaks off"),
    wrong("ingest - -", "can be read once only"),
    wrong("ingest good.ndjson --mapping receipt_wabo", "Leave out --mapping"),
    wrong("ingest log.xes.gz", "needs a mapping"),
    wrong("ingest table.csv", "kaoji mapping suggest table.csv"),
    wrong("ingest table.csv --mapping receipt_wabo", "is CSV"),
    wrong("ingest log.xes.gz --mapping receipt_wabbo", "Known: receipt_wabo"),
    wrong("ingest log.xes.gz --mapping missing.toml", "missing.toml"),
    wrong("ingest log.xes.gz --mapping ./folder", "Is a directory"),
    wrong("ingest log.xes.gz --mapping text.toml", "text.toml:1: not valid TOML"),
    wrong("ingest log.xes.gz --mapping latin.toml", "not UTF-8"),
    wrong("ingest log.xes.gz --mapping list.toml", "list.toml"),
    wrong("ingest log.xes.gz --mapping typo-mapping.toml", "activty"),
    wrong("ingest log.xes.gz --mapping type-mapping.toml", "licensing.dreamt-of"),
    wrong("ingest log.xes.gz --mapping zone-mapping.toml", "Mars/Olympus"),
    wrong("ingest cut.xes.gz --mapping receipt_wabo", "breaks off"),
    wrong("ingest log.xes.gz cut.xes --mapping receipt_wabo", "not well-formed XML"),
    wrong("ingest page.xes --mapping receipt_wabo", "XML but not XES"),
    wrong("ingest empty.xes --mapping receipt_wabo", "empty.xes"),
    wrong("ingest not.xes --mapping receipt_wabo", "not well-formed XML"),
    wrong("ingest doctype.xes --mapping receipt_wabo", "DOCTYPE"),
    wrong("check missing.ndjson", "no such file"),
    wrong("check cut.xes --mapping receipt_wabo", "not well-formed XML"),
    wrong("mapping check text.toml", "text.toml:1"),
    wrong("mapping check receipt_wabo table.csv", "is CSV"),
    wrong("mapping show missing", "No mapping 'missing'"),
    wrong("mapping suggest missing.xes", "no such file"),
    wrong("mapping suggest good.ndjson", "needs no mapping"),
    wrong("mapping suggest empty.csv", "is empty"),
    wrong("mapping suggest twice.csv", "names 'a' twice"),
    wrong("consume", "Missing option '--bootstrap'"),
    wrong("consume --bootstrap 127.0.0.1:9 --group=", "The consumer group has no name. Give one with --group"),
    wrong("consume --bootstrap 127.0.0.1:1", "No Kafka answers at 127.0.0.1:1", 3),
    wrong("consume --bootstrap nonsense", "Write HOST:PORT"),
    wrong("consume --bootstrap 127.0.0.1:1 --until-idle -1", "--until-idle"),
    wrong("consume --bootstrap 127.0.0.1:1 --kafka-config missing.toml", "missing.toml"),
    wrong("consume --bootstrap 127.0.0.1:1 --kafka-config text.toml", "text.toml"),
    wrong("consume --bootstrap 127.0.0.1:1 --kafka-config kafka.toml", "no_such_setting"),
    wrong("consume --bootstrap 127.0.0.1:1 --kafka-config folder", "folder"),
    wrong("serve --host 0.0.0.0", "KAOJI_TOKEN"),
    wrong("serve --port 70000", "--port"),
    wrong("demo --folder demo", "holds something else"),
    wrong("demo --folder good.ndjson", "good.ndjson"),
    wrong("demo --staff 3", "150"),
    wrong("demo --actions -5", "too few"),
    wrong("ingest good.ndjson --format xml", "'table', 'json', 'csv'"),
    wrong("ingest good.ndjson --lang fr", "Known: zh, en"),
    wrong("ingest good.ndjson --format", "--format needs a value"),
    wrong("ingest good.ndjson --bogus", "No such option: --bogus"),
    wrong("bogus", "No such command 'bogus'"),
    wrong("--store=x ingest good.ndjson --store", "--store needs a value"),
]

QUESTIONS = [
    wrong("score", "Missing option '--policy'"),
    wrong("score --policy gx-2013 --from 2011-01-01 --to 2011-12-31", "Did you mean 'gx-2012'?"),
    wrong("score --policy missing.toml --from 2011-01-01 --to 2011-12-31", "missing.toml"),
    wrong("score --policy folder/ --from 2011-01-01 --to 2011-12-31", "Is a directory"),
    wrong("score --policy text.toml --from 2011-01-01 --to 2011-12-31", "text.toml:1"),
    wrong("score --policy typo-policy.toml --from 2011-01-01 --to 2011-12-31", "wieght"),
    wrong("score --policy weights-policy.toml --from 2011-01-01 --to 2011-12-31", "100"),
    wrong("score --policy penalties-policy.toml --from 2011-01-01 --to 2011-12-31", "penal"),
    wrong("score --policy zone-policy.toml --from 2011-01-01 --to 2011-12-31", "Europe/Atlantis"),
    wrong("score --policy receipt_wabo --from 2011-01-01 --to 2011-02-30", "--to '2011-02-30' is no date"),
    wrong("score --policy receipt_wabo --from 20110101 --to 2011-02-01", "--from '20110101' is no date"),
    wrong("score --policy receipt_wabo --from ２０１１-01-01 --to 2011-02-01", "is no date"),
    wrong("score --policy receipt_wabo --from 2011-02-01 --to 2011-01-01", "Swap --from and --to"),
    Wrong(["score", *PERIOD, "--by", "everybody"], "'staff', 'unit', 'process', 'all'"),
    Wrong(["score", *PERIOD, "--as-of", "999"], "the ledger ends at 1"),
    Wrong(["score", *PERIOD, "--as-of", "-1"], "neither a position nor a time"),
    Wrong(["score", *PERIOD, "--as-of", "yesterday"], "neither a position nor a time"),
    Wrong(["explain", *PERIOD], "Missing argument"),
    Wrong(["explain", "stranger", *PERIOD], "No subject 'stranger'"),
    Wrong(["explain", "p", *PERIOD, "--by", "unit"], "No subject 'p'"),
    Wrong(["explain", "all", *PERIOD, "--indicator", "speed"], "Known: timeliness"),
    Wrong(["explain", "all", *PERIOD, "--as-of", "2"], "the ledger ends at 1"),
    wrong("audit --type licensing.grantd", "Did you mean 'licensing.granted'?"),
    wrong("audit --type foo.*", "No action type 'foo.*'"),
    wrong("audit --limit -1", "--limit"),
    wrong("audit --after -1", "--after"),
    wrong("audit --after x", "--after"),
    wrong("audit --from soon", "--from 'soon' is neither a date nor a time"),
    wrong("audit --recorded-to 2011", "--recorded-to '2011' is neither a date nor a time"),
    wrong("audit --from 2024-03-02 --to 2024-03-01", "--to (2024-03-01) lies before --from (2024-03-02)"),
    wrong("audit --recorded-from 2024-03-02 --recorded-to 2024-03-01T23:59:59+08:00", "Swap the two"),
    wrong("rebuild histry", "Did you mean 'history'?"),
    wrong("quarantine show 7", "No quarantined record 7"),
    wrong("quarantine show 99999999999999999999", "No quarantined record 99999999999999999999"),
    wrong("quarantine show x", "integer"),
    wrong("quarantine list --limit -1", "--limit"),
    wrong("quarantine list --code conflct", "Did you mean 'conflict'?"),
    wrong("quarantine retry", "choose them with --code"),
    wrong("quarantine retry 1 --code conflict", "choose them with --code"),
    wrong("quarantine drop 7", "No quarantined record 7"),
    wrong("quarantine drop", "choose them with --code"),
    wrong("policy show gx-2013", "Did you mean 'gx-2012'?"),
    wrong("policy check weights-policy.toml", "100"),
    wrong("procedure list --register gx", "Known: gx-2012"),
    wrong("procedure check text.toml", "text.toml:1"),
]

STORES = [
    ("text.db", "holds no ledger", 2),
    ("folder", "is no file", 2),
    ("nowhere/kaoji.db", "does not exist", 2),
    ("sqlite:///", "names no file", 2),
    ("sqlite:///:memory:", "names no file", 2),
    ("mysql://root@localhost/kaoji", "names no store", 2),
    ("kaoji.db", "names no store", 2),
    ("postgresql+psycopg://%%%", "cannot be read", 2),
    (UNREACHABLE_STORE, "does not answer", 3),
]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(each): each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file()}


def assert_told(ran: Ran, case: Wrong) -> None:
    assert ran.exit_code == case.exit_code, (case, ran)
    assert case.says in ran.err, (case, ran)
    assert "Traceback" not in ran.err
    assert "Error(" not in ran.err
    assert ran.out == "", (case, ran)
    if ran.err.startswith("kaoji: "):
        assert ran.err.count("\n") == 1, "one sentence, or a few on one line"
        assert len(ran.err) > 40, "what is wrong, and what to do about it"


@pytest.mark.parametrize("case", INPUTS, ids=lambda case: " ".join(case.arguments))
def test_wrong_input_is_told_and_leaves_no_store(
    case: Wrong, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = contents(folder)
    kaoji = CommandLine(folder / "new.db")
    assert_told(kaoji.tries(*case.arguments), case)
    assert contents(folder) == before


@pytest.mark.parametrize("case", INPUTS[:34], ids=lambda case: " ".join(case.arguments))
def test_wrong_input_leaves_a_ledger_as_it_was(
    case: Wrong, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    kaoji = CommandLine(tmp_path / "kaoji.db")
    kaoji("ingest", "empty.ndjson")
    assert_told(kaoji.tries(*case.arguments), case)
    status = kaoji("status", "--format", "json").json
    assert (status["events"], status["quarantined"]) == (0, {})


@pytest.fixture(scope="module")
def asked(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A ledger with one action."""
    kaoji = CommandLine(tmp_path_factory.mktemp("asked") / "kaoji.db")
    kaoji("ingest", folder / "good.ndjson")
    return kaoji


@pytest.mark.parametrize("case", QUESTIONS, ids=lambda case: " ".join(case.arguments))
def test_wrong_question_is_told(
    case: Wrong, asked: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert_told(asked.tries(*case.arguments), case)
    assert asked("status", "--format", "json").json["events"] == 1


@pytest.mark.parametrize(("store", "says", "exit_code"), STORES)
def test_wrong_store_is_told_and_left_alone(
    store: str, says: str, exit_code: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = contents(folder)
    kaoji = CommandLine(store if ":" in store or store == "kaoji.db" else folder / store)
    for command in (
        ["status"],
        ["ingest", "good.ndjson"],
        ["check", "good.ndjson"],
        ["score", *PERIOD],
        ["verify"],
    ):
        assert_told(kaoji.tries(*command), Wrong(command, says, exit_code))
    assert contents(folder) == before


@pytest.mark.parametrize(
    "command",
    [
        ["status"], ["audit"], ["verify"], ["verify", "--from-scratch"], ["rebuild"], ["score", *PERIOD],
        ["explain", "all", *PERIOD], ["quarantine", "list"], ["quarantine", "show", "1"],
        ["quarantine", "retry", "1"], ["quarantine", "drop", "1"],
    ],
)  # fmt: skip
def test_reading_where_no_store_is_says_how_to_make_one(command: list[str], tmp_path: Path) -> None:
    kaoji = CommandLine(tmp_path / "none.db")
    assert_told(kaoji.tries(*command), Wrong(command, "`kaoji ingest FILE`"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.postgres
def test_reading_where_no_store_is_in_postgresql_makes_none(postgres_url: str, folder: Path) -> None:
    import psycopg

    kaoji = CommandLine(postgres_url)
    for command in (["status"], ["score", *PERIOD], ["ingest", folder / "cut.ndjson.gz"]):
        assert kaoji.ends(2, *command).out == ""
    with psycopg.connect(postgres_url.replace("postgresql+psycopg", "postgresql")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        assert tables.fetchall() == []


def test_demo_that_cannot_reach_kafka_leaves_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a Kafka that does not answer (asking a real one takes ten seconds)
    def create_topic(bootstrap: str, *_: object, **__: object) -> None:
        raise UnreachableError(f"Kafka at {bootstrap} does not answer. Start it, or leave out --bootstrap.")

    monkeypatch.setattr("api.demo.run.create_topic", create_topic)
    for name in ("made-by-kaoji-demo", "kaoji.db"):
        (tmp_path / name).write_text("an earlier one")
    ran = CommandLine("unused.db").ends(3, "demo", "--folder", tmp_path, "--bootstrap", "127.0.0.1:1")
    assert "127.0.0.1:1" in ran.err
    assert (tmp_path / "kaoji.db").read_text() == "an earlier one"


@pytest.mark.kafka
def test_unknown_topic_is_told_and_leaves_no_store(kafka_server: str, kafka_topic: str, tmp_path: Path) -> None:
    del kafka_topic
    kaoji = CommandLine(tmp_path / "kaoji.db")
    ran = kaoji.ends(2, "consume", "--bootstrap", kafka_server, "--topic", "no-such-topic", "--until-idle", "0")
    assert "no-such-topic" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_standard_input_that_breaks_off_keeps_what_came_before_and_says_so(tmp_path: Path) -> None:
    # Given twice the same stream, once whole and once cut short, which nobody could read through first
    lines = [EVENT.replace('"id":"1"', f'"id":"{number}"') for number in range(9_000)]
    packed = gzip.compress("".join(lines).encode())
    kaoji = CommandLine(tmp_path / "kaoji.db")
    # When it breaks off
    broken = kaoji.ends(1, "ingest", "-", stdin=packed[:-2_000])
    # Then something was recorded, and the whole sent again records the rest
    assert "breaks off" in broken.err
    kept = kaoji("status", "--format", "json").json["events"]
    assert 0 < kept < 9_000
    assert kept % BATCH_MAX, "what stood before the break is kept, whole batch or not"
    totals = kaoji("ingest", "-", "--format", "json", stdin=packed).json
    assert (totals["recorded"], totals["duplicates"]) == (9_000 - kept, kept)


def test_standard_input_that_is_nothing_readable_leaves_no_store(tmp_path: Path) -> None:
    kaoji = CommandLine(tmp_path / "kaoji.db")
    ran = kaoji.ends(2, "ingest", "-", stdin=EVENT.encode("utf-16"))
    assert "UTF-16" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_quarantined_line_by_line(seed: int, tmp_path: Path) -> None:
    noise = random.Random(seed).randbytes(5_000).replace(b"\xff\xfe", b"  ").replace(b"\xfe\xff", b"  ")
    kaoji = CommandLine(tmp_path / "kaoji.db")
    (tmp_path / "noise.ndjson").write_bytes(b"x" + noise)
    totals = kaoji.ends(1, "ingest", tmp_path / "noise.ndjson", "--strict", "--format", "json").json
    assert totals["read"] == totals["quarantined"] > 0
    assert totals["recorded"] == 0
    listed = kaoji("quarantine", "list", "--format", "json").json
    assert {each["code"] for each in listed} <= {"malformed-json", "not-a-cloudevent"}
    assert all(each["remedy"] for each in listed)
