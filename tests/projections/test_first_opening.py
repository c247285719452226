"""Services that start at the same moment make one store between them, and none of them stumbles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.support.product import product, record

STARTED_AT_ONCE = 6


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kaoji.db'}"
    return str(request.getfixturevalue("postgres_url"))


def test_a_store_that_several_open_first_at_the_same_moment_is_made_once(store: str, tmp_path: Path) -> None:
    together = Barrier(STARTED_AT_ONCE)

    def start(number: int) -> str:
        together.wait()
        with product(tmp_path, store=store) as kaoji:
            record(kaoji, [{**EVENT, "id": str(number)}])
            return str(kaoji.ledger.ledger_id)

    with ThreadPoolExecutor(STARTED_AT_ONCE) as services:
        ledgers = set(services.map(start, range(STARTED_AT_ONCE)))

    with product(tmp_path, store=store) as kaoji:
        assert ledgers == {str(kaoji.ledger.ledger_id)}
        assert kaoji.ledger.head().position == STARTED_AT_ONCE
        assert [each.behind for each in kaoji.driver.lags()] == [0] * len(kaoji.driver.projections)


def test_rebuilds_that_are_asked_for_at_the_same_moment_are_one(store: str, tmp_path: Path) -> None:
    together = Barrier(STARTED_AT_ONCE)

    def rebuild(_number: int) -> int:
        with product(tmp_path, store=store) as kaoji:
            together.wait()
            return kaoji.driver.rebuild("integrity")

    with product(tmp_path, store=store) as kaoji:
        record(kaoji, [{**EVENT, "id": str(number)} for number in range(20)])
        with ThreadPoolExecutor(STARTED_AT_ONCE) as operators:
            assert set(operators.map(rebuild, range(STARTED_AT_ONCE))) == {20}
        with kaoji.views.reading() as connection:
            builds = [each for each in kaoji.views.builds(connection) if each.projection == "integrity"]
        assert [(each.live, each.position) for each in builds] == [(True, 20)]


EVENT = {
    "specversion": "1.0",
    "source": "/gx/licensing",
    "type": "licensing.received",
    "subject": "case-1",
    "time": "2024-03-01T09:02:00+08:00",
}
