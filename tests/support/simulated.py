"""A small simulated administration in a store, for tests that read: made once, never written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.demo.simulation import STAFF_MIN, Simulation, actions_min
from tests.support.command_line import CommandLine

SIMULATION = Simulation(seed=11, staff=STAFF_MIN, actions=actions_min(STAFF_MIN, published=False), published=False)
SIMULATED_YEAR = ("--policy", SIMULATION.policy, "--from", "2011-01-01", "--to", "2011-12-31")


@pytest.fixture(scope="session")
def simulated_lines() -> list[bytes]:
    """The lines that the administration's six systems send, broken ones too."""
    return list(SIMULATION.lines())


@pytest.fixture(scope="session")
def simulated(simulated_lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A store that holds them."""
    folder: Path = tmp_path_factory.mktemp("simulated")
    kaoji = CommandLine(folder / "kaoji.db")
    kaoji("ingest", "-", stdin=b"\n".join(simulated_lines))
    return kaoji
