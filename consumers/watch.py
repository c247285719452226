"""What a consumer tells those who watch it: where its partitions stand, each batch, and what it waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from consumers.pipeline import Totals
from domain.watching import BatchTimes


class PartitionStand(NamedTuple):
    """A partition that is being read: the first offset not in the ledger, and its end when Kafka last said so."""

    topic: str
    partition: int
    offset: int
    end: int

    @property
    def behind(self) -> int:
        """Offsets up to the end."""
        return max(0, self.end - self.offset)


class ConsumerWatch:
    """Somebody who watches a consumer; this one does not look. All is told on the consumer's own threads."""

    def stands(self, partitions: Sequence[PartitionStand]) -> None:
        """Where the partitions stand that are this member's; some once a second."""

    def took(self) -> None:
        """A batch was fetched."""

    def recorded(self, times: BatchTimes, records: Mapping[Any, Sequence[Any]], totals: Totals) -> None:
        """That batch (by partition, as kafka-python hands it over) is in the ledger; `totals`: since the start."""

    def dropped(self) -> None:
        """That batch was in the ledger already."""

    def waits(self) -> None:
        """Kafka or the store is away."""

    def goes_on(self) -> None:
        """What was waited for is back."""
