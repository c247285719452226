"""Show figures in the text format of Prometheus: positions, lag, quarantine, and what came in over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.bootstrap import Kaoji
from domain.ledger.records import Verdict
from domain.refusals import QUARANTINE_CODES

KINDS = ("recorded", "duplicate", "quarantined")


class Metrics:
    """The figures of one server; the ledger is asked when they are, not before."""

    def __init__(self, kaoji: Kaoji) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_LedgerFigures(kaoji))
        self._received = Counter(
            "kaoji_http_actions", "Records sent over HTTP, by verdict.", ["verdict"], registry=self._registry
        )
        for kind in KINDS:
            self._received.labels(kind)

    def count(self, verdicts: Sequence[Verdict]) -> None:
        """Records that were taken in."""
        for kind in KINDS:
            number = sum(verdict.kind == kind for verdict in verdicts)
            self._received.labels(kind).inc(number)

    def text(self) -> bytes:
        """All figures. Raises UnreachableError."""
        return generate_latest(self._registry)


class _LedgerFigures(Collector):
    def __init__(self, kaoji: Kaoji) -> None:
        self._kaoji = kaoji

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: registering must not ask the ledger."""
        return ()

    def collect(self) -> Iterable[Metric]:
        head = self._kaoji.ledger.head()
        yield GaugeMetricFamily("kaoji_ledger_position", "Last position in the ledger.", head.position)
        yield GaugeMetricFamily(
            "kaoji_ledger_recorded_timestamp_seconds",
            "When the last position was recorded; 0 while there is none.",
            head.recorded_at / 1_000_000,
        )
        position = GaugeMetricFamily(
            "kaoji_projection_position", "Last position of a view.", labels=["projection"]
        )
        lag = GaugeMetricFamily(
            "kaoji_projection_lag_actions", "Positions that a view is behind the ledger.", labels=["projection"]
        )
        for each in self._kaoji.driver.lags():
            position.add_metric([each.projection], each.position)
            lag.add_metric([each.projection], each.behind)
        yield position
        yield lag
        refused = GaugeMetricFamily(
            "kaoji_quarantined_records", "Refused records that are still open.", labels=["code"]
        )
        counts = self._kaoji.ledger.quarantine.counts()
        for code in QUARANTINE_CODES:
            refused.add_metric([code], counts.get(code, 0))
        yield refused
