"""Keep and show figures in the text format of Prometheus; the store is asked when they are, not before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from api.bootstrap import Kaoji
from api.watching import metric_names as names
from api.watching.metric_names import Metric
from api.watching.observation import Observer
from api.watching.promptly import Promptly
from domain.actions.refusals import QUARANTINE_CODES
from domain.errors import KaojiError
from domain.ledger.records import Verdict
from domain.watching import BatchTimes
from projections.driver import Watch
from projections.store import Checkpoint

# Prometheus knows from a counter that falls when a process began anew.
disable_created_metrics()  # type: ignore[no-untyped-call]

VERDICTS: Final = ("recorded", "duplicate", "quarantined")
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The figures of one process."""

    def __init__(self, kaoji: Kaoji, observer: Observer, *, way: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_LedgerFigures(kaoji, observer))
        self._way = way
        self._records, self._refused = self.counter(names.RECORDS), self.counter(names.REFUSED)
        self._events = self.counter(names.VIEW_EVENTS)
        self._batches, self._applies = self.histogram(names.VIEW_BATCHES), self.histogram(names.VIEW_APPLIES)
        # A figure that appears with its first event has no rate before the second.
        for verdict in VERDICTS:
            self._records.labels(way, verdict)
        for code in QUARANTINE_CODES:
            self._refused.labels(way, code)
        for name in kaoji.driver.projections:
            self._events.labels(name)

    def counter(self, metric: Metric) -> Counter:
        """A counter that is shown with the others."""
        return Counter(metric.name, metric.help, metric.labels, registry=self.registry)

    def histogram(self, metric: Metric, buckets: Sequence[float] = SECONDS) -> Histogram:
        """A histogram that is shown with the others."""
        return Histogram(metric.name, metric.help, metric.labels, registry=self.registry, buckets=buckets)

    def count(self, verdicts: Sequence[Verdict]) -> None:
        """Records that were taken in, one by one."""
        kinds = [verdict.kind for verdict in verdicts]
        self.add({kind: kinds.count(kind) for kind in VERDICTS})
        for verdict in verdicts:
            if verdict.code is not None:
                self.refuse(verdict.code)

    def add(self, numbers: Mapping[str, int]) -> None:
        """Records that were taken in, by verdict."""
        for kind, number in numbers.items():
            self._records.labels(self._way, kind).inc(number)

    def refuse(self, code: str) -> None:
        """One record that was quarantined."""
        self._refused.labels(self._way, code).inc()

    def projected(self, times: BatchTimes, builds: Sequence[Checkpoint], events: int) -> None:
        """A batch that views have taken in; what the driver tells who watches."""
        for stage in times.stages:
            if stage.of is None:
                self._batches.labels(stage.name).observe(stage.seconds)
            else:
                self._applies.labels(stage.of).observe(stage.seconds)
        for build in builds:
            if build.live:
                self._events.labels(build.projection).inc(events)

    def text(self) -> bytes:
        """All figures."""
        return generate_latest(self.registry)


def gauge(metric: Metric, samples: Iterable[tuple[Sequence[str], float]]) -> Family:
    """A gauge that is looked up when it is shown: a value for each set of labels."""
    assert metric.kind == "gauge", f"{metric.name} is a {metric.kind}"
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        assert len(labels) == len(metric.labels), f"{metric.name} has the labels {metric.labels}"
        family.add_metric(labels, value)
    return family


def both(one: Watch, other: Watch) -> Watch:
    """Tell two of those who watch a driver."""

    def tell(times: BatchTimes, builds: Sequence[Checkpoint], events: int) -> None:
        one(times, builds, events)
        other(times, builds, events)

    return tell


class _LedgerFigures(Collector):
    def __init__(self, kaoji: Kaoji, observer: Observer) -> None:
        self._kaoji, self._observer = kaoji, observer
        self._seen = Promptly(lambda: list(self._from_store()))

    def describe(self) -> Iterable[Family]:
        """Nothing beforehand: registering must not ask the ledger."""
        return ()

    def collect(self) -> Iterable[Family]:
        yield gauge(names.BUILD, [((version("kaoji"),), 1)])
        try:
            found = self._seen()
        except KaojiError:
            # What this process has counted is shown all the same.
            yield gauge(names.STORE_UP, [((), 0)])
            return
        yield gauge(names.STORE_UP, [((), 1)])
        yield from found

    def _from_store(self) -> Iterable[Family]:
        seen = self._observer.look()
        yield gauge(names.LEDGER_POSITION, [((), seen.head.position)])
        yield gauge(names.LEDGER_RECORDED, [((), seen.head.recorded_at / 1e6)])
        counts = self._kaoji.ledger.quarantine.counts()
        yield gauge(names.QUARANTINED, [((code,), counts.get(code, 0)) for code in QUARANTINE_CODES])
        views = [((view.name,), view) for view in seen.views]
        yield gauge(names.VIEW_POSITION, [(label, view.position) for label, view in views])
        yield gauge(names.VIEW_LAG_ACTIONS, [(label, view.lag) for label, view in views])
        yield gauge(names.VIEW_LAG_SECONDS, [(label, view.lag_seconds) for label, view in views])
        yield gauge(names.VIEW_STALL, [(label, view.stall_seconds) for label, view in views])
        yield gauge(names.VIEW_PAUSED, [(label, view.paused is not None) for label, view in views])
        rebuilds = [(label, view.rebuild) for label, view in views if view.rebuild is not None]
        yield gauge(names.VIEW_REBUILD, rebuilds)
