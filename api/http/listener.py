"""Answer /metrics and /health/… beside a consumer, on a thread of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import uvicorn
from fastapi import Depends, FastAPI

from api.http.guard import Guard
from api.http.operations import watching_router
from api.http.parameters import only_known_parameters
from api.http.problems import add_problem_handlers
from api.http.server import address_of, check_token, listen, server_config
from api.watching.metrics import Metrics
from api.watching.readiness import Readiness
from consumers.stopping import Stop
from domain.log_events import METRICS_SERVED

STOP_SECONDS_MAX = 1.0


@contextmanager
def listening(
    host: str, port: int, *, token: str | None, readiness: Readiness, metrics: Metrics, stop: Stop
) -> Iterator[str]:
    """Answer while the block lasts; yields the URL. Who may ask is as with `kaoji serve`. Raises ListenError."""
    check_token(token)
    with listen(host, port, open_to_others=token is not None) as listening_socket:
        url = address_of(listening_socket, host)
        started = Event()
        server = _Server(
            # Nothing begins or ends with it: the server would tell of it, as of an error, when it is cut short.
            server_config(_app(host, token=token, readiness=readiness, metrics=metrics), lifespan="off"),
            started=started,
        )
        thread = Thread(
            target=server.run, kwargs={"sockets": [listening_socket]}, name="kaoji-metrics", daemon=True
        )
        thread.start()
        started.wait()
        METRICS_SERVED.log(url=url)
        try:
            yield url
        finally:
            # Whoever has not read an answer by now does without.
            server.should_exit = server.force_exit = True
            thread.join(stop.left(STOP_SECONDS_MAX))


def _app(host: str, *, token: str | None, readiness: Readiness, metrics: Metrics) -> FastAPI:
    app = FastAPI(
        title="Kaoji's consumer",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(only_known_parameters)],
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.include_router(watching_router(readiness=readiness, metrics=metrics))
    add_problem_handlers(app)
    app.add_middleware(Guard, token=token, host_names=(host,))
    return app


class _Server(uvicorn.Server):
    """Says when it answers, or has given up."""

    def __init__(self, config: uvicorn.Config, *, started: Event) -> None:
        super().__init__(config)
        self._told = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets=sockets)
        finally:
            self._told.set()
