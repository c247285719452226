"""Send spans of batches and requests by OpenTelemetry; loaded only where KAOJI_TRACES asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from threading import Thread
from typing import Any, Final

from opentelemetry.trace import Link, Span, SpanKind, Tracer, TracerProvider, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from consumers.stopping import Stop
from domain.errors import WrongInputError
from domain.watching import BatchTimes, Stage
from projections.store import Checkpoint

LINKS_MAX: Final = 128
"""Of one span; as the SDK bounds it."""
EXPORT_SECONDS_MAX: Final = 3
STOP_SECONDS_MAX: Final = 1.5
LEFT_OUT: Final = "(left out)"
_NOT_INSTALLED: Final = (
    "KAOJI_TRACES needs the OpenTelemetry SDK. Install Kaoji's extra `traces` (pip install 'kaoji[traces]'), or "
    "unset it."
)
_HEADERS: Final = ("traceparent", "ce_traceparent")
_WITHIN: Final = re.compile(rb'"traceparent"\s*:\s*"([0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"')


class NoTracesError(WrongInputError):
    """Traces are asked for, and what sends them is not installed."""


class Traces:
    """Makes spans of what is told about batches. `provider` serves the HTTP requests as well."""

    def __init__(self, provider: TracerProvider) -> None:
        self.provider = provider
        self._tracer: Tracer = provider.get_tracer("kaoji", version("kaoji"))

    def consumed(
        self, times: BatchTimes, records: Mapping[Any, Sequence[Any]], numbers: Mapping[str, int]
    ) -> None:
        """A batch from Kafka: poll, check, record, commit; linked to the traces that its records belong to."""
        topic = next(iter(records)).topic
        span = self._tracer.start_span(
            f"consume {topic}",
            kind=SpanKind.CONSUMER,
            start_time=times.begun_ns,
            links=_links(records),
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "consume",
                "messaging.destination.name": topic,
                "messaging.batch.message_count": numbers["records"],
                **{f"kaoji.{kind}": number for kind, number in numbers.items()},
            },
        )
        self._stages(span, times.stages)

    def projected(self, times: BatchTimes, builds: Sequence[Checkpoint], events: int) -> None:
        """A batch of views: read, apply of each, write."""
        span = self._tracer.start_span(
            "project",
            start_time=times.begun_ns,
            attributes={
                "kaoji.events": events,
                "kaoji.position": builds[0].position,
                "kaoji.views": [build.projection for build in builds],
            },
        )
        self._stages(span, times.stages)

    def _stages(self, span: Span, stages: Sequence[Stage]) -> None:
        within = set_span_in_context(span)
        for stage in stages:
            name = stage.name if stage.of is None else f"{stage.name} {stage.of}"
            child = self._tracer.start_span(name, context=within, start_time=stage.begun_ns)
            child.end(stage.ended_ns)
        span.end(max(stage.ended_ns for stage in stages))


@contextmanager
def tracing(url: str | None, *, stop: Stop | None = None) -> Iterator[Traces | None]:
    """Traces that go to this URL while the block lasts; None without one. Raises NoTracesError.

    The last ones are waited for for a moment, with `stop` for what it leaves.
    """
    if url is None:
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider as SdkProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise NoTracesError(_NOT_INSTALLED) from error
    resource = Resource.create({"service.version": version("kaoji")})
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "kaoji"}))
    provider = SdkProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(without_paths())
    exporter = OTLPSpanExporter(endpoint=url, timeout=EXPORT_SECONDS_MAX)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield Traces(provider)
    finally:
        # Where nobody takes the spans it would try for longer than a process may take to end.
        last = Thread(target=provider.shutdown, name="kaoji-traces", daemon=True)
        last.start()
        last.join((stop or Stop()).left(STOP_SECONDS_MAX))


def without_paths() -> Any:
    """A processor that leaves paths and queries of requests out: they name people and cases. The route stays."""
    from opentelemetry.sdk.trace import SpanProcessor

    class _WithoutPaths(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            del parent_context
            for name in ("url.path", "url.query"):
                if name in span.attributes:
                    span.set_attribute(name, LEFT_OUT)

    return _WithoutPaths()


def _links(records: Mapping[Any, Sequence[Any]]) -> list[Link]:
    """To the spans that sent these records, as far as they say so: the first LINKS_MAX of them."""
    found: dict[str, Link] = {}
    for partition in sorted(records):
        for record in records[partition]:
            sent = _sent_by(record)
            if sent is None or sent in found:
                continue
            context = TraceContextTextMapPropagator().extract({"traceparent": sent})
            known = get_current_span(context).get_span_context()
            if known.is_valid:
                found[sent] = Link(known)
            if len(found) == LINKS_MAX:
                return list(found.values())
    return list(found.values())


def _sent_by(record: Any) -> str | None:
    for name, value in record.headers:
        if name in _HEADERS and value:
            return bytes(value).decode("ascii", "replace")
    within = None if record.value is None else _WITHIN.search(record.value)
    return None if within is None else within[1].decode()
