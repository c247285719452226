"""Say whether the process lives, whether it is ready, and how things stand."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.bootstrap import Kaoji
from api.http.problems import problem
from api.status import status
from api.watching.metrics import Metrics
from api.watching.observation import Observer
from api.watching.readiness import Readiness

RETRY_SECONDS: Final = 5


def status_router(kaoji: Kaoji, *, observer: Observer) -> APIRouter:
    """The route /status."""
    router = APIRouter(tags=["operations"])

    @router.get("/status", response_class=JSONResponse)
    def get_status() -> Response:
        """Positions, lag, pauses, counts, waiting references and quarantine, as `kaoji status`."""
        return JSONResponse(status(kaoji, observer=observer))

    return router


def watching_router(*, readiness: Readiness, metrics: Metrics) -> APIRouter:
    """The routes /health/… and /metrics, for a server and a consumer alike."""
    router = APIRouter(tags=["operations"])

    @router.get("/health/live", response_class=JSONResponse)
    async def get_live() -> Response:
        """The process answers. Needs no token."""
        return JSONResponse({"live": True})

    @router.get(
        "/health/ready",
        response_class=JSONResponse,
        responses={503: {"description": "Not ready; `reasons` says why, each with a code."}},
    )
    def get_ready() -> Response:
        """The store answers, and nothing is too far behind or stands still. Needs no token."""
        answer = readiness.judge()
        if answer.ready:
            return JSONResponse({"ready": True, "position": answer.position, "paused": list(answer.paused)})
        return problem(
            503,
            answer.detail,
            headers={"Retry-After": str(RETRY_SECONDS)},
            ready=False,
            position=answer.position,
            reasons=[reason.to_json() for reason in answer.reasons],
            paused=list(answer.paused),
        )

    @router.get("/metrics", responses={200: {"content": {"text/plain": {}}}}, response_class=Response)
    def get_metrics() -> Response:
        """Figures for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
