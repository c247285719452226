"""From events as they arrived to effective facts: duplicates, order, corrections, voids; in plain Python."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

Key = tuple[str, str]

DAY_MICROSECONDS = 24 * 60 * 60 * 1_000_000

REQUIRED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "service.rated": ("rating",),
    "service.error-cleared": ("of",),
    "review.decided": ("of", "outcome"),
    "plan.target-set": ("due",),
    "unit.moved": ("parent",),
    "record.corrected": ("of", "changes", "reason", "recorded_by"),
    "record.voided": ("of", "reason", "recorded_by"),
}

TEXT_FIELDS = (
    "procedure",
    "step",
    "unit",
    "owner",
    "actor",
    "supervisor",
    "outcome",
    "target",
    "reason",
    "to_unit",
    "parent",
    "title",
    "post",
    "competence",
    "recorded_by",
    "note",
)

INSTANT_PATTERN = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:[0-9]{2})"
)
DATE_PATTERN = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


@dataclass(frozen=True)
class Fact:
    """One recorded action: what the CloudEvent says, with its instant in microseconds since 1970."""

    source: str
    id: str
    type: str
    subject: str
    time: str
    instant: int
    sequence: int | None
    data: dict[str, Any]
    event: dict[str, Any]

    @property
    def key(self) -> Key:
        """CONTRACT: "(`source`, `id`) identifies an action."."""
        return (self.source, self.id)

    @property
    def order(self) -> tuple[int, int, int, str, str]:
        """CONTRACT: "Order: the key (instant in whole microseconds; 0 if `sequence` is absent, else 1;
        ...)".
        """
        if self.sequence is None:
            return (self.instant, 0, 0, self.source, self.id)
        return (self.instant, 1, self.sequence, self.source, self.id)


def fact_of(event: Mapping[str, Any]) -> Fact:
    """One CloudEvent (a dict) as a fact. The event is one that the contract does not refuse."""
    instant = instant_of(event["time"])
    if instant is None:
        raise ValueError(f"no RFC 3339 time: {event['time']!r}")
    sequence = event.get("sequence")
    return Fact(
        source=event["source"],
        id=event["id"],
        type=event["type"],
        subject=event["subject"],
        time=event["time"],
        instant=instant,
        sequence=None if sequence is None else int(sequence),
        data=dict(event.get("data") or {}),
        event=dict(event),
    )


def first_recorded(events: Sequence[Mapping[str, Any]]) -> list[Fact]:
    """CONTRACT: "The same pair again with equal content is a duplicate: counted, ignored. ... (Of two
    conflicting records the first recorded wins.)".
    """
    recorded: dict[Key, Fact] = {}
    for event in events:
        fact = fact_of(event)
        if fact.key not in recorded:
            recorded[fact.key] = fact
    return list(recorded.values())


def verdicts(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """For each event in order of arrival: "recorded", "duplicate" or "conflict".

    CONTRACT: "(Equal: the same `type`, `subject`, instant, `sequence` and `data` as JSON values, not as
    bytes; 1 and 1.0 are equal.)".
    """
    recorded: dict[Key, Fact] = {}
    answers = []
    for event in events:
        fact = fact_of(event)
        first = recorded.get(fact.key)
        if first is None:
            recorded[fact.key] = fact
            answers.append("recorded")
        elif (
            (first.type, first.subject, first.instant, first.sequence)
            == (fact.type, fact.subject, fact.instant, fact.sequence)
        ) and same_json(first.data, fact.data):
            answers.append("duplicate")
        else:
            answers.append("conflict")
    return answers


def same_json(left: Any, right: Any) -> bool:
    """Equal as JSON values: 1 and 1.0 are equal, true and 1 are not."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same_json(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def effective_facts(events: Sequence[Mapping[str, Any]]) -> tuple[list[Fact], set[Key]]:
    """The facts that stand, corrected, in order of recording; and the keys of the `record.*` without
    effect.

    DOMAIN: "*Corrections* change fields of an action as if it had been sent so, the later one (same order)
    winning field by field; `null` removes a field. *Voided* actions are as if never sent."
    """
    recorded = first_recorded(events)
    voided, without_effect = voided_keys(recorded)
    standing = {fact.key: fact for fact in recorded if fact.key not in voided}
    corrections = [fact for fact in standing.values() if fact.type == "record.corrected"]
    for correction in sorted(corrections, key=lambda fact: fact.order):
        meant = standing.get(meant_key(correction))
        if meant is None:
            continue  # It waits for what it means, or what it means is as if never sent.
        result = corrected(meant, correction)
        if result is None:
            without_effect.add(correction.key)
        else:
            standing[meant.key] = result
    return [standing[fact.key] for fact in recorded if fact.key in standing], without_effect


def voided_keys(recorded: Sequence[Fact]) -> tuple[set[Key], set[Key]]:
    """CONTRACT: "voided every action but a void"; DOMAIN: without effect is "a void of a void"."""
    by_key = {fact.key: fact for fact in recorded}
    voided: set[Key] = set()
    without_effect: set[Key] = set()
    for fact in recorded:
        if fact.type == "record.voided":
            meant = by_key.get(meant_key(fact))
            if meant is not None and meant.type == "record.voided":
                without_effect.add(fact.key)
            elif meant is not None:
                voided.add(meant.key)
    return voided, without_effect


def meant_key(fact: Fact) -> Key:
    """The (`source`, `id`) that the `of` of an action names; a pair nobody has where it names none."""
    of = fact.data.get("of")
    if isinstance(of, dict) and "source" in of and "id" in of:
        return (of["source"], of["id"])
    return ("", "")


def corrected(meant: Fact, correction: Fact) -> Fact | None:
    """What `meant` is after one correction, or None where the correction is without effect.

    DOMAIN: "Recorded, but without effect, and reported as such: a correction whose result is invalid (then
    as a whole), or whose `time` is more than 24 h after its own, or that means a `record.*` or `review.*`;
    ...; a correction of `of` or `type`."
    """
    changes = correction.data["changes"]
    if meant.type.startswith(("record.", "review.")):
        return None
    if "of" in changes or "type" in changes:
        return None
    time = changes.get("time", meant.time)
    instant = instant_of(time)
    if instant is None:
        return None
    if "time" in changes and instant > correction.instant + DAY_MICROSECONDS:
        return None
    data = dict(meant.data)
    for name, value in changes.items():
        if name == "time":
            continue
        if value is None:
            data.pop(name, None)
        else:
            data[name] = value
    if not valid_data(meant.type, data):
        return None
    return replace(meant, time=time, instant=instant, data=data, event={**meant.event, "time": time, "data": data})


def valid_data(action_type: str, data: Mapping[str, Any]) -> bool:
    """CONTRACT: "What is given must be valid", and the required fields are there."""
    if any(name not in data for name in REQUIRED_FIELDS.get(action_type, ())):
        return False
    if has_null_character(data):
        return False
    checks: dict[str, Callable[[Any], bool]] = {
        "participants": lambda value: valid_participants(value) and "owner" in data,
        "basis": lambda value: isinstance(value, list) and all(isinstance(text, str) for text in value),
        "evidence": valid_evidence,
        "due": valid_due,
        "rating": lambda value: is_number(value) and value in (1, 2, 3, 4, 5),
        "severity": lambda value: value in ("minor", "major", "critical"),
        "forum": lambda value: value in ("reconsideration", "court"),
        "of": lambda value: valid_of(action_type, value),
        "changes": lambda value: isinstance(value, dict),
        **{name: lambda value: isinstance(value, str) for name in TEXT_FIELDS},
    }
    return all(check(data[name]) for name, check in checks.items() if name in data)


def has_null_character(value: Any) -> bool:
    """CONTRACT: "U+0000 anywhere is `bad-value`"."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(has_null_character(name) or has_null_character(part) for name, part in value.items())
    if isinstance(value, list):
        return any(has_null_character(part) for part in value)
    return False


def is_number(value: Any) -> bool:
    """A JSON number; CONTRACT: "nothing is coerced (`true` is no rating, ...)"."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def valid_participants(value: Any) -> bool:
    """CONTRACT: "[{`staff`, `share`}] (shares in (0, 1], at most six decimals, sum ≤ 1, the owner has the
    rest)".
    """
    if not isinstance(value, list):
        return False
    total = Decimal(0)
    for participant in value:
        if not isinstance(participant, dict) or not isinstance(participant.get("staff"), str):
            return False
        if not is_number(participant.get("share")):
            return False
        share = Decimal(str(participant["share"]))
        if not 0 < share <= 1 or share * 1_000_000 % 1 != 0:
            return False
        total += share
    return total <= 1


def valid_evidence(value: Any) -> bool:
    """CONTRACT: "`evidence` [{`ref`, `sha256`?}]"."""
    return isinstance(value, list) and all(
        isinstance(part, dict)
        and isinstance(part.get("ref"), str)
        and ("sha256" not in part or isinstance(part["sha256"], str))
        for part in value
    )


def valid_due(value: Any) -> bool:
    """CONTRACT: "`due` (date or date-time)", a date-time "with an offset by its pattern"."""
    return isinstance(value, str) and (date_of(value) is not None or instant_of(value) is not None)


def valid_of(action_type: str, value: Any) -> bool:
    """CONTRACT: "`of` ({`source`, `id`} of the action meant, or {`case`})", the latter "only for reviews"."""
    if not isinstance(value, dict):
        return False
    if "case" in value:
        return action_type.startswith("review.") and isinstance(value["case"], str)
    return isinstance(value.get("source"), str) and isinstance(value.get("id"), str)


def date_of(text: Any) -> date | None:
    """The date that a text `YYYY-MM-DD` writes, else None."""
    match = DATE_PATTERN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def instant_of(text: Any) -> int | None:
    """Microseconds since 1970-01-01T00:00Z, else None.

    CONTRACT: "RFC 3339 with an offset by its pattern (capital T and Z, no second 60, digits after the sixth
    cut)".
    """
    match = INSTANT_PATTERN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    day = date_of(text[:10])
    hour, minute, second = int(match[4]), int(match[5]), int(match[6])
    if day is None or hour > 23 or minute > 59 or second > 59:
        return None
    offset = 0
    if match[8] != "Z":
        offset_hour, offset_minute = int(match[8][1:3]), int(match[8][4:6])
        if offset_hour > 23 or offset_minute > 59:
            return None
        offset = (offset_hour * 60 + offset_minute) * 60 * (1 if match[8][0] == "+" else -1)
    days = day.toordinal() - date(1970, 1, 1).toordinal()
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset
    return seconds * 1_000_000 + int(((match[7] or "") + "000000")[:6])
