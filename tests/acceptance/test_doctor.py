"""`kaoji doctor` names what is wrong with settings and surroundings, says what to do, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from tests.support.command_line import CommandLine
from tests.support.ledgers import record
from tests.support.product import product
from tests.support.senders import write_senders


@pytest.fixture
def kaoji(tmp_path: Path) -> CommandLine:
    command_line = CommandLine(tmp_path / "kaoji.db")
    command_line.environment["KAOJI_KEYS"] = str(tmp_path / "keys.db")
    return command_line


def checks(kaoji: CommandLine, exit_code: int, *arguments: str | Path) -> dict[str, tuple[bool, str]]:
    found = kaoji.ends(exit_code, "doctor", *arguments, "--format", "json").json
    assert found["ok"] == (exit_code == 0)
    return {each["check"]: (each["ok"], each["told"]) for each in found["checks"]}


def test_all_is_well_with_an_empty_folder_and_nothing_is_made(kaoji: CommandLine, tmp_path: Path) -> None:
    found = checks(kaoji, 0)
    assert all(ok for ok, _ in found.values())
    assert list(found) == [
        "Python", "clock", "environment", "time zones", "scoring core", "store", "disk", "kept files", "keys",
        "senders", "access",
    ]  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_all_is_well_with_a_ledger_that_seals(kaoji: CommandLine) -> None:
    kaoji("ingest", "-", stdin=record(1, note="sealed"))
    found = checks(kaoji, 0)
    assert found["store"] == (True, "a ledger of 1 events")
    assert "for its owner only" in found["keys"][1]


def fault(kaoji: CommandLine, name: str, told: str, *arguments: str | Path) -> None:
    found = checks(kaoji, 1, *arguments)
    assert [check for check, (ok, _) in found.items() if not ok] == [name]
    assert told in found[name][1]


Break = Callable[[CommandLine, Path], None]


def _functions(kaoji: CommandLine, _: Path) -> None:
    kaoji.environment["POSTGRES_ENABLE_DB_FUNCTIONS"] = "yes"


def _optimised(kaoji: CommandLine, _: Path) -> None:
    kaoji.environment["PYTHONOPTIMIZE"] = "1"


def _slip(kaoji: CommandLine, _: Path) -> None:
    kaoji.environment["KAOJI_SENDER"] = "senders.toml"


def _nothing_takes_spans(kaoji: CommandLine, _: Path) -> None:
    kaoji.environment["KAOJI_TRACES"] = "http://127.0.0.1:1/v1/traces"


def _readable_keys(_: CommandLine, folder: Path) -> None:
    (folder / "keys.db").chmod(0o644)


def _lost_keys(_: CommandLine, folder: Path) -> None:
    (folder / "keys.db").unlink()


def _torn(_: CommandLine, folder: Path) -> None:
    file = folder / "kaoji.db"
    content = bytearray(file.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    file.write_bytes(content)


def _torn_within(_: CommandLine, folder: Path) -> None:
    """It opens as a ledger; what was recorded last cannot be told."""
    file = folder / "kaoji.db"
    content = bytearray(file.read_bytes())
    content[20_000:23_000] = b"\xff" * 3_000
    file.write_bytes(content)


def _no_senders(kaoji: CommandLine, folder: Path) -> None:
    kaoji.environment["KAOJI_SENDERS"] = str(folder / "none.toml")


def _writable_senders(kaoji: CommandLine, folder: Path) -> None:
    path = write_senders(folder).path
    path.chmod(0o666)
    kaoji.environment["KAOJI_SENDERS"] = str(path)


def _readable_secret(kaoji: CommandLine, folder: Path) -> None:
    kaoji.environment["KAOJI_SENDERS"] = str(write_senders(folder).path)
    (folder / "bureau.secret").chmod(0o640)


def _token_that_cannot_travel(kaoji: CommandLine, _: Path) -> None:
    kaoji.environment["KAOJI_TOKEN"] = "two words"


def _metrics_for_all(kaoji: CommandLine, _: Path) -> None:
    kaoji.environment["KAOJI_METRICS"] = "0.0.0.0:9464"


def _zone(kaoji: CommandLine, _: Path) -> None:
    kaoji.environment["KAOJI_ZONE"] = "Asia/Atlantis"


def _no_place_for_kept_files(kaoji: CommandLine, folder: Path) -> None:
    kaoji.environment["KAOJI_CACHE"] = str(folder / "kaoji.db" / "kept")


@pytest.mark.parametrize(
    ("break_it", "name", "told"),
    [
        (_functions, "environment", "Unset it"),
        (_optimised, "environment", "Unset it"),
        (_slip, "environment", "KAOJI_SENDER is not read; KAOJI_SENDERS is. Rename it"),
        (_nothing_takes_spans, "traces", "Nothing takes spans at 127.0.0.1:1 (Connection refused)"),
        (_readable_keys, "keys", "can be read by others (mode 644): chmod 600"),
        (_lost_keys, "keys of the ledger", "bring it back from its own backup"),
        (_torn, "store", "kaoji restore FILE"),
        (_torn_within, "store", "kaoji restore FILE"),
        (_no_place_for_kept_files, "kept files", "Name a folder in KAOJI_CACHE"),
        (_no_senders, "senders", "none.toml: cannot be read"),
        (_writable_senders, "senders", "chmod go-w"),
        (_readable_secret, "senders' keys", "bureau.secret can be read by others (mode 640): chmod 600"),
        (_token_that_cannot_travel, "access", "without spaces"),
        (_metrics_for_all, "access", "Set an access token in KAOJI_TOKEN"),
        (_zone, "time zones", "Asia/Atlantis"),
    ],
)
def test_fault_is_named_with_what_to_do(
    kaoji: CommandLine, tmp_path: Path, break_it: Break, name: str, told: str
) -> None:
    kaoji("ingest", "-", stdin=record(1, note="sealed"))
    break_it(kaoji, tmp_path)
    fault(kaoji, name, told)


def test_folder_where_a_file_belongs_is_told_as_such(kaoji: CommandLine, tmp_path: Path) -> None:
    """Whoever did as a check for files says (chmod 600) would shut everybody out of the folder."""
    kaoji.environment["KAOJI_KEYS"] = str(tmp_path)
    kaoji.environment["KAOJI_STORE"] = f"sqlite:///{tmp_path}"
    found = checks(kaoji, 1)
    for name in ("store", "keys"):
        assert found[name] == (False, f"{tmp_path} is a folder. Name a file in it.")


def test_variables_that_files_of_settings_name_are_no_slips(kaoji: CommandLine) -> None:
    kaoji.environment |= {"KAOJI_KAFKA_PASSWORD": "of-mine", "KAOJI_RECEIVER": "elsewhere"}
    assert checks(kaoji, 0)["environment"][0]


def test_commands_say_that_a_torn_store_is_damaged(kaoji: CommandLine, tmp_path: Path) -> None:
    kaoji("ingest", "-", stdin=record(1))
    _torn_within(kaoji, tmp_path)
    assert "is damaged: database disk image is malformed" in kaoji.ends(2, "status").err


def test_clock_behind_the_ledger_is_told(kaoji: CommandLine, tmp_path: Path) -> None:
    tomorrow = int((datetime.now().timestamp() + 86_400) * 1_000_000)
    with product(tmp_path, clock=lambda: tomorrow) as one:
        from tests.support.product import arrival

        one.ledger.append([arrival(record(1))])
    fault(kaoji, "clock", "behind the last record of the ledger")


@pytest.mark.parametrize(
    ("text", "mode", "faults"),
    [
        ('sasl_plain_password = "in-the-file"', 0o644, {"Kafka settings": "can be read by others"}),
        ('sasl_plain_password = "in-the-file"', 0o600, {}),
        ('sasl_plain_password_file = "password"', 0o644, {"Kafka secrets": "password can be read by others"}),
        ('sasl_plain_password_file = "password"', 0o600, {}),
        ('sasl_plain_password = "${env:NOT_SET}"', 0o644, {"Kafka settings": "NOT_SET is not set"}),
    ],
)
def test_password_in_a_file_is_for_its_owner_only(
    kaoji: CommandLine, tmp_path: Path, text: str, mode: int, faults: Mapping[str, str]
) -> None:
    path = tmp_path / "kafka.toml"
    path.write_text(
        'security_protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\nsasl_plain_username = "kaoji"\n' + text
    )
    (tmp_path / "password").write_text("in-the-file")
    for each in (path, tmp_path / "password"):
        each.chmod(mode)
    found = checks(kaoji, 1 if faults else 0, "--kafka-config", path)
    assert {name for name, (ok, _) in found.items() if not ok} == set(faults)
    assert all(told in found[name][1] for name, told in faults.items())
    assert "in-the-file" not in str(found)


def test_kafka_that_does_not_answer_is_told(kaoji: CommandLine) -> None:
    fault(kaoji, "Kafka", "No Kafka answers at 127.0.0.1:1", "--bootstrap", "127.0.0.1:1")


@pytest.mark.kafka
def test_kafka_is_tried_up_to_the_topic(kaoji: CommandLine, kafka_server: str, kafka_topic: str) -> None:
    assert checks(kaoji, 0, "--bootstrap", kafka_server, "--topic", kafka_topic)["Kafka"][0]
    fault(kaoji, "Kafka", "No topic 'none'", "--bootstrap", kafka_server, "--topic", "none")
    for dead_letter, told in (("none", "Create it first"), (kafka_topic, "Name another topic")):
        kaoji.environment["KAOJI_DEAD_LETTER"] = dead_letter
        fault(kaoji, "dead letters", told, "--bootstrap", kafka_server, "--topic", kafka_topic)


@pytest.mark.postgres
def test_postgres_that_may_lose_what_it_has_told_is_named(postgres_url: str, tmp_path: Path) -> None:
    found = checks(CommandLine(postgres_url), 0)
    assert found["PostgreSQL synchronous_commit"] == (True, "on")
    unsafe = CommandLine(postgres_url + "%20-csynchronous_commit%3Doff")
    unsafe.environment["KAOJI_KEYS"] = str(tmp_path / "keys.db")
    fault(unsafe, "PostgreSQL synchronous_commit", "Set it to on")


@pytest.mark.postgres
def test_postgres_in_which_no_table_may_be_made_is_told(postgres_server: str, postgres_url: str) -> None:
    schema = postgres_url.rpartition("%3D")[2]
    user = f"{schema}_reader"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user}")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {user}")
        reader = CommandLine(f"{postgres_url}%20-crole%3D{user}")
        fault(reader, "store", "may make no tables")
        ended = reader.ends(2, "ingest", "-", stdin=record(1))
        assert ended.err.endswith("Give its user the right, or name another user.\n")
        assert len(ended.err.splitlines()) == 1
        connection.execute(f"DROP OWNED BY {user}; DROP ROLE {user}")


def test_postgres_that_does_not_answer_is_told(tmp_path: Path) -> None:
    kaoji = CommandLine("postgresql+psycopg://kaoji:secret@127.0.0.1:1/kaoji")
    kaoji.environment["KAOJI_KEYS"] = str(tmp_path / "keys.db")
    ended = kaoji.ends(1, "doctor")
    assert "does not answer" in ended.out
    assert "secret" not in ended.out + ended.err


def test_a_slow_core_is_told_by_whoever_counts_and_counts_the_same(kaoji: CommandLine) -> None:
    score = ("score", "--policy", "gx-2012", "--from", "2024-01-01", "--to", "2024-12-31", "--by", "staff")
    kaoji("ingest", "-", stdin=record(1))
    compiled = kaoji(*score).out
    kaoji.environment["NUMBA_DISABLE_JIT"] = "1"
    # When it counts without machine code
    ran = kaoji.elsewhere(*score)
    # Then it takes longer, says so once with what to do, and gives the same answer
    assert ran.out == compiled
    assert ran.err.count("The scoring core is slow, and exact all the same.") == 1
    assert "Install numba, and unset NUMBA_DISABLE_JIT." in ran.err
    # And what counts nothing says nothing of it, but for the doctor
    assert kaoji.elsewhere("audit").err == ""
    found = json.loads(kaoji.elsewhere("doctor", "--format", "json").out)["checks"]
    assert [each["check"] for each in found if not each["ok"]] == ["scoring core"]
