"""Choose what counts: this process, or Apache Spark. Sums are integers, so the scores are the same bits."""

from __future__ import annotations

from typing import Literal

from api.scores.scorecards import Basis, asked_by
from domain.measuring.rollup import By, sums_of
from domain.measuring.tally import Tally
from domain.scoring.scoring import Scorecards

Engine = Literal["local", "spark"]


def scorecards_by(found: Basis, by: By, engine: Engine) -> Scorecards:
    """The scores of all subjects of a kind. Raises NoSparkError or SparkError."""
    if engine == "local":
        return found.scorecards(by)
    from projections.tallies.spark import tally_in_spark

    return scorecards_of(found, tally_in_spark(found.counted, asked=asked_by(found.policy)), by)


def scorecards_of(found: Basis, tally: Tally, by: By) -> Scorecards:
    """The scores that follow from a tally of all cases, whoever made it."""
    sums = sums_of(
        tally, found.directory, found.context.register, from_day=found.from_day, to_day=found.to_day, by=by
    )
    return found.scored(sums, by)
