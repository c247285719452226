"""A store that hangs (a locked table, a frozen server) is told by metrics and readiness, and holds up neither."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from api.bootstrap import Kaoji
from api.http.app import create_app
from tests.support.http import LOCAL, detail

RELEASED_SECONDS_MAX = 10.0
"""Whoever hangs with the store is let go then, and is found out."""


@pytest.fixture
def held_up(kaoji: Kaoji, monkeypatch: pytest.MonkeyPatch) -> Iterable[threading.Event]:
    """The store answers once this is set."""
    released, head = threading.Event(), kaoji.ledger.head
    monkeypatch.setattr("api.watching.promptly.ANSWER_SECONDS_MAX", 0.05)
    monkeypatch.setattr(kaoji.ledger, "head", lambda: (released.wait(RELEASED_SECONDS_MAX), head())[1])
    yield released
    released.set()


@pytest.fixture
def client(kaoji: Kaoji) -> TestClient:
    # Without its lifespan nobody carries the views, or asks the store beside us.
    return TestClient(create_app(kaoji), base_url=LOCAL)


def codes(answer: Response) -> list[str]:
    return [each["code"] for each in answer.json()["reasons"]]


def figure(client: TestClient, name: str) -> str:
    lines = client.get("/metrics").text.splitlines()
    return next(line.rpartition(" ")[2] for line in lines if line.startswith(name))


def test_readiness_is_red_while_the_store_hangs_and_no_longer(
    client: TestClient, held_up: threading.Event
) -> None:
    for _ in range(3):
        answer = client.get("/health/ready")
        assert "no answer" in detail(answer, 503)
        assert "store-unreachable" in codes(answer)
    held_up.set()
    _let_looks_end()
    assert codes(client.get("/health/ready")) == ["not-following"]


def test_figures_of_the_process_are_shown_while_the_store_hangs(
    client: TestClient, held_up: threading.Event
) -> None:
    assert figure(client, "kaoji_store_up") == "0.0"
    assert figure(client, 'kaoji_records_total{verdict="recorded",way="http"}') == "0.0"
    held_up.set()
    _let_looks_end()
    assert figure(client, "kaoji_store_up") == "1.0"


def test_one_question_hangs_and_not_one_for_each_who_asks(client: TestClient, held_up: threading.Event) -> None:
    for _ in range(5):
        client.get("/health/ready")
    assert len(_looks()) == 1
    held_up.set()


def _looks() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "kaoji-look"]


def _let_looks_end() -> None:
    for look in _looks():
        look.join(RELEASED_SECONDS_MAX)
