"""Hold senders to a rate: what they send is taken, and whoever was too fast waits before the next request."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from domain.errors import WrongInputError

BURST_SECONDS: Final = 10
"""So many seconds' worth of records may be sent at once, after a silence as long."""
CALLERS_MAX: Final = 10_000


class TooFastError(WrongInputError):
    """A request of a sender that has sent too much. HTTP status 429; `seconds` until the next may come."""

    def __init__(self, who: str, rate: int, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(
            f"{who} may send {rate:,} records a second on average, and has sent more. Nothing of this request was "
            f"recorded: send it again in {seconds} s."
        )


class Rates:
    """What each caller may still send: a balance that fills up with time, and may go below nothing.

    A request is let in while the balance is positive and pays for its records afterwards, when they have been
    counted; so no request is ever too large, and nobody sends more than the rate on average.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._balances: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, who: str, rate: int | None) -> None:
        """Raises TooFastError while the caller's balance is used up. No rate: no limit."""
        if rate is None:
            return
        with self._lock:
            balance = self._balance(who, rate)
        if balance <= 0:
            raise TooFastError(who, rate, max(1, math.ceil(-balance / rate)))

    def spend(self, who: str, rate: int | None, records: int) -> None:
        """Pay for records; at least one for each request, so that empty ones are not free."""
        if rate is None:
            return
        with self._lock:
            balance = self._balance(who, rate) - max(1, records)
            self._balances[who] = (balance, self._monotonic())
            self._balances.move_to_end(who)
            # Whoever was heard of longest ago is forgotten, and has a full balance when he comes again.
            while len(self._balances) > CALLERS_MAX:
                self._balances.popitem(last=False)

    def _balance(self, who: str, rate: int) -> float:
        full = float(rate * BURST_SECONDS)
        balance, then = self._balances.get(who, (full, self._monotonic()))
        return min(full, balance + (self._monotonic() - then) * rate)
