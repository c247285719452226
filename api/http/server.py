"""Run the HTTP server: on this machine only, unless a token is set, and down within five seconds."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final, Literal

import uvicorn
from starlette.types import ASGIApp

from api.bootstrap import Kaoji
from api.http.app import create_app
from api.http.connections import CONNECTIONS_MAX, HEADER_BYTES_MAX, DeadlineProtocol
from api.http.guard import is_loopback
from api.watching.logs import logs_are_json
from domain.errors import WrongInputError
from domain.log_events import SERVER_STARTED, SERVER_STOPPED

if TYPE_CHECKING:
    from api.watching.traces import Traces

GRACE_SECONDS: Final = 3
"""How long answers under way may take after SIGTERM."""
STOP_SECONDS_MAX: Final = 4.5
"""After so long the process ends whatever still computes: a batch is in the ledger as a whole or not at all."""
_BACKLOG: Final = 2048

Announce = Callable[[str], None]


class ListenError(WrongInputError):
    """An address on which the server may not, or cannot, listen."""


class UnusableTokenError(WrongInputError):
    """A token that cannot travel in a header."""


def _announce(url: str) -> None:
    if not logs_are_json():  # The event says it there.
        print(f"Kaoji serves on {url} (its routes: {url}/docs). Stop it with Ctrl+C.", file=sys.stderr, flush=True)


def serve(
    kaoji: Kaoji,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    announce: Announce = _announce,
) -> None:
    """Serve until SIGTERM or SIGINT. Port 0 takes a free one; `announce` is told the address once it answers.

    Raises ListenError for an address in use or not of this machine, and, without a token, for any but loopback.
    """
    token = token or kaoji.settings.token
    check_token(token)
    listening = listen(host, port, open_to_others=token is not None)
    url = address_of(listening, host)

    def announced() -> None:
        SERVER_STARTED.log(url=url)
        announce(url)

    with listening, _traced(kaoji) as traces, _signals_end_quietly():
        app = create_app(kaoji, token=token, host_names=(host,), traces=traces)
        server = _Server(server_config(app), announce=announced)
        server.run(sockets=[listening])
        server.ended()
    SERVER_STOPPED.log()


def server_config(app: ASGIApp, *, lifespan: Literal["on", "off"] = "on") -> uvicorn.Config:
    """How every application of ours is served; `lifespan`: whether something begins and ends with it."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        # Who asks is who is connected: a header that says otherwise could be anybody's.
        proxy_headers=False,
        server_header=False,
        ws="none",
        http=DeadlineProtocol,
        h11_max_incomplete_event_size=HEADER_BYTES_MAX,
        limit_concurrency=CONNECTIONS_MAX,
        lifespan=lifespan,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def address_of(listening: socket.socket, host: str) -> str:
    """The URL under which a server answers there."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"


def check_listening(host: str, port: int, token: str | None) -> None:
    """Whether `serve` could begin, before there is anything to serve. Raises ListenError, UnusableTokenError."""
    check_token(token)
    listen(host, port, open_to_others=token is not None).close()


def listen(host: str, port: int, *, open_to_others: bool) -> socket.socket:
    """A listening socket. Raises ListenError."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError, OverflowError) as error:
        raise ListenError(f"{host!r} is no address of this machine ({error}). Try --host 127.0.0.1.") from error
    family, kind, protocol, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    if not (open_to_others or is_loopback(str(address[0]))):
        raise ListenError(
            f"On {host!r} anybody who reaches this machine could read and write. "
            "Set an access token in KAOJI_TOKEN, or serve on 127.0.0.1."
        )
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise ListenError(_not_listening(error, host, port)) from error
    return listening


def _not_listening(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is in use. Stop what uses it, or take another with --port; 0 finds a free one."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be opened by this user. Take one above 1023 with --port."
    return f"The server cannot listen on {host}, port {port}: {error.strerror}. Try --host 127.0.0.1."


def check_token(token: str | None) -> None:
    """Whether it can travel. Raises UnusableTokenError."""
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise UnusableTokenError(
            "KAOJI_TOKEN travels in a header: make it of letters, digits and signs of ASCII, without spaces."
        )


class _Server(uvicorn.Server):
    """Says when it answers, and does not outlast STOP_SECONDS_MAX once it was told to stop."""

    def __init__(self, config: uvicorn.Config, *, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce
        self._abandoned = False
        self._deadline: threading.Timer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        begun = time.monotonic()
        await super().shutdown(sockets=sockets)
        self._abandoned = time.monotonic() - begun >= GRACE_SECONDS

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._deadline is None:
            # A thread that computes cannot be stopped, and the interpreter would wait for it.
            self._deadline = threading.Timer(STOP_SECONDS_MAX, os._exit, (0,))
            self._deadline.daemon = True
            self._deadline.start()

    def ended(self) -> None:
        """Nothing is served any more; where nothing was left computing there is no hurry."""
        if self._deadline is not None and not self._abandoned:
            self._deadline.cancel()


@contextmanager
def _traced(kaoji: Kaoji) -> Iterator[Traces | None]:
    if kaoji.settings.traces is None:
        yield None
        return
    from api.watching.traces import tracing

    with tracing(kaoji.settings.traces) as traces:
        yield traces


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """uvicorn raises the signals it has handled once more; that would kill us before the ledger is closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda _number, _frame: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
