"""A real PostgreSQL that demands TLS: ledger and views reach it, faults are told, and no password is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.certificates import Authority
from tests.support.command_line import CommandLine
from tests.support.ledgers import record
from tests.support.secure_postgres import PASSWORD, SecurePostgres, secure_postgres

pytestmark = pytest.mark.postgres

WRONG = "a-wrong-and-secret-password"


@pytest.fixture(scope="module")
def postgres() -> Iterator[SecurePostgres]:
    with secure_postgres() as found:
        yield found


def kaoji(url: str, folder: Path) -> CommandLine:
    command_line = CommandLine(url)
    command_line.environment["KAOJI_KEYS"] = str(folder / "keys.db")
    return command_line


def test_ledger_and_views_are_reached_over_verified_tls(postgres: SecurePostgres, tmp_path: Path) -> None:
    url = postgres.url(sslmode="verify-full", sslrootcert=str(postgres.authority.ca_file))
    line = kaoji(url, tmp_path)
    file = tmp_path / "actions.ndjson"
    file.write_bytes(b"\n".join(record(number) for number in range(5)))

    assert line("ingest", file, "--format", "json").json["recorded"] == 5
    assert line("verify", "--format", "json").json["ok"]
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        # Only TLS is let in, so whoever is here came over it: ledger, views, and this connection.
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert {("stored_events",), ("kaoji_view_builds",)} <= set(tables)


REFUSALS = pytest.mark.parametrize(
    ("changed", "exit_code", "told"),
    [
        ({"sslmode": "disable"}, 3, "no encryption"),
        ({"host": "localhost", "sslmode": "verify-full"}, 3, "does not match host name"),
        ({"sslmode": "verify-full", "sslrootcert": "OTHER"}, 3, "certificate verify failed"),
        ({"sslmode": "verify-full", "sslrootcert": "/nowhere/ca.pem"}, 2, "does not exist"),
        ({"sslmode": "verify_full"}, 2, "invalid sslmode value"),
        ({"sslmode": "require", "password": WRONG}, 2, "password authentication failed"),
    ],
)


def test_who_cannot_be_trusted_is_not_only_to_be_started(postgres: SecurePostgres, tmp_path: Path) -> None:
    url = postgres.url(host="localhost", sslmode="verify-full", sslrootcert=str(postgres.authority.ca_file))
    assert "sslmode, sslrootcert and the host" in kaoji(url, tmp_path).ends(3, "status").err
    assert "sslmode、sslrootcert 和主机名" in kaoji(url, tmp_path).ends(3, "--lang", "zh", "status").err


@REFUSALS
def test_who_is_not_let_in_is_told_why(
    postgres: SecurePostgres, tmp_path: Path, changed: dict[str, str], exit_code: int, told: str
) -> None:
    parameters = {"sslrootcert": str(postgres.authority.ca_file), **changed}
    if parameters["sslrootcert"] == "OTHER":
        parameters["sslrootcert"] = str(Authority(tmp_path / "other", "other").ca_file)
    ended = kaoji(postgres.url(**parameters), tmp_path).ends(exit_code, "status")
    assert told in ended.err
    for secret in (PASSWORD, WRONG):
        assert secret not in ended.out + ended.err


# --- keys in such a database, beside a store in a file


def with_keys(url: str, folder: Path) -> CommandLine:
    command_line = CommandLine(folder / "kaoji.db")
    command_line.environment["KAOJI_KEYS"] = url
    return command_line


SEALED = record("a-1", note="said in private")


def test_keys_are_reached_over_verified_tls(postgres: SecurePostgres, tmp_path: Path) -> None:
    url = postgres.url(sslmode="verify-full", sslrootcert=str(postgres.authority.ca_file))
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA keys_over_tls")
        line = with_keys(f"{url}&options=-csearch_path%3Dkeys_over_tls", tmp_path)
        assert line("ingest", "-", "--format", "json", stdin=SEALED).json["recorded"] == 1
        # Only TLS is let in, so the key came over it.
        names = connection.execute("SELECT name FROM keys_over_tls.kaoji_keys").fetchall()
    assert names == [(b"subject/case-1",)]
    assert line("verify", "--format", "json").json["ok"]


@REFUSALS
def test_key_database_that_does_not_let_us_in_is_told_before_anything_is_recorded(
    postgres: SecurePostgres, tmp_path: Path, changed: dict[str, str], exit_code: int, told: str
) -> None:
    parameters = {"sslrootcert": str(postgres.authority.ca_file), **changed}
    if parameters["sslrootcert"] == "OTHER":
        parameters["sslrootcert"] = str(Authority(tmp_path / "other", "other").ca_file)
    ended = with_keys(postgres.url(**parameters), tmp_path).ends(exit_code, "ingest", "-", stdin=SEALED)
    assert told in ended.err
    assert "key database" in ended.err
    for secret in (PASSWORD, WRONG):
        assert secret not in ended.out + ended.err
    file = CommandLine(tmp_path / "kaoji.db")
    found = file.tries("status", "--format", "json")
    assert found.exit_code == 2 or found.json["events"] == 0


# --- what must not be shown, wherever it is written wrongly

SECRET = "hunter2-secret"
URLS = [
    f"postgresql+psycopg://kaoji:{SECRET}@127.0.0.1:1/db",
    f"postgresql+psycopg://kaoji:{SECRET}@[::1/db",
    f"postgresql+psycopg://kaoji:{SECRET}@host:port/db",
    f"postgresql+psycopg://kaoji:{SECRET}@127.0.0.1:1/db?sslmode=always",
    f"postgresql+psycopg://kaoji:{SECRET}@127.0.0.1:1/db?nonsense=1",
    f"postgresql+psycopg://kaoji@127.0.0.1:1/db?password={SECRET}&sslmode",
    f"postgresql+psycopg://127.0.0.1:1/db?password={SECRET}",
    f"postgresql+psycopg://kaoji:{SECRET}%@127.0.0.1:1/db",
    f"postgresql+psycopg://kaoji:{SECRET} more@127.0.0.1:1/db",
    f"postgresql+psycopg://kaoji@127.0.0.1:1/db?password={SECRET} more",
    f"postgresql+psycopg://kaoji:some/{SECRET}@127.0.0.1:1/db",
    f"postgresql+psycopg://kaoji:some@{SECRET}@127.0.0.1:1/db",
    f"postgresql+psycopg://kaoji:some#{SECRET}@127.0.0.1:1/db",
    f"postgresql+psycopg://kaoji:some?{SECRET}@127.0.0.1:1/db",
    f"postgresql+psycopg://kaoji:some:{SECRET}@127.0.0.1:1/db",
    f"postgresql://kaoji:{SECRET}@127.0.0.1:1/db",
    f"postgres+psycopg2://kaoji:{SECRET}@127.0.0.1:1/db",
    f"kaoji:{SECRET}@127.0.0.1/db",
    f"sqlite://kaoji:{SECRET}@127.0.0.1/db",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("arguments", [("status",), ("doctor",), ("verify",), ("--help",)])
def test_password_of_the_store_is_never_shown(tmp_path: Path, url: str, arguments: tuple[str, ...]) -> None:
    ran = kaoji(url, tmp_path).tries(*arguments)
    assert SECRET not in ran.out + ran.err
    assert "Traceback" not in ran.err
