"""Fixtures for all tests: each is made in tests/support, and named here so that pytest finds it."""

import signal
from typing import Any

import pytest
from hypothesis import settings

from api.watching.logs import tear_down_logs
from tests.support.kafka import kafka_server, kafka_topic
from tests.support.missing import report_missing
from tests.support.postgres import postgres_server, postgres_url

__all__ = ["kafka_server", "kafka_topic", "postgres_server", "postgres_url"]

settings.register_profile("campaign", max_examples=10_000)


@pytest.fixture(autouse=True)
def _logs_as_python_has_them() -> None:
    """A command that ran before in this process has set up its own, and a test may ask what is logged."""
    tear_down_logs()


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As a shell starts what it does not wait for. Commands that a test interrupts would be deaf to it, too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # kafka-python 3.0.12 reads its own files in a way that Python 3.11 calls old, and later ones no longer do.
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    report_missing(terminalreporter)
