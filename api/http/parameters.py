"""Refuse query parameters that a route does not know, or that are given twice, instead of overlooking them."""

from __future__ import annotations

from collections import Counter

from fastapi import Request
from fastapi.dependencies.models import Dependant

from domain.errors import UnknownNameError, WrongInputError


class RepeatedParameterError(WrongInputError):
    """A parameter that is given twice, so that one of its values would be lost."""


async def only_known_parameters(request: Request) -> None:
    """A dependency of every route. Raises UnknownNameError and RepeatedParameterError."""
    # Waits for nothing; but what is not `async` is handed to a thread, which costs more than this does.
    known = names_of(request)
    given = Counter(name for name, _ in request.query_params.multi_items())
    for name, times in given.items():
        if name not in known:
            raise UnknownNameError("parameter", name, known, see="/docs")
        if times > 1:
            raise RepeatedParameterError(f"Parameter {name!r} is given {times} times. Give it once.")


def names_of(request: Request) -> set[str]:
    """The query parameters that the route of a request knows."""
    return _names(request.scope["route"].dependant)


def _names(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    return names.union(*(_names(each) for each in dependant.dependencies))
