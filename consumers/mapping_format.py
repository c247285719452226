"""The format of a mapping file: how the attributes of a log or table become actions."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from domain.actions.types import ACTION_TYPES
from domain.rules.toml_files import StrictModel, did_you_mean

IdPart = Literal["case", "activity", "time", "index"]
Conversion = Literal["text", "date", "instant", "integer", "number", "list", "references", "shares"]


def _known_type(name: str) -> str:
    if name not in ACTION_TYPES:
        raise ValueError(f"No action type {name!r}. {did_you_mean(name, list(ACTION_TYPES))}")
    return name


def _not_empty(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("This text is empty or holds U+0000. State one, or remove the key.")
    return text


def _one_character(text: str) -> str:
    if len(text) != 1 or text in '"\r\n\0':
        raise ValueError('A delimiter is one character, such as ",", ";" or "\\t".')
    return text


Text = Annotated[str, AfterValidator(_not_empty)]
TypeName = Annotated[str, AfterValidator(_known_type)]


class FieldRule(StrictModel):
    """Where one field takes its value from. A text alone means `{ from = TEXT }`."""

    attribute: Text = Field(alias="from", description="the attribute or column that is read")
    conversion: Conversion = Field(
        default="text",
        alias="as",
        description="what the text becomes: `text` as it stands; `date` the local date of a date or time; "
        "`instant` a time with offset; `integer`, `number`; `list` of texts; `references` a list of evidence "
        "by `ref`; `shares` participants written `STAFF:SHARE`",
    )
    values: dict[str, str | int | float] = Field(
        default_factory=dict, description="a table of values: left as it stands in the source, right as it is sent"
    )
    other: Literal["refuse", "keep", "omit"] = Field(
        default="refuse",
        description="what happens to a value that `values` does not name: refuse the record, keep the value, "
        "or leave the field out",
    )
    default: Text | None = Field(default=None, description="the text taken where the attribute is absent or empty")
    separator: Text = Field(default=";", description="what parts a `list`, `references` or `shares`")


def _field_rule(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


Rule = Annotated[FieldRule, BeforeValidator(_field_rule)]


class OfRules(StrictModel):
    """The action (or, for reviews, the case) that is meant."""

    source: Rule | None = Field(default=None, description="its source; without it the mapping's own `source`")
    id: Rule | None = Field(default=None, description="its id")
    case: Rule | None = Field(default=None, description="a case number (`review.*` only)")

    @model_validator(mode="after")
    def _one_of_two(self) -> OfRules:
        if (self.id is None) == (self.case is None) or (self.case is not None and self.source is not None):
            raise ValueError("State either `id` (with `source` where it is another one), or `case`.")
        return self


class Fields(StrictModel):
    """The known fields of `data`, each with the rule that fills it."""

    procedure: Rule | None = None
    step: Rule | None = None
    unit: Rule | None = None
    owner: Rule | None = None
    actor: Rule | None = None
    participants: Rule | None = None
    supervisor: Rule | None = None
    basis: Rule | None = None
    evidence: Rule | None = None
    outcome: Rule | None = None
    due: Rule | None = None
    rating: Rule | None = None
    severity: Rule | None = None
    forum: Rule | None = None
    of: OfRules | None = None
    target: Rule | None = None
    reason: Rule | None = None
    changes: dict[str, Rule] | None = None
    to_unit: Rule | None = None
    parent: Rule | None = None
    title: Rule | None = None
    post: Rule | None = None
    competence: Rule | None = None
    recorded_by: Rule | None = None
    note: Rule | None = None


class Constants(StrictModel):
    """Fields of `data` with one value for every action; a field that is read takes precedence."""

    procedure: Text | None = None
    step: Text | None = None
    unit: Text | None = None
    owner: Text | None = None
    actor: Text | None = None
    supervisor: Text | None = None
    basis: list[Text] | None = None
    outcome: Text | None = None
    due: Text | None = None
    rating: int | None = None
    severity: Text | None = None
    forum: Text | None = None
    target: Text | None = None
    reason: Text | None = None
    to_unit: Text | None = None
    parent: Text | None = None
    title: Text | None = None
    post: Text | None = None
    competence: Text | None = None
    recorded_by: Text | None = None
    note: Text | None = None


class ActionRule(StrictModel):
    """A type of action and what its `data` holds. Where a type is asked for, its name alone will do."""

    type: TypeName = Field(description="the type of action")
    fields: Fields = Field(default_factory=Fields, description="what its fields are read from")
    constants: Constants = Field(default_factory=Constants, description="fields with one value")


def _action_rule(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


Action = Annotated[ActionRule, BeforeValidator(_action_rule)]


class IdRule(StrictModel):
    """How ids are made. A text alone means `{ from = TEXT }`."""

    attribute: Text | None = Field(default=None, alias="from", description="the attribute that is the id")
    parts: list[IdPart] = Field(
        default_factory=list,
        description="put together with `/`: `case`, `activity`, `time`, `index` (the number of the event in "
        "its case, XES only)",
    )
    attributes: list[Text] = Field(default_factory=list, description="attributes put after the parts")

    @model_validator(mode="after")
    def _says_something(self) -> IdRule:
        if (self.attribute is None) == (not self.parts and not self.attributes):
            raise ValueError("State either `from`, or `parts` and `attributes`.")
        return self


Id = Annotated[IdRule, BeforeValidator(_field_rule)]


class CaseAction(ActionRule):
    """An action made from the attributes of a case; it is made where `time` is there."""

    time: Text = Field(description="the attribute that says when it happened")
    id: Id | None = Field(
        default=None, description="how its id is made; without it `CASE/NAME`, NAME being that of this table"
    )


class CaseRules(StrictModel):
    """What the attributes of a case (XES: of a trace) become."""

    subject: Text = Field(description="the attribute with the case number")
    fields: Fields = Field(default_factory=Fields, description="fields of every action of the case")
    constants: Constants = Field(default_factory=Constants, description="fields with one value in every action")
    actions: dict[str, CaseAction] = Field(
        default_factory=dict, description="actions of their own, one table each, such as `[case.actions.received]`"
    )


class EventRules(StrictModel):
    """What the events of a log (a table: its rows) become. An attribute of the case is called `case:NAME` here."""

    time: Text = Field(description="the attribute that says when it happened")
    id: Id | None = Field(
        default=None,
        description="how ids are made; without it from case, activity and index (XES; a table needs it)",
    )
    activity: Text | None = Field(default=None, description="the attribute that names the activity")
    types: dict[str, Action] = Field(default_factory=dict, description="which activity becomes which action")
    default: Action | None = Field(
        default=None,
        description="what every other activity becomes; without it they are refused as `unknown-type`",
    )
    ignore: list[str] = Field(default_factory=list, description="activities that are passed over, and counted")
    only: dict[str, list[str]] = Field(
        default_factory=dict,
        description="attributes and the values an event must have to be read; others are passed over and counted",
    )
    sequence: Text | None = Field(default=None, description="the attribute with the order among equal times")
    numbered: bool = Field(
        default=False, description="the number of the event in its case becomes its `sequence` (XES only)"
    )
    fields: Fields = Field(default_factory=Fields, description="fields of every action made of an event")
    constants: Constants = Field(default_factory=Constants, description="fields with one value")

    @model_validator(mode="after")
    def _leads_to_types(self) -> EventRules:
        if self.activity is None and (self.types or self.ignore):
            raise ValueError("`types` and `ignore` need `activity`, the attribute that names the activity.")
        if self.default is None and not self.types:
            raise ValueError("No activity becomes an action. State `types`, or a `default` type.")
        if self.numbered and self.sequence is not None:
            raise ValueError("State `sequence` or `numbered`, not both.")
        return self


class CsvRules(StrictModel):
    """How a table is written."""

    delimiter: Annotated[str, AfterValidator(_one_character)] = Field(
        default=",", description="what parts the cells"
    )
    encoding: Text = Field(default="utf-8", description="such as `utf-8` or `gb18030`")


class MappingFile(StrictModel):
    """A whole mapping file."""

    title: str = Field(default="", description="what the mapping is for")
    source: Text = Field(description="the `source` of every action: the sending system, such as `/gx/licensing`")
    input: Literal["xes", "csv"] = Field(description="what is read")
    zone: Text = Field(
        description="the time zone of local times and of dates, such as `Asia/Shanghai`; times that state an "
        "offset keep it"
    )
    time_formats: list[Text] = Field(
        default_factory=list,
        description="how times are written where not as in ISO 8601, such as `%d-%m-%Y %H:%M` (strptime), "
        "tried in order",
    )
    empty: list[str] = Field(
        default_factory=list, description="values that mean that nothing is known, such as `UNKNOWN`"
    )
    csv: CsvRules | None = Field(default=None, description="how a table is written")
    case: CaseRules = Field(description="what a case is, and what its attributes become")
    events: EventRules | None = Field(
        default=None, description="what events or rows become; without it they are not read"
    )

    @model_validator(mode="after")
    def _fits_input(self) -> MappingFile:
        if self.events is None and not self.case.actions:
            raise ValueError("The mapping makes no action. Add [events], or [case.actions.NAME].")
        if self.input == "xes":
            if self.csv is not None:
                raise ValueError('[csv] is for input = "csv"; this mapping reads XES. Remove it.')
        elif self.events is not None:
            identity = self.events.id
            if identity is None:
                raise ValueError('Rows of a table need an id. Add to [events]: id = "COLUMN".')
            if "index" in identity.parts or self.events.numbered:
                raise ValueError("Rows of a table have no number in their case: remove `index` and `numbered`.")
        return self


CONVERSIONS: Final[tuple[str, ...]] = get_args(Conversion)
