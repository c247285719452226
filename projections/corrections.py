"""Say which later facts stand about earlier ones, what they leave of them, and which of them to look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from domain.actions.actions import Action, facts_action
from domain.actions.corrections import apply_corrections
from domain.actions.types import ACTION_TYPES
from domain.ledger.ledger import Ledger
from domain.ledger.records import Recorded
from projections.audit.index import LaterFacts
from projections.audit.postings import Rows
from projections.damage import MissingEventsError, UnreadableEventError
from projections.history.columns import History
from projections.history.links import LinkKind

_VOID = ACTION_TYPES["record.voided"].code


@dataclass(frozen=True, slots=True)
class CorrectionReport:
    """Positions of later facts that deserve a look."""

    without_effect: tuple[int, ...]
    """Corrections that change nothing, and voids that mean a void."""
    self_recorded: tuple[int, ...]
    """Corrections in effect whose recorder is credited by the action, before or after: flagged, not refused."""


def report_corrections(history: History, ledger: Ledger) -> CorrectionReport:
    """Look at every standing correction once."""
    links = history.links
    means_void = (links["kind"] == LinkKind.VOIDED) & (history.rows["type"][links["target"] - 1] == _VOID)
    without_effect, self_recorded = links["position"][means_void].tolist(), []
    later = LaterFacts(history).grown(history)
    corrected = np.unique(links["target"][links["kind"] == LinkKind.CORRECTED])
    # A voided action is as if never sent: so is what corrects it.
    corrections = _by_target(*later.corrections(np.setdiff1d(corrected, later.voided(corrected))))
    stored = _stored({*corrections, *(each for found in corrections.values() for each in found)}, ledger)
    for target, positions in sorted(corrections.items()):
        at = {stored[each].key: each for each in positions}
        outcome = apply_corrections(stored[target], [stored[each] for each in positions])
        without_effect += [at[each.key] for each in outcome.without_effect]
        credited = _credited(stored[target]) | _credited(outcome.action)
        self_recorded += [at[each.key] for each in outcome.in_effect if each.data["recorded_by"] in credited]
    return CorrectionReport(tuple(sorted(without_effect)), tuple(sorted(self_recorded)))


def _credited(action: Action) -> set[str]:
    """Who answers for an action, or shares in it."""
    participants = action.data.get("participants") or ()
    return {each for each in [action.data.get("owner")] if each} | {each["staff"] for each in participants}


def _stored(positions: set[int], ledger: Ledger) -> dict[int, Action]:
    found = {each.position: _action(each) for each in ledger.read_positions(sorted(positions))}
    if len(found) < len(positions):
        raise MissingEventsError(min(positions - set(found)))
    return found


def _action(recorded: Recorded) -> Action:
    try:
        return facts_action(recorded.facts)
    except msgspec.MsgspecError as error:
        raise UnreadableEventError(recorded.position, error) from error


def effective_actions(
    actions: Mapping[int, Action], history: History, ledger: Ledger, later: LaterFacts | None = None
) -> dict[int, Action]:
    """Some actions by position, as corrections leave them, without voided ones, as the history knows them.

    Costs in proportion to these actions where `later`, the history's later facts by target, is at hand.
    """
    later = later or LaterFacts(history).grown(history)
    positions = np.array(sorted(actions), np.int64)
    voided = set(later.voided(positions).tolist())
    corrections = _by_target(*later.corrections(positions))
    stored = _stored({each for found in corrections.values() for each in found}, ledger)
    found = {position: action for position, action in actions.items() if position not in voided}
    for position, own in corrections.items():
        if position in found:
            found[position] = apply_corrections(found[position], [stored[each] for each in own]).action
    return found


def _by_target(own: Rows, meant: Rows) -> dict[int, list[int]]:
    found = defaultdict(list)
    for position, target in zip(own.tolist(), meant.tolist(), strict=True):
        found[target].append(position)
    return dict(found)
