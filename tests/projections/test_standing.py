"""What is kept standing answers like a count from the beginning: at the newest position and at earlier ones."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from domain.directory import Directory
from domain.measuring.populations import EVERYTHING
from domain.measuring.rollup import By
from domain.measuring.sums import Sums
from domain.rules.calendars import load_calendar
from domain.rules.context import Context
from projections.history.columns import History
from projections.tallies import standing as module
from projections.tallies.standing import Standing
from projections.tallies.tallies import count
from tests.drafted_actions import LIMITS
from tests.strategies import random_history
from tests.support.product import context, product, record

FIRST, LAST = 19_750, 19_800
KINDS: tuple[By, ...] = ("staff", "unit", "process", "all")


def test_any_position_is_answered_as_if_counted_anew(tmp_path: Path) -> None:
    # Given a server's standing sums under two contexts, asked while the history grows
    events = random_history(5, 300)
    contexts = [context(LIMITS, load_calendar("weekdays"), precision=each) for each in ("day", "instant")]
    standing = Standing()
    with product(tmp_path) as kaoji:
        for begin, end in ((0, 120), (120, 125), (125, 300)):
            record(kaoji, events[begin:end])
            history = kaoji.history()
            standing.follow(history)
            for rules in contexts:
                # When the newest position is asked for, and earlier ones
                for position in (history.position, history.position // 3, history.position - 2):
                    for by in KINDS:
                        ours = standing.sums(
                            history.upto(position), rules, Directory(),
                            from_day=FIRST, to_day=LAST, by=by, asked=EVERYTHING,
                        )  # fmt: skip
                        # Then the answer is that of a count from the beginning
                        assert_same(ours, anew(history.upto(position), rules, by))


def test_an_empty_history_is_answered(tmp_path: Path) -> None:
    rules = context(LIMITS, load_calendar("weekdays"))
    with product(tmp_path) as kaoji:
        for by in KINDS:
            ours = Standing().sums(
                kaoji.history(), rules, Directory(), from_day=FIRST, to_day=LAST, by=by, asked=EVERYTHING
            )
            assert_same(ours, anew(kaoji.history(), rules, by))


def test_sums_at_rest_are_at_hand_while_others_would_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a history that was counted farther than the one at hand
    events = random_history(7, 200)
    rules = context(LIMITS, load_calendar("weekdays"))
    standing = Standing()
    with product(tmp_path) as kaoji:
        record(kaoji, events[:120])
        ours = kaoji.history()
        with standing.at_rest(ours, rules) as counted:
            assert counted is ours
        record(kaoji, events[120:150])
        standing.follow(later := kaoji.history())
        # When it is to be at rest
        monkeypatch.setattr(module, "count", lambda *_: pytest.fail("nothing is counted anew"))
        with standing.at_rest(ours, rules) as counted:
            # Then it stands where it was counted, also while another thread wants it to go on
            assert counted is later
            record(kaoji, events[150:])
            other = Thread(target=standing.follow, args=(kaoji.history(),), daemon=True)
            other.start()
            other.join(0.3)
            assert other.is_alive()
            found = standing.sums(
                counted, rules, Directory(), from_day=FIRST, to_day=LAST, by="staff", asked=EVERYTHING
            )
        other.join(20)
        assert not other.is_alive()
        assert_same(found, anew(later, rules, "staff"))


def anew(history: History, rules: Context, by: By) -> Sums:
    return count(history, rules).sums(Directory(), from_day=FIRST, to_day=LAST, by=by)


def assert_same(ours: Sums, theirs: Sums) -> None:
    assert list(ours.subjects) == list(theirs.subjects)
    assert ours.cells.tolist() == theirs.cells.tolist()
    assert {
        name: [column.tolist() for column in each] for name, each in ours.values.items() if each.part.size
    } == {name: [column.tolist() for column in each] for name, each in theirs.values.items() if each.part.size}


def test_the_context_asked_for_longest_ago_makes_room(tmp_path: Path) -> None:
    contexts = [context(LIMITS, load_calendar("weekdays"), zone=zone) for zone in ("Asia/Shanghai", "UTC")]
    standing = Standing(contexts_max=1)
    with product(tmp_path) as kaoji:
        record(kaoji, random_history(6, 60))
        history = kaoji.history()
        for rules in [*contexts, *contexts]:
            ours = standing.sums(
                history, rules, Directory(), from_day=FIRST, to_day=LAST, by="staff", asked=EVERYTHING
            )
            assert_same(ours, anew(history, rules, "staff"))
