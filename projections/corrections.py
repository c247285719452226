"""Say which later facts stand about earlier ones, what they leave of them, and which of them to look at."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import msgspec

from domain.action_types import ACTION_TYPES
from domain.actions import Action, facts_action
from domain.corrections import apply_corrections
from domain.ledger.ledger import Ledger
from domain.ledger.records import Recorded
from projections.damage import MissingEventsError, UnreadableEventError
from projections.history.columns import History
from projections.history.writer import LinkKind

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
    corrections, _ = corrections_and_voids(history)
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


def effective_actions(actions: dict[int, Action], history: History, ledger: Ledger) -> dict[int, Action]:
    """Some actions by position, as corrections leave them, without voided ones, as the history knows them."""
    corrections, voided = corrections_and_voids(history)
    wanted = sorted({each for position in actions for each in corrections.get(position, ())})
    stored = _stored(set(wanted), ledger)
    return {
        position: apply_corrections(action, [stored[each] for each in corrections.get(position, ())]).action
        for position, action in actions.items()
        if position not in voided
    }


def corrections_and_voids(history: History) -> tuple[dict[int, list[int]], set[int]]:
    """Positions of the standing corrections by the position they mean; positions that are voided."""
    links = history.links
    voided, corrections = set(), defaultdict(list)
    for kind, target in zip(links["kind"].tolist(), links["target"].tolist(), strict=True):
        if kind == LinkKind.VOIDED and history.rows["type"][target - 1] != _VOID:
            voided.add(target)
    for kind, position, target in zip(
        links["kind"].tolist(), links["position"].tolist(), links["target"].tolist(), strict=True
    ):
        if kind == LinkKind.CORRECTED and position not in voided:
            corrections[target].append(position)
    return dict(corrections), voided
