"""Later facts that change nothing, or that somebody recorded about themself, are reported as such."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from domain.actions.actions import facts_action
from projections.corrections import CorrectionReport, report_corrections
from projections.tallies.case_files import waiting_actions
from tests.reference.given import act, corrected, of, voided
from tests.reference.scorer import reference_without_effect
from tests.strategies import random_history
from tests.support.product import product, record

GRANT = act("licensing.granted", "c-1", "03-05", owner="s1")


def correction_by(recorder: str, **changes: Any) -> dict[str, Any]:
    event = corrected(GRANT, "03-06", **changes)
    return event | {"data": event["data"] | {"recorded_by": recorder}}


def report(folder: Path, events: list[Mapping[str, Any]]) -> CorrectionReport:
    with product(folder) as kaoji:
        record(kaoji, events)
        return report_corrections(kaoji.history(), kaoji.ledger)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_without_effect_is_what_the_reference_says(tmp_path: Path, seed: int) -> None:
    events = random_history(seed, 400)
    with product(tmp_path) as kaoji:
        record(kaoji, events, batches=[100, 100])
        found = report_corrections(kaoji.history(), kaoji.ledger).without_effect
        actions = [facts_action(each.facts) for each in kaoji.ledger.read_positions(found)]
    assert {(each.source, each.id) for each in actions} == reference_without_effect(events)


@pytest.mark.parametrize(
    ("recorder", "changes", "flagged"),
    [
        ("s1", {"outcome": "pass"}, True),
        ("s2", {"owner": "s2"}, True),
        ("s2", {"participants": [{"staff": "s2", "share": 0.5}]}, True),
        ("s3", {"owner": "s2"}, False),
        ("s1", {"rating": 9}, False),  # without effect, so it favours nobody
    ],
)
def test_a_correction_by_somebody_it_credits_is_flagged(
    tmp_path: Path, recorder: str, changes: dict[str, Any], flagged: bool
) -> None:
    found = report(tmp_path, [GRANT, correction_by(recorder, **changes)])
    assert found.self_recorded == ((2,) if flagged else ())


def test_a_voided_correction_is_not_reported(tmp_path: Path) -> None:
    correction = correction_by("s2", owner="s2")
    found = report(tmp_path, [GRANT, correction, voided(correction, "03-07")])
    assert found == CorrectionReport((), ())


def test_actions_wait_for_what_they_mean_and_for_their_case(tmp_path: Path) -> None:
    with product(tmp_path) as kaoji:
        # Given a void, a rating and a review that come before what they speak of
        error = act("service.error-found", "c-4", "03-05")
        early = [
            voided(GRANT, "03-06"),
            act("service.rated", "c-2", "03-06", rating=5),
            act("review.decided", "rev-1", "03-06", of={"case": "c-3"}, outcome="revoked"),
            act("service.error-cleared", "c-4", "03-06", of=of(error)),
        ]
        record(kaoji, early)
        assert waiting_actions(kaoji.history()).tolist() == [1, 2, 3, 4]
        # When what they speak of comes
        own = [act("licensing.received", "c-2", "03-01"), act("complaint.received", "c-3", "03-01")]
        record(kaoji, [GRANT, *own])
        # Then only the last still waits
        assert waiting_actions(kaoji.history()).tolist() == [4]
