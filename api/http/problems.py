"""Answer errors as problem details (RFC 9457), with the sentence that the command line would print.

Where that names an option, a caller of HTTP reads of the parameter of the same name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from api.errors import exit_and_status
from api.http.parameters import names_of
from api.http.rates import TooFastError
from domain.errors import KaojiError, UnknownNameError

PROBLEM_JSON: Final = "application/problem+json"
_option: Final = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
PROBLEM_RESPONSE: Final[dict[str, Any]] = {
    "description": "A problem (RFC 9457); `detail` says what to mend.",
    "content": {
        PROBLEM_JSON: {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                },
            }
        }
    },
}


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> JSONResponse:
    """A problem of no registered type: the status says what kind it is, `detail` what to do."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(content | members, status, dict(headers or {}), PROBLEM_JSON)


def problem_of(
    error: KaojiError, *, path_values: Sequence[str] = (), parameters: Collection[str] = ()
) -> JSONResponse:
    """The problem that an error of ours is; 404 when the unknown name is one of those in the path.

    `parameters` are those of the route, in its path too.
    """
    status = exit_and_status(error).status
    if isinstance(error, UnknownNameError) and error.name in path_values:
        status = 404
    headers: dict[str, str] = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}.get(status, {})
    if isinstance(error, TooFastError):
        headers = {"Retry-After": str(error.seconds)}
    detail = _option.sub(lambda found: f"`{found[1]}`" if found[1] in parameters else found[0], str(error))
    return problem(status, detail, headers=headers)


def add_problem_handlers(app: FastAPI) -> None:
    """Have every error of the application answered as a problem."""
    app.add_exception_handler(KaojiError, _ours)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(HTTPException, _routing)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, KaojiError), "registered for no other"
    path_values = [str(value) for value in request.path_params.values()]
    return problem_of(error, path_values=path_values, parameters={*names_of(request), *request.path_params})


async def _parameters(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for no other"
    return problem(422, " ".join(_sentence(fault) for fault in error.errors()))


def _sentence(fault: Mapping[str, Any]) -> str:
    name = str(fault["loc"][-1])
    if fault["type"] == "missing":
        return f"Parameter {name!r} is missing."
    return f"Parameter {name!r} is {fault['input']!r}. {fault['msg']}."


async def _routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for no other"
    if error.status_code == 404:
        return problem(404, _nothing_here(request))
    if error.status_code == 405:
        allowed = _methods(request)
        sentence = f"{request.method} is not possible on {request.url.path}. Possible: {allowed}. See /docs."
        return problem(405, sentence, headers={"Allow": allowed})
    return problem(error.status_code, str(error.detail), headers=error.headers)


def _nothing_here(request: Request) -> str:
    near = get_close_matches(request.url.path, request.app.openapi()["paths"], n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"There is nothing at {request.url.path}.{hint} See /docs."


def _methods(request: Request) -> str:
    """What a path is for. The router names only the first route that it found there."""
    found: set[str] = set()
    for template, item in request.app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", ".+", re.escape(template)), request.url.path):
            found.update(method.upper() for method in item)
    return ", ".join(sorted(found)) or "GET"


async def _unexpected(_request: Request, _error: Exception) -> Response:
    # The error itself goes on to the server's log; a caller learns nothing about the inside.
    return problem(500, "Kaoji has made a mistake, and has written to its log what happened. Tell who runs it.")
