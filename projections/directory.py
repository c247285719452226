"""Keep the actions about units and staff, from which the directory as of any day is folded."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pyarrow.compute as pc

from domain.actions.actions import Action, facts_action
from domain.actions.stored_facts import read_facts
from domain.directory import Directory, DirectoryAction
from domain.garbage import without_collections
from domain.ledger.ledger import Ledger
from domain.ledger.records import ACTION_TOPIC, Recorded
from domain.zones import Zone
from projections.batch import actions_of
from projections.changes import Change, Changes
from projections.corrections import effective_actions
from projections.damage import DamagedViewError, UnreadableEventError
from projections.history.columns import History
from projections.history.told import Column
from projections.store import DIRECTORY, Checkpoint, Connection, ViewStore
from projections.view_formats import format_of

_FAMILIES = ("staff.", "unit.")


class DirectoryProjection:
    """One row for every action of a `staff.*` or `unit.*` type, with its facts."""

    name = "directory"

    def __init__(self) -> None:
        self.format = format_of(1)

    def apply(
        self, store: ViewStore, connection: Connection, build: Checkpoint, batch: Sequence[Recorded]
    ) -> Changes:
        """The directory actions of a batch come on."""
        del store, connection, build
        rows: list[dict[str, object]] = []
        for recorded in _chosen(batch):
            facts = read_facts(recorded.facts)
            if facts.type.startswith(_FAMILIES):
                rows.append(
                    {
                        "position": recorded.position,
                        "type": facts.type,
                        "subject": facts.subject,
                        "occurred_at": facts.occurred_at,
                        "facts": recorded.facts,
                    }
                )
        return Changes([Change(DIRECTORY, rows)])


def _chosen(batch: Sequence[Recorded]) -> list[Recorded]:
    """Events that may be of these families; most are not."""
    actions = actions_of(batch)
    try:
        types: Column = actions.told()["type"]
    except UnreadableEventError:
        # One that cannot be read is no reason to stop here: it may be none of ours.
        return [each for each in batch if each.topic == ACTION_TOPIC and _may_be_ours(each.facts)]
    ours: Column = pc.or_(*(pc.starts_with(types, family) for family in _FAMILIES))
    positions = actions.positions[ours.to_numpy(zero_copy_only=False)]
    return [batch[position - batch[0].position] for position in positions.tolist()]


def _may_be_ours(facts: bytes) -> bool:
    return any(b'"' + family.encode() in facts for family in _FAMILIES)


def directory_as_known(
    store: ViewStore, connection: Connection, build: Checkpoint, history: History, ledger: Ledger, zone: Zone
) -> Directory:
    """The directory that the actions up to the history's position make, corrected and without voided ones.

    Raises DamagedViewError.
    """
    rows = store.rows(
        connection,
        DIRECTORY,
        build,
        "position",
        "facts",
        order="position",
        upto=("position", history.position),
    )
    with without_collections():
        try:
            actions = {position: facts_action(bytes(facts)) for position, facts in rows}
        except (msgspec.MsgspecError, TypeError) as error:
            raise DamagedViewError(build.projection, f"an action in it cannot be read ({error})") from error
        effective = effective_actions(actions, history, ledger)
        return Directory.fold(
            [_directory_action(position, action) for position, action in sorted(effective.items())], zone
        )


def _directory_action(position: int, action: Action) -> DirectoryAction:
    return DirectoryAction(
        position=position,
        type=action.type,
        subject=action.subject,
        occurred_at=action.occurred_at,
        sequence=action.sequence,
        source=action.source,
        id=action.id,
        data=action.data,
    )
