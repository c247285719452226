"""The real licensing log through the shipped mapping, counted by hand."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from consumers.files import open_files
from consumers.mapping import load_mapping
from consumers.mapping_run import MappingReport
from tests.support.ledgers import NOW

LOG = Path(__file__).parents[1] / "data" / "receipt_wabo" / "receipt.xes.gz"
ZONE = ZoneInfo("Europe/Amsterdam")


@lru_cache(maxsize=1)
def mapped() -> tuple[list[dict[str, Any]], MappingReport]:
    (file,) = open_files([str(LOG)], mapping=load_mapping("receipt_wabo"), clock=lambda: NOW)
    arrivals = list(file)
    assert all(arrival.refusal is None for arrival in arrivals)
    assert file.report is not None
    return [json.loads(arrival.received) for arrival in arrivals], file.report


def day(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(ZONE).date().isoformat()


def timeliness(start: str, end: str, owner: str | None = None) -> str:
    """Decided in time over decided, or received and overdue at the end; straight from the actions."""
    cases: dict[str, dict[str, str]] = defaultdict(dict)
    for event in mapped()[0]:
        case = cases[event["subject"]]
        case["owner"] = event["data"]["owner"]
        if event["type"] == "licensing.received":
            case |= {"received": day(event["time"]), "due": event["data"]["due"]}
        elif event["type"] == "licensing.granted":
            case["decided"] = day(event["time"])
    met = counted = 0
    for case in cases.values():
        decided = case.get("decided", "9999")
        if owner is not None and case["owner"] != owner:
            continue
        if start <= decided <= end:
            counted += 1
            met += decided <= case["due"]
        elif case["received"] <= end < decided and case["due"] <= end:
            counted += 1
    return f"{met}/{counted}"


@pytest.mark.parametrize(
    ("start", "end", "owner", "figure"),
    [
        ("2010-10-01", "2012-01-23", None, "1020/1368"),
        ("2011-01-01", "2011-12-31", None, "886/1210"),
        ("2010-10-01", "2012-01-23", "Resource11", "316/336"),
        ("2010-10-01", "2012-01-23", "Resource02", "76/106"),
        ("2010-10-01", "2012-01-23", "Resource09", "17/52"),
    ],
)
def test_published_log_gives_the_known_figures(start: str, end: str, owner: str | None, figure: str) -> None:
    assert timeliness(start, end, owner) == figure


def test_everything_in_the_log_is_accounted_for() -> None:
    _, report = mapped()
    assert (report.cases, report.events) == (1434, 8577)
    assert report.made == {"licensing.received": 1434, "licensing.granted": 1329, "licensing.step-done": 8577}
    assert report.without_time == {"decided": 105}
    assert report.not_read == {
        "org:group": 8577,
        "lifecycle:transition": 8577,
        "case:channel": 1434,
        "case:enddate_planned": 1434,
        "case:group": 609,
    }


def test_ids_are_the_same_at_each_reading_and_all_different() -> None:
    events, _ = mapped()
    assert len({event["id"] for event in events}) == len(events)
    mapped.cache_clear()
    assert mapped()[0] == events
