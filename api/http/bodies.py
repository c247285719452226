"""Read the body of a request, packed or not, within limits of size, time, and room for all of them together."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Final

import zstandard
from fastapi import Request
from starlette.requests import ClientDisconnect

from domain.errors import UnreachableError, WrongInputError

BODY_BYTES_MAX: Final = 32 * 1024 * 1024
RECORDS_MAX: Final = 10_000
BODY_SECONDS_MAX: Final = 60.0
"""A body that takes longer than this ties up what others need."""
BODIES_BYTES_MAX: Final = 256 * 1024 * 1024
"""What all requests together may hold as they were sent; the next one is told to come again."""
PACKINGS: Final = ("gzip", "zstd")
_SIP_BYTES: Final = 512
_ZSTD_WINDOW_BYTES_MAX: Final = 8 * 1024 * 1024  # RFC 9659


class BodySizeError(WrongInputError):
    """A request that is larger than one batch may be. HTTP status 413."""


class EncodingError(WrongInputError):
    """A request packed in a way that is not read. HTTP status 415."""


class PackedBodyError(WrongInputError):
    """A packed request that cannot be unpacked. HTTP status 400."""


class BrokenOffError(WrongInputError):
    """A request whose sender went away before it was complete. Nobody reads the answer."""


class SlowBodyError(WrongInputError):
    """A request whose body does not come to an end. HTTP status 408."""


class BusyError(UnreachableError):
    """More requests at once than there is room for. HTTP status 503."""


class Bodies:
    """The room for bodies of all requests of one server."""

    def __init__(self, *, bytes_max: int = BODIES_BYTES_MAX, seconds_max: float = BODY_SECONDS_MAX) -> None:
        self._bytes_max, self._seconds_max = bytes_max, seconds_max
        self.bytes_held = 0

    async def read_into(self, body: bytearray, request: Request) -> None:
        """Read the body as it was sent; what is in `body` afterwards, whatever happened, is to be released.

        Raises BodySizeError before more than BODY_BYTES_MAX are held, EncodingError, SlowBodyError, BusyError.
        """
        _packing(request)
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > BODY_BYTES_MAX:
            raise _too_large()
        try:
            async with asyncio.timeout(self._seconds_max):
                async for chunk in request.stream():
                    body += chunk
                    self.bytes_held += len(chunk)
                    if len(body) > BODY_BYTES_MAX:
                        raise _too_large()
                    if self.bytes_held > self._bytes_max:
                        raise BusyError(
                            "Too much is being sent at once. Nothing of it was recorded; send it again."
                        )
        except ClientDisconnect as error:
            raise BrokenOffError("The request broke off. Nothing of it was recorded; send it again.") from error
        except TimeoutError as error:
            raise SlowBodyError(
                f"The body did not come within {self._seconds_max:g} s. Nothing of it was recorded: "
                "send it again, or in parts."
            ) from error

    def release(self, body: bytearray) -> None:
        """Free the room again."""
        self.bytes_held -= len(body)


async def read_body(request: Request) -> AsyncIterator[bytes]:
    """The whole body of this request as it was sent; its room is free again when the request is answered."""
    bodies: Bodies = request.app.state.bodies
    body = bytearray()
    try:
        await bodies.read_into(body, request)
        yield bytes(body)
    finally:
        bodies.release(body)


def unpacked(request: Request, body: bytes) -> bytes:
    """The body as it was before it was packed.

    Raises PackedBodyError, and BodySizeError before much more than BODY_BYTES_MAX are held.
    """
    packing = _packing(request)
    try:
        if packing == "gzip":
            return _gunzipped(body)
        if packing == "zstd":
            return _unzstd(body)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise PackedBodyError(
            f"The body is no whole {packing} ({error}). Nothing of it was recorded; send it again."
        ) from error
    return body


def _gunzipped(body: bytes) -> bytes:
    plain, rest = bytearray(), body
    while rest:
        member = zlib.decompressobj(wbits=31)
        plain += member.decompress(rest, BODY_BYTES_MAX + 1 - len(plain))
        _check_size(plain)
        if not member.eof:
            raise EOFError("it breaks off")
        rest = member.unused_data
    return bytes(plain)


def _unzstd(body: bytes) -> bytes:
    """Fed in sips: 4 packed bytes can mean 128 KiB."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES_MAX)
    plain, rest = bytearray(), body
    while rest:
        frame, at = unpacker.decompressobj(), 0
        while not frame.eof:
            if at >= len(rest):
                raise EOFError("it breaks off")
            plain += frame.decompress(rest[at : at + _SIP_BYTES])
            at += _SIP_BYTES
            _check_size(plain)
        rest = frame.unused_data + rest[at:]
    return bytes(plain)


def _check_size(plain: bytearray) -> None:
    if len(plain) > BODY_BYTES_MAX:
        raise _too_large()


def _packing(request: Request) -> str:
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in (*PACKINGS, "identity"):
        raise EncodingError(f"A body in {packing!r} is not read. Send it plain, or packed with gzip or zstd.")
    return packing


def _too_large() -> BodySizeError:
    return BodySizeError(
        f"A request holds at most {BODY_BYTES_MAX // 1024 // 1024} MiB, unpacked too. Nothing of it was recorded: "
        "send the batch in parts."
    )
