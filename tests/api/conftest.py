"""The HTTP application over a real SQLite ledger, asked without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.bootstrap import Kaoji
from api.http.app import create_app
from tests.support.http import LOCAL
from tests.support.product import product


@pytest.fixture
def kaoji(tmp_path: Path) -> Iterator[Kaoji]:
    with product(tmp_path) as opened:
        yield opened


@pytest.fixture
def client(kaoji: Kaoji) -> Iterator[TestClient]:
    with TestClient(create_app(kaoji), base_url=LOCAL, client=("127.0.0.1", 50_000)) as opened:
        yield opened
