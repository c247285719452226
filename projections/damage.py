"""What somebody may have done behind our back to a ledger or its views, each with what to do about it."""

from __future__ import annotations

from domain.errors import KaojiError


class DamagedViewError(KaojiError):
    """A view that is not as it was written. The ledger holds all it was made from."""

    def __init__(self, projection: str, what: str) -> None:
        super().__init__(f"The view {projection} is damaged: {what}. Make it anew: `kaoji rebuild {projection}`.")


class MissingEventsError(KaojiError):
    """The ledger has a gap: an event that was recorded is there no more."""

    def __init__(self, position: int) -> None:
        super().__init__(
            f"Position {position} is missing from the ledger. `kaoji verify` lists all that are; "
            "put a backup in place."
        )


class UnreadableEventError(KaojiError):
    """A stored event that is no action any more."""

    def __init__(self, position: int, reason: Exception) -> None:
        super().__init__(
            f"What stands at position {position} of the ledger cannot be read ({reason}). "
            "`kaoji verify` says what else was changed; put a backup in place."
        )


class PoisonEventError(KaojiError):
    """An event that a view cannot take in, for whatever reason: the view stands still before it."""

    def __init__(self, projection: str, position: int, reason: BaseException) -> None:
        self.projection, self.position, self.reason = projection, position, reason
        super().__init__(
            f"The view {projection} cannot take in position {position} ({type(reason).__name__}: {reason}), and "
            "stands still there. Tell who makes Kaoji; to go on without it until it is mended: "
            f"`kaoji projection skip {projection} {position} --reason TEXT`, and `unskip` once it is."
        )
