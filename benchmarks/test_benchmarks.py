"""The same benchmarks under pytest-benchmark: python -m pytest benchmarks --benchmark-only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from api.bootstrap import system_clock
from benchmarks.audit_queries import PAGE, ZONE, made_directory, made_queries
from benchmarks.catalogue import BENCHMARKS
from benchmarks.given import arrivals, recorded
from benchmarks.made_cases import made_cases
from benchmarks.ours import ours
from benchmarks.peer_tables import MEASURES
from benchmarks.synthetic import context
from benchmarks.synthetic_history import made_history
from domain.actions.actions import check_action
from domain.measuring.cases import ACTION_RECORD, EXTRA_RECORD, Cases
from projections.audit.trail import AuditTrail
from projections.tallies.case_files import case_files

ACTIONS = 20_000
SHORT: dict[str, dict[str, Any]] = {"soak": {"minutes": 0.1}}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_peers_give_equal_answers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert BENCHMARKS[name](10_000, **SHORT.get(name, {}))


def test_case_files_made_straight_away_are_those_of_the_made_history() -> None:
    # Given a history with corrections, voids, reviews and late records, and case files from the same seed
    history = made_history(20_000, whole=True)
    made = made_cases(20_000, whole=True).cases
    # When the product derives case files from the history
    derived = case_files(history, context().zone).cases
    # Then they are the same, but for where in the ledger and among all shares things stand
    assert np.array_equal(made.starts, derived.starts)
    for name in set(ACTION_RECORD.names or ()) - {"position"}:
        assert np.array_equal(made.actions[name], derived.actions[name]), name
    for name in set(EXTRA_RECORD.names or ()) - {"share_start", "share_stop"}:
        assert np.array_equal(made.extras[name], derived.extras[name]), name
    assert np.array_equal(_shared(made), _shared(derived))


def _shared(cases: Cases) -> NDArray[Any]:
    """(extra, staff, part) of every share."""
    many = cases.extras.share_stop - cases.extras.share_start
    extra = np.repeat(np.arange(many.size), many)
    place = (
        np.arange(extra.size) - np.repeat(np.cumsum(many) - many, many) + np.repeat(cases.extras.share_start, many)
    )
    return np.stack([extra, cases.shares.staff[place], cases.shares.part[place]])


def test_made_histories_have_every_rule_in_them() -> None:
    # Given made-up cases, when everything about them is counted
    sums = ours(made_cases(50_000)).staff.sum(axis=0)
    # Then each measure counts something, and leaves something out that it could have counted
    assert (sums > 0).all()
    column = dict(zip(MEASURES, sums.tolist(), strict=True))
    for part, whole in (
        ("targets-completed", "targets"), ("good-ratings", "ratings"), ("in-time", "decided"),
        ("faulty", "decided"), ("overturned", "decisions"), ("responsible", "actions"),
    ):  # fmt: skip
        assert column[part] < column[whole], part


def test_decode(benchmark: BenchmarkFixture) -> None:
    good = [each.received for each in arrivals(ACTIONS)]
    now = system_clock()
    benchmark(lambda: [check_action(each, now=now) for each in good])


def test_project(benchmark: BenchmarkFixture) -> None:
    with recorded(ACTIONS) as kaoji:
        kaoji.driver.catch_up()
        benchmark(lambda: [kaoji.driver.rebuild(name) for name in kaoji.driver.projections])


def test_score_pass(benchmark: BenchmarkFixture) -> None:
    made = made_cases(ACTIONS)
    benchmark(lambda: ours(made))


def test_audit_trail(benchmark: BenchmarkFixture) -> None:
    history = made_history(ACTIONS)
    directory, trail, queries = made_directory(history), AuditTrail(block_rows=2_048), made_queries(history)
    index = trail.index(history)

    def pages() -> None:
        for query in queries:
            found = trail.find(index, query.wanted, zone=ZONE, directory=lambda: directory, limit=PAGE)
            assert sum(some.size for some in found) <= PAGE

    benchmark(pages)
