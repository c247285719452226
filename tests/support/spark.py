"""A small Apache Spark on this machine for tests that need one; without PySpark and Java they are not run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.support.missing import without

_REMEDY = "Install Java 17 and run `make spark`."


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session with two workers that listens on 127.0.0.1 alone, and ends with the tests."""
    if find_spec("pyspark") is None:
        without("PySpark", _REMEDY)
    from pyspark.sql import SparkSession

    root = str(Path(__file__).parents[2])
    environment = {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": root}
    builder: Any = SparkSession.builder
    for name, value in {
        "spark.master": "local[2]",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "512m",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("spark")),
    }.items():
        builder = builder.config(name, value)
    paths = [path for path in (os.environ.get("PYTHONPATH"), root) if path]
    with patch.dict(os.environ, environment | {"PYTHONPATH": os.pathsep.join(paths)}):
        try:
            session = builder.getOrCreate()
        except Exception as error:  # noqa: BLE001 - whatever keeps Java from starting
            without("Apache Spark", f"{error} {_REMEDY}")
        yield session
        session.stop()
