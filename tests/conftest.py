"""Fixtures for all tests: each is made in tests/support, and named here so that pytest finds it."""

from typing import Any

import pytest
from hypothesis import settings

from tests.support.kafka import kafka_server, kafka_topic
from tests.support.missing import report_missing
from tests.support.postgres import postgres_server, postgres_url

__all__ = ["kafka_server", "kafka_topic", "postgres_server", "postgres_url"]

settings.register_profile("campaign", max_examples=10_000)


def pytest_configure(config: pytest.Config) -> None:
    # kafka-python 3.0.12 reads its own files in a way that Python 3.11 calls old, and later ones no longer do.
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    report_missing(terminalreporter)
