"""What an explanation says of the limit by which a case was judged."""

from __future__ import annotations

from pathlib import Path

from tests.reference.given import act
from tests.support.command_line import CommandLine
from tests.support.product import product, record


def test_a_clock_that_stands_still_is_told_apart_from_a_case_without_a_limit(tmp_path: Path) -> None:
    # Given cases decided, closed and open while their clocks stood still, and two that nothing limits
    kaoji = CommandLine(tmp_path / "kaoji.db")
    licence = {"procedure": "food-production-licence", "owner": "s1"}
    penalty = {"procedure": "penalty-ordinary", "owner": "s1"}
    with product(tmp_path) as store:
        record(
            store,
            [
                act("licensing.received", "L1", "03-04", **licence),
                act("licensing.suspended", "L1", "03-11", reason="test"),
                act("licensing.granted", "L1", "03-12"),
                act("licensing.received", "L2", "03-04", owner="s1"),
                act("licensing.granted", "L2", "03-12"),
                act("enforcement.opened", "N1", "03-04", **penalty),
                act("enforcement.suspended", "N1", "03-11", reason="test"),
                act("enforcement.closed", "N1", "03-12"),
                act("enforcement.opened", "N2", "03-04", owner="s1"),
                act("enforcement.closed", "N2", "03-12"),
            ],
        )
    asked = ("explain", "s1", "--policy", "market-supervision-2024", "--from", "2024-03-01", "--to", "2024-03-31")

    # When, then
    def whys(indicator: str, language: str) -> list[str]:
        answer = kaoji(*asked, "--indicator", indicator, "--format", "json", "--lang", language).json
        return [each["why"] for each in answer["indicators"][0]["counted"]]

    assert whys("timeliness", "en") == [
        "decided 2024-03-12, while the clock stood still",
        "decided 2024-03-12, no limit stated",
    ]
    assert whys("closed-in-time", "en") == [
        "closed 2024-03-12, while the clock stood still",
        "closed 2024-03-12, no limit stated",
    ]
    assert whys("timeliness", "zh")[0] == "2024-03-12办结，其时期限停止计算"
