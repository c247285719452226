"""Read periods and states of knowledge as people write them."""

from __future__ import annotations

from datetime import date

from api.bootstrap import Kaoji, PositionError
from domain.actions.actions import parse_instant
from domain.actions.stored_facts import EPOCH_ORDINAL
from domain.errors import WrongInputError
from domain.zones import Zone


class PeriodError(WrongInputError):
    """Dates that are no period."""


class AsOfError(WrongInputError):
    """An `--as-of` that is neither a position nor a time."""


def day_number(text: str, name: str) -> int:
    """Days since 1970-01-01 of a date YYYY-MM-DD. Raises PeriodError, naming the option."""
    try:
        if len(text) != 10:
            raise ValueError
        return date.fromisoformat(text).toordinal() - EPOCH_ORDINAL
    except ValueError:
        raise PeriodError(f"--{name} {text!r} is no date. Write it as YYYY-MM-DD, for one 2011-12-31.") from None


def day_text(day: int) -> str:
    """YYYY-MM-DD of a day number."""
    return date.fromordinal(day + EPOCH_ORDINAL).isoformat()


def period(from_text: str, to_text: str) -> tuple[int, int]:
    """Both days of a period, inclusive. Raises PeriodError."""
    first, last = day_number(from_text, "from"), day_number(to_text, "to")
    if last < first:
        raise PeriodError(f"The period ends ({to_text}) before it begins ({from_text}). Swap --from and --to.")
    return first, last


def moment(text: str | None, name: str, zone: Zone, *, end: bool = False) -> int | None:
    """A date (its beginning in the zone, or its end) or a time, in microseconds; ends are exclusive.

    Raises WrongInputError, naming the option.
    """
    if text is None:
        return None
    if len(text) == 10:
        day = day_number(text, name)
        return zone.end_of_day(day if end else day - 1)
    try:
        return parse_instant(text) + end
    except ValueError:
        raise WrongInputError(
            f"--{name} {text!r} is neither a date nor a time. Write 2011-12-31, or 2011-12-31T18:00:00+08:00."
        ) from None


def position_as_of(kaoji: Kaoji, text: str | None, head: int, *, name: str = "as-of") -> int:
    """The last position that was known: `head` when nothing is asked, a position, or a time of recording.

    Raises PositionError, or AsOfError, which names the option.
    """
    if text is None:
        return head
    if text.isascii() and text.isdigit():
        position = int(text)
        if position > head:
            raise PositionError(f"There is no position {position} yet: the ledger ends at {head}.")
        return position
    try:
        instant = parse_instant(text)
    except ValueError:
        raise AsOfError(
            f"--{name} {text!r} is neither a position nor a time. Write 120000, or 2012-01-31T18:00:00+08:00."
        ) from None
    return min(head, kaoji.ledger.position_at(instant))
