"""One contract for keys, in a file and in PostgreSQL; each `KeyMaker` call is another host."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import psycopg
import pytest

from domain.ledger import keys_postgres, keys_sqlite
from domain.ledger.errors import KeysUnreachableError, MissingKeyError, WrongStoreError
from domain.ledger.keys import Key, Keys
from domain.ledger.ledger import open_ledger
from domain.ledger.opening_keys import open_keys
from tests.support.ledgers import Clock

KeyMaker = Callable[[], Keys]


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.postgres)])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyMaker]:
    place = tmp_path / "keys.db" if request.param == "file" else request.getfixturevalue("postgres_url")
    made: list[Keys] = []

    def make() -> Keys:
        made.append(open_keys(place, clock=Clock()))
        return made[-1]

    yield make
    for keys in made:
        keys.close()


def test_keys_are_found_again_by_another_host(host: KeyMaker) -> None:
    made = host().in_use(["person/p1", "subject/\0" + "x" * 9000])
    other = host()
    assert other.in_use(made) == made
    assert other.get([key.key_id for key in made.values()]) == {key.key_id: key.key for key in made.values()}
    assert other.ids_of("person/p1") == [made["person/p1"].key_id]
    assert other.ids_of("person/p2") == []


def test_hosts_that_ask_at_once_get_the_same_keys(host: KeyMaker) -> None:
    hosts = [host() for _ in range(4)]
    for round_number in range(5):
        names = [f"person/{round_number}-{number}" for number in range(50)]
        barrier = Barrier(len(hosts))

        def ask(keys: Keys, names: list[str] = names, barrier: Barrier = barrier) -> dict[str, Key]:
            barrier.wait()
            return keys.in_use(names)

        with ThreadPoolExecutor(len(hosts)) as threads:
            answers = list(threads.map(ask, hosts))
        assert all(answer == answers[0] for answer in answers)


def test_key_that_another_host_destroyed_is_not_used_again(host: KeyMaker) -> None:
    one, other = host(), host()
    old = one.in_use(["person/p1"])["person/p1"]
    assert other.in_use(["person/p1"])["person/p1"] == old

    assert one.destroy(old.key_id)

    assert not one.destroy(old.key_id)
    assert other.in_use(["person/p1"])["person/p1"].key_id != old.key_id
    assert other.get([old.key_id]) == {old.key_id: None}


def test_keys_that_are_not_in_memory_any_more_are_found_again(
    host: KeyMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (keys_sqlite, keys_postgres):
        monkeypatch.setattr(module, "CACHED_KEYS_MAX", 4)
    keys = host()
    made: dict[str, Key] = {}
    for first in (0, 2, 4, 6):
        made |= keys.in_use(f"person/{number}" for number in range(first, first + 3))
        assert len(keys._cache) <= 4  # type: ignore[attr-defined]
    for name, key in made.items():
        assert keys.in_use([name]) == {name: key}


def test_lost_key_is_told(host: KeyMaker) -> None:
    with pytest.raises(MissingKeyError, match="does not hold key"):
        host().get([bytes(16)])


def test_key_file_that_another_process_keeps_is_waited_for_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_sqlite, "LOCK_TIMEOUT_SECONDS", 0.05)
    keys = open_keys(tmp_path / "keys.db", clock=Clock())
    made = keys.in_use(["person/p1"])
    with closing(sqlite3.connect(tmp_path / "keys.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        for ask in (
            lambda: keys.in_use(["person/p2"]),
            lambda: keys.get([made["person/p1"].key_id]),
            lambda: keys.ids_of("person/p1"),
            lambda: open_keys(tmp_path / "keys.db", clock=Clock()).in_use(["person/p2"]),
        ):
            with pytest.raises(KeysUnreachableError, match="Another process keeps it"):
                ask()
    assert keys.in_use(["person/p1", "person/p2"])["person/p1"] == made["person/p1"]
    keys.close()


def test_key_file_on_a_full_disk_is_told_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    keys = open_keys(tmp_path / "keys.db", clock=Clock())
    made = keys.in_use(["person/p1"])
    connection = keys._connection  # type: ignore[attr-defined]
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(2):
        with pytest.raises(KeysUnreachableError, match="Make room"):
            keys.in_use([f"person/{number}" for number in range(1_000)])
    connection.execute("PRAGMA max_page_count = 1000000")
    assert keys.in_use(["person/p1", "person/7"])["person/p1"] == made["person/p1"]
    keys.close()


@pytest.mark.postgres
def test_connection_that_was_cut_is_made_again(postgres_url: str) -> None:
    keys = open_keys(postgres_url, clock=Clock())
    made = keys.in_use(["person/p1"])
    keys._connection.close()  # type: ignore[attr-defined]
    assert keys.in_use(["person/p1"]) == made
    keys.close()


def test_database_that_does_not_answer_is_told_when_a_key_is_needed() -> None:
    keys = open_keys("postgresql://kaoji:hunter2-secret@127.0.0.1:1/keys", clock=Clock())
    with pytest.raises(KeysUnreachableError) as told:
        keys.in_use(["person/p1"])
    assert "hunter2-secret" not in str(told.value)


@pytest.mark.postgres
def test_schema_of_something_else_is_refused(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE theirs (a integer)")
    with pytest.raises(WrongStoreError, match="something else"):
        open_keys(postgres_url, clock=Clock())


@pytest.mark.postgres
def test_schema_of_the_ledger_is_refused_before_anything_is_made(postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(WrongStoreError, match="ledger itself"):
        open_ledger(postgres_url, keys=postgres_url, clock=Clock())
    open_ledger(postgres_url, keys=tmp_path / "keys.db", clock=Clock()).close()
    with pytest.raises(WrongStoreError, match="ledger itself"):
        open_keys(postgres_url, clock=Clock())
