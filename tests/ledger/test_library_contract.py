"""The recorders keep the eventsourcing library's own contract: its shipped test cases, on both stores."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from uuid import uuid4

import eventsourcing.cryptography
import pytest
from eventsourcing.persistence import ProcessRecorder

from domain.ledger.ledger import Ledger, open_ledger
from tests.support.ledgers import Clock

# The library's test cases import its cipher, which asks for pycryptodome; its twin asks for what we have.
sys.modules.setdefault("eventsourcing.cipher", eventsourcing.cryptography)
from eventsourcing.tests import persistence as library  # noqa: E402


class OnSQLite:
    """Makes recorders in an SQLite file."""

    @pytest.fixture(autouse=True)
    def _store(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.opened: list[Ledger] = []

    def create_recorder(self) -> ProcessRecorder:
        ledger = open_ledger(self.url(), keys=self.folder / "keys.db", clock=Clock())
        self.opened.append(ledger)
        return ledger.recorder

    def url(self) -> str:
        return f"sqlite:///{self.folder / uuid4().hex}.db"

    def tearDown(self) -> None:
        # The library's cases tell their readers to stop, and do not wait for them; SQLite dies under a reader.
        for thread in threading.enumerate():
            if "read_continuously" in thread.name:
                thread.join(timeout=30)
        for ledger in self.opened:
            ledger.close()


class OnPostgres(OnSQLite):
    """Makes recorders in a schema of PostgreSQL."""

    @pytest.fixture(autouse=True)
    def _store_url(self, postgres_url: str) -> None:
        self._url = postgres_url

    def url(self) -> str:
        return self._url


class TestApplicationRecorderOnSQLite(OnSQLite, library.ApplicationRecorderTestCase[ProcessRecorder]):
    pass


class TestTrackingRecorderOnSQLite(OnSQLite, library.TrackingRecorderTestCase):
    pass


class TestProcessRecorderOnSQLite(OnSQLite, library.ProcessRecorderTestCase):
    pass


class TestNonInterleavingOnSQLite(OnSQLite, library.NonInterleavingNotificationIDsBaseCase):
    pass


@pytest.mark.postgres
class TestApplicationRecorderOnPostgres(OnPostgres, library.ApplicationRecorderTestCase[ProcessRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


@pytest.mark.postgres
class TestTrackingRecorderOnPostgres(OnPostgres, library.TrackingRecorderTestCase):
    pass


@pytest.mark.postgres
class TestProcessRecorderOnPostgres(OnPostgres, library.ProcessRecorderTestCase):
    pass


@pytest.mark.postgres
class TestNonInterleavingOnPostgres(OnPostgres, library.NonInterleavingNotificationIDsBaseCase):
    pass
