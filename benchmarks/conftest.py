"""What pytest is told when it runs the benchmarks."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Pass over what kafka-python 3.0.12 does in a way that Python 3.11 calls old."""
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")
