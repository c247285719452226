"""The format of a view that keeps what actions say: it rises with the contract, too."""

from __future__ import annotations

from typing import Final

from domain.actions.upcasts import newest_version

_FORMS_MAX: Final = 1_000


def format_of(form: int) -> int:
    """The format of a view in this form of its own, in the words of the newest version of the contract.

    What is stored is upcast when it is read, so a view that was made before the contract had its newest version
    holds the words of an older one: one unit, say, under two codes. Such a view is built anew like one in an
    older form; and a program that does not know those words yet leaves the view alone.
    """
    assert 0 < form < _FORMS_MAX, "the version is told by what is above"
    return (newest_version() - 1) * _FORMS_MAX + form
