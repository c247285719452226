"""Count cases in Apache Spark: the same fold over partitions of cases on many machines, then a sum."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from domain.errors import UnreachableError, WrongInputError
from domain.measuring.tally import Tally
from projections.tallies.partitions import PARTITION_SCHEMA, SUM_SCHEMA, PartitionFold, partitions, tally_of
from projections.tallies.tallies import Counted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ACTIONS_MAX: Final = 2_000_000
"""A partition holds about so many at most: some 60 MB, folded in less than a second."""

_CONFIGURED_BY: Final = ("SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "SPARK_REMOTE")
_OWN_MACHINE: Final = {
    "spark.master": "local[*]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "4",
}
"""Where nobody has configured Spark it runs on this machine, and listens to nobody else."""


_NOT_INSTALLED: Final = (
    "PySpark is not installed, or not whole. Install Kaoji's extra `spark` (pip install 'kaoji[spark]') and "
    "Java 17, or leave out --engine spark: the result is the same."
)


class NoSparkError(WrongInputError):
    """PySpark is asked for and is not installed."""


class SparkError(UnreachableError):
    """Spark does not start, or does not finish."""


def tally_in_spark(
    counted: Counted, *, asked: int, session: SparkSession | None = None, number: int | None = None
) -> Tally:
    """The tally of all cases, as `Counted.tally` makes it; `number` is that of the partitions.

    Raises NoSparkError or SparkError.
    """
    with _spark_errors():
        from pyspark.sql import functions

    fold, keys = PartitionFold(counted.rules, asked), [name for name in SUM_SCHEMA.names if name != "part"]
    with _spark_errors(), _session(session) as spark:
        if number is None:
            number = max(
                2 * spark.sparkContext.defaultParallelism, counted.files.cases.actions.size // ACTIONS_MAX
            )
        table = pa.Table.from_batches(partitions(counted.files, number), PARTITION_SCHEMA)
        # A row is a partition of ours, so Spark is to have a task for each.
        frame = spark.createDataFrame(table).repartition(number)
        summed = (
            frame.mapInArrow(fold, _spark_schema())
            .groupBy(*keys)
            .agg(functions.sum("part").alias("part"))
            .select(*SUM_SCHEMA.names)
        )
        sums = summed.toArrow()
    words = counted.history.words_of
    return tally_of(sums, staff=words("staff"), units=words("unit"), procedures=words("procedure"))


def _spark_schema() -> str:
    kinds = {pa.int32(): "int", pa.int64(): "long"}
    return ", ".join(f"{field.name} {kinds[field.type]}" for field in SUM_SCHEMA)


@contextmanager
def _session(given: SparkSession | None) -> Iterator[SparkSession]:
    """The session given, or the one that is active; else one of our own, which ends here."""
    from pyspark.sql import SparkSession

    found = given or SparkSession.getActiveSession()
    if found is not None:
        yield found
        return
    builder: Any = SparkSession.builder
    builder = builder.appName("kaoji")
    if not any(os.environ.get(name) for name in _CONFIGURED_BY):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.config(map=_OWN_MACHINE)
    session: SparkSession = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()


@contextmanager
def _spark_errors() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pyspark", "py4j"):
            raise
        raise NoSparkError(_NOT_INSTALLED) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("pyspark", "py4j"):
            raise
        if isinstance(error, ImportError):
            raise NoSparkError(_NOT_INSTALLED) from error
        said = next(iter(str(error).strip().splitlines()), "")
        raise SparkError(
            f"Spark did not start or did not finish: {said} Is Java 17 or later there (java -version, JAVA_HOME)? "
            "Without --engine spark the result is the same."
        ) from error
