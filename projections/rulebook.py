"""Keep the adopted policies and registers, so that any position's rules are found without reading the ledger."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.ledger.records import Recorded
from domain.rules.adoption import KIND_OF_TOPIC, Adopted, RuleAdopted, Rulebook, read_adoption
from projections.changes import Change, Changes
from projections.damage import DamagedViewError, UnreadableEventError
from projections.store import RULES, Checkpoint, Connection, ViewStore

_COLUMNS = ("position", "recorded_at", "topic", "state")


class RulebookProjection:
    """One row for every adoption, with the event as it was recorded."""

    name = "rulebook"
    format = 1

    def apply(
        self, store: ViewStore, connection: Connection, build: Checkpoint, batch: Sequence[Recorded]
    ) -> Changes:
        """The adoptions of a batch come on. Raises UnreadableEventError."""
        del store, connection, build
        rows: list[dict[str, object]] = []
        for recorded in batch:
            if recorded.topic in KIND_OF_TOPIC:
                try:
                    read_adoption(recorded.topic, recorded.facts)
                except (msgspec.MsgspecError, ValueError) as error:
                    raise UnreadableEventError(recorded.position, error) from error
                values = (recorded.position, recorded.recorded_at, recorded.topic, recorded.facts)
                rows.append(dict(zip(_COLUMNS, values, strict=True)))
        return Changes([Change(RULES, rows)])


def rulebook_as_known(
    store: ViewStore, connection: Connection, build: Checkpoint, *, upto: int | None = None
) -> Rulebook:
    """The rules adopted up to a position, or all that the view holds. Raises DamagedViewError."""
    rows = store.rows(connection, RULES, build, *_COLUMNS, order="position")
    return Rulebook([_adopted(*row) for row in rows], upto=upto)


def _adopted(position: int, recorded_at: int, topic: str, state: bytes) -> Adopted:
    try:
        event: RuleAdopted = read_adoption(topic, bytes(state))
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise DamagedViewError(RulebookProjection.name, f"an adoption in it cannot be read ({error})") from error
    return Adopted(position, recorded_at, event)
