"""One valid CloudEvent of each kind, made from a seed: who, when and about what, crowded so that rules
collide.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from tests.reference.cases import ReferenceLimit

Event = dict[str, Any]

FIRST_DAY = date(2024, 1, 29)  # Seven weeks with the Spring Festival and its make-up Sundays, 4 and 18 February.
DAYS = 50
HOT_DAYS = (3, 4, 9, 18, 24, 31, 32)
CLOCKS = ("00:00:00", "23:59:59.999999", "09:00:00", "09:00:00", "15:30:00", "16:00:00", "07:59:59.5")
OFFSETS = ("+08:00", "+08:00", "+08:00", "Z", "-05:00", "+05:30", "+14:00")
SOURCES = ("/gx/licensing", "/gx/cases", "/hall")
ID_PREFIXES = ("", "", "a", "B", "\uff21", "\U00010400")
SEQUENCES = ("0", "1", "2", "10", "007", "18446744073709551616")
STAFF = ("s1", "s2", "s3", "s4")
UNITS = ("u1", "u2", "u3", "u4", "u5")

STEPS = ("checked", "review")
LICENCE_STEPS = (
    *(("licensing.received", True), ("review", True), ("checked", False)),
    *(("licensing.granted", True), ("licensing.delivered", True)),
)
PENALTY_STEPS = (
    ("checked", True),
    ("enforcement.penalised", False),
    ("enforcement.closed", True),
    ("review", True),
)
LIMITS: Mapping[str, ReferenceLimit] = {
    "L-W5": ReferenceLimit(
        *(5, "working", frozenset({"hearing", "test"}), "administration"),
        deemed=(2, "working"),
        extension=(3, 2),
        supervision=(1, 3, "working"),
        steps=LICENCE_STEPS,
    ),
    "L-C10": ReferenceLimit(
        *(10, "calendar", frozenset({"test"}), "administration"),
        deemed=(6, "calendar"),
        extension=(4, 1),
        supervision=(2, 1, "calendar"),
        valid_to=FIRST_DAY + timedelta(days=18),
        others=(
            ReferenceLimit(
                *(3, "working", frozenset({"hearing"}), "administration"),
                steps=(("review", True),),
                valid_from=FIRST_DAY + timedelta(days=20),
            ),
        ),
    ),
    "E-C15": ReferenceLimit(
        *(15, "calendar", frozenset({"hearing"}), "enforcement"),
        supervision=(3, 2, "working"),
        steps=PENALTY_STEPS,
    ),
    "E-W3": ReferenceLimit(
        *(3, "working", frozenset({"test"}), "enforcement"),
        extension=(2, 3),
        steps=(("enforcement.opened", True),),
    ),
    "M-NONE": ReferenceLimit(None, process="management", steps=(("licensing.accepted", True),)),
}
PROCEDURES = (*LIMITS, "not-in-the-register")
REASONS = ("hearing", "test", "holiday")

CASE_TYPES: Mapping[str, tuple[str, ...]] = {
    "licensing": (
        *("received",) * 4,
        *("accepted",) * 3,
        *("granted",) * 4,
        *("refused",) * 2,
        *("suspended",) * 3,
        *("resumed",) * 2,
        *("extended",) * 2,
        *("correction-requested",) * 2,
        *("step-done",) * 2,
        *("corrected", "withdrawn", "delivered"),
    ),
    "enforcement": (
        *("opened",) * 5,
        *("penalised",) * 3,
        *("closed",) * 3,
        *("dismissed",) * 2,
        *("suspended",) * 3,
        *("resumed",) * 2,
        *("extended",) * 2,
        *("step-done",) * 2,
        *("inspected", "evidence-preserved", "hearing-held", "transferred"),
    ),
    "inspection": ("planned", "performed"),
    "complaint": ("received", "accepted", "mediated", "verified", "answered"),
}
CASE_FAMILIES = (
    "licensing",
    "enforcement",
    "licensing",
    "enforcement",
    "licensing",
    "inspection",
    "complaint",
)
PLAIN_TYPES = (
    "quality.audit-held",
    "quality.finding-raised",
    "quality.correction-planned",
    "quality.correction-completed",
    "quality.correction-verified",
    "quality.review-held",
    "quality.document-approved",
    "training.completed",
)


@dataclass(frozen=True)
class Draft:
    """What decides one action: its kind, about which case or target, on which day; the rest comes from
    `seed`.
    """

    kind: str
    about: int
    day: int
    seed: int


def envelope(number: int, draft: Draft, random: Random) -> Event:
    """All of an action but what its kind adds."""
    event: Event = {
        "specversion": "1.0",
        "id": f"{random.choice(ID_PREFIXES)}{number}",
        "source": random.choice(SOURCES),
        "time": instant_text(draft.day, random),
        "data": {},
    }
    if random.random() < 0.3:
        event["sequence"] = random.choice(SEQUENCES)
    if random.random() < 0.05:
        event["datacontenttype"] = "application/json"
    return event


def instant_text(day: int, random: Random) -> str:
    """An instant on that day of the window as some clock of the world shows it, often equal to others."""
    return f"{day_text(day)}T{random.choice(CLOCKS)}{random.choice(OFFSETS)}"


def day_text(day: int) -> str:
    """The day of the window as YYYY-MM-DD."""
    return (FIRST_DAY + timedelta(days=day)).isoformat()


def some_day(random: Random) -> int:
    """A day of the window or shortly after."""
    return random.choice(HOT_DAYS) if random.random() < 0.6 else random.randrange(DAYS + 10)


def due_text(random: Random) -> str:
    """A date, or now and then a date-time."""
    return day_text(some_day(random)) if random.random() < 0.65 else instant_text(some_day(random), random)


def participants(random: Random) -> list[dict[str, Any]]:
    """Shares that are valid: the owner may be among them, one person may come twice, the sum may be exactly
    1.
    """
    choices: tuple[tuple[float, ...], ...] = (
        *((0.25,), (1,), (1.0,), (0.5, 0.5), (0.333333, 0.333333)),
        *((0.1, 0.2, 0.7), (1e-6,), (0.3,), (0.6, 0.4)),
    )
    shares = random.choice(choices)
    return [{"staff": random.choice(STAFF), "share": share} for share in shares]


def add_who(data: dict[str, Any], random: Random, likely: float = 0.55) -> None:
    """Owner (with participants), unit and procedure: any of them may be missing."""
    if random.random() < likely:
        data["owner"] = random.choice(STAFF)
        if random.random() < 0.35:
            data["participants"] = participants(random)
    if random.random() < likely:
        data["unit"] = random.choice(UNITS)
    if random.random() < likely:
        data["procedure"] = random.choice(PROCEDURES)


def add_asides(data: dict[str, Any], random: Random) -> None:
    """Fields that must not touch any score."""
    if random.random() < 0.15:
        data["actor"] = random.choice(STAFF)
    if random.random() < 0.1:
        data["note"] = random.choice(["called back", "来电咨询", ""])
    if random.random() < 0.1:
        data["colour"] = random.choice([1, 1.5, None, ["x"], {"owner": "s1"}])


def add_everys(data: dict[str, Any], random: Random) -> None:
    """What makes an action complete beside its owner; an empty list names nothing."""
    if random.random() < 0.2:
        data["evidence"] = random.choice([[], [{"ref": "scan/1"}], [{"ref": "scan/1"}, {"ref": "scan/2"}]])
    if random.random() < 0.2:
        data["basis"] = random.choice([[], ["Art. 42"], ["Art. 42", "Art. 45"]])
    if random.random() < 0.2:
        data["supervisor"] = random.choice(STAFF)
    if random.random() < 0.2:
        data["outcome"] = random.choice(["pass", "fail"])


def case_number(about: int) -> str:
    """One number belongs to one family."""
    return f"{CASE_FAMILIES[about % len(CASE_FAMILIES)]}-{about}"


def make_case(event: Event, draft: Draft, random: Random, _: list[Event]) -> None:
    """An action of a case."""
    family = CASE_FAMILIES[draft.about % len(CASE_FAMILIES)]
    event["type"] = f"{family}.{random.choice(CASE_TYPES[family])}"
    event["subject"] = case_number(draft.about)
    data = event["data"]
    add_who(data, random)
    add_asides(data, random)
    add_everys(data, random)
    if random.random() < 0.12:
        data["due"] = due_text(random)
    if event["type"].endswith("suspended") and random.random() < 0.9:
        data["reason"] = random.choice(REASONS)
    if event["type"].endswith("step-done"):
        data["step"] = random.choice(STEPS)
    if event["type"] == "inspection.performed":
        data["outcome"] = random.choice(["pass", "fail"])


def make_plan(event: Event, draft: Draft, random: Random, _: list[Event]) -> None:
    """A target set, set again, completed or cancelled."""
    event["type"] = f"plan.target-{random.choice(['set', 'set', 'set', 'completed', 'completed', 'cancelled'])}"
    event["subject"] = f"T-{draft.about % 4 if draft.about < 7 else draft.about}"
    add_who(event["data"], random, likely=0.7)
    if event["type"] == "plan.target-set":
        event["data"]["due"] = due_text(random)
    if event["type"] == "plan.target-cancelled" and random.random() < 0.7:
        event["data"]["reason"] = "merged"


def make_rating(event: Event, draft: Draft, random: Random, events: list[Event]) -> None:
    """A citizen's rating, often without owner or unit."""
    event["type"] = "service.rated"
    speak_of_case(event, draft, random, events)
    event["data"]["rating"] = random.randint(1, 5)
    add_who(event["data"], random, likely=0.4)
    add_asides(event["data"], random)


def make_error_found(event: Event, draft: Draft, random: Random, events: list[Event]) -> None:
    """An error in service; its owner is not the decider."""
    event["type"] = "service.error-found"
    speak_of_case(event, draft, random, events)
    add_who(event["data"], random, likely=0.3)
    if random.random() < 0.5:
        event["data"]["severity"] = random.choice(["minor", "major", "critical"])


def speak_of_case(event: Event, draft: Draft, random: Random, events: list[Event]) -> None:
    """Mostly by subject; now and then by `of` an action of a case, whatever the subject."""
    event["subject"] = case_number(draft.about)
    if random.random() < 0.08:
        event["data"]["of"] = meaning(random, [other for other in events if is_of_a_case(other)])


def is_of_a_case(event: Event) -> bool:
    """An action of a case's own."""
    return str(event["type"]).split(".")[0] in CASE_TYPES


def meaning(random: Random, candidates: list[Event]) -> dict[str, str]:
    """`of` one of these, or of an action that nobody ever sent."""
    if not candidates or random.random() < 0.03:
        return {"source": random.choice(SOURCES), "id": "never-sent"}
    meant = random.choice(candidates)
    return {"source": meant["source"], "id": meant["id"]}


def make_error_cleared(event: Event, draft: Draft, random: Random, events: list[Event]) -> None:
    """Clears an error, or means something that is none."""
    event["type"] = "service.error-cleared"
    event["subject"] = case_number(draft.about)
    errors = [other for other in events if other["type"] == "service.error-found"]
    event["data"]["of"] = meaning(random, errors if random.random() < 0.9 else events)


DECISIONS = ("licensing.granted", "licensing.refused", "enforcement.penalised", "enforcement.dismissed")
OUTCOMES = (
    *("upheld", "revoked", "partly-revoked", "altered", "found-illegal", "ordered-to-perform"),
    *("found-void", "rejected"),
)


def make_review(event: Event, draft: Draft, random: Random, events: list[Event]) -> None:
    """A reconsideration or a court case, about a decision or about a case."""
    event["type"] = "review.decided" if random.random() < 0.9 else "review.applied"
    event["subject"] = case_number(draft.about)
    data = event["data"]
    decisions = [other for other in events if other["type"] in DECISIONS]
    if random.random() < 0.5:
        data["of"] = {"case": case_number(draft.about)}
    else:
        data["of"] = meaning(random, decisions if random.random() < 0.85 else events)
    if event["type"] == "review.decided":
        data["outcome"] = random.choice(OUTCOMES)
    data["forum"] = random.choice(["reconsideration", "court"])
    add_who(data, random, likely=0.2)


def make_unit(event: Event, _: Draft, random: Random, __: list[Event]) -> None:
    """A change of the tree; circles happen."""
    kind = random.choice(["opened", "opened", "moved", "moved", "moved", "renamed", "closed"])
    event["type"] = f"unit.{kind}"
    event["subject"] = random.choice(UNITS)
    if kind == "moved" or (kind == "opened" and random.random() < 0.7):
        event["data"]["parent"] = random.choice((*UNITS, "head"))
    if kind == "renamed":
        event["data"]["title"] = "Bureau"


def make_staff(event: Event, _: Draft, random: Random, __: list[Event]) -> None:
    """A post taken or left; it never moves what was done."""
    event["type"] = f"staff.{random.choice(['joined', 'assigned', 'left'])}"
    event["subject"] = random.choice(STAFF)
    event["data"].update({"unit": random.choice(UNITS), "post": "inspector"})


def make_plain(event: Event, draft: Draft, random: Random, _: list[Event]) -> None:
    """An action that no core indicator counts."""
    event["type"] = random.choice(PLAIN_TYPES)
    event["subject"] = case_number(draft.about)
    add_who(event["data"], random)


def make_corrected(event: Event, draft: Draft, random: Random, events: list[Event]) -> None:
    """A correction, valid or not."""
    event["type"] = "record.corrected"
    event["subject"] = case_number(draft.about)
    correctable = [other for other in events if not str(other["type"]).startswith(("record.", "review."))]
    event["data"] = {
        "of": meaning(random, correctable if random.random() < 0.9 else events),
        "changes": dict(some_change(random) for _ in range(random.choice([0, 1, 1, 1, 2, 3]))),
        "reason": "typing error",
        "recorded_by": random.choice(STAFF),
    }


def some_change(random: Random) -> tuple[str, Any]:
    """One field and its new value; about one in six makes the result invalid."""
    changes: list[tuple[str, Any]] = [
        *[("time", instant_text(some_day(random), random))] * 4,
        *[("owner", random.choice(STAFF)), ("owner", random.choice(STAFF)), ("owner", None)],
        *[("unit", random.choice(UNITS)), ("unit", random.choice(UNITS)), ("unit", None)],
        *[("procedure", random.choice(PROCEDURES)), ("procedure", None)],
        *[("due", due_text(random)), ("due", due_text(random)), ("due", None)],
        *[("rating", random.randint(1, 5)), ("rating", random.randint(1, 5)), ("rating", None)],
        *[("participants", participants(random)), ("participants", None)],
        *[("reason", random.choice(REASONS)), ("reason", None)],
        *[("parent", random.choice(UNITS)), ("note", "see file"), ("colour", 3)],
        random.choice([("step", random.choice(STEPS)), ("step", None), ("basis", []), ("basis", ["Art. 5"])]),
        random.choice([("evidence", None), ("supervisor", "s1"), ("outcome", None), ("outcome", "pass")]),
        random.choice(
            [
                ("time", None),
                ("time", "2024-02-30T09:00:00+08:00"),
                ("time", "2024-02-20 09:00:00+08:00"),
                ("due", "2024-02-30"),
                ("due", "soon"),
                ("rating", 6),
                ("rating", True),
                ("rating", "5"),
                ("owner", 7),
                ("participants", [{"staff": "s1", "share": 0.6}, {"staff": "s2", "share": 0.5}]),
                ("participants", [{"staff": "s1", "share": 0.1234567}]),
                ("participants", [{"staff": "s1", "share": 0}]),
                ("of", {"source": "/hall", "id": "1"}),
                ("type", "licensing.refused"),
            ]
        ),
        ("owner", random.choice(STAFF)),
    ]
    return random.choice(changes)


def make_voided(event: Event, draft: Draft, random: Random, events: list[Event]) -> None:
    """A void, also of a correction, a review or (without effect) a void."""
    event["type"] = "record.voided"
    event["subject"] = case_number(draft.about)
    records = [other for other in events if str(other["type"]).startswith(("record.", "review."))]
    event["data"] = {
        "of": meaning(random, records if records and random.random() < 0.4 else events),
        "reason": "sent twice",
        "recorded_by": random.choice(STAFF),
    }


def repeated(event: Event, random: Random) -> Event:
    """The same action once more, written otherwise: a duplicate."""
    if random.random() < 0.5:
        event["data"] = dict(reversed(event["data"].items()))
    for participant in event["data"].get("participants", []):
        participant["share"] = float(participant["share"])
    fraction = re.fullmatch(r"(.*\.)([0-9]+)(.*)", event["time"])
    if fraction is not None:
        event["time"] = f"{fraction[1]}{fraction[2].ljust(6, '0')}9{fraction[3]}"
    elif event["time"].endswith("Z"):
        event["time"] = event["time"].removesuffix("Z") + "+00:00"
    return event


def conflicting(event: Event, random: Random) -> Event:
    """The same (source, id) with other content."""
    if random.random() < 0.3:
        event["time"] = instant_text(some_day(random), random)
    event["data"]["note"] = "another content"
    if "rating" in event["data"]:
        event["data"]["rating"] = 6 - event["data"]["rating"]
    if "owner" in event["data"]:
        event["data"]["owner"] = random.choice(STAFF)
    return event


MAKERS: Mapping[str, Callable[[Event, Draft, Random, list[Event]], None]] = {
    "case": make_case,
    "plan": make_plan,
    "rating": make_rating,
    "error-found": make_error_found,
    "error-cleared": make_error_cleared,
    "review": make_review,
    "unit": make_unit,
    "staff": make_staff,
    "plain": make_plain,
    "corrected": make_corrected,
    "voided": make_voided,
}
