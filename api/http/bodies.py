"""Read the body of a request up to a stated size."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect

from domain.errors import WrongInputError

BODY_BYTES_MAX: Final = 32 * 1024 * 1024
RECORDS_MAX: Final = 10_000


class BodySizeError(WrongInputError):
    """A request that is larger than one batch may be. HTTP status 413."""


class EncodingError(WrongInputError):
    """A compressed request. HTTP status 415."""


class BrokenOffError(WrongInputError):
    """A request whose sender went away before it was complete. Nobody reads the answer."""


async def read_body(request: Request) -> bytes:
    """The whole body. Raises BodySizeError before more than BODY_BYTES_MAX are held, and EncodingError."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise EncodingError(f"A body in {encoding!r} is not read. Send it uncompressed.")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > BODY_BYTES_MAX:
        raise _too_large()
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise _too_large()
    except ClientDisconnect as error:
        raise BrokenOffError("The request broke off. Nothing of it was recorded; send it again.") from error
    return bytes(body)


def _too_large() -> BodySizeError:
    return BodySizeError(
        f"A request holds at most {BODY_BYTES_MAX // 1024 // 1024} MiB. Nothing of it was recorded: "
        "send the batch in parts."
    )
