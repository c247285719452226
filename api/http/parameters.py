"""Refuse query parameters that a route does not know, or that it would overlook as they are given twice."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant

from domain.errors import UnknownNameError, WrongInputError


class RepeatedParameterError(WrongInputError):
    """A parameter that is given twice, so that one of its values would be lost."""


async def only_known_parameters(request: Request) -> None:
    """A dependency of every route. Raises UnknownNameError and RepeatedParameterError."""
    # Waits for nothing; but what is not `async` is handed to a thread, which costs more than this does.
    known = _kinds(request.scope["route"].dependant)
    given = Counter(name for name, _ in request.query_params.multi_items())
    for name, times in given.items():
        if name not in known:
            raise UnknownNameError("parameter", name, known, see="/docs")
        if times > 1 and not _takes_several(known[name]):
            raise RepeatedParameterError(f"Parameter {name!r} is given {times} times. Give it once.")


def names_of(request: Request) -> set[str]:
    """The query parameters that the route of a request knows."""
    return set(_kinds(request.scope["route"].dependant))


def _kinds(dependant: Dependant) -> dict[str, Any]:
    kinds = {field.alias: field.field_info.annotation for field in dependant.query_params}
    for each in dependant.dependencies:
        kinds |= _kinds(each)
    return kinds


def _takes_several(kind: Any) -> bool:
    """Whether a parameter of that kind is a list, or a list that may be left out."""
    return any(get_origin(each) is list for each in (kind, *get_args(kind)))
