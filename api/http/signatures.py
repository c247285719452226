"""Check signed requests (HTTP Message Signatures, RFC 9421): who signed, when, and whether all that counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import http_sf
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    VerifyResult,
    algorithms,
)

from consumers.senders import Algorithm, Key, Sender, Senders
from domain.errors import WrongInputError

AGE_SECONDS_MAX: Final = 300
"""A signed request is taken for so long after it was signed; taken twice it is a duplicate, and counts once."""

_ALGORITHMS: Final[Mapping[Algorithm, type[HTTPSignatureAlgorithm]]] = MappingProxyType(
    {"ed25519": algorithms.ED25519, "hmac-sha256": algorithms.HMAC_SHA256}
)
_ALWAYS: Final = ("@method", "@path", "content-digest")
# What else decides what a request says, where it is there.
_WHERE_PRESENT: Final = ("content-type", "content-encoding")


class SignatureError(WrongInputError):
    """A request whose signature does not hold. HTTP status 401."""


@dataclass(frozen=True)
class SignedRequest:
    """A request as the library looks at it."""

    method: str
    url: str
    fields: Sequence[tuple[str, str]]

    @property
    def headers(self) -> SignedRequest:
        """Itself: the library asks it for `items`."""
        return self

    def items(self) -> Sequence[tuple[str, str]]:
        """All header fields in their order."""
        return self.fields

    def names(self) -> set[str]:
        """The names of the header fields, in small letters."""
        return {name.lower() for name, _ in self.fields}


class Signed:
    """A request whose header is signed; its body is still to be held against the signed digest."""

    def __init__(self, sender: Sender, request: SignedRequest, verifier: HTTPMessageVerifier) -> None:
        self.sender = sender
        self._request, self._verifier = request, verifier
        self._results: list[VerifyResult] = verifier.verify(
            request, max_age=timedelta(seconds=AGE_SECONDS_MAX), require_components=_required(request)
        )

    def check_body(self, body: bytes) -> None:
        """Hold the body, as it was sent, against the digest. Raises SignatureError."""
        try:
            self._verifier.verify_body(self._request, self._results, body)
        except HTTPMessageSignaturesException as error:
            raise _refused(error) from error


def is_signed(names: set[str]) -> bool:
    """Whether a request says that it is signed."""
    return bool(names & {"signature", "signature-input"})


def signed_by(request: SignedRequest, senders: Senders) -> Signed:
    """The sender that has signed the request's header. Raises SignatureError."""
    key_id = _key_id(request)
    found = senders.with_key(key_id)
    if found is None:
        raise SignatureError(f"No sender signs with the key {key_id!r}. Have it added to the senders file.")
    sender, key = found
    verifier = HTTPMessageVerifier(signature_algorithm=_ALGORITHMS[key.algorithm], key_resolver=_OneKey(key))
    try:
        return Signed(sender, request, verifier)
    except HTTPMessageSignaturesException as error:
        raise _refused(error) from error


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, key: Key) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> bytes | None:
        return self._key.content if key_id == self._key.id else None


def _required(request: SignedRequest) -> list[str]:
    names = request.names()
    attributes = sorted(name for name in names if name.startswith("ce-"))
    return [*_ALWAYS, *(name for name in _WHERE_PRESENT if name in names), *attributes]


def _key_id(request: SignedRequest) -> str:
    text = ", ".join(value for name, value in request.fields if name.lower() == "signature-input")
    try:
        found: Any = http_sf.parse(text.encode("latin-1"), tltype="dictionary")
        (signature,) = found.values()
        key_id = signature[1]["keyid"]
    except (ValueError, TypeError, KeyError, IndexError, UnicodeEncodeError) as error:
        raise SignatureError(
            "Sign a request once (RFC 9421): headers Signature-Input and Signature, with `keyid` and `created`."
        ) from error
    return str(key_id)


def _refused(error: HTTPMessageSignaturesException) -> SignatureError:
    return SignatureError(
        f"The signature does not hold: {error}. Sign {', '.join(_ALWAYS)}, content-type, content-encoding and all "
        f"ce-* headers that are sent, at most {AGE_SECONDS_MAX} s before sending. Nothing was recorded."
    )
