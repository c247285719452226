"""What the long runs rest on: numbered actions that are all good, and figures and plots that follow from looks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.bootstrap import system_clock
from benchmarks.running import Look
from benchmarks.soak import told, write
from benchmarks.soak_plot import draw
from benchmarks.traffic import Traffic
from domain.actions.actions import check_action

IMAGES = Path(__file__).parents[1] / "docs" / "images"


def test_every_action_of_the_traffic_is_good_and_bears_its_number() -> None:
    # Given three times a small year
    traffic, now = Traffic(5_000), system_clock()
    lines = list(traffic.lines(first=0, count=15_000))
    # Then all are good, none comes twice, and facts tell which one it is
    actions = [check_action(line, now=now) for line in lines]
    assert len({action.key for action in actions}) == len(lines)
    assert [traffic.number(action.facts) for action in actions] == list(range(len(lines)))
    # And whoever begins in the middle sends the same
    assert list(traffic.lines(first=7_000, count=3)) == lines[7_000:7_003]
    # And what refers means an action of the same time
    known = {(event["source"], event["id"]) for event in map(json.loads, lines)}
    meant = [event["data"]["of"] for event in map(json.loads, lines) if "of" in event.get("data", {})]
    found = sum((of["source"], of["id"]) in known for of in meant if "id" in of)
    assert found > 50


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
