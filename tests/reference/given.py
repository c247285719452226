"""Short words for hand-written cases: one action, and one score of March 2024."""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, Literal, TypedDict

from tests.reference.cases import ReferenceLimit
from tests.reference.scorer import By, reference_scores

Event = dict[str, Any]

# March 2024: the 1st is a Friday; weekends are 2-3, 9-10, 16-17, 23-24, 30-31.
LIMITS: Mapping[str, ReferenceLimit] = {
    "W5": ReferenceLimit(5, "working", frozenset({"hearing"}), "administration"),
    "C10": ReferenceLimit(10, "calendar", frozenset({"hearing"}), "enforcement"),
    "FREE": ReferenceLimit(None, process="management"),
}


class Period(TypedDict):
    """The two days that `scored` takes, both inclusive."""

    from_day: str
    to_day: str


APRIL: Period = {"from_day": "2024-04-01", "to_day": "2024-04-30"}


def act(
    action_type: str,
    subject: str,
    time: str,
    *,
    identity: str | None = None,
    source: str = "/a",
    sequence: str | None = None,
    **data: Any,
) -> Event:
    """One action; a `time` like "03-05" is nine o'clock of that day of 2024 in Shanghai, "03-05T14:00"
    another hour.
    """
    if len(time) == 5:
        time += "T09:00"
    if len(time) == 11:
        time = f"2024-{time}:00+08:00"
    event: Event = {
        "specversion": "1.0",
        "id": identity or f"{action_type} {subject} {time}",
        "source": source,
        "type": action_type,
        "subject": subject,
        "time": time,
        "data": data,
    }
    if sequence is not None:
        event["sequence"] = sequence
    return event


def of(event: Event) -> dict[str, str]:
    """The `of` that means this action."""
    return {"source": event["source"], "id": event["id"]}


def corrected(event: Event, time: str, /, **changes: Any) -> Event:
    """A correction of this action."""
    return act(
        "record.corrected",
        "any",
        time,
        identity=f"correction {event['id']} {time}",
        of=of(event),
        changes=changes,
        reason="typing error",
        recorded_by="clerk",
    )


def voided(event: Event, time: str = "06-01") -> Event:
    """A void of this action."""
    return act(
        "record.voided",
        "any",
        time,
        identity=f"void {event['id']}",
        of=of(event),
        reason="sent twice",
        recorded_by="clerk",
    )


def scored(
    events: Sequence[Event],
    indicator: str,
    *,
    by: By = "all",
    subject: str = "all",
    from_day: str = "2024-03-01",
    to_day: str = "2024-03-31",
    zone: str = "Asia/Shanghai",
    due_precision: Literal["day", "instant"] = "day",
) -> tuple[Fraction | float, Fraction | float]:
    """(numerator, denominator) of one subject, by default of the whole in March 2024; (0, 0) where nothing
    counts.
    """
    scores = reference_scores(
        events,
        from_day=date.fromisoformat(from_day),
        to_day=date.fromisoformat(to_day),
        by=by,
        zone=zone,
        due_precision=due_precision,
        limits=LIMITS,
        working_day=lambda day: day.weekday() < 5,
    )
    return scores.get(subject, {}).get(indicator, (Fraction(0), Fraction(0)))
