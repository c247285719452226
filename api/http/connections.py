"""Close connections on which a request does not come to an end: a few of them could keep everybody else out."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from domain.log_events import CONNECTION_CLOSED

HEADER_SECONDS_MAX: Final = 15.0
HEADER_BYTES_MAX: Final = 32 * 1024
CONNECTIONS_MAX: Final = 1_000


class DeadlineProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with a time limit on headers, and on bodies that nobody reads because they are refused.

    uvicorn has one for idle connections only, which every byte that trickles in sets back. Bodies that are read
    have a limit of their own, in `bodies`.
    """

    header_seconds_max = HEADER_SECONDS_MAX

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait."""
        super().connection_made(transport)
        self._wait_or_not()

    def data_received(self, data: bytes) -> None:
        """Go on waiting while the header is not complete."""
        super().data_received(data)
        self._wait_or_not()

    def on_response_complete(self) -> None:
        """Begin to wait for the rest of a request that is answered already."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._wait_or_not()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nothing to wait for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_or_not(self) -> None:
        if not self._is_waiting():
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.header_seconds_max, self._give_up)

    def _is_waiting(self) -> bool:
        """Whether the sender owes the rest of a header, or the end of a body that is answered already."""
        theirs = self.conn.their_state
        return theirs is h11.IDLE or (theirs is h11.SEND_BODY and self.conn.our_state is h11.DONE)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._is_waiting() and not self.transport.is_closing():
            client = "{}:{}".format(*self.client) if self.client else "?"
            CONNECTION_CLOSED.log(client=client, seconds=self.header_seconds_max)
            self.transport.close()
