"""Prove that the ledger is complete and untouched, and that every view equals a rebuild of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

from api.bootstrap import Kaoji
from api.rules.adoption import adoption_fault
from api.store_file import damage_of
from api.view_operations import skip_json
from domain.actions.actions import action_key, check_action
from domain.actions.refusals import RefusedError
from domain.actions.stored_facts import read_facts
from domain.ledger.merkle import Tree
from domain.ledger.records import ACTION_TOPIC, Recorded
from domain.log_events import VERIFY_BEGAN_ANEW
from domain.rules.adoption import KIND_OF_TOPIC
from projections.damage import DamagedViewError, MissingEventsError, PoisonEventError
from projections.directory import DirectoryProjection
from projections.driver import BATCH_MAX, Progress, no_progress
from projections.history.columns import differences, load_history
from projections.history.writer import HistoryProjection
from projections.integrity import IntegrityProjection, leaf_of, leaves_upto
from projections.rulebook import RulebookProjection
from projections.store import DIRECTORY, RULES, Checkpoint, Connection, Table, ViewMovedError

OUR_TOPICS = "kaoji."
_DIRECTORY_COLUMNS = ("position", "type", "subject", "occurred_at", "facts")
_RULES_COLUMNS = ("position", "recorded_at", "topic", "state")
_Comparison: TypeAlias = Callable[[Kaoji, Connection, Checkpoint, Checkpoint], list[str]]
"""In what a live build and a fresh one differ."""
FAULTS_MAX = 100
"""A ledger that was rewritten as a whole is said to be so without listing every record."""


def verification(kaoji: Kaoji, *, from_scratch: bool = False, progress: Progress = no_progress) -> dict[str, Any]:
    """What `kaoji verify` prints: events, Merkle root, faults, and what views leave out by order.

    The ledger is read through and held against the leaves kept when it was recorded; views are rebuilt beside the
    live ones and compared. With `from_scratch` nothing that is stored is believed: every action is checked against
    the contract again, and looked up under its source and id.
    """
    damage = damage_of(kaoji.settings)
    if damage:
        # Whatever is read of such a file, or does not fail to be read, proves nothing.
        faults = [*damage, "put a backup in place: `kaoji restore FILE`"]
        return {"events": 0, "root": "", "ok": False, "faults": _shortened(faults), "skipped": []}
    stumbled: list[str] = []
    try:
        head = kaoji.driver.catch_up(progress=progress)
    except PoisonEventError as error:
        stumbled, head = [str(error)], kaoji.ledger.head().position
    except MissingEventsError:
        # Which ones is said below, as far as the ledger claims to reach.
        head = kaoji.ledger.head().position
    faults, root = _ledger_faults(kaoji, head, progress, from_scratch=from_scratch)
    if faults:
        faults.append("views were not compared with a rebuild: the ledger they would be made from is not whole")
    else:
        faults = stumbled + _view_faults(kaoji, progress)
    with kaoji.views.reading() as connection:
        skipped = [skip_json(each) for each in kaoji.views.skips(connection)]
    return {"events": head, "root": root, "ok": not faults, "faults": _shortened(faults), "skipped": skipped}


def _shortened(faults: list[str]) -> list[str]:
    more = len(faults) - FAULTS_MAX
    return faults if more <= 0 else [*faults[:FAULTS_MAX], f"and {more:,} more"]


def _ledger_faults(kaoji: Kaoji, head: int, progress: Progress, *, from_scratch: bool) -> tuple[list[str], str]:
    """Read every event, rebuild the Merkle tree, and hold it against the leaves kept when it was recorded."""
    faults: list[str] = []
    with kaoji.views.reading() as connection:
        build = kaoji.views.live(connection, IntegrityProjection.name)
        kept = list(leaves_upto(kaoji.views, connection, build))
    tree, position, recorded_at = Tree(), 0, 0
    while position < head:
        batch = kaoji.ledger.read(after=position, limit=min(BATCH_MAX, head - position))
        if not batch:
            faults.append(f"positions {position + 1} to {head} are missing from the ledger")
            break
        for event in batch:
            faults += _event_faults(event, position, recorded_at, kept)
            tree.extend([leaf_of(event)])
            position, recorded_at = event.position, event.recorded_at
        if from_scratch and not faults:
            faults += [fault for event in batch for fault in _contract_faults(event)]
            faults += [] if faults else _key_faults(kaoji, batch)
        progress("verify", position, head)
    faults += _standing_faults(kaoji, head)
    if len(kept) != head:
        faults.append(f"the ledger ends at {head}, the leaves that were kept at {len(kept)}")
    return faults, tree.root().hex()


def _event_faults(event: Recorded, before: int, recorded_before: int, kept: list[bytes]) -> list[str]:
    faults = []
    if event.position != before + 1:
        faults.append(f"positions {before + 1} to {event.position - 1} are missing from the ledger")
    if event.recorded_at < recorded_before:
        faults.append(f"position {event.position} was recorded before the one that precedes it")
    if not event.topic.startswith(OUR_TOPICS):
        faults.append(f"position {event.position} bears the topic {event.topic!r}, which is none of ours")
    if event.position <= len(kept) and kept[event.position - 1] != leaf_of(event):
        faults.append(f"position {event.position} is not what was recorded there")
    return faults


def _contract_faults(event: Recorded) -> list[str]:
    """Facts that would not be let in today."""
    if event.topic in KIND_OF_TOPIC:
        fault = adoption_fault(event)
        return [] if fault is None else [f"position {event.position} is no adoption that holds: {fault}"]
    if event.topic != ACTION_TOPIC:
        return [f"position {event.position} bears the topic {event.topic!r}, which this version does not know"]
    try:
        check_action(event.facts, now=event.recorded_at)
    except RefusedError as error:
        return [f"position {event.position} is against the contract: {error}"]
    return []


def _key_faults(kaoji: Kaoji, batch: Sequence[Recorded]) -> list[str]:
    """Events that are not found under their source and id: they could be recorded once more."""
    facts = [(event.position, read_facts(event.facts)) for event in batch if event.topic == ACTION_TOPIC]
    keys = {action_key(each.source, each.id): position for position, each in facts}
    found = kaoji.ledger.positions_of(list(keys))
    return [
        f"position {position} is not found under its source and id"
        for key, position in keys.items()
        if found.get(key) != position
    ]


def _standing_faults(kaoji: Kaoji, head: int) -> list[str]:
    """Views that say they have read more than there is."""
    with kaoji.views.reading() as connection:
        found = [kaoji.views.live(connection, name) for name in sorted(kaoji.driver.projections)]
    return [
        f"the view {each.projection} stands at {each.position}, the ledger ends at {head}"
        for each in found
        if each.position > head
    ]


def _view_faults(kaoji: Kaoji, progress: Progress) -> list[str]:
    """Hold every live view, up to where it stands, against a fresh build of it, row by row."""
    faults: list[str] = []
    for name, compare in (
        (HistoryProjection.name, _history_faults),
        (DirectoryProjection.name, partial(_row_faults, DIRECTORY, _DIRECTORY_COLUMNS)),
        (RulebookProjection.name, partial(_row_faults, RULES, _RULES_COLUMNS)),
    ):
        while (found := _compared(kaoji, name, compare)) is None:
            VERIFY_BEGAN_ANEW.log(view=name)
        faults += found
        with kaoji.views.reading() as connection:
            stands_at = kaoji.views.live(connection, name).position
        progress(name, stands_at, stands_at)
    return faults


def _compared(kaoji: Kaoji, name: str, compare: _Comparison) -> list[str] | None:
    """In what a live view differs from a fresh build; None where a rebuild took the place of both meanwhile.

    What is asked of a build that is gone, its successor answers: then one build was held against itself.
    """
    with kaoji.views.reading() as connection:
        live = kaoji.views.live(connection, name)
    try:
        fresh = kaoji.driver.build_beside(name, upto=live.position)
    except ViewMovedError:
        return None
    try:
        with kaoji.views.reading() as connection:
            faults = compare(kaoji, connection, kaoji.views.live(connection, name), fresh)
    except DamagedViewError as error:
        faults = [str(error)]
    finally:
        with kaoji.views.transaction() as connection:
            is_replaced = kaoji.views.live(connection, name).build != live.build
            # The swap dropped the fresh build too; its number may be another's by now.
            if not is_replaced:
                kaoji.views.drop_build(connection, fresh)
    return None if is_replaced else faults


def _history_faults(kaoji: Kaoji, connection: Connection, live: Checkpoint, fresh: Checkpoint) -> list[str]:
    ours = load_history(kaoji.views, connection, live).upto(fresh.position)
    rebuilt = load_history(kaoji.views, connection, fresh)
    kept = [] if kaoji.kept_files is None else kaoji.kept_files.faults(live, rebuilt)
    return differences(ours, rebuilt) + kept


def _row_faults(
    table: Table, columns: Sequence[str], kaoji: Kaoji, connection: Connection, live: Checkpoint, fresh: Checkpoint
) -> list[str]:
    """Views that have a row for some positions."""
    ours, theirs = (
        {
            row[0]: row
            for row in kaoji.views.rows(
                connection, table, each, *columns, order="position", upto=("position", fresh.position)
            )
        }
        for each in (live, fresh)
    )
    return [
        f"{live.projection}: position {position} differs from a rebuild"
        for position in sorted({*ours, *theirs})
        if ours.get(position) != theirs.get(position)
    ]
