"""What the long runs rest on: numbered actions that are all good, and figures and plots that follow from looks."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from api.bootstrap import system_clock
from benchmarks.running import Look
from benchmarks.soak import told, write
from benchmarks.soak_plot import draw
from benchmarks.traffic import AT_ONCE, Sending, Traffic
from domain.actions.actions import check_action, id_number

IMAGES = Path(__file__).parents[1] / "docs" / "images"


def test_every_action_of_the_traffic_is_good_and_bears_its_number() -> None:
    # Given three times a small year
    traffic, now = Traffic(5_000), system_clock()
    lines = list(traffic.lines(first=0, count=15_000))
    # Then all are good, none comes twice, and facts tell which one it is
    actions = [check_action(line, now=now) for line in lines]
    assert len({action.key for action in actions}) == len(lines)
    assert [traffic.number(action.facts) for action in actions] == list(range(len(lines)))
    # And ids rise, so that new keys lie side by side in an index
    assert all(one < other for one, other in pairwise(id_number(action.id) for action in actions))
    # And whoever begins in the middle sends the same
    assert list(traffic.lines(first=7_000, count=3)) == lines[7_000:7_003]
    # And what refers means an action of the same time
    known = {(event["source"], event["id"]) for event in map(json.loads, lines)}
    meant = [event["data"]["of"] for event in map(json.loads, lines) if "of" in event.get("data", {})]
    found = sum((of["source"], of["id"]) in known for of in meant if "id" in of)
    assert found > 50


class Clock:
    """Goes on by what is slept, and by so much with each look at it."""

    def __init__(self, *, look_seconds: float) -> None:
        self.now, self._look_seconds = 0.0, look_seconds

    def __call__(self) -> float:
        """The time."""
        self.now += self._look_seconds
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let so much of it pass."""
        self.now += seconds


def sending(count: int, clock: Clock, *, rate: int, seconds: float) -> Sending:
    lines = (b"%d" % number for number in range(count))
    return Sending(lines, count=count, rate=rate, seconds=seconds, monotonic=clock, sleep=clock.sleep)


def test_a_sender_that_keeps_up_sends_everything_at_the_rate_that_is_wanted() -> None:
    # Given ten seconds at 100 a second, and no more than eleven
    clock = Clock(look_seconds=0.0)
    made = sending(1_000, clock, rate=100, seconds=11.0)
    # Then all of them go, the last ones after nearly ten seconds, and it is known when each AT_ONCE went
    assert list(made) == [b"%d" % number for number in range(1_000)]
    assert made.sent == 1_000
    assert clock.now == pytest.approx(10.0 - AT_ONCE / 100)
    assert len(made.times) == 1_000 // AT_ONCE


def test_a_sender_that_does_not_keep_up_stops_in_time_and_says_how_many_it_has_sent() -> None:
    # Given ten seconds at 100 a second, where each AT_ONCE take four seconds and not half a one
    clock = Clock(look_seconds=2.0)
    made = sending(1_000, clock, rate=100, seconds=10.0)
    # Then it stops after ten seconds with what it has sent by then, whole
    found = list(made)
    assert made.sent == len(found) == len(made.times) * AT_ONCE == 2 * AT_ONCE
    assert 10.0 <= clock.now < 15.0


@pytest.mark.parametrize("rate", [0, 100])
def test_a_sender_without_an_end_in_time_sends_all(rate: int) -> None:
    made = sending(AT_ONCE + 1, Clock(look_seconds=50.0), rate=rate, seconds=0.0)
    assert len(list(made)) == made.sent == AT_ONCE + 1
    assert len(made.times) == 2


def looks(count: int) -> list[Look]:
    return [
        Look(float(second), 300_000_000 + 1_000_000 * second, 20, second / 2, second * 900, second * 900, 7, 0.5,
             second * 900, 0.1)
        for second in range(count)
    ]  # fmt: skip


def test_figures_tell_what_rises_and_what_is_flat() -> None:
    figures = told(looks(121))
    assert figures["memory MB: slope a minute"] == pytest.approx(60)
    assert figures["memory MB: first quarter"] == pytest.approx(314.5)
    assert figures["memory MB: last quarter"] == pytest.approx(405.5)
    assert figures["open files: slope a minute"] == pytest.approx(0, abs=1e-9)
    assert figures["soak: read per second"] == 900
    assert figures["memory: bytes more for each action"] == pytest.approx(1_000_000 / 900)


@pytest.mark.parametrize("count", [1, 2, 1_000])
def test_the_same_figures_give_the_same_plot(count: int, tmp_path: Path) -> None:
    write(tmp_path / "soak.csv", looks(count))
    for name in ("one.svg", "other.svg"):
        draw(tmp_path / "soak.csv", tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


def test_the_plot_in_the_docs_is_that_of_the_figures_beside_it(tmp_path: Path) -> None:
    draw(IMAGES / "soak.csv", tmp_path / "soak.svg")
    assert (tmp_path / "soak.svg").read_text() == (IMAGES / "soak.svg").read_text()
