"""Prove to a sender that nothing is missing: daily receipts, and gaps in its numbers."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.bootstrap import Kaoji
from api.gaps import RANGES_DEFAULT, gaps
from api.http.actions import PAGE_DEFAULT, PAGE_MAX, page
from api.receipts import receipt, receipt_records

_NUMBER_MAX: Final = 2**63 - 1

Day = Annotated[str, Path(description="Day of recording, YYYY-MM-DD, in KAOJI_ZONE.")]
Source = Annotated[str | None, Query(description="Only this sending system; default all.")]


def completeness_router(kaoji: Kaoji) -> APIRouter:
    """The routes /receipts/… and /gaps."""
    router = APIRouter(tags=["completeness"])

    @router.get("/receipts/{day}", response_class=JSONResponse)
    def get_receipt(day: Day, source: Source = None) -> Response:
        """What came of a day's records, with a hash over what was recorded, as `kaoji receipt`."""
        return JSONResponse(receipt(kaoji, day, source=source))

    @router.get("/receipts/{day}/records", response_class=JSONResponse)
    def get_receipt_records(
        request: Request,
        day: Day,
        source: Source = None,
        after: Annotated[int, Query(ge=0, le=_NUMBER_MAX, description="Only positions above this one.")] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="At most so many on a page.")] = PAGE_DEFAULT,
    ) -> Response:
        """What was recorded that day, each with its hash; `next` is the address of the next page."""
        found = list(receipt_records(kaoji, day, source=source, after=after, limit=limit + 1))
        return page("records", found, request, limit=limit, number=lambda each: int(each["position"]))

    @router.get("/gaps", response_class=JSONResponse)
    def get_gaps(
        source: Source = None,
        limit: Annotated[
            int, Query(ge=0, le=_NUMBER_MAX, description="At most so many ranges of a source.")
        ] = RANGES_DEFAULT,
    ) -> Response:
        """Which numbers are missing where a source numbers its actions (`sequence`), as `kaoji gaps`."""
        return JSONResponse(gaps(kaoji, source=source, limit=limit))

    return router
