"""A tally that follows the history equals a count from the beginning, whatever the batches."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.rules.calendars import load_calendar
from projections.damage import DamagedViewError
from projections.tallies.live_tally import LiveTally
from projections.tallies.tallies import count
from tests.drafted_actions import LIMITS, Event
from tests.strategies import batches, histories, random_history
from tests.support.product import context, product, record


def assert_live_equals_counted_anew(events: list[Event], sizes: list[int], precision: str) -> None:
    rules = context(LIMITS, load_calendar("weekdays"), precision=precision)
    live = LiveTally(rules)
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as kaoji:
        waiting = events
        for size in (*sizes, len(events)):
            batch, waiting = waiting[:size], waiting[size:]
            record(kaoji, batch)
            history = kaoji.history()
            live.follow(history)
            assert live.position == history.position
            assert live.tally() == count(history, rules).tally()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(events=histories(max_size=60), sizes=batches(40), precision=st.sampled_from(["day", "instant"]))
def test_following_equals_counting_anew(events: list[Event], sizes: list[int], precision: str) -> None:
    assert_live_equals_counted_anew(events, sizes, precision)


@pytest.mark.parametrize("seed", range(6))
def test_following_equals_counting_anew_on_crowded_histories(seed: int) -> None:
    assert_live_equals_counted_anew(random_history(seed, 400), [7, 1, 60, 3, 110, 90, 20], "day")


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_that_share_the_cases_count_to_the_same(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.tallies.live_tally.CASES_AT_ONCE_MIN", 1)
    monkeypatch.setattr("projections.tallies.live_tally.processors", lambda: threads)

    assert_live_equals_counted_anew(random_history(79, 400), [7, 1, 60, 3, 110, 90, 20], "instant")


def test_room_that_has_to_be_made_first_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given room for cases of one action, and for the changes of one case at a time
    monkeypatch.setattr("projections.tallies.case_changes.FIRST_ROOM", 1)
    monkeypatch.setattr("projections.tallies.case_changes.CHANGES_AT_ONCE", 1)

    assert_live_equals_counted_anew(random_history(80, 300), [7, 1, 60, 90], "instant")


def test_a_long_stretch_counts_to_the_same_as_many_short_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = context(LIMITS, load_calendar("weekdays"))
    events = random_history(77, 300)
    with product(tmp_path) as kaoji:
        record(kaoji, events)
        history = kaoji.history()
        by_batches, at_once, by_pieces = LiveTally(rules), LiveTally(rules), LiveTally(rules)
        for position in range(1, history.position + 1):
            by_batches.follow(history.upto(position))
        at_once.follow(history)
        monkeypatch.setattr("projections.tallies.live_tally.ROWS_AT_ONCE", 70)
        by_pieces.follow(history)
        assert by_batches.tally() == at_once.tally() == by_pieces.tally() == count(history, rules).tally()


def test_after_a_failure_all_is_counted_from_the_beginning(tmp_path: Path) -> None:
    rules = context(LIMITS, load_calendar("weekdays"))
    live = LiveTally(rules)
    with product(tmp_path) as kaoji:
        record(kaoji, random_history(78, 300))
        history = kaoji.history()
        live.follow(history.upto(100))

        with pytest.raises(DamagedViewError):
            live.follow(replace(history, ids=DamagedIds()))
        live.follow(history)

        assert live.tally() == count(history, rules).tally()


class DamagedIds:
    def take(self, rows: Any) -> pa.Table:
        raise DamagedViewError("history", f"ids of {len(rows)} rows are missing")


def test_uncompiled_lines_follow_to_the_same() -> None:
    script = """
from tests.projections.test_live_tally import assert_live_equals_counted_anew
from tests.strategies import random_history

assert_live_equals_counted_anew(random_history(5, 150), [7, 1, 60, 3], "instant")
"""

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
