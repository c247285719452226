"""Show what was refused, and why; try it again, or give it up."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.bootstrap import Kaoji
from api.follower import Follower
from api.http.actions import PAGE_DEFAULT, PAGE_MAX, page
from api.quarantine import QuarantineQuery, drop, entry_json, listed, retry, summary
from consumers.mapping import shipped_mappings
from domain.errors import UnknownNameError

_NUMBER_MAX: Final = 2**63 - 1
_NOT_FOUND: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "No entry bears this number."}}
_MOVED: Final[dict[int | str, dict[str, Any]]] = {
    409: {"description": "Somebody else has dealt with an entry meanwhile."}
}

Number = Annotated[int, Path(ge=0, le=_NUMBER_MAX)]
After = Annotated[int, Query(ge=0, le=_NUMBER_MAX, description="Only entries above this one.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="At most so many on a page.")]
MappingName = Annotated[
    str | None,
    Query(
        description="For records of logs and tables: this shipped mapping, not the one they came by. A filter "
        "then means its source, unless `source` names another."
    ),
]
Reason = Annotated[str | None, Query(description="Why; kept with the entry.")]


def _query(
    code: Annotated[str | None, Query(description="Only this code.")] = None,
    source: Annotated[str | None, Query(description="Only records of this sending system.")] = None,
    case: Annotated[str | None, Query(description="Only records with this subject.")] = None,
    place: Annotated[str | None, Query(description="Only from this place; may end in *.")] = None,
    from_: Annotated[
        str | None, Query(alias="from", description="First refused on or after: date or time.")
    ] = None,
    to: Annotated[str | None, Query(description="First refused on or before: date or time.")] = None,
) -> QuarantineQuery:
    return QuarantineQuery(code, source, case, place, from_, to)


Filters = Annotated[QuarantineQuery, Depends(_query)]


def quarantine_router(kaoji: Kaoji, *, follower: Follower) -> APIRouter:
    """The routes under /quarantine."""
    router = APIRouter(tags=["quarantine"])

    @router.get("/quarantine", response_class=JSONResponse)
    def get_quarantine(
        request: Request,
        query: Filters,
        state: Annotated[str, Query(description="open, retried, dropped or all.")] = "open",
        after: After = 0,
        limit: Limit = PAGE_DEFAULT,
    ) -> Response:
        """What is quarantined, as `kaoji quarantine list`; `next` is the address of the next page."""
        found = list(listed(kaoji, query, state=state, after=after, limit=limit + 1))
        return page("quarantine", found, request, limit=limit, number=lambda entry: int(entry["entry"]))

    @router.get("/quarantine/summary", response_class=JSONResponse)
    def get_summary() -> Response:
        """What is open by code and source, with what mends it, as `kaoji quarantine summary`."""
        return JSONResponse(summary(kaoji))

    @router.get("/quarantine/{entry}", response_class=JSONResponse, responses={**_NOT_FOUND})
    def get_entry(entry: Number) -> Response:
        """One entry with the bytes that were received, as `kaoji quarantine show`."""
        return JSONResponse(entry_json(kaoji.ledger.quarantine.get(entry), raw=True))

    @router.post("/quarantine/retry", response_class=JSONResponse, responses={**_MOVED})
    def post_retries(
        request: Request,
        query: Filters,
        mapping: MappingName = None,
        after: After = 0,
        limit: Limit = PAGE_DEFAULT,
    ) -> Response:
        """Check open entries again, by filter, and record those that now pass, as `kaoji quarantine retry`.

        At most `limit` of them; `next` is the address to which to send the same request for those behind them.
        """
        _check_shipped(mapping)
        found = list(retry(kaoji, (), query, mapping=mapping, after=after, limit=limit))
        follower.wake()
        return _part(kaoji, "retried", found, request, query, limit)

    @router.post("/quarantine/drop", response_class=JSONResponse)
    def post_drops(
        request: Request, query: Filters, reason: Reason = None, after: After = 0, limit: Limit = PAGE_DEFAULT
    ) -> Response:
        """Give open entries up, by filter, as `kaoji quarantine drop`: at most `limit`; `next` as above."""
        found = list(drop(kaoji, (), query, reason=reason, after=after, limit=limit))
        return _part(kaoji, "dropped", found, request, query, limit)

    @router.post("/quarantine/{entry}/retry", response_class=JSONResponse, responses={**_NOT_FOUND, **_MOVED})
    def post_retry(entry: Number, mapping: MappingName = None) -> Response:
        """Check one open entry again, and record it if it now passes."""
        _check_shipped(mapping)
        (found,) = retry(kaoji, [entry], mapping=mapping)
        follower.wake()
        return JSONResponse(found)

    @router.post("/quarantine/{entry}/drop", response_class=JSONResponse, responses={**_NOT_FOUND})
    def post_drop(entry: Number, reason: Reason = None) -> Response:
        """Give one entry up: its bytes go; place, hash, code and reason stay."""
        (found,) = drop(kaoji, [entry], reason=reason)
        return JSONResponse(found)

    return router


def _part(
    kaoji: Kaoji, name: str, found: list[dict[str, object]], request: Request, query: QuarantineQuery, limit: int
) -> Response:
    """A page of what was done; there is a next one where more entries of the filter lie behind it."""
    last = int(str(found[-1]["entry"])) if found else 0
    more = list(listed(kaoji, query, after=last, limit=1)) if len(found) == limit else []
    return page(name, [*found, *more], request, limit=limit, number=lambda entry: int(entry["entry"]))


def _check_shipped(mapping: str | None) -> None:
    """No name of a file: a request must not say which files the server opens."""
    if mapping is not None and mapping not in shipped_mappings():
        raise UnknownNameError("shipped mapping", mapping, shipped_mappings())
