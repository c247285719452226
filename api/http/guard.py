"""Decide who may ask: the access token, the host name, and pages of other sites; before anything else is done."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import problem_of
from domain.errors import UnreachableError, WrongInputError

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_STOPPING: Final = "The server is stopping. Send the request again when it is back; records sent twice count once."
_ANSWER_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class AccessTokenError(WrongInputError):
    """A request without the access token. HTTP status 401."""


class ForeignPageError(WrongInputError):
    """A write that a page of another site makes a browser send. HTTP status 403."""


class HostNameError(WrongInputError):
    """A request for a host name that is not this machine's. HTTP status 421."""


class StoppingError(UnreachableError):
    """An answer that the server has not finished before it stopped. HTTP status 503."""


class Guard:
    """Lets through what bears the token; without a token, what asks this machine under its own name.

    The name is looked at because a page of another site can point its own name at 127.0.0.1 (DNS rebinding) and
    would then be of one origin with us. A caller who has the token is no such page.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, host_names: Iterable[str] = ()) -> None:
        self._app = app
        self._expected = None if token is None else f"Bearer {token}".encode()
        self._host_names = {"localhost", *(name.lower() for name in host_names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or hand on; every answer bears the headers that keep browsers out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, text in _ANSWER_HEADERS.items():
                    headers.setdefault(name, text)
            await send(message)

        try:
            self._check(scope["method"], scope["path"], Headers(scope=scope))
        except (AccessTokenError, ForeignPageError, HostNameError) as refusal:
            await problem_of(refusal)(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, receive, send_guarded)
        except asyncio.CancelledError:
            # A server that stops gives up on what takes too long; the sender is still told what to do.
            if begun:
                raise
            await problem_of(StoppingError(_STOPPING))(scope, receive, send_guarded)

    def _check(self, method: str, path: str, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._expected is None and not self._is_ours(host):
            raise HostNameError(
                f"This server is not called {host!r}. Ask it as localhost or 127.0.0.1, or set KAOJI_TOKEN."
            )
        if method not in _SAFE_METHODS and not _same_origin(headers, host):
            raise ForeignPageError("A page of another site may not send actions. Send them without a browser.")
        if self._expected is not None and not path.startswith("/health/"):
            given = headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, self._expected):
                raise AccessTokenError("Send the access token (KAOJI_TOKEN) as `Authorization: Bearer TOKEN`.")

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._host_names or is_loopback(name)


def is_loopback(address: str) -> bool:
    """Whether this is the address, not a name, of the machine itself."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _same_origin(headers: Headers, host: str) -> bool:
    """Browsers say where a page is from; other programs do not."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return False
    return headers.get("sec-fetch-site", "none") in ("none", "same-origin")
