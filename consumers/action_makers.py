"""Make CloudEvents out of the records of a log or table, by the compiled rules of a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from consumers.field_values import FieldReader, converter
from consumers.mapping import Mapping
from consumers.mapping_format import ActionRule, CaseAction, Constants, EventRules, FieldRule, Fields, IdRule
from consumers.source_records import Attributes, SourceRecord
from domain.actions.refusals import RefusedError

Event = dict[str, Any]
_CASE_PREFIX: Final = "case:"
_NOTHING: Final[Attributes] = {}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a record, of the case or of the event."""

    name: str
    of_case: bool
    empty: frozenset[str]

    def read(self, record: SourceRecord) -> str | None:
        """Its text; None where it is absent, empty, or says that nothing is known."""
        text = (record.case if self.of_case else record.event or _NOTHING).get(self.name)
        return None if not text or text in self.empty else text


class Compiler:
    """Turns what a mapping says into attributes and readers, and notes every attribute it uses."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.used: set[tuple[bool, str]] = set()
        self._empty = frozenset(mapping.rules.empty)

    def attribute(self, name: str, *, in_events: bool) -> Attribute:
        """In [events] of a log a name means the event's own attribute, and `case:NAME` the case's."""
        of_case = not in_events
        if in_events and self.mapping.rules.input == "xes" and name.startswith(_CASE_PREFIX):
            name, of_case = name.removeprefix(_CASE_PREFIX), True
        self.used.add((of_case, name))
        return Attribute(name, of_case, self._empty)

    def readers(self, fields: Fields, *, key: str, in_events: bool) -> dict[tuple[str, ...], FieldReader]:
        """A reader for each field, by its path in `data`."""
        rules: dict[tuple[str, ...], FieldRule] = {}
        for name in Fields.model_fields:
            rule = getattr(fields, name)
            if isinstance(rule, FieldRule):
                rules[(name,)] = rule
            elif name == "changes" and rule is not None:
                rules |= {(name, changed): inner for changed, inner in rule.items()}
            elif name == "of" and rule is not None:
                parts = {"source": rule.source, "id": rule.id, "case": rule.case}
                rules |= {(name, part): inner for part, inner in parts.items() if inner is not None}
        return {path: self._reader(path, rule, key, in_events=in_events) for path, rule in rules.items()}

    def _reader(self, path: tuple[str, ...], rule: FieldRule, key: str, *, in_events: bool) -> FieldReader:
        attribute = self.attribute(rule.attribute, in_events=in_events)
        convert = converter(rule, key=".".join((key, *path)), times=self.mapping.times)
        return FieldReader(path, attribute.name, attribute.of_case, rule.default, self._empty, convert)


class ActionMaker:
    """Makes one type of action. Later layers of fields and constants take precedence."""

    def __init__(
        self,
        rule: ActionRule,
        *,
        source: str,
        readers: Iterable[dict[tuple[str, ...], FieldReader]],
        constants: Iterable[Constants],
    ) -> None:
        self.type = rule.type
        self._source = source
        self._constants: Event = {}
        for layer in constants:
            self._constants |= layer.model_dump(exclude_none=True)
        self._readers = list({path: one for layer in readers for path, one in layer.items()}.values())

    def make(self, record: SourceRecord, *, subject: str, identity: str, time: str, sequence: str | None) -> Event:
        """The CloudEvent. Raises RefusedError."""
        event: Event = {
            "specversion": "1.0",
            "id": identity,
            "source": self._source,
            "type": self.type,
            "subject": subject,
            "time": time,
        }
        if sequence is not None:
            event["sequence"] = sequence
        event["data"] = self._data(record)
        return event

    def _data(self, record: SourceRecord) -> Event:
        data = dict(self._constants)
        for reader in self._readers:
            value = reader.read(record.case, record.event or _NOTHING)
            if value is None:
                continue
            field, *inner = reader.path
            if inner:
                data.setdefault(field, {})[inner[0]] = value
            else:
                data[field] = value
        of = data.get("of")
        if of is not None and "id" in of:
            of.setdefault("source", self._source)
        return data


class CaseActionMaker:
    """Makes the action that one attribute of a case stands for."""

    def __init__(self, name: str, rule: CaseAction, compiler: Compiler) -> None:
        rules = compiler.mapping.rules
        self.name = name
        self._time = _Time(compiler, rule.time, in_events=False)
        self._subject = compiler.attribute(rules.case.subject, in_events=False)
        self._identity = _Identity(compiler, rule.id, name, in_events=False)
        self._maker = ActionMaker(
            rule,
            source=rules.source,
            readers=(
                compiler.readers(rules.case.fields, key="case.fields", in_events=False),
                compiler.readers(rule.fields, key=f"case.actions.{name}.fields", in_events=False),
            ),
            constants=(rules.case.constants, rule.constants),
        )

    def make(self, record: SourceRecord) -> Event | None:
        """The CloudEvent, or None where the case does not state the time. Raises RefusedError."""
        time = self._time.read(record)
        if time is None:
            return None
        subject = _subject(self._subject, record)
        identity = self._identity.make(record, subject=subject, activity=self.name, time=time)
        return self._maker.make(record, subject=subject, identity=identity, time=time, sequence=None)


class EventActionMaker:
    """Makes the action that one event of a log, or one row of a table, stands for."""

    def __init__(self, rules: EventRules, compiler: Compiler) -> None:
        self._rules = rules
        self._mapping = compiler.mapping
        self._subject = compiler.attribute(self._mapping.rules.case.subject, in_events=False)
        self._time = _Time(compiler, rules.time, in_events=True)
        self._activity = rules.activity and compiler.attribute(rules.activity, in_events=True)
        self._sequence = rules.sequence and compiler.attribute(rules.sequence, in_events=True)
        self._identity = _Identity(compiler, rules.id, None, in_events=True)
        self._only = [
            (compiler.attribute(name, in_events=True), frozenset(values)) for name, values in rules.only.items()
        ]
        self._ignored = frozenset(rules.ignore)
        self._makers = {
            activity: self._maker(action, compiler, key=f"events.types.{activity!r}.fields")
            for activity, action in rules.types.items()
        }
        self._default = rules.default and self._maker(rules.default, compiler, key="events.default.fields")

    def activity(self, record: SourceRecord) -> str:
        """What the event says was done; empty where it says nothing."""
        return (self._activity and self._activity.read(record)) or ""

    def passes_over(self, record: SourceRecord, activity: str) -> bool:
        """True for what the mapping leaves out on purpose."""
        return activity in self._ignored or any(one.read(record) not in values for one, values in self._only)

    def make(self, record: SourceRecord, activity: str) -> Event:
        """The CloudEvent. Raises RefusedError."""
        maker = self._makers.get(activity) or self._default
        if not maker:
            raise RefusedError("unknown-type", self._unmapped(activity))
        subject = _subject(self._subject, record)
        time = self._time.read(record)
        if time is None:
            raise RefusedError(
                "missing-field",
                f"The event has no {self._rules.time!r}, its time by the mapping: add it at the source.",
            )
        identity = self._identity.make(record, subject=subject, activity=activity, time=time)
        sequence = str(record.index) if self._rules.numbered else self._sequence and self._sequence.read(record)
        return maker.make(record, subject=subject, identity=identity, time=time, sequence=sequence or None)

    def _maker(self, rule: ActionRule, compiler: Compiler, *, key: str) -> ActionMaker:
        rules = compiler.mapping.rules
        return ActionMaker(
            rule,
            source=rules.source,
            readers=(
                compiler.readers(rules.case.fields, key="case.fields", in_events=False),
                compiler.readers(self._rules.fields, key="events.fields", in_events=True),
                compiler.readers(rule.fields, key=key, in_events=True),
            ),
            constants=(rules.case.constants, self._rules.constants, rule.constants),
        )

    def _unmapped(self, activity: str) -> str:
        if not activity:
            return f"The event has no {self._rules.activity!r}: add it at the source, or a default to [events]."
        return (
            f"Mapping {self._mapping.name} does not say what the activity {activity[:200]!r} is: add it to "
            "[events.types] with its type, or to ignore, or state a default type."
        )


class _Time:
    """The time of an action, as RFC 3339."""

    def __init__(self, compiler: Compiler, name: str, *, in_events: bool) -> None:
        self._attribute = compiler.attribute(name, in_events=in_events)
        self._times = compiler.mapping.times

    def read(self, record: SourceRecord) -> str | None:
        text = self._attribute.read(record)
        if text is None:
            return None
        try:
            return self._times.instant(text)
        except (ValueError, OverflowError) as error:
            raise RefusedError(
                "bad-value",
                f"Attribute {self._attribute.name!r} says {text[:200]!r}, which is no time: mend it there, "
                "or state in the mapping under time_formats how it is written.",
            ) from error


class _Identity:
    """The id of an action: an attribute, or parts that together name it and stay the same at each reading."""

    def __init__(self, compiler: Compiler, rule: IdRule | None, name: str | None, *, in_events: bool) -> None:
        if rule is None:
            rule = IdRule(parts=["case", "activity"] if name else ["case", "activity", "index"])
        self._from = rule.attribute and compiler.attribute(rule.attribute, in_events=in_events)
        self._parts = rule.parts
        self._attributes = [compiler.attribute(one, in_events=in_events) for one in rule.attributes]

    def make(self, record: SourceRecord, *, subject: str, activity: str, time: str) -> str:
        if self._from:
            return self._need(self._from, record)
        known = {"case": subject, "activity": activity, "time": time, "index": str(record.index)}
        parts = [known[part] for part in self._parts]
        parts += [self._need(attribute, record) for attribute in self._attributes]
        # Escaped, so that no two lists of parts make the same id.
        return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)

    @staticmethod
    def _need(attribute: Attribute, record: SourceRecord) -> str:
        text = attribute.read(record)
        if text is None:
            raise RefusedError(
                "not-a-cloudevent",
                f"The record has no {attribute.name!r}, which makes its id by the mapping: add it there.",
            )
        return text


def _subject(attribute: Attribute, record: SourceRecord) -> str:
    text = attribute.read(record)
    if text is None:
        raise RefusedError(
            "missing-field",
            f"The case has no {attribute.name!r}, which the mapping takes for its number: add it at the source.",
        )
    return text


def case_makers(compiler: Compiler) -> Iterator[CaseActionMaker]:
    """A maker for each action of the case, in the order of the mapping."""
    for name, rule in compiler.mapping.rules.case.actions.items():
        yield CaseActionMaker(name, rule, compiler)
