"""Make the HTTP application of one ledger: its routes, its errors, its guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI

from api.bootstrap import Kaoji
from api.follower import Follower
from api.http.actions import actions_router
from api.http.bodies import Bodies
from api.http.completeness import completeness_router
from api.http.guard import Guard
from api.http.operations import status_router, watching_router
from api.http.pages import pages_router
from api.http.parameters import only_known_parameters
from api.http.problems import PROBLEM_RESPONSE, add_problem_handlers
from api.http.quarantine import quarantine_router
from api.http.rules import rules_router
from api.http.schemas import schemas_router
from api.http.scores import scores_router
from api.http.timing import Timing
from api.http.what_if import what_if_router
from api.watching.metrics import Metrics, both
from api.watching.observation import Observer
from api.watching.readiness import Readiness
from consumers.senders import Senders, read_senders
from projections.tallies.standing import Standing

if TYPE_CHECKING:
    from api.watching.traces import Traces

PATIENCE_SECONDS: Final = 2.0
"""Views are left to whoever was seen to carry them, until they have stood still for so long: two who take turns
read anew each time what the other one has made of them."""

SUMMARY = "Actions in, exact and explainable scores out."
DESCRIPTION = (
    "Parameters are named as the options of the command line. Errors are problem details (RFC 9457, "
    "`application/problem+json`) with the sentence that the command line prints. Where the server has an access "
    "token, every route but `/health/…` needs `Authorization: Bearer TOKEN`. Where senders are bound, "
    "`POST /actions` takes the token or the signature of a sender instead, and `GET /receipts/…` a sender's token "
    "too, for a `source` of its own."
)


def create_app(
    kaoji: Kaoji,
    *,
    token: str | None = None,
    host_names: Iterable[str] = (),
    senders: Senders | None = None,
    new_request_id: Callable[[], UUID] = uuid4,
    traces: Traces | None = None,
) -> FastAPI:
    """The application over an opened ledger; while its lifespan lasts, the views follow the ledger.

    `token` and `senders` go before the settings' own. Without any, only requests that name this machine
    (`host_names`, localhost, loopback addresses) are answered. `traces` is given a span of each request and batch.
    """
    kaoji.standing = kaoji.standing or Standing()
    kaoji.driver.patience_seconds = PATIENCE_SECONDS
    observer = Observer(kaoji)
    follower, metrics = Follower(kaoji), Metrics(kaoji, observer, way="http")
    kaoji.driver.watch = metrics.projected if traces is None else both(metrics.projected, traces.projected)
    readiness = Readiness(observer, kaoji.settings, fault=follower.fault)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        follower.start()
        try:
            yield
        finally:
            follower.stop()

    default: dict[int | str, dict[str, Any]] = {"default": PROBLEM_RESPONSE}
    app = FastAPI(
        title="Kaoji",
        summary=SUMMARY,
        description=DESCRIPTION,
        version=version("kaoji"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # FastAPI's pages load scripts from another host
        redoc_url=None,
        dependencies=[Depends(only_known_parameters)],
        responses=default,
        lifespan=lifespan,
        # Metrics are Prometheus's, logs our own; exporters are what KAOJI_TRACES makes.
        telemetry={
            "tracing": traces is not None,
            "tracer_provider": None if traces is None else traces.provider,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.bodies = Bodies()
    app.include_router(actions_router(kaoji, follower=follower, metrics=metrics, new_request_id=new_request_id))
    app.include_router(scores_router(kaoji))
    app.include_router(what_if_router(kaoji))
    app.include_router(rules_router(kaoji))
    app.include_router(quarantine_router(kaoji, follower=follower))
    app.include_router(completeness_router(kaoji))
    app.include_router(status_router(kaoji, observer=observer))
    app.include_router(watching_router(readiness=readiness, metrics=metrics))
    app.include_router(schemas_router())
    app.include_router(pages_router(app))
    add_problem_handlers(app)
    app.add_middleware(
        Guard,
        token=token or kaoji.settings.token,
        host_names=tuple(host_names),
        senders=senders or _senders(kaoji),
        rate=kaoji.settings.rate,
    )
    app.add_middleware(Timing, metrics=metrics)
    return app


def _senders(kaoji: Kaoji) -> Senders | None:
    return None if kaoji.settings.senders is None else read_senders(kaoji.settings.senders)
