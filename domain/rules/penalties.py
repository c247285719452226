"""What a score may never do: reward the number or amount of penalties; how such a thing is known, and refused."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_PENALTIES: Final = re.compile(r"penal|punish|\bfine[sd]?\b|\bfined?-|-fines?\b|confiscat|sanction|罚|没收", re.I)

_WHY: Final = (
    "would reward the number or amount of penalties. A score may never do that: fines and confiscations must not "
    "be tied to the appraisal of an authority or its staff (行政处罚法 §74)."
)


def names_penalties(name: str) -> bool:
    """Whether something is called after penalties."""
    return _PENALTIES.search(name) is not None


def penalty_sentence(name: str) -> str:
    """Why a measure of penalties is refused."""
    return f"Measure {name!r} {_WHY} Measure how cases are handled instead, by 'closure' or 'revocation'."


def penalty_step_sentence(name: str) -> str:
    """Why a penalty is no step that every case has to take."""
    return (
        f"With step {name!r} required, a case conforms only if it ends in a penalty; so its conformance {_WHY} "
        "Leave out `required`: a case may also be dismissed."
    )


def penalty_number_sentence(name: str, number: Decimal) -> str:
    """Why points are not given from so many decisions on."""
    return (
        f"Points from {number} members of {name!r} on, penalties among them, {_WHY} Leave out `minimum_exposure`, "
        "or name an `exposure` without penalties, for one 'workload-licences'."
    )
