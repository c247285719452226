"""Say whether the server lives, whether it is ready, and how things stand."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.bootstrap import Kaoji
from api.http.follower import Follower
from api.http.metrics import Metrics
from api.status import status
from domain.errors import UnreachableError

READY_LAG_MAX: Final = 10_000
"""Positions that a view may be behind while the server counts as ready: what one catching up does in a second."""


class NotReadyError(UnreachableError):
    """The server runs, and cannot yet, or no longer, answer from what is recorded. HTTP status 503."""


def operations_router(kaoji: Kaoji, *, follower: Follower, metrics: Metrics) -> APIRouter:
    """The routes /status, /health/… and /metrics."""
    router = APIRouter(tags=["operations"])

    @router.get("/status", response_class=JSONResponse)
    def get_status() -> Response:
        """Positions, lag, counts, waiting references and quarantine, as `kaoji status`."""
        return JSONResponse(status(kaoji))

    @router.get("/health/live", response_class=JSONResponse)
    async def get_live() -> Response:
        """The process answers. Needs no token."""
        return JSONResponse({"live": True})

    @router.get(
        "/health/ready",
        response_class=JSONResponse,
        responses={503: {"description": "The store does not answer, or the views are behind the ledger."}},
    )
    def get_ready() -> Response:
        """The store answers, and the views are kept up with the ledger. Needs no token."""
        return JSONResponse(_ready(kaoji, follower))

    @router.get("/metrics", responses={200: {"content": {"text/plain": {}}}}, response_class=Response)
    def get_metrics() -> Response:
        """Figures for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router


def _ready(kaoji: Kaoji, follower: Follower) -> dict[str, Any]:
    position = kaoji.ledger.head().position
    behind = [lag for lag in kaoji.driver.lags() if lag.behind > READY_LAG_MAX]
    if behind:
        named = ", ".join(f"{lag.projection} by {lag.behind}" for lag in behind)
        raise NotReadyError(f"Views are behind the ledger: {named}. They are catching up; ask again later.")
    fault = follower.fault()
    if fault is not None:
        raise NotReadyError(fault)
    return {"ready": True, "position": position}
