"""The fields of an action's `data`, one table for every type, and the pydantic validators built from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NotRequired, get_args

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    with_config,
)
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypedDict, get_type_hints

INSTANT_PATTERN: Final = (
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$"
)
DATE_PATTERN: Final = r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$"
_DAY_OR_INSTANT_PATTERN: Final = f"(?:{DATE_PATTERN})|(?:{INSTANT_PATTERN})"


def existing_day(due: str) -> str:
    """The text of a day or an instant, already of the right form, whose day the calendar has, or ValueError."""
    if len(due) == 10:
        date.fromisoformat(due)
    else:
        datetime.fromisoformat(due)
    return due


def _millionths(share: float) -> float:
    if round(share * 1e6) / 1e6 != share:
        raise ValueError("more than six decimals")
    return share


def _at_most_the_whole(participants: list[Participant]) -> list[Participant]:
    if sum(round(one["share"] * 1e6) for one in participants) > 1_000_000:
        raise ValueError("the shares add up to more than 1")
    return participants


def participants_fit(shares: Sequence[float]) -> bool:
    """Whether these shares of one case keep the rules for each and for their sum."""
    try:
        return all(0 < _millionths(share) <= 1 for share in shares) and (
            sum(round(share * 1e6) for share in shares) <= 1_000_000
        )
    except ValueError:
        return False


def _an_action(of: dict[str, str]) -> dict[str, str]:
    if "case" in of or "source" not in of or "id" not in of:
        raise ValueError("neither more nor less than source and id")
    return of


def _an_action_or_case(of: dict[str, str]) -> dict[str, str]:
    if ("case" in of) == ("source" in of or "id" in of) or ("source" in of) != ("id" in of):
        raise ValueError("either source and id, or case")
    return of


def said(rule: str, example: Any) -> Any:
    """What the reference page and the schemas say about a field."""
    return Field(description=rule, examples=[example])


class _WholeNumber:
    """A JSON integer: 5 and 5.0 are the same number, `true` and "5" are none; always read as int."""

    def __init__(self, *, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        bounded = core_schema.int_schema(ge=self.least, le=self.most, strict=True)
        written_with_point = core_schema.chain_schema(
            [
                core_schema.float_schema(ge=self.least, le=self.most, multiple_of=1, strict=True),
                core_schema.no_info_plain_validator_function(int),
            ]
        )
        return core_schema.union_schema([bounded, written_with_point], mode="left_to_right")

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


Text = Annotated[str, Field(min_length=1)]
Rating = Annotated[int, _WholeNumber(least=1, most=5)]
Share = Annotated[float, Field(gt=0, le=1), AfterValidator(_millionths)]
Due = Annotated[str, Field(pattern=_DAY_OR_INSTANT_PATTERN), AfterValidator(existing_day)]


# Strict about what is known, open to what is not: unknown fields are kept, and sealed.
_STRICT_AND_OPEN: Final = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)
strict_and_open: Final = with_config(_STRICT_AND_OPEN)


@strict_and_open
class Participant(TypedDict):
    """One who shares the credit of a case with its owner."""

    staff: Text
    share: Share


@strict_and_open
class Evidence(TypedDict):
    """A piece of evidence by reference, with the fingerprint of its bytes where there is one."""

    ref: Text
    sha256: NotRequired[Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]]


@strict_and_open
class Reference(TypedDict, total=False):
    """What an action is about: another action, or (reviews only) a case."""

    source: Text
    id: Text
    case: Text


Participants = Annotated[list[Participant], AfterValidator(_at_most_the_whole)]
ActionReference = Annotated[
    Reference,
    AfterValidator(_an_action),
    Field(json_schema_extra={"required": ["source", "id"], "not": {"required": ["case"]}}),
]
ReviewReference = Annotated[
    Reference,
    AfterValidator(_an_action_or_case),
    Field(
        json_schema_extra={
            "oneOf": [
                {"required": ["source", "id"], "not": {"required": ["case"]}},
                {
                    "required": ["case"],
                    "not": {"anyOf": [{"required": ["source"]}, {"required": ["id"]}]},
                },
            ]
        }
    ),
]
ReviewOutcome = Literal[
    "upheld",
    "revoked",
    "partly-revoked",
    "altered",
    "found-illegal",
    "ordered-to-perform",
    "found-void",
    "rejected",
]
InspectionOutcome = Literal["pass", "fail"]


class ActionData(TypedDict, total=False):
    """Every known field of `data`; a field that is given must be valid, whatever the type of the action."""

    procedure: Annotated[Text, said("code in the procedure register", "GX-LIC-014")]
    step: Annotated[Text, said("step of the procedure, by its code in the register", "on-site-review")]
    unit: Annotated[Text, said("code of the unit", "GX-NN-03")]
    owner: Annotated[Text, said("staff id of the one who answers for the case", "S10482")]
    actor: Annotated[Text, said("staff id of the one who did this, where it was not the owner", "S10517")]
    participants: Annotated[
        Participants,
        said(
            "who shares the credit: `share` in (0, 1] with at most six decimals, together at most 1; "
            "the owner, who must be given, has the rest",
            [{"staff": "S10517", "share": 0.25}],
        ),
    ]
    supervisor: Annotated[Text, said("staff id of the one who supervises", "S10009")]
    basis: Annotated[list[Text], said("the legal basis, one text each", ["Administrative Licensing Law, art. 42"])]
    evidence: Annotated[
        list[Evidence],
        said(
            "by reference: `ref`, and where there is one `sha256` (64 hex digits)",
            [
                {
                    "ref": "dms:2024/00317.pdf",
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                }
            ],
        ),
    ]
    outcome: Annotated[Text, said("the result: free text, but for `inspection.*` and `review.decided`", "pass")]
    due: Annotated[Due, said("by when: a day (YYYY-MM-DD) or an instant (RFC 3339 with offset)", "2024-03-29")]
    rating: Annotated[Rating, said("a whole number from 1 (worst) to 5 (best)", 5)]
    severity: Annotated[Literal["minor", "major", "critical"], said("minor, major or critical", "minor")]
    forum: Annotated[
        Literal["reconsideration", "court"],
        said("where a decision is reviewed: reconsideration or court", "court"),
    ]
    of: Annotated[
        ActionReference,
        said(
            "the action meant: its `source` and `id`; for `review.*` also a `case`",
            {"source": "/gx/licensing", "id": "2024-000317"},
        ),
    ]
    target: Annotated[Text, said("the target meant", "T-2024-07")]
    reason: Annotated[Text, said("why", "hearing")]
    changes: Annotated[
        dict[str, Any],
        said("fields of `data`, or `time`, with their new values; null removes a field", {"owner": "S10517"}),
    ]
    to_unit: Annotated[Text, said("code of the unit it goes to", "GX-NN-05")]
    parent: Annotated[Text, said("code of the unit above", "GX-NN")]
    title: Annotated[Text, said("what a unit, post, target or document is called", "Licensing Hall")]
    post: Annotated[Text, said("the post a person holds", "examiner")]
    competence: Annotated[Text, said("the competence grade or qualification", "grade 3")]
    recorded_by: Annotated[Text, said("staff id of the one who made the record", "S10009")]
    note: Annotated[
        str,
        said(
            "free text that may hold personal data: sealed, and never read by scoring",
            "called back on Monday",
        ),
    ]


FIELDS: Final[Mapping[str, Any]] = MappingProxyType(get_type_hints(ActionData, include_extras=True))
"""Every known field of `data` and its annotated type, in the order in which facts are written."""


def fields_of(action_type: str) -> Mapping[str, Any]:
    """Each known field with its rule in an action of that type: reviews and inspections narrow two of them."""
    narrowed = _NARROWED.get(action_type) or _NARROWED.get(action_type.partition(".")[0])
    return {**FIELDS, **narrowed} if narrowed else FIELDS


_REVIEW_OF: Final[Mapping[str, Any]] = {
    "of": Annotated[
        ReviewReference,
        said("the decision meant: either its `source` and `id`, or its `case`", {"case": "GX-2024-000317"}),
    ]
}
_NARROWED: Final[Mapping[str, Mapping[str, Any]]] = {
    "review": _REVIEW_OF,
    "review.decided": {
        **_REVIEW_OF,
        "outcome": Annotated[ReviewOutcome, said(f"one of {', '.join(get_args(ReviewOutcome))}", "upheld")],
    },
    "inspection": {"outcome": Annotated[InspectionOutcome, said("pass or fail", "pass")]},
}
