"""What one sender may not do to the others: large, packed, slow and many requests."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from starlette.testclient import TestClient

from api.bootstrap import Kaoji
from api.http.app import create_app
from api.http.bodies import BODY_BYTES_MAX, Bodies
from tests.reference.given import act
from tests.support.http import BATCH, LOCAL, detail, post, post_batch

ROOT = Path(__file__).parents[2]
EVENTS = [act("licensing.received", f"L{number}", "03-05") for number in range(50)]
PLAIN = json.dumps(EVENTS).encode()
MIB = 1024 * 1024


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd}


@pytest.mark.parametrize("packing", PACKERS)
def test_packed_batch_is_recorded(client: TestClient, packing: str) -> None:
    pack = PACKERS[packing]
    parts = pack(PLAIN[:1000]) + pack(PLAIN[1000:])
    assert post(client, pack(PLAIN), BATCH, **{"content-encoding": packing.upper()}).json()["recorded"] == 50
    # Several members one after the other are one body.
    assert post(client, parts, BATCH, **{"content-encoding": packing}).json()["duplicates"] == 50


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("cut", [lambda body: body[:-3], lambda body: body + b"x", lambda _: b"no such thing"])
def test_body_that_cannot_be_unpacked_is_refused(
    client: TestClient, kaoji: Kaoji, packing: str, cut: Callable[[bytes], bytes]
) -> None:
    answer = post(client, cut(PACKERS[packing](PLAIN)), BATCH, **{"content-encoding": packing})
    assert f"no whole {packing}" in detail(answer, 400)
    assert kaoji.ledger.head().position == 0


@pytest.mark.parametrize("packing", PACKERS)
def test_bomb_is_refused_before_it_goes_off(client: TestClient, kaoji: Kaoji, packing: str) -> None:
    bomb = PACKERS[packing](b"[" + b" " * (512 * MIB))
    assert len(bomb) < MIB
    tracemalloc.start()
    answer = post(client, bomb, BATCH, **{"content-encoding": packing})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "at most 32 MiB, unpacked too" in detail(answer, 413)
    assert peak < 4 * BODY_BYTES_MAX
    assert kaoji.ledger.head().position == 0


@pytest.mark.parametrize("depth", [201, 10_000, 500_000])
def test_deeply_nested_record_is_quarantined(client: TestClient, depth: int) -> None:
    deep = json.dumps({**EVENTS[0], "data": "@"}).replace('"@"', "[" * depth + "]" * depth)
    assert "malformed-json" in detail(post(client, deep.encode()), 422)


def test_room_for_bodies_is_shared_and_given_back(kaoji: Kaoji) -> None:
    app = create_app(kaoji)
    app.state.bodies = Bodies(bytes_max=len(PLAIN) + 10)
    with TestClient(app, base_url=LOCAL) as client:
        for _ in range(3):
            assert post_batch(client, EVENTS).status_code == 200
        assert app.state.bodies.bytes_held == 0
        app.state.bodies.bytes_held = 100
        answer = post_batch(client, EVENTS)
        assert "Too much is being sent at once" in detail(answer, 503)
        assert answer.headers["retry-after"] == "5"
        assert app.state.bodies.bytes_held == 100


# --- slow and large requests, over a real connection

PROGRAM = """
import sys
from api.bootstrap import opened
from api.http import bodies, connections, server
from api.settings import read_settings
connections.DeadlineProtocol.header_seconds_max = 0.6
bodies.Bodies.__init__.__kwdefaults__["seconds_max"] = 0.6
with opened(read_settings()) as kaoji:
    server.serve(kaoji, port=0)
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Where a server listens that has no patience."""
    store = tmp_path_factory.mktemp("impatient") / "kaoji.db"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "KAOJI_STORE": f"sqlite:///{store}"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    yield "127.0.0.1", int(line.split()[3].rpartition(":")[2])
    process.kill()
    process.communicate()


def until_closed(connection: socket.socket, drip: bytes) -> tuple[float, bytes]:
    """Send a byte now and then until the server has had enough; how long that took, and what it said."""
    begun, said = time.monotonic(), b""
    connection.settimeout(0.1)
    while time.monotonic() - begun < 10:
        try:
            connection.sendall(drip)
            part = connection.recv(4096)
            if not part:
                break
            said += part
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begun, said


@pytest.mark.parametrize("begun", [b"", b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"])
def test_header_that_does_not_end_is_given_up(address: tuple[str, int], begun: bytes) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(begun)
        seconds, said = until_closed(connection, b"X-a: b\r\n" if begun else b"")
    assert 0.3 < seconds < 5
    assert said == b""


def test_second_request_of_a_connection_is_held_to_the_time_too(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.2)
        assert b"200" in connection.recv(4096)
        connection.sendall(b"GET /health/live HTTP/1.1\r\n")
        seconds, said = until_closed(connection, b"X-a: b\r\n")
    assert 0.3 < seconds < 5
    assert said == b""


def test_body_that_does_not_end_is_given_up_and_told(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(
            b"POST /actions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100000\r\n\r\n"
        )
        seconds, said = until_closed(connection, b" ")
    assert 0.3 < seconds < 5
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"Nothing of it was recorded" in said


def test_header_above_the_limit_is_refused(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-a: " + b"x" * 100_000)
        connection.settimeout(5)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_slow_ones_do_not_keep_others_out(address: tuple[str, int]) -> None:
    held = [socket.create_connection(address) for _ in range(50)]
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.settimeout(5)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    for each in held:
        each.close()
