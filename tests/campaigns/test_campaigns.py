"""The campaigns in short: a few dozen kills on both stores, a planted bug that is found, a few thousand mutants.

`make campaign`, `make campaign-plants` and `make fuzz` run them at length.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.campaigns.plants import PLANTS, SESSION_MS, campaign_in, fault_found, planted

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("KAOJI_TEST_SEED", "1"))
PLANT = "offset-later"
CRASHES = {"sqlite": 12, "postgres": 8, PLANT: 2}

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

Run = subprocess.Popen[str]


@pytest.fixture(scope="module")
def runs(
    kafka_server: str, postgres_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Run]]:
    """All at once: most of their time goes by in waiting."""
    del (
        postgres_server
    )  # The campaign starts one of its own, to kill it: where none can be started, it is skipped.
    # A broker that somebody named may take no shorter session.
    session_ms = 6_000 if os.environ.get("KAOJI_TEST_KAFKA") else SESSION_MS
    folders = tmp_path_factory.mktemp("campaigns")
    with ExitStack() as stack:
        trees = {"sqlite": ROOT, "postgres": ROOT, PLANT: stack.enter_context(planted(PLANTS[PLANT]))}
        begun = {
            name: campaign_in(
                tree,
                folder=folders / name,
                seed=SEED,
                crashes=CRASHES[name],
                store="postgres" if name == "postgres" else "sqlite",
                kafka=kafka_server,
                session_ms=session_ms,
                # There it is certain to be found; `make campaign-plants` lets the dice find it.
                step="after append" if name == PLANT else None,
            )
            for name, tree in trees.items()
        }
        try:
            yield begun
        finally:
            for each in begun.values():
                each.kill()
                each.wait()


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_whatever_dies_every_action_is_recorded_once_or_quarantined_once(runs: dict[str, Run], store: str) -> None:
    assert fault_found(runs[store]) is None


@pytest.mark.parametrize("name", PLANTS)
def test_every_bug_has_a_place_to_be_planted(name: str) -> None:
    with planted(PLANTS[name]) as tree:
        for file, _, _ in PLANTS[name].edits:
            compile((tree / file).read_text(encoding="utf-8"), file, "exec")


def test_an_offset_outside_the_transaction_is_found(runs: dict[str, Run]) -> None:
    assert fault_found(runs[PLANT]) is not None


def test_mutated_records_are_lost_on_no_way_in(kafka_server: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.campaigns.fuzz", "--seed", SEED, "--records", 1_500]
    command += ["--kafka", kafka_server, "--folder", tmp_path]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert {each["way"] for each in found["ways"] if each["sent"] == 300} == {
        "kafka", "http", "ndjson", "xes", "csv",
    }  # fmt: skip
