"""One contract, every store: `ledger` is opened on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.ledger.ledger import Ledger
from tests.support.ledgers import LedgerMaker


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def make_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LedgerMaker]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'kaoji.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    maker = LedgerMaker(url, tmp_path)
    yield maker
    maker.close()


@pytest.fixture
def ledger(make_ledger: LedgerMaker) -> Ledger:
    return make_ledger()
