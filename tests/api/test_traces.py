"""Spans of batches and requests: their stages, their links to senders, and nothing in them that names people."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from starlette.testclient import TestClient

from api.bootstrap import Kaoji
from api.http.app import create_app
from api.watching.traces import LINKS_MAX, STOP_SECONDS_MAX, NoTracesError, Traces, tracing, without_paths
from consumers.pipeline import Totals
from consumers.watch import ConsumerWatch
from domain.errors import KaojiError
from domain.watching import BatchTimes
from tests.api.test_watching import Record, TopicPartition, times
from tests.reference.given import act
from tests.support.consuming import producer, run
from tests.support.http import LOCAL, post
from tests.support.ledgers import record
from tests.support.product import arrival

ACTION = act("licensing.received", "L1", "03-05", owner="s1")
NUMBERS = {"records": 3, "recorded": 2, "duplicate": 0, "quarantined": 1}


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traces(spans: InMemorySpanExporter) -> Iterator[Traces]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(without_paths())
    provider.add_span_processor(SimpleSpanProcessor(spans))
    yield Traces(provider)
    provider.shutdown()


def parent_of(number: int) -> str:
    return f"00-{number:032x}-{number:016x}-01"


def sent(*headers: tuple[str, bytes], value: bytes | None = b"{}") -> Any:
    return Record(0, 0, headers, value)


def consumed(traces: Traces, *records: Any) -> None:
    traces.consumed(times(), {TopicPartition("actions", 0): list(records)}, NUMBERS)


def named(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


def test_batch_is_a_span_with_its_stages_in_it(traces: Traces, spans: InMemorySpanExporter) -> None:
    consumed(traces, sent())
    found = named(spans)
    batch = found.pop("consume actions")
    assert batch.kind == SpanKind.CONSUMER
    assert batch.instrumentation_scope is not None
    assert (batch.instrumentation_scope.name, batch.instrumentation_scope.version) == ("kaoji", version("kaoji"))
    assert dict(batch.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "consume",
        "messaging.destination.name": "actions",
        "messaging.batch.message_count": 3,
        "kaoji.records": 3,
        "kaoji.recorded": 2,
        "kaoji.duplicate": 0,
        "kaoji.quarantined": 1,
    }
    assert list(found) == ["poll", "check", "record", "commit"]
    for stage in found.values():
        assert stage.parent is not None
        assert stage.parent.span_id == batch.context.span_id
        assert batch.start_time is not None
        assert batch.end_time is not None
        assert stage.start_time is not None
        assert stage.end_time is not None
        assert batch.start_time <= stage.start_time <= stage.end_time <= batch.end_time


def test_batch_is_linked_to_the_traces_of_its_senders(traces: Traces, spans: InMemorySpanExporter) -> None:
    consumed(
        traces,
        sent(("traceparent", parent_of(1).encode())),
        sent(("content-type", b"application/json"), ("ce_traceparent", parent_of(2).encode())),
        sent(value=b'{"id": "a", "traceparent" : "%s"}' % parent_of(3).encode()),
        sent(("traceparent", parent_of(1).encode())),
        sent(("traceparent", b"\xffnone")),
        sent(("traceparent", parent_of(0).encode())),
        sent(value=None),
    )
    links = named(spans)["consume actions"].links
    assert [(link.context.trace_id, link.context.span_id) for link in links] == [(1, 1), (2, 2), (3, 3)]


def test_links_of_a_batch_are_bounded(traces: Traces, spans: InMemorySpanExporter) -> None:
    consumed(traces, *(sent(("traceparent", parent_of(number).encode())) for number in range(1, 1_000)))
    links = named(spans)["consume actions"].links
    assert [link.context.trace_id for link in links] == list(range(1, LINKS_MAX + 1))


def test_batch_of_the_views_is_a_span(kaoji: Kaoji, traces: Traces, spans: InMemorySpanExporter) -> None:
    kaoji.driver.watch = traces.projected
    kaoji.ledger.append([arrival(ACTION)])
    kaoji.driver.catch_up()
    found = named(spans)
    batch = found.pop("project")
    attributes = dict(batch.attributes or {})
    assert (attributes["kaoji.events"], attributes["kaoji.position"]) == (1, 1)
    assert set(attributes["kaoji.views"]) == set(kaoji.driver.projections)  # type: ignore[arg-type]
    assert set(found) == {"read", "write", *(f"apply {name}" for name in kaoji.driver.projections)}


def test_request_goes_on_the_trace_of_who_asks_and_names_nobody(
    kaoji: Kaoji, traces: Traces, spans: InMemorySpanExporter
) -> None:
    client = TestClient(create_app(kaoji, traces=traces), base_url=LOCAL)
    post(client, ACTION, traceparent=parent_of(7))
    client.get("/actions?staff=wang-wu")
    client.get("/quarantine/17")
    requests = [span for span in spans.get_finished_spans() if span.kind == SpanKind.SERVER]
    assert [(span.attributes or {})["http.route"] for span in requests] == [
        "/actions", "/actions", "/quarantine/{entry}",
    ]  # fmt: skip
    assert requests[0].context.trace_id == 7
    said = "".join(span.to_json() for span in requests)
    assert "wang-wu" not in said
    assert "/quarantine/17" not in said


def test_without_traces_requests_make_none(kaoji: Kaoji, spans: InMemorySpanExporter) -> None:
    post(TestClient(create_app(kaoji), base_url=LOCAL), ACTION)
    assert spans.get_finished_spans() == ()


def test_without_the_setting_nothing_is_loaded() -> None:
    program = (
        "import sys, api.intake, api.http.app, api.http.server, api.http.listener\n"
        "rooms = ('opentelemetry.sdk', 'opentelemetry.exporter')\n"
        "loaded = [name for name in sys.modules if name.startswith(rooms)]\n"
        "assert not loaded and 'api.watching.traces' not in sys.modules, loaded"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(NoTracesError, match=r"kaoji\[traces\]") as told, tracing("http://127.0.0.1:9/v1/traces"):
        pass
    assert isinstance(told.value, KaojiError)


def test_collector_that_does_not_answer_does_not_keep_a_process_from_ending() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begun = time.monotonic()
        with tracing(f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces") as traces:
            assert traces is not None
            consumed(traces, sent())
        assert time.monotonic() - begun < STOP_SECONDS_MAX + 1


def test_spans_are_sent_as_open_telemetry_has_it() -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with tracing(f"http://127.0.0.1:{server.server_port}/v1/traces") as traces:
            assert traces is not None
            consumed(traces, sent(("traceparent", parent_of(5).encode())))
        server.shutdown()
    ((path, body),) = received
    request = ExportTraceServiceRequest.FromString(body)
    (resource,) = request.resource_spans
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert (path, named["service.name"]) == ("/v1/traces", "kaoji")
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    assert set(spans) == {"consume actions", "poll", "check", "record", "commit"}
    assert [link.trace_id.hex() for link in spans["consume actions"].links] == [f"{5:032x}"]


@pytest.mark.kafka
def test_records_from_kafka_lead_back_to_who_sent_them(
    kaoji: Kaoji, traces: Traces, spans: InMemorySpanExporter, kafka_server: str, kafka_topic: str
) -> None:
    class Watch(ConsumerWatch):
        def recorded(self, times: BatchTimes, records: Any, totals: Totals) -> None:
            assert totals.read == 1
            traces.consumed(times, records, NUMBERS)

    with producer(kafka_server) as out:
        out.send(kafka_topic, record("a-1"), headers=[("traceparent", parent_of(5).encode())])
    run(kaoji.ledger, kafka_server, kafka_topic, watch=Watch())
    found = named(spans)
    (link,) = found[f"consume {kafka_topic}"].links
    assert link.context.trace_id == 5
    assert {"poll", "check", "record", "commit"} <= set(found)
