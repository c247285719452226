"""Show what was refused, and why."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.bootstrap import Kaoji
from api.http.actions import PAGE_DEFAULT, PAGE_MAX, page
from api.quarantine import entry_json
from domain.errors import UnknownNameError
from domain.refusals import QUARANTINE_CODES

_NUMBER_MAX: Final = 2**63 - 1
# Entries come with their bytes, up to 1 MiB each, which a list does not show.
_READ_AT_ONCE: Final = 50


def quarantine_router(kaoji: Kaoji) -> APIRouter:
    """The routes under /quarantine."""
    router = APIRouter(tags=["quarantine"])

    @router.get("/quarantine", response_class=JSONResponse)
    def get_quarantine(
        request: Request,
        code: Annotated[str | None, Query(description="Only this code.")] = None,
        source: Annotated[str | None, Query(description="Only records of this sending system.")] = None,
        after: Annotated[int, Query(ge=0, le=_NUMBER_MAX, description="Only entries above this one.")] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="At most so many on a page.")] = PAGE_DEFAULT,
    ) -> Response:
        """What is quarantined and open, as `kaoji quarantine list`; `next` is the address of the next page."""
        if code is not None and code not in QUARANTINE_CODES:
            raise UnknownNameError("quarantine code", code, QUARANTINE_CODES)
        found = _entries(kaoji, code, source, after, limit + 1)
        return page("quarantine", found, request, limit=limit, number=lambda entry: int(entry["entry"]))

    @router.get(
        "/quarantine/{entry}",
        response_class=JSONResponse,
        responses={404: {"description": "No entry bears this number."}},
    )
    def get_entry(entry: Annotated[int, Path(ge=0, le=_NUMBER_MAX)]) -> Response:
        """One entry with the bytes that were received, as `kaoji quarantine show`."""
        return JSONResponse(entry_json(kaoji.ledger.quarantine.get(entry), raw=True))

    return router


def _entries(kaoji: Kaoji, code: str | None, source: str | None, after: int, number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < number:
        wanted = min(_READ_AT_ONCE, number - len(found))
        entries = kaoji.ledger.quarantine.list(code=code, source=source, after=after, limit=wanted)
        found += [entry_json(each) for each in entries]
        if len(entries) < wanted:
            break
        after = entries[-1].entry_id
    return found
