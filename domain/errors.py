"""The root of every error that a user of Kaoji can meet, with the hint that says what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class KaojiError(Exception):
    """Something the world did that the program answers with a sentence instead of a traceback."""


class WrongInputError(KaojiError):
    """Wrong usage or input: nothing was changed. Exit code 2, HTTP status 422."""


class UnreachableError(KaojiError):
    """A server that is needed does not answer. Exit code 3, HTTP status 503."""


KNOWN_SHOWN_MAX = 60
"""Staff go into the thousands: of more names than this the nearest are shown."""


class UnknownNameError(WrongInputError):
    """A name that nothing known bears; the message lists what is known and the nearest match."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, see: str | None = None) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        near = get_close_matches(name, self.known, n=5)
        parts = [f"No {kind} {name!r}."]
        if len(self.known) > KNOWN_SHOWN_MAX:
            shown = near or self.known[:5]
            parts.append(f"Known are {len(self.known):,}, such as {', '.join(shown)}.")
        else:
            if near:
                parts.append(f"Did you mean {near[0]!r}?")
            parts.append(f"Known: {', '.join(self.known)}." if self.known else "None is known yet.")
        if see:
            parts.append(f"See `{see}`.")
        super().__init__(" ".join(parts))
