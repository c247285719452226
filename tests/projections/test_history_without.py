"""A history without a source is the history of a ledger to which that source never sent anything."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from api.scores.scorecards import directory_of
from domain.measuring.populations import Population
from domain.measuring.tally import Tally
from domain.rules.calendars import load_calendar
from domain.zones import load_zone
from projections.history.without import without_sources
from projections.tallies.case_files import waiting_actions
from projections.tallies.tallies import count
from tests.drafted_actions import LIMITS, SOURCES, Event
from tests.strategies import random_history
from tests.support.product import context, product, record

RULES = context(LIMITS, load_calendar("weekdays"))
SHANGHAI = load_zone("Asia/Shanghai")


@pytest.mark.parametrize("seed", range(9))
def test_what_is_left_counts_as_if_it_had_come_alone(seed: int) -> None:
    # Given actions of three systems, which correct, void and refer to each other's
    events = random_history(1_000 + seed, 250)
    gone = {SOURCES[seed % 3]} if seed < 6 else {SOURCES[seed % 3], SOURCES[(seed + 1) % 3]}
    left = [event for event in events if event["source"] not in gone]
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        record(kaoji, left)
        alone = count(kaoji.history(), RULES).tally()
        directory = directory_of(kaoji, kaoji.history(), SHANGHAI)
        waiting = waiting_actions(kaoji.history()).size
    # When all of them are recorded, and some systems are left out
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        record(kaoji, events, batches=[60, 61])
        filtered = without_sources(kaoji.history(), gone, kaoji.ledger)
        # Then the rest counts the same
        assert count(filtered, RULES).tally() == alone
        assert waiting_actions(filtered).size == waiting
        found = directory_of(kaoji, filtered, SHANGHAI)
        assert found.units(0, 30_000) == directory.units(0, 30_000)
        assert found.staff(0, 30_000) == directory.staff(0, 30_000)


def test_an_earlier_correction_stands_again_where_the_later_one_is_gone() -> None:
    # Given a rating of 1 that one system corrected to 5, and another then to 2
    rated = _event("/hall", "r", "service.rated", "2024-02-01T10:00:00+08:00", {"owner": "s1", "rating": 1})
    granted = _event("/gx", "g", "licensing.granted", "2024-01-31T10:00:00+08:00", {"owner": "s1"})
    first = _corrected("/a", "2024-02-02T10:00:00+08:00", {"rating": 5, "owner": "never-said-elsewhere"})
    second = _corrected("/b", "2024-02-03T10:00:00+08:00", {"rating": 2, "owner": "s2"})
    void = {"of": {"source": "/a", "id": "c"}, "reason": "wrong", "recorded_by": "s9"}
    voided = _event("/c", "v", "record.voided", "2024-02-04T10:00:00+08:00", void)
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        record(kaoji, [granted, rated, first, second])
        history = kaoji.history()
        whole = _ratings(count(history, RULES).tally())
        # When the second system is left out, the first correction is in force; without both, what was sent
        without_one = without_sources(history, {"/b"}, kaoji.ledger)
        without_both = without_sources(history, {"/a", "/b"}, kaoji.ledger)
        assert whole == [("s2", 2)]
        assert _ratings(count(without_one, RULES).tally()) == [("never-said-elsewhere", 5)]
        assert _ratings(count(without_both, RULES).tally()) == [("s1", 1)]
        # And once the first is voided, what was sent stands again
        record(kaoji, [voided])
        without_one = without_sources(kaoji.history(), {"/b"}, kaoji.ledger)
        assert _ratings(count(without_one, RULES).tally()) == [("s1", 1)]


def test_an_unknown_source_leaves_everything() -> None:
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        record(kaoji, random_history(5, 100))
        history = kaoji.history()
        assert (
            count(without_sources(history, {"/none"}, kaoji.ledger), RULES).tally()
            == count(history, RULES).tally()
        )


def _event(source: str, action_id: str, kind: str, time: str, data: Mapping[str, object]) -> Event:
    envelope = {
        "specversion": "1.0",
        "source": source,
        "id": action_id,
        "type": kind,
        "subject": "C-1",
        "time": time,
    }
    return {**envelope, "data": data}


def _corrected(source: str, time: str, changes: dict[str, object]) -> Event:
    data = {"of": {"source": "/hall", "id": "r"}, "changes": changes, "reason": "wrong", "recorded_by": "s9"}
    return _event(source, "c", "record.corrected", time, data)


def _ratings(tally: Tally) -> list[tuple[str | None, int]]:
    """Who was rated, and how."""
    return [(row[2], row[6]) for row in tally.listed() if row[0] == Population.RATED]
