"""Decide who may ask and who sends: tokens, signatures, the host name, pages of other sites; before all else."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import problem_of
from api.http.rates import Rates, TooFastError
from api.http.signatures import SignatureError, Signed, SignedRequest, is_signed, signed_by
from consumers.senders import Binding, Senders
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


class SendersOnlyError(WrongInputError):
    """A token that is good, and not for this: a sender's for reading, or the reader's for sending. HTTP 403."""


class ForeignPageError(WrongInputError):
    """A write that a page of another site makes a browser send. HTTP status 403."""


class HostNameError(WrongInputError):
    """A request for a host name that is not this machine's. HTTP status 421."""


class StoppingError(UnreachableError):
    """An answer that the server has not finished before it stopped. HTTP status 503."""


@dataclass(frozen=True)
class Caller:
    """Who sends actions: its sources, what holds it to its rate, and its signature if there is one."""

    name: str
    binding: Binding | None
    rate: int | None
    rates: Rates
    signed: Signed | None = None

    def spend(self, records: int) -> None:
        """Count records against the rate."""
        self.rates.spend(self.name, self.rate, records)


class Guard:
    """Lets through what bears the token; without a token, what asks this machine under its own name.

    Where senders are bound, actions come from them alone: with a sender's token, or signed with its key. The
    caller of `POST /actions` is left in the request's state. A sender's token reads what the sender needs to prove
    that all has arrived, the receipts of its own sources, and nothing else.

    The host name is looked at because a page of another site can point its own name at 127.0.0.1 (DNS rebinding)
    and would then be of one origin with us. A caller who has a token or a key is no such page.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        host_names: Iterable[str] = (),
        senders: Senders | None = None,
        rate: int | None = None,
        rates: Rates | None = None,
    ) -> None:
        self._app = app
        self._expected = None if token is None else f"Bearer {token}".encode()
        self._host_names = {"localhost", *(name.lower() for name in host_names)}
        self._senders, self._rate, self._rates = senders, rate, rates or Rates()

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
            self._check(scope, Headers(scope=scope))
        except (
            AccessTokenError,
            ForeignPageError,
            HostNameError,
            SendersOnlyError,
            SignatureError,
            TooFastError,
        ) as refusal:
            await problem_of(refusal)(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, receive, send_guarded)
        except asyncio.CancelledError:
            # A server that stops gives up on what takes too long; the sender is still told what to do.
            if begun:
                raise
            await problem_of(StoppingError(_STOPPING))(scope, receive, send_guarded)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host, sends = headers.get("host", ""), (scope["method"], scope["path"]) == ("POST", "/actions")
        caller = self._sender(scope, headers) if sends and self._senders is not None else None
        if caller is None and self._expected is None and not self._is_ours(host):
            raise HostNameError(
                f"This server is not called {host!r}. Ask it as localhost or 127.0.0.1, or set KAOJI_TOKEN."
            )
        if scope["method"] not in _SAFE_METHODS and not _same_origin(headers, host):
            raise ForeignPageError("A page of another site may not send actions. Send them without a browser.")
        if caller is None and self._expected is not None and not scope["path"].startswith("/health/"):
            self._check_token(scope, headers)
        if sends:
            caller = caller or self._anybody(scope)
            caller.rates.check(caller.name, caller.rate)
            scope.setdefault("state", {})["caller"] = caller

    def _check_token(self, scope: Scope, headers: Headers) -> None:
        if self._is_reader(headers):
            return
        sender = None if self._senders is None else self._senders.with_token(_bearer(headers) or "")
        if sender is None:
            raise AccessTokenError("Send the access token (KAOJI_TOKEN) as `Authorization: Bearer TOKEN`.")
        if not _asks_for_own_receipt(scope, sender.binding):
            raise SendersOnlyError(
                "A sender's token sends actions (POST /actions) and reads the receipts of its own sources "
                "(GET /receipts/DAY?source=SOURCE); it opens nothing else."
            )

    def _is_reader(self, headers: Headers) -> bool:
        given = headers.get("authorization", "").encode("latin-1")
        return self._expected is not None and hmac.compare_digest(given, self._expected)

    def _sender(self, scope: Scope, headers: Headers) -> Caller:
        """Who sends, where senders are bound. Raises AccessTokenError, SignatureError, SendersOnlyError."""
        assert self._senders is not None, "asked only where senders are bound"
        if self._is_reader(headers):
            raise SendersOnlyError("KAOJI_TOKEN opens what is recorded. Send actions with a sender's own token.")
        token, signed = _bearer(headers), None
        if token is not None:
            sender = self._senders.with_token(token)
        elif is_signed(set(headers.keys())):
            signed = signed_by(_as_signed(scope, headers), self._senders)
            sender = signed.sender
        else:
            sender = None
        if sender is None:
            raise AccessTokenError(
                "Senders are bound here: send a sender's token as `Authorization: Bearer TOKEN`, or sign the "
                "request (RFC 9421)."
            )
        rate = sender.records_per_second or self._rate
        return Caller(f"Sender {sender.name}", sender.binding, rate, self._rates, signed)

    def _anybody(self, scope: Scope) -> Caller:
        client = scope.get("client")
        return Caller(client[0] if client else "unknown", None, self._rate, self._rates)

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._host_names or is_loopback(name)


def _bearer(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _asks_for_own_receipt(scope: Scope, binding: Binding) -> bool:
    """Whether it is about sources of this sender alone; one that is named twice may not slip in another's."""
    sources = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True).get("source", [])
    reads = scope["method"] in _SAFE_METHODS and scope["path"].startswith("/receipts/")
    return reads and bool(sources) and all(map(binding.allows, sources))


def _as_signed(scope: Scope, headers: Headers) -> SignedRequest:
    """The request as it was sent: the path undecoded, the host as it was called."""
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    url = f"{scope.get('scheme', 'http')}://{headers.get('host', '')}{path}{'?' if query else ''}{query}"
    return SignedRequest(scope["method"], url, headers.items())


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
