"""Opening: a wrong place is told in one sentence, at once, and left as it was."""

from __future__ import annotations

import socket
import sqlite3
import stat
import time
from pathlib import Path

import pytest
from eventsourcing.persistence import OperationalError, PersistenceError

from domain.actions.actions import action_key
from domain.errors import UnreachableError, WrongInputError
from domain.ledger import opening_postgres
from domain.ledger.errors import BusyLedgerError, MissingKeyError, NoLedgerError, WrongStoreError
from domain.ledger.keys_sqlite import KeyFile
from domain.ledger.ledger import Ledger, open_ledger
from domain.ledger.postgres_urls import IDLE_IN_TRANSACTION_SECONDS
from domain.ledger.sealing import Sealer
from domain.ledger.store_postgres import PostgresLedgerRecorder
from domain.ledger.store_sqlite import LedgerDatastore, SQLiteLedgerRecorder
from tests.support.ledgers import Clock, LedgerMaker, arrivals, record


def opened(url: str, folder: Path, *, create: bool = True) -> Ledger:
    return open_ledger(url, keys=folder / "keys.db", clock=Clock(), create=create)


def test_reading_where_no_ledger_is_says_so_and_makes_none(make_ledger: LedgerMaker, tmp_path: Path) -> None:
    with pytest.raises(NoLedgerError, match="kaoji ingest"):
        make_ledger(create=False)

    assert list(tmp_path.iterdir()) == []
    assert make_ledger().head().position == 0
    assert make_ledger(create=False).head().position == 0


@pytest.mark.parametrize(
    "url",
    ["mysql://x/y", "kaoji.db", "", "sqlite:///", "sqlite://", "sqlite:///:memory:", "sqlite:kaoji.db",
     "sqlite:///a.db?mode=ro", "postgresql://localhost/kaoji", "postgresql+psycopg://a b/c%zz"],
)  # fmt: skip
def test_a_url_that_names_no_store_is_refused_with_an_example(url: str, tmp_path: Path) -> None:
    with pytest.raises(WrongStoreError, match=r"sqlite:///|postgresql\+psycopg://"):
        opened(url, tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("port", ["abc", "65536", "0", "٥٤٣٢"])
def test_a_port_that_is_none_is_told_before_anybody_is_asked(port: str, tmp_path: Path) -> None:
    with pytest.raises(WrongStoreError, match=r"as a port\. Write a number from 1 to 65535"):
        opened(f"postgresql+psycopg://kaoji@127.0.0.1:{port}/kaoji", tmp_path)


def test_a_file_that_is_no_database_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look like one " * 50)
    before = path.read_bytes()

    with pytest.raises(WrongStoreError, match="holds no ledger"):
        opened(f"sqlite:///{path}", tmp_path)

    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])


def test_a_database_of_something_else_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (name)")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(WrongStoreError, match=r"something else.*customers"):
        opened(f"sqlite:///{path}", tmp_path)

    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])


def test_an_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    path.touch()

    with pytest.raises(NoLedgerError):
        opened(f"sqlite:///{path}", tmp_path, create=False)
    opened(f"sqlite:///{path}", tmp_path).close()

    assert path.stat().st_size > 0


def test_missing_folders_and_folders_for_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(WrongStoreError, match="does not exist"):
        opened(f"sqlite:///{tmp_path}/missing/kaoji.db", tmp_path)
    with pytest.raises(WrongStoreError, match="is no file"):
        opened(f"sqlite:///{tmp_path}", tmp_path)
    with pytest.raises(WrongStoreError, match="key file"):
        open_ledger(f"sqlite:///{tmp_path}/a.db", keys=tmp_path / "missing" / "keys.db", clock=Clock())
    assert list(tmp_path.iterdir()) == []


def test_odd_characters_in_a_path_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "100% 考绩 #1 & more"
    folder.mkdir()

    opened(f"sqlite:///{folder}/ledger%20one.db".replace("100%", "100%25"), folder).close()

    assert [path.name for path in folder.iterdir()] == ["ledger one.db"]


def test_a_ledger_that_can_only_be_read_is_read_and_says_so_when_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/kaoji.db"
    ledger = opened(url, tmp_path)
    ledger.append(arrivals(record(1)))
    ledger.close()
    # Root may write everywhere, so the answer of the operating system is given by us.
    monkeypatch.setattr("domain.ledger.opening_sqlite.os.access", lambda *_: False)

    ledger = opened(url, tmp_path, create=False)
    with pytest.raises(WrongStoreError, match="only be read"):
        ledger.append(arrivals(record(2)))
    assert ledger.head().position == 1
    ledger.close()
    with pytest.raises(WrongStoreError, match="cannot be written"):
        opened(f"sqlite:///{tmp_path}/new.db", tmp_path)


def test_a_ledger_of_another_format_is_told(make_ledger: LedgerMaker) -> None:
    ledger = make_ledger()
    ledger._store.execute("UPDATE ledger_about SET value = '99' WHERE name = 'format'")

    with pytest.raises(WrongStoreError, match="format 99"):
        make_ledger()


def test_a_locked_ledger_is_told_as_busy(tmp_path: Path) -> None:
    path = tmp_path / "kaoji.db"
    opened(f"sqlite:///{path}", tmp_path).close()
    store = SQLiteLedgerRecorder(
        LedgerDatastore(f"file:{path}?mode=rw", lock_timeout=1), clock=Clock(), new_ledger_id=lambda: None  # type: ignore[arg-type, return-value]
    )  # fmt: skip
    ledger = Ledger(store, KeyFile(tmp_path / "keys.db", clock=Clock()), clock=Clock(), place=str(path))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(BusyLedgerError, match="one writer at a time"):
        ledger.append(arrivals(record(1)))

    assert ledger.head().position == 0
    other.close()
    ledger.close()


def test_a_commit_survives_a_power_cut(tmp_path: Path) -> None:
    ledger = opened(f"sqlite:///{tmp_path}/kaoji.db", tmp_path)

    assert ledger._store.query("PRAGMA synchronous") == [(2,)]
    assert ledger._store.query("PRAGMA journal_mode") == [("wal",)]
    ledger.close()


def test_postgresql_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    started = time.monotonic()

    with pytest.raises(UnreachableError, match=f"127.0.0.1:{port}.*does not answer") as caught:
        opened(f"postgresql+psycopg://someone:secret@127.0.0.1:{port}/kaoji", tmp_path)

    assert time.monotonic() - started < 3
    assert "secret" not in str(caught.value)


@pytest.mark.postgres
def test_a_database_or_schema_that_does_not_exist_is_wrong_input(postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(WrongInputError, match="does not exist"):
        opened(postgres_url.replace("/postgres?", "/nothing_here?"), tmp_path)
    with pytest.raises(WrongInputError, match="CREATE SCHEMA"):
        opened(postgres_url.split("options=")[0] + "options=-csearch_path%3Dno_such_schema", tmp_path)


@pytest.mark.postgres
def test_look_ups_go_through_the_index_of_a_table_that_was_never_analysed(
    postgres_url: str, tmp_path: Path
) -> None:
    ledger = opened(postgres_url, tmp_path)
    ledger.append(arrivals(*(record(number) for number in range(3000))))
    store = ledger._store
    assert isinstance(store, PostgresLedgerRecorder)
    keys = "{" + ",".join(action_key("/gx/licensing", str(number)).hex for number in range(3000)) + "}"

    for statement, parameter in (
        (store._find, keys),
        (store._positions_of, keys),
        (store._read_positions, [1, 2]),
    ):
        plan = "\n".join(
            line for (line,) in store.query("EXPLAIN " + statement.decode().replace("%s", "?"), (parameter,))
        )
        assert "Seq Scan" not in plan
        assert "stored_events" in plan
    ledger.close()


@pytest.mark.postgres
def test_the_librarys_database_functions_are_refused(postgres_url: str, tmp_path: Path) -> None:
    ledger = opened(postgres_url, tmp_path)
    datastore = ledger._store.datastore  # type: ignore[attr-defined]
    datastore.enable_db_functions = True

    with pytest.raises(WrongStoreError, match=r"POSTGRES_ENABLE_DB_FUNCTIONS"):
        type(ledger._store)(datastore, clock=Clock(), new_ledger_id=lambda: None)  # type: ignore[call-arg]
    ledger.close()


@pytest.mark.postgres
def test_a_server_that_is_away_is_asked_once_and_tried_anew_by_whoever_asks_next(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = opened(postgres_url, tmp_path)
    datastore = ledger._store.datastore  # type: ignore[attr-defined]
    asked = []

    def away() -> None:
        asked.append(1)
        raise OperationalError("server closed the connection")

    # The pool gives up soon: its waits double, and it would sleep on while the server is back
    assert datastore.pool.reconnect_timeout <= 5
    with monkeypatch.context() as patched:
        patched.setattr(datastore, "get_connection", away)
        with pytest.raises(UnreachableError):
            ledger.max_tracking_id("kafka:somewhere/0")
    assert len(asked) == 1
    assert ledger.max_tracking_id("kafka:somewhere/0") is None
    ledger.close()


def test_the_key_file_is_made_when_first_needed_and_for_its_owner_only(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(arrivals(record(1)))
    assert not (tmp_path / "keys.db").exists()

    ledger.append(arrivals(record(2, note="n")))

    assert stat.S_IMODE((tmp_path / "keys.db").stat().st_mode) == 0o600


def test_a_key_file_of_another_ledger_is_told_and_stops_no_ingest(
    make_ledger: LedgerMaker, tmp_path: Path
) -> None:
    make_ledger().append(arrivals(record(1, note="n")))
    make_ledger.keys = tmp_path / "other-keys.db"
    ledger = make_ledger()

    with pytest.raises(MissingKeyError, match=r"other-keys\.db"):
        ledger.unseal(1)

    verdicts = ledger.append(arrivals(record(1, note="n"), record(2, note="n")))
    assert [verdict.kind for verdict in verdicts] == ["duplicate", "recorded"]
    assert ledger.unseal(2) == record(2, note="n")


def test_a_key_file_that_is_something_else_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    path.write_text("no key file at all, but a text of some length " * 50)

    with pytest.raises(WrongStoreError, match="key file"):
        opened(f"sqlite:///{tmp_path}/kaoji.db", tmp_path)

    assert list(tmp_path.iterdir()) == [path]


def test_a_destroyed_key_is_gone_from_the_file_and_is_not_used_again(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.db", clock=Clock())
    old = keys.in_use(f"person/p{number}" for number in range(200))["person/p1"]
    other_process = KeyFile(tmp_path / "keys.db", clock=Clock())

    assert other_process.destroy(old.key_id)

    assert not other_process.destroy(old.key_id)
    assert keys.in_use(["person/p1"])["person/p1"].key_id != old.key_id
    assert keys.get([old.key_id]) == {old.key_id: None}
    assert keys._connect().execute("PRAGMA secure_delete").fetchone() == (1,)
    keys.close()
    other_process.close()
    assert old.key not in (tmp_path / "keys.db").read_bytes()


def test_a_sealed_part_cannot_be_passed_off_as_anothers(ledger: Ledger) -> None:
    ledger.append(arrivals(record(1, note="n")))
    part = ledger._store.sealed_at(1)
    assert part is not None

    with pytest.raises(MissingKeyError, match="kaoji verify"):
        Sealer(ledger.keys).unseal([(bytes(16), part[1])])


@pytest.mark.postgres
def test_a_writer_that_stands_still_in_a_transaction_lets_go_of_the_ledger(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Kafka gives partitions away after this time, and then somebody else has to be able to write.
    assert IDLE_IN_TRANSACTION_SECONDS <= 10
    monkeypatch.setattr(opening_postgres, "IDLE_IN_TRANSACTION_SECONDS", 1)
    frozen, other = opened(postgres_url, tmp_path), opened(postgres_url, tmp_path)
    store = frozen._store
    assert isinstance(store, PostgresLedgerRecorder)

    def stand_still() -> None:
        with store.datastore.transaction(commit=True) as cursor:
            store._lock_table(cursor)
            assert [each.kind for each in other.append(arrivals(record(1)))] == ["recorded"]
            cursor.execute("SELECT 1")

    with pytest.raises(PersistenceError):
        stand_still()

    assert [each.kind for each in frozen.append(arrivals(record(2)))] == ["recorded"]
    assert other.head().position == 2
    for ledger in (frozen, other):
        ledger.close()
