"""Take actions in by the CloudEvents HTTP binding, and give the audit trail out page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from msgspec.structs import replace

from api.audit import AuditQuery, audit
from api.bootstrap import Kaoji
from api.follower import Follower
from api.http.bodies import RECORDS_MAX, BodySizeError, read_body, unpacked
from api.http.guard import Caller
from api.http.problems import problem
from api.watching.metrics import Metrics
from consumers.cloudevents import BATCH, STRUCTURED, http_arrivals
from consumers.pipeline import Intake
from domain.ledger.records import Arrival, Verdict

PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 1_000

_EVENT: Final = {"schema": {"$ref": "/schemas/action.schema.json"}}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "One action, structured or binary (attributes as `ce-*` headers, data as the body), "
        f"or a batch of up to {RECORDS_MAX:,} in up to 32 MiB; plain, or packed with gzip or zstd "
        "(`Content-Encoding`).",
        "content": {
            STRUCTURED: _EVENT,
            BATCH: {"schema": {"type": "array", "items": _EVENT["schema"], "maxItems": RECORDS_MAX}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}


def actions_router(
    kaoji: Kaoji, *, follower: Follower, metrics: Metrics, new_request_id: Callable[[], UUID]
) -> APIRouter:
    """The routes under /actions."""
    router = APIRouter(tags=["actions"])

    @router.post(
        "/actions",
        status_code=201,
        openapi_extra=_BODY,
        responses={
            200: {"description": "A duplicate of what is recorded; or a batch, with a verdict for each record."},
            201: {"description": "Recorded at `position`."},
            400: {"description": "A batch that is no JSON array, or not packed as it says. Nothing was recorded."},
            401: {"description": "No sender's token and no signature that holds. Nothing was recorded."},
            408: {"description": "A body that did not come to its end in 60 s. Nothing of it was recorded."},
            413: {"description": "More than one request may hold. Nothing of it was recorded."},
            415: {"description": "No CloudEvents request. Nothing was recorded."},
            422: {"description": "Quarantined: `code` says why, `remedy` what to mend. The record is kept."},
            429: {"description": "Faster than the sender may be. Nothing was recorded; `Retry-After` says when."},
        },
    )
    def post_actions(request: Request, body: Annotated[bytes, Depends(read_body)]) -> Response:
        """Record actions (CloudEvents HTTP binding); the answer has a verdict for each.

        A batch is taken in as a whole or not at all. What is sent twice is recorded once, so a request that was
        not answered is simply sent again.
        """
        caller: Caller = request.state.caller
        if caller.signed is not None:
            caller.signed.check_body(body)
        body = unpacked(request, body)
        is_batch = _media_type(request) == BATCH
        if is_batch:
            _check_number(body)
        client = request.client.host if request.client is not None else "unknown"
        place = f"http:{client}/{new_request_id()}"
        arrivals = http_arrivals(body, request.headers.items(), place=place, now=kaoji.clock())
        if not is_batch:
            arrivals = [replace(each, place=f"{place}#1") for each in arrivals]
        caller.spend(len(arrivals))
        if caller.binding is not None:
            arrivals = [caller.binding.bound(each) for each in arrivals]
        intake = Intake(kaoji.ledger)
        verdicts = intake.take(arrivals) if arrivals else []
        metrics.count(verdicts)
        follower.wake()
        answers = [verdict_json(*pair) for pair in zip(arrivals, verdicts, strict=True)]
        if is_batch:
            return JSONResponse(intake.totals.to_json() | {"verdicts": answers})
        return _single(answers[0])

    @router.get("/actions", response_class=JSONResponse)
    def get_actions(
        request: Request,
        case: Annotated[str | None, Query(description="Case number, target code or finding.")] = None,
        staff: Annotated[str | None, Query(description="Staff id, in any role.")] = None,
        unit: Annotated[
            str | None, Query(description="Unit with all below it, as the tree stood that day.")
        ] = None,
        type: Annotated[str | None, Query(description="Action type; may end in *.")] = None,
        from_: Annotated[str | None, Query(alias="from", description="When it happened: date or time.")] = None,
        to: Annotated[str | None, Query(description="Last day or instant, inclusive.")] = None,
        recorded_from: Annotated[
            str | None, Query(alias="recorded-from", description="When we learned of it: date or time.")
        ] = None,
        recorded_to: Annotated[
            str | None, Query(alias="recorded-to", description="Last day or instant, inclusive.")
        ] = None,
        after: Annotated[int, Query(ge=0, description="Only positions above this one.")] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="At most so many on a page.")] = PAGE_DEFAULT,
        effective: Annotated[bool, Query(description="After corrections, without voided actions.")] = False,
    ) -> Response:
        """The audit trail in ledger order: CloudEvents with `position`, `recorded_at` and `hash`.

        `next` is the address of the following page (also as a Link header), null on the last one.
        """
        query = AuditQuery(
            case, staff, unit, type, from_, to, recorded_from, recorded_to, after, limit + 1, effective
        )
        found = list(audit(kaoji, query, indexed=True))
        return page("actions", found, request, limit=limit, number=lambda event: int(event["position"]))

    return router


def verdict_json(arrival: Arrival, verdict: Verdict) -> dict[str, Any]:
    """What became of one record; where it was refused, why, and under which place it stands in /quarantine."""
    if verdict.kind == "quarantined":
        return {
            "verdict": verdict.kind,
            "code": verdict.code,
            "remedy": verdict.remedy,
            "place": arrival.place,
        }
    return {"verdict": verdict.kind, "position": verdict.position}


def page(
    name: str,
    found: list[dict[str, Any]],
    request: Request,
    *,
    limit: int,
    number: Callable[[dict[str, Any]], int],
) -> Response:
    """Up to `limit` of what was found; one more than that means that there is a next page, after the last."""
    shown, address, headers = found[:limit], None, {}
    if len(found) > limit:
        kept = [(key, text) for key, text in request.query_params.multi_items() if key != "after"]
        address = f"{request.url.path}?{urlencode([*kept, ('after', str(number(shown[-1])))])}"
        headers = {"Link": f'<{address}>; rel="next"'}
    return Response(msgspec.json.encode({name: shown, "next": address}), 200, headers, "application/json")


def _single(answer: dict[str, Any]) -> JSONResponse:
    if answer["verdict"] == "quarantined":
        return problem(422, f"{answer['code']}: {answer['remedy']}", **answer)
    return JSONResponse(answer, 201 if answer["verdict"] == "recorded" else 200)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_number(body: bytes) -> None:
    """Many tiny elements would take more memory than their bytes: count before anything is made of them."""
    if body.count(b",") < RECORDS_MAX:
        return
    try:
        number = len(msgspec.json.decode(body, type=list[msgspec.Raw]))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return  # said better by what takes the batch apart
    if number > RECORDS_MAX:
        raise BodySizeError(
            f"A batch holds at most {RECORDS_MAX:,} records, this one {number:,}. Nothing of it was recorded: "
            "send it in parts."
        )
