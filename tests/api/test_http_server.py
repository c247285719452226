"""The server as a process: where it listens, what it says, how it stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from api.bootstrap import Kaoji
from api.http.server import STOP_SECONDS_MAX, ListenError, UnusableTokenError, listen, serve
from tests.reference.given import act
from tests.support.product import product

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, time
from api.bootstrap import opened
from api.http import server
from api.settings import read_settings
server.STOP_SECONDS_MAX, work_left = float(sys.argv[2]), float(sys.argv[3])
with opened(read_settings()) as kaoji:
    wait, clock = float(sys.argv[1]), kaoji.clock
    def slow_clock():
        print("asked", flush=True)
        time.sleep(wait)
        return clock()
    kaoji.clock = slow_clock
    server.serve(kaoji, port=0)
time.sleep(work_left)
print("closed", flush=True)
"""
HEADERS = (
    b"POST /actions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)
Start = Callable[..., tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server whose clock takes a while to read; returns the process and where it answers."""
    started: list[subprocess.Popen[str]] = []

    def run(
        *, clock_seconds: float = 0, stop_seconds: float = STOP_SECONDS_MAX, work_left_seconds: float = 0
    ) -> tuple[subprocess.Popen[str], str]:
        environment = {**os.environ, "KAOJI_STORE": f"sqlite:///{tmp_path / 'kaoji.db'}"}
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, (clock_seconds, stop_seconds, work_left_seconds))],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("Kaoji serves on http://127.0.0.1:"), line + process.stderr.read()
        return process, line.split()[3]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def send(url: str) -> tuple[int, dict[str, object]]:
    answer = httpx2.post(f"{url}/actions", json=act("licensing.received", "L1", "03-05"), timeout=30)
    return answer.status_code, answer.json()


def connected(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


@contextmanager
def sending(url: str) -> Iterator[list[tuple[int, dict[str, object]]]]:
    """Sends in a thread; the answer is the list's only item after the block."""
    answers: list[tuple[int, dict[str, object]]] = []
    thread = threading.Thread(target=lambda: answers.append(send(url)))
    thread.start()
    yield answers
    thread.join()


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[float, str, str]:
    """Seconds until it ended, and what it wrote; it must end well."""
    begun = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    seconds = time.monotonic() - begun
    assert process.returncode == 0
    return seconds, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_answers_and_stops_when_it_is_told(start: Start, number: signal.Signals) -> None:
    process, url = start()
    assert send(url) == (201, {"verdict": "recorded", "position": 1})
    seconds, out, err = stop(process, number)
    assert out.splitlines()[-1] == "closed"
    assert err == ""
    assert seconds < 5


def test_answer_under_way_is_still_given(start: Start) -> None:
    process, url = start(clock_seconds=1)
    assert process.stdout is not None
    with sending(url) as answers:
        assert process.stdout.readline() == "asked\n"
        seconds, _, _ = stop(process)
    assert answers == [(201, {"verdict": "recorded", "position": 1})]
    assert seconds < 5


def test_answer_that_takes_too_long_does_not_keep_the_server_up(start: Start, tmp_path: Path) -> None:
    process, url = start(clock_seconds=60)
    assert process.stdout is not None
    with sending(url) as answers:
        assert process.stdout.readline() == "asked\n"
        seconds, _, err = stop(process)
    assert seconds < 5
    assert "Traceback" not in err
    status, problem = answers[0]
    assert (status, problem["title"]) == (503, "Service Unavailable")
    assert "Send the request again" in str(problem["detail"])
    with product(tmp_path) as kaoji:
        assert kaoji.ledger.head().position == 0


def test_program_goes_on_after_a_server_that_stopped_well(start: Start) -> None:
    process, _ = start(stop_seconds=1, work_left_seconds=2)
    _, out, _ = stop(process)
    assert out == "closed\n"


def test_body_that_is_announced_too_large_is_refused_before_it_is_sent(start: Start) -> None:
    _, url = start()
    with connected(url) as connection:
        connection.sendall(HEADERS.replace(b"100", b"33554433"))
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_request_that_never_ends_does_not_keep_the_server_up(start: Start) -> None:
    process, url = start()
    with connected(url) as half:
        half.sendall(HEADERS + b"{")
        time.sleep(0.3)
        assert stop(process)[0] < 5


# --- where it listens


@pytest.fixture
def kaoji(tmp_path: Path) -> Iterator[Kaoji]:
    with product(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_server_without_token_listens_to_this_machine_only(kaoji: Kaoji, host: str) -> None:
    with pytest.raises(ListenError, match="KAOJI_TOKEN"):
        serve(kaoji, host=host, port=0)


def test_server_with_token_may_listen_to_others() -> None:
    with listen("0.0.0.0", 0, open_to_others=True) as listening:
        assert listening.getsockname()[0] == "0.0.0.0"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    with listen(host, 0, open_to_others=False) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_port_in_use_is_said(kaoji: Kaoji) -> None:
    with listen("127.0.0.1", 0, open_to_others=False) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(ListenError, match=f"Port {port} of 127.0.0.1 is in use.*--port"):
            serve(kaoji, port=port)


@pytest.mark.parametrize("host", ["no such host", "host.invalid", "192.0.2.1", "a" * 300])
def test_address_that_is_not_of_this_machine_is_said(host: str) -> None:
    with pytest.raises(ListenError, match=r"--host 127\.0\.0\.1"):
        listen(host, 0, open_to_others=True)


@pytest.mark.parametrize("token", ["two words", "密码", "line\nbreak"])
def test_token_that_cannot_travel_in_a_header_is_refused(kaoji: Kaoji, token: str) -> None:
    with pytest.raises(UnusableTokenError, match="KAOJI_TOKEN"):
        serve(kaoji, port=0, token=token)
