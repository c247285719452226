"""Made-up actions for the tests of the check: a plain event to vary, and Hypothesis strategies for valid ones."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from domain.actions.actions import Action, check_action
from domain.actions.data import FIELDS
from domain.actions.refusals import RefusedError
from domain.actions.types import ACTION_TYPES

HOUR = 3_600_000_000
NOW = 1_717_200_000_000_000  # 2024-06-01T00:00Z
OUTCOMES = [
    "upheld",
    "revoked",
    "partly-revoked",
    "altered",
    "found-illegal",
    "ordered-to-perform",
    "found-void",
    "rejected",
]
OF = {"source": "/gx/licensing", "id": "2024-1"}
REQUIRED: dict[str, dict[str, Any]] = {
    "service.rated": {"rating": 5},
    "service.error-cleared": {"of": OF},
    "review.decided": {"of": OF, "outcome": "upheld"},
    "plan.target-set": {"due": "2024-12-31"},
    "unit.moved": {"parent": "GX"},
    "record.corrected": {"of": OF, "changes": {"owner": "S2"}, "reason": "typing error", "recorded_by": "S9"},
    "record.voided": {"of": OF, "reason": "entered twice", "recorded_by": "S9"},
}


def event(type: str = "licensing.received", /, **attributes: Any) -> dict[str, Any]:
    """A valid event with the least that its type asks for; `...` leaves an attribute out."""
    plain = {
        "specversion": "1.0",
        "id": "2024-000317",
        "source": "/gx/licensing",
        "type": type,
        "subject": "GX-317",
        "time": "2024-03-29T10:15:00+08:00",
        "data": REQUIRED.get(type, {}),
    }
    return {name: value for name, value in (plain | attributes).items() if value is not ...}


def text(event: Any) -> bytes:
    """The event as JSON, compact."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def checked(event: Any) -> Action:
    """The event checked as a structured record."""
    return check_action(text(event), now=NOW)


def refusal(received: bytes) -> RefusedError:
    """Why a record is refused; fails where it is not."""
    try:
        action = check_action(received, now=NOW)
    except RefusedError as error:
        return error
    raise AssertionError(f"not refused: {action}")


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
free_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
days = st.dates().map(lambda day: day.isoformat())
digits = st.text("0123456789", min_size=1, max_size=9)
offsets = st.one_of(
    st.just("Z"), st.builds("{}{:02}:{:02}".format, st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59))
)
clock = st.builds("{:02}:{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
fractions = st.one_of(st.just(""), digits.map(".{}".format))
instants = st.builds("{}T{}{}{}".format, days, clock, fractions, offsets)
past_instants = instants.map(lambda instant: f"20{int(instant[2:4]) % 24:02}{instant[4:]}").filter(
    lambda instant: "-02-29" not in instant or int(instant[:4]) % 4 == 0
)
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        free_texts,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
unknown = st.dictionaries(
    texts.filter(lambda name: name not in FIELDS and name not in event() and name not in ("case", "staff")),
    json_values,
    max_size=2,
).filter(lambda extra: not extra.keys() & {"sequence", "datacontenttype", "dataschema", "data_base64"})


@st.composite
def participants(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to three who share at most the whole."""
    cuts = sorted(draw(st.lists(st.integers(1, 1_000_000), max_size=3, unique=True)))
    shares = [(upper - lower) / 1_000_000 for lower, upper in zip([0, *cuts], cuts, strict=False)]
    return [{"staff": draw(texts), "share": share} | draw(unknown) for share in shares]


of_action = st.fixed_dictionaries({"source": texts, "id": texts})
of_case = st.fixed_dictionaries({"case": texts})
fields: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(FIELDS, texts),
    "participants": participants(),
    "basis": st.lists(texts, max_size=2),
    "evidence": st.lists(
        st.fixed_dictionaries(
            {"ref": texts}, optional={"sha256": st.text("0123456789abcdefABCDEF", min_size=64, max_size=64)}
        ),
        max_size=2,
    ),
    "due": st.one_of(days, instants),
    "rating": st.one_of(st.integers(1, 5), st.integers(1, 5).map(float)),
    "severity": st.sampled_from(["minor", "major", "critical"]),
    "forum": st.sampled_from(["reconsideration", "court"]),
    "of": of_action,
    "changes": st.dictionaries(
        st.one_of(st.sampled_from([*FIELDS, "time", "type"]), texts), json_values, max_size=3
    ),
    "note": free_texts,
}


@st.composite
def valid_data(draw: st.DrawFn, type: str) -> dict[str, Any]:
    """Valid data for a type: what it requires, some more, and something unknown."""
    rules = dict(fields)
    if type.startswith("review."):
        rules["of"] = st.one_of(of_action, of_case)
    if type == "review.decided":
        rules["outcome"] = st.sampled_from(OUTCOMES)
    if type.startswith("inspection."):
        rules["outcome"] = st.sampled_from(["pass", "fail"])
    names = [*ACTION_TYPES[type].required, *draw(st.lists(st.sampled_from(list(rules)), max_size=5))]
    if "participants" in names:
        names.append("owner")
    return {name: draw(rules[name]) for name in dict.fromkeys(names)} | draw(unknown)


@st.composite
def valid_events(draw: st.DrawFn) -> dict[str, Any]:
    """A valid event of any type."""
    type = draw(st.sampled_from(list(ACTION_TYPES)))
    made: dict[str, Any] = {
        "specversion": "1.0",
        "id": draw(texts),
        "source": draw(texts),
        "type": type,
        "subject": draw(texts),
        "time": draw(past_instants),
        "data": draw(valid_data(type)),
    }
    if draw(st.booleans()):
        made["sequence"] = draw(st.one_of(st.none(), digits))
    if draw(st.booleans()):
        made["datacontenttype"] = "application/json"
    return made | draw(unknown)
