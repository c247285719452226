"""Time every request, by route and status."""

from __future__ import annotations

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.watching import metric_names as names
from api.watching.metrics import Metrics

NO_ROUTE: Final = "none"
"""What stands for the path of a request that was refused before it was looked at, or that leads nowhere."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


class Timing:
    """Observes how long each answer took. Paths are not kept: they name people and cases."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._seconds = metrics.histogram(names.HTTP_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and look at the clock."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun = 500, time.perf_counter()

        async def send_seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_seen)
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            # Anybody may make up a method.
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._seconds.labels(method, route, str(status)).observe(time.perf_counter() - begun)
