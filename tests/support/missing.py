"""Tests that need a real server: skip them loudly where it cannot be had, fail them in continuous integration."""

from __future__ import annotations

import os
from typing import Any, NoReturn

import pytest

_MARK = "No real server:"
_MARKS = (_MARK, "SKIPPED FOR WANT OF")


def without(server: str, remedy: str) -> NoReturn:
    """End the test because `server` cannot be had; `remedy` says what to install. A failure where CI is set."""
    reason = f"{_MARK} {server}. {remedy}"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def report_missing(terminal: Any) -> None:
    """Say once for each server, at the end of the run, how many tests were not run and what to install."""
    skipped: dict[str, int] = {}
    for report in terminal.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        for mark in _MARKS:
            if mark in reason:
                text = reason[reason.index(mark) :]
                skipped[text] = skipped.get(text, 0) + 1
    for text, number in sorted(skipped.items()):
        terminal.write_line(f"{number} TESTS NOT RUN. {text}", red=True, bold=True)
