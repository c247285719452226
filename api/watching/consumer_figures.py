"""What is known of a consumer while it runs: lag, stall and rates, for metrics, readiness and the log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Any, Final

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from api.watching import metric_names as names
from api.watching.metrics import Metrics, gauge
from consumers.pipeline import Refused, Totals
from consumers.watch import ConsumerWatch, PartitionStand
from domain.ledger.records import Arrival, Verdict
from domain.log_events import BATCH_RECORDED, RECORDS_QUARANTINED
from domain.watching import BatchTimes

RECORDS: Final = (1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000)


class ConsumerFigures(ConsumerWatch, Collector):
    """Told by the consumer on its thread, asked by servers on theirs.

    `traced` is handed each batch as `recorded` is.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        traced: Callable[[BatchTimes, Mapping[Any, Sequence[Any]], Mapping[str, int]], None] | None = None,
    ) -> None:
        self._metrics, self._clock, self._monotonic, self._traced = metrics, clock, monotonic, traced
        self._stages = metrics.histogram(names.CONSUMER_STAGES)
        self._batches = metrics.histogram(names.CONSUMER_BATCHES, RECORDS)
        self._dropped = metrics.counter(names.CONSUMER_DROPPED)
        self._lock = Lock()
        self._totals = Totals()
        self._stands: tuple[PartitionStand, ...] = ()
        # By (topic, partition), in microseconds of the wall clock: the time of the last record in the ledger, or
        # when the end was last reached.
        self._fresh_at: dict[tuple[str, int], int] = {}
        self._begun_at = clock()
        self._waiting = False
        self._under_way = 0
        self._moved_at = monotonic()
        self._codes: Counter[str] = Counter()
        self._first_place = ""
        metrics.registry.register(self)

    def refusing(self, refused: Refused | None) -> Refused:
        """A listener to refused records that counts them and passes them on."""

        def heard(arrival: Arrival, verdict: Verdict) -> None:
            assert verdict.code is not None, "what is quarantined has a code"
            if not self._codes:
                self._first_place = arrival.place
            self._codes[verdict.code] += 1
            self._metrics.refuse(verdict.code)
            if refused is not None:
                refused(arrival, verdict)

        return heard

    # --- told by the consumer

    def stands(self, partitions: Sequence[PartitionStand]) -> None:
        """Keep where partitions stand; at the end of all of them there is no work."""
        with self._lock:
            self._stands = tuple(partitions)
            for each in partitions:
                if each.behind == 0:
                    self._fresh_at[each.topic, each.partition] = self._clock()
            if not (self._works() or self._waiting):
                self._moved_at = self._monotonic()

    def took(self) -> None:
        """There is work until it is recorded."""
        with self._lock:
            if not self._works() and not self._waiting:
                self._moved_at = self._monotonic()
            self._under_way += 1

    def recorded(self, times: BatchTimes, records: Mapping[Any, Sequence[Any]], totals: Totals) -> None:
        """Count a batch, log it, hand it on to who traces."""
        before = self._totals
        numbers = {
            "recorded": totals.recorded - before.recorded,
            "duplicate": totals.duplicates - before.duplicates,
            "quarantined": totals.quarantined - before.quarantined,
        }
        read = totals.read - before.read
        with self._lock:
            self._totals, self._moved_at = totals, self._monotonic()
            self._under_way = max(0, self._under_way - 1)
            for partition, found in records.items():
                at = (partition.topic, partition.partition)
                self._fresh_at[at] = max(self._fresh_at.get(at, 0), found[-1].timestamp * 1_000)
        self._metrics.add(numbers)
        self._batches.observe(read)
        for stage in times.stages:
            self._stages.labels(stage.name).observe(stage.seconds)
        self._log(read, numbers, totals.position)
        if self._traced is not None:
            self._traced(times, records, {"records": read, **numbers})

    def dropped(self) -> None:
        """Count a batch that was not ours to write."""
        self._dropped.inc()
        with self._lock:
            self._under_way, self._moved_at = 0, self._monotonic()

    def waits(self) -> None:
        """Whether there is work, nobody can tell: it counts as work."""
        with self._lock:
            if not (self._works() or self._waiting):
                self._moved_at = self._monotonic()
            self._waiting, self._under_way = True, 0

    def goes_on(self) -> None:
        """What was away answers again."""
        with self._lock:
            self._waiting = False

    # --- asked by servers

    def lag(self) -> tuple[int, float]:
        """Records that are not in the ledger, and for how many seconds at most the oldest has waited."""
        with self._lock:
            stands = self._stands
            return (
                sum(each.behind for each in stands),
                max((self._lag_seconds(each) for each in stands), default=0.0),
            )

    def stall_seconds(self) -> float:
        """For how long there was work, or nobody could tell, and nothing was recorded."""
        with self._lock:
            return self._monotonic() - self._moved_at if self._works() or self._waiting else 0.0

    def is_waiting(self) -> bool:
        """Whether Kafka or the store is away."""
        return self._waiting

    def collect(self) -> Iterable[Family]:
        """The gauges, as they are now."""
        with self._lock:
            stands, waiting = self._stands, self._waiting
            rows = [((each.topic, str(each.partition)), each, self._lag_seconds(each)) for each in stands]
        yield gauge(names.CONSUMER_OFFSET, [(label, each.offset) for label, each, _ in rows])
        yield gauge(names.CONSUMER_LAG_ACTIONS, [(label, each.behind) for label, each, _ in rows])
        yield gauge(names.CONSUMER_LAG_SECONDS, [(label, seconds) for label, _, seconds in rows])
        yield gauge(names.CONSUMER_STALL, [((), self.stall_seconds())])
        yield gauge(names.CONSUMER_WAITING, [((), waiting)])

    def _works(self) -> bool:
        return self._under_way > 0 or any(each.behind for each in self._stands)

    def _lag_seconds(self, stand: PartitionStand) -> float:
        if stand.behind == 0:
            return 0.0
        fresh_at = self._fresh_at.get((stand.topic, stand.partition), self._begun_at)
        return max(0, self._clock() - fresh_at) / 1e6

    def _log(self, read: int, numbers: Mapping[str, int], position: int) -> None:
        BATCH_RECORDED.log(
            read=read,
            recorded=numbers["recorded"],
            duplicates=numbers["duplicate"],
            quarantined=numbers["quarantined"],
            position=position,
        )
        if self._codes:
            codes = ", ".join(f"{code} {number}" for code, number in sorted(self._codes.items()))
            RECORDS_QUARANTINED.log(
                count=self._codes.total(), read=read, codes=codes, first_place=self._first_place
            )
            self._codes.clear()
