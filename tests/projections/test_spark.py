"""Apache Spark counts the same bits as this process, however it cuts the cases."""

from __future__ import annotations

from typing import Any

import pytest

from domain.measuring.populations import EVERYTHING
from projections.tallies.spark import tally_in_spark
from tests.projections.test_partitions import counted_from
from tests.strategies import random_history
from tests.support.command_line import CommandLine
from tests.support.simulated import SIMULATED_YEAR, simulated, simulated_lines
from tests.support.spark import spark

__all__ = ["simulated", "simulated_lines", "spark"]

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(("seed", "number"), [(0, 1), (1, 2), (2, 7), (3, None)])
def test_any_history_counts_the_same(spark: Any, seed: int, number: int | None) -> None:
    with counted_from(random_history(seed, 200), "instant" if seed % 2 else "day") as counted:
        found = tally_in_spark(counted, asked=EVERYTHING, session=spark, number=number)
        assert found.to_bytes() == counted.tally().to_bytes()


@pytest.mark.usefixtures("spark")
def test_scores_of_an_administration_are_the_same_bytes(simulated: CommandLine) -> None:
    for by in ("staff", "unit"):
        asked = ("score", *SIMULATED_YEAR, "--by", by, "--format", "json")
        local, spark_ = (simulated(*asked, "--engine", engine).out for engine in ("local", "spark"))
        assert spark_ == local
        assert len(local) > 1_000
