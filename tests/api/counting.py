"""Counts the six indicators of one unit by plain loops, as far as the simulation goes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from tests.reference.cases import ReferenceLimit

Event = dict[str, Any]
CHINA = timezone(timedelta(hours=8))
DECISIONS = ("licensing.granted", "licensing.refused", "enforcement.penalised", "enforcement.dismissed")
ADVERSE = ("revoked", "partly-revoked", "altered", "found-illegal", "found-void")


def count_unit(
    events: Sequence[Event],
    unit: str,
    year: int,
    limits: Mapping[str, ReferenceLimit],
    working_day: Callable[[date], bool],
) -> dict[str, tuple[int, int]]:
    """Indicator -> (numerator, denominator) of one calendar year. Units are told by their codes, so a unit whose
    branches were moved is counted as it was opened.
    """
    first, last = date(year, 1, 1), date(year, 12, 31)
    offices = [event["data"].get("unit", "") for event in events]
    own = {e["subject"] for e, at in zip(events, offices, strict=True) if at == unit or at.startswith(f"{unit}-")}
    actions = sorted(effective([event for event in events if event["subject"] in own]), key=order)
    by_subject: dict[str, list[Event]] = {}
    for action in actions:
        by_subject.setdefault(action["subject"], []).append(action)
    cleared = {key(action["data"]["of"]) for action in actions if action["type"] == "service.error-cleared"}
    counts = {code: [0, 0] for code in ("plan", "satisfaction", "timeliness", "error", "closure", "revocation")}

    def count(code: str, met: bool) -> None:
        counts[code][0] += met
        counts[code][1] += 1

    for case in by_subject.values():
        kinds = {action["type"]: action for action in reversed(case)}  # the first of each type
        decision = next((a for a in case if a["type"] in DECISIONS[:2]), None)
        if "plan.target-set" in kinds:
            due = date.fromisoformat([a for a in case if a["type"] == "plan.target-set"][-1]["data"]["due"])
            done, cancelled = kinds.get("plan.target-completed"), kinds.get("plan.target-cancelled")
            if first <= due <= last and not (cancelled and day(cancelled) <= due):
                count("plan", bool(done and day(done) <= due))
        if "service.rated" in kinds and first <= day(kinds["service.rated"]) <= last:
            count("satisfaction", kinds["service.rated"]["data"]["rating"] >= 4)
        if decision and first <= day(decision) <= last:
            limit = limit_of(case[: case.index(decision) + 1], limits, working_day)
            count("timeliness", limit is not None and day(decision) <= limit)
            count("error", any(a["type"] == "service.error-found" and key(a) not in cleared for a in case))
        elif "licensing.received" in kinds and not (decision and day(decision) < first):
            known = [action for action in case if day(action) <= last]
            limit = limit_of(known, limits, working_day) if known else None
            if limit and limit <= last and not any(a["type"] == "licensing.withdrawn" for a in known):
                count("timeliness", False)
        if "enforcement.opened" in kinds:
            ends = ("enforcement.closed", "enforcement.dismissed", "enforcement.transferred")
            end = next((a for a in case if a["type"] in ends), None)
            if end and first <= day(end) <= last:
                count("closure", True)
            elif not end or day(end) > last:
                limit = limit_of([a for a in case if day(a) <= last], limits, working_day)
                if limit and limit <= last:
                    count("closure", False)
        reviews = [a["data"] for a in case if a["type"] == "review.decided" and a["data"]["outcome"] in ADVERSE]
        for action in case:
            if action["type"] in DECISIONS and first <= day(action) <= last:
                adverse = any("case" in r["of"] or key(r["of"]) == key(action) for r in reviews)
                count("revocation", adverse)
    names = ("plan-completion", "satisfaction", "timeliness", "error-rate", "closure", "revocation")
    return {name: (met, all_) for name, (met, all_) in zip(names, counts.values(), strict=True)}


def limit_of(
    case: Sequence[Event], limits: Mapping[str, ReferenceLimit], working_day: Callable[[date], bool]
) -> date | None:
    """The due stated last, else the procedure's limit counted day by day; None without a start."""
    case = [action for action in case if action["type"].startswith(("licensing.", "enforcement."))]
    stated = [action["data"]["due"] for action in case if "due" in action["data"]]
    if stated:
        return date.fromisoformat(stated[-1][:10])
    kinds = {action["type"].split(".")[1]: action for action in reversed(case)}
    start = kinds.get("accepted") or kinds.get("received") or kinds.get("opened")
    if start is None:
        return None
    rule = limits[[a["data"]["procedure"] for a in case if "procedure" in a["data"]][-1]]
    assert rule.days is not None
    stopped, resumed = kinds.get("suspended"), kinds.get("resumed")
    at, left = day(start), rule.days
    while left:
        at += timedelta(days=1)
        if at.year > day(start).year + 1:
            return None
        if stopped and day(stopped) < at and (resumed is None or at <= day(resumed)):
            continue
        left -= rule.kind == "calendar" or working_day(at)
    return at


def effective(events: Sequence[Event]) -> list[Event]:
    """Corrections applied in order, voided actions left out."""
    facts = {key(event): {**event, "data": dict(event["data"])} for event in events}
    for event in sorted(events, key=order):
        if event["type"] == "record.corrected":
            meant = facts[key(event["data"]["of"])]
            for name, value in event["data"]["changes"].items():
                if name == "time":
                    meant["time"] = value
                elif value is None:
                    meant["data"].pop(name, None)
                else:
                    meant["data"][name] = value
    for event in events:
        if event["type"] == "record.voided":
            facts.pop(key(event["data"]["of"]), None)
    return list(facts.values())


def key(named: Mapping[str, Any]) -> tuple[str, str]:
    """What identifies an action."""
    return named["source"], named["id"]


def order(event: Event) -> tuple[datetime, int, str, str]:
    """The order of CONTRACT.md; the simulation writes no sequence of two digits."""
    return instant(event), int(event.get("sequence", "0")), event["source"], event["id"]


def day(event: Event) -> date:
    """The day in the office's zone."""
    return instant(event).astimezone(CHINA).date()


def instant(event: Event) -> datetime:
    """The moment of an action."""
    return datetime.fromisoformat(event["time"]).astimezone(UTC)
