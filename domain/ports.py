"""Ports of servers, as they are written in addresses."""

from __future__ import annotations

from typing import Final

_PORT_MAX: Final = 65_535
_DIGITS_MAX: Final = 20


def port_number(text: str) -> int | None:
    """The port that is named, None where none is.

    0 is one to listen at, where the system takes a free one; nobody can connect to it.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        return None
    number = int(text)
    return number if number <= _PORT_MAX else None
