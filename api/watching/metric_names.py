"""Every metric: its name, kind, labels and meaning; the figures and the reference page are made from this."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

Kind = Literal["gauge", "counter", "histogram"]
Where = Literal["both", "serve", "consume"]

_declared: dict[str, Metric] = {}


class Metric(NamedTuple):
    """One metric as Prometheus knows it; `where`: which command has it."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    where: Where

    @property
    def samples(self) -> tuple[str, ...]:
        """The names under which its samples are stored."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (self.name,)


def _metric(name: str, kind: Kind, help: str, *labels: str, where: Where = "both") -> Metric:
    assert name not in _declared, f"{name} is declared twice"
    assert (kind == "counter") == name.endswith("_total"), f"{name}: counters, and they alone, end in _total"
    metric = Metric(name, kind, labels, help, where)
    _declared[name] = metric
    return metric


BUILD = _metric("kaoji_build_info", "gauge", "1, with the release that runs.", "version")
STORE_UP = _metric(
    "kaoji_store_up", "gauge", "Whether the store answered this scrape. If not, what is read from it is left out."
)

LEDGER_POSITION = _metric("kaoji_ledger_position", "gauge", "Last position in the ledger.")
LEDGER_RECORDED = _metric(
    "kaoji_ledger_recorded_timestamp_seconds", "gauge", "When it was recorded; 0 while there is none."
)
QUARANTINED = _metric("kaoji_quarantined_records", "gauge", "Refused records that are still open.", "code")

VIEW_POSITION = _metric("kaoji_projection_position", "gauge", "Last position of a view.", "projection")
VIEW_LAG_ACTIONS = _metric(
    "kaoji_projection_lag_actions", "gauge", "Positions that a view is behind the ledger.", "projection"
)
VIEW_LAG_SECONDS = _metric(
    "kaoji_projection_lag_seconds", "gauge", "How long the first of these has been in the ledger.", "projection"
)
VIEW_STALL = _metric(
    "kaoji_projection_stall_seconds", "gauge",
    "For how long a view had work and did not move, as this process has seen it; 0 while it is paused.",
    "projection",
)  # fmt: skip
VIEW_PAUSED = _metric(
    "kaoji_projection_paused", "gauge", "1 while `kaoji projection pause` holds a view, else 0.", "projection"
)
VIEW_REBUILD = _metric(
    "kaoji_projection_rebuild_position", "gauge",
    "How far a rebuild beside the view has come, in any process; absent where there is none.", "projection",
)  # fmt: skip
VIEW_EVENTS = _metric(
    "kaoji_projection_events_total", "counter", "Events that this process has put into a live view.", "projection"
)
VIEW_BATCHES = _metric(
    "kaoji_projection_batch_seconds", "histogram",
    "Time of a batch in this process: `read` from the ledger, `write` (one transaction, all views together).",
    "stage",
)  # fmt: skip
VIEW_APPLIES = _metric(
    "kaoji_projection_apply_seconds", "histogram", "Time that one view took to work out a batch.", "projection"
)

RECORDS = _metric(
    "kaoji_records_total", "counter",
    "Records taken in by this process, by way (kafka, http) and verdict (recorded, duplicate, quarantined).",
    "way", "verdict",
)  # fmt: skip
REFUSED = _metric(
    "kaoji_refused_records_total", "counter", "Records that this process has quarantined.", "way", "code"
)

CONSUMER_OFFSET = _metric(
    "kaoji_consumer_offset", "gauge", "First offset not in the ledger.", "topic", "partition", where="consume"
)
CONSUMER_LAG_ACTIONS = _metric(
    "kaoji_consumer_lag_actions", "gauge",
    "Offsets from there to the end of the partition, as Kafka last said; partitions of this member only.",
    "topic", "partition", where="consume",
)  # fmt: skip
CONSUMER_LAG_SECONDS = _metric(
    "kaoji_consumer_lag_seconds", "gauge",
    "At most how long the first of them has waited: time since the last one in the ledger was sent, or since the "
    "end was last reached, whichever is later; 0 at the end.",
    "topic", "partition", where="consume",
)  # fmt: skip
CONSUMER_STALL = _metric(
    "kaoji_consumer_stall_seconds", "gauge",
    "For how long there were records to read (or nobody could tell, Kafka or the store being away) and none was "
    "recorded.",
    where="consume",
)  # fmt: skip
CONSUMER_WAITING = _metric(
    "kaoji_consumer_waiting",
    "gauge",
    "1 while Kafka or the store is away and waited for, else 0.",
    where="consume",
)
CONSUMER_STAGES = _metric(
    "kaoji_consumer_batch_seconds", "histogram",
    "Time of a batch: `poll` (fetch, and wait for records), `check`, `record` (one transaction of the ledger), "
    "`commit` (telling Kafka how far the ledger is).",
    "stage", where="consume",
)  # fmt: skip
CONSUMER_BATCHES = _metric(
    "kaoji_consumer_batch_records", "histogram", "Records in a batch.", where="consume"
)  # fmt: skip
CONSUMER_DROPPED = _metric(
    "kaoji_consumer_dropped_batches_total", "counter",
    "Batches that the ledger had already: another member had been faster.", where="consume",
)  # fmt: skip

HTTP_SECONDS = _metric(
    "kaoji_http_request_seconds", "histogram",
    "Time from a request to its answer, by method, route (as the reference writes it) and status.",
    "method", "route", "status", where="serve",
)  # fmt: skip

METRICS: Final[Mapping[str, Metric]] = MappingProxyType(_declared)
"""Every metric by its name, in the order of the reference page."""
