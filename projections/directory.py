"""Keep the actions about units and staff, from which the directory as of any day is folded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from domain.action_types import ACTION_TYPES
from domain.actions import Action, facts_action
from domain.corrections import apply_corrections
from domain.directory import Directory, DirectoryAction
from domain.facts import read_facts
from domain.ledger.ledger import Ledger
from domain.ledger.records import ACTION_TOPIC, Recorded
from domain.zones import Zone
from projections.history.columns import History
from projections.history.writer import LinkKind
from projections.store import DIRECTORY, Checkpoint, Connection, ViewStore

_MARKS = (b'"staff.', b'"unit.')


class DirectoryProjection:
    """One row for every action of a `staff.*` or `unit.*` type, with its facts."""

    name = "directory"

    def apply(
        self, store: ViewStore, connection: Connection, build: Checkpoint, batch: Sequence[Recorded]
    ) -> None:
        """Add the directory actions of a batch."""
        rows: list[dict[str, object]] = []
        for recorded in batch:
            if recorded.topic != ACTION_TOPIC or not any(mark in recorded.facts for mark in _MARKS):
                continue  # Most actions are not: looking for the bytes is cheaper than decoding.
            facts = read_facts(recorded.facts)
            if facts.type.startswith(("staff.", "unit.")):
                rows.append(
                    {
                        "position": recorded.position,
                        "type": facts.type,
                        "subject": facts.subject,
                        "occurred_at": facts.occurred_at,
                        "facts": recorded.facts,
                    }
                )
        store.add(connection, DIRECTORY, build, rows)


def directory_as_known(
    store: ViewStore, connection: Connection, build: Checkpoint, history: History, ledger: Ledger, zone: Zone
) -> Directory:
    """The directory that the actions up to the history's position make, corrected and without voided ones."""
    rows = store.rows(
        connection,
        DIRECTORY,
        build,
        "position",
        "facts",
        order="position",
        upto=("position", history.position),
    )
    actions = {row[0]: facts_action(bytes(row[1])) for row in rows}
    effective = effective_actions(actions, history, ledger)
    return Directory.fold(
        [_directory_action(position, action) for position, action in sorted(effective.items())], zone
    )


def effective_actions(actions: dict[int, Action], history: History, ledger: Ledger) -> dict[int, Action]:
    """Some actions by position, as corrections leave them, without voided ones, as the history knows them."""
    corrections, voided = corrections_and_voids(history)
    wanted = sorted({each for position in actions for each in corrections.get(position, ())})
    stored = {each.position: facts_action(each.facts) for each in ledger.read_positions(wanted)}
    return {
        position: apply_corrections(action, [stored[each] for each in corrections.get(position, ())]).action
        for position, action in actions.items()
        if position not in voided
    }


def corrections_and_voids(history: History) -> tuple[dict[int, list[int]], set[int]]:
    """Positions of the standing corrections by the position they mean; positions that are voided."""
    links = history.links
    void_code = ACTION_TYPES["record.voided"].code
    voided, corrections = set(), defaultdict(list)
    for kind, target in zip(links["kind"].tolist(), links["target"].tolist(), strict=True):
        if kind == LinkKind.VOIDED and history.rows["type"][target - 1] != void_code:
            voided.add(target)
    for kind, position, target in zip(
        links["kind"].tolist(), links["position"].tolist(), links["target"].tolist(), strict=True
    ):
        if kind == LinkKind.CORRECTED and position not in voided:
            corrections[target].append(position)
    return dict(corrections), voided


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


def without_effect(history: History, ledger: Ledger, corrections: dict[int, list[int]]) -> list[int]:
    """Positions of standing corrections that change nothing, and of voids that mean a void."""
    links, found = history.links, []
    void_code = ACTION_TYPES["record.voided"].code
    means_void = (links["kind"] == LinkKind.VOIDED) & (history.rows["type"][links["target"] - 1] == void_code)
    found += links["position"][means_void].tolist()
    targets = sorted(corrections)
    wanted = sorted({*targets, *(each for target in targets for each in corrections[target])})
    stored = {each.position: facts_action(each.facts) for each in ledger.read_positions(wanted)}
    for target in targets:
        positions = {stored[each].key: each for each in corrections[target]}
        outcome = apply_corrections(stored[target], [stored[each] for each in corrections[target]])
        found += [positions[each.key] for each in outcome.without_effect]
    return sorted(found)
