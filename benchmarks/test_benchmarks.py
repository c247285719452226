"""The same benchmarks under pytest-benchmark: python -m pytest benchmarks --benchmark-only."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from api.bootstrap import system_clock
from benchmarks.catalogue import BENCHMARKS
from benchmarks.given import arrivals, recorded
from domain.actions import check_action
from domain.directory import Directory
from domain.policy import load_policy
from projections.tallies import count

ACTIONS = 20_000


@pytest.mark.parametrize("name", BENCHMARKS)
def test_peers_give_equal_answers(name: str) -> None:
    assert BENCHMARKS[name](10_000)


def test_decode(benchmark: BenchmarkFixture) -> None:
    good = [each.received for each in arrivals(ACTIONS)]
    now = system_clock()
    benchmark(lambda: [check_action(each, now=now) for each in good])


def test_project(benchmark: BenchmarkFixture) -> None:
    with recorded(ACTIONS) as kaoji:
        kaoji.driver.catch_up()
        benchmark(lambda: [kaoji.driver.rebuild(name) for name in kaoji.driver.projections])


def test_score_pass(benchmark: BenchmarkFixture) -> None:
    with recorded(ACTIONS) as kaoji:
        history = kaoji.history()
    context = load_policy("gx-2012").context()
    counted = count(history, context)
    day = int(counted.files.cases.actions.day.max())
    benchmark(lambda: counted.sums(Directory(), from_day=day - 365, to_day=day, by="staff"))
