"""Who may ask the HTTP server, and what keeps pages of other sites out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from api.bootstrap import Kaoji
from api.http.app import create_app
from tests.reference.given import act
from tests.support.http import LOCAL, detail, post

ACTION = act("licensing.received", "L1", "03-05")
TOKEN = "a-long-and-random-token"

MakeClient = Callable[..., TestClient]


@pytest.fixture
def guarded(kaoji: Kaoji) -> Iterator[TestClient]:
    """A client of a server with a token."""
    with TestClient(create_app(kaoji, token=TOKEN), base_url="http://kaoji.example") as opened:
        yield opened


@pytest.fixture
def called(kaoji: Kaoji) -> Iterator[Callable[[str], Response]]:
    """Asks a server without a token, that listens under the name `archive`, by a Host header."""
    with ExitStack() as stack:
        client = stack.enter_context(TestClient(create_app(kaoji, host_names=["archive"]), base_url=LOCAL))
        yield lambda host: client.get("/health/live", headers={"host": host})


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "127.0.0.1", "127.8.9.10", "localhost", "LOCALHOST:80", "[::1]:8000", "Archive:8000"],
)
def test_server_without_token_answers_to_the_names_of_its_machine(
    called: Callable[[str], Response], host: str
) -> None:
    assert called(host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "",
        "[",
        "localhost@evil.example",
    ],
)
def test_server_without_token_answers_to_no_other_name(called: Callable[[str], Response], host: str) -> None:
    assert "KAOJI_TOKEN" in detail(called(host), 421)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_page_of_another_site_cannot_send_actions(
    client: TestClient, kaoji: Kaoji, headers: dict[str, str]
) -> None:
    assert "another site" in detail(post(client, ACTION, **headers), 403)
    assert kaoji.ledger.head().position == 0


def test_own_page_may_send_actions(client: TestClient) -> None:
    assert post(client, ACTION, origin=LOCAL, **{"sec-fetch-site": "same-origin"}).status_code == 201


def test_no_answer_invites_pages_of_other_sites(client: TestClient) -> None:
    answer = client.get("/actions", headers={"origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    preflight = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert client.options("/actions", headers=preflight).status_code == 405


@pytest.mark.parametrize(
    "path",
    ["/", "/docs", "/openapi.json", "/actions", "/status", "/metrics", "/quarantine", "/nowhere", "/health"],
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": TOKEN},
        {"authorization": "Bearer ünïcode".encode()},
    ],
)
def test_every_route_needs_the_token(guarded: TestClient, path: str, headers: dict[str, str | bytes]) -> None:
    answer = guarded.get(path, headers=headers)  # type: ignore[arg-type]
    assert "KAOJI_TOKEN" in detail(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_nothing_is_recorded_without_the_token(guarded: TestClient, kaoji: Kaoji) -> None:
    detail(post(guarded, ACTION), 401)
    detail(post(guarded, b"{"), 401)
    assert kaoji.ledger.head().position == 0
    assert not kaoji.ledger.quarantine.list()


def test_token_opens_every_route_under_any_host_name(guarded: TestClient) -> None:
    authorization = {"authorization": f"Bearer {TOKEN}"}
    assert post(guarded, ACTION, **authorization).status_code == 201
    assert len(guarded.get("/actions", headers=authorization).json()["actions"]) == 1


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_needs_no_token(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 200
