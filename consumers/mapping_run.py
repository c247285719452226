"""Apply a mapping to the records of a log or table, and keep count of what became of everything in it."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import msgspec

from consumers.action_makers import CaseActionMaker, Compiler, Event, EventActionMaker, case_makers
from consumers.mapping import Mapping
from consumers.source_records import Attributes, RefusedRecord, SourceRecord
from domain.actions.actions import check_action
from domain.actions.refusals import RECORD_BYTES_MAX, RefusedError
from domain.ledger.records import Arrival, Form

# A log can name any number of things; counts of so many are enough to mend a mapping.
_COUNTED_MAX: Final = 1_000
_CASES_REMEMBERED_MAX: Final = 65_536
_OTHERS: Final = "(others)"
ENVELOPE_KIND: Final = "source-record"


@dataclass
class MappingReport:
    """What a mapping made of an input: everything in it stands in one of these counts."""

    cases: int = 0
    events: int = 0
    unreadable: int = 0
    made: Counter[str] = field(default_factory=Counter)
    """Actions by type."""
    mapped: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Events by activity and the type it became."""
    unmapped: Counter[str] = field(default_factory=Counter)
    """Events by activity, where the mapping names no type for it: they are refused."""
    passed_over: Counter[str] = field(default_factory=Counter)
    """Events by activity that the mapping leaves out on purpose."""
    without_time: Counter[str] = field(default_factory=Counter)
    """Actions of a case by name, where the case does not state their time."""
    refused: Counter[str] = field(default_factory=Counter)
    """Records by quarantine code."""
    not_read: Counter[str] = field(default_factory=Counter)
    """Attributes by name that the mapping does not read; those of a case as `case:NAME`."""

    def to_json(self) -> dict[str, Any]:
        """All counts, the most frequent first."""
        return {
            "cases": self.cases,
            "events": self.events,
            "unreadable": self.unreadable,
            "actions": _ordered(self.made),
            "mapped": [
                {"activity": activity, "type": kind, "events": count}
                for (activity, kind), count in sorted(self.mapped.items(), key=lambda one: (-one[1], one[0]))
            ],
            "unmapped": _ordered(self.unmapped),
            "passed_over": _ordered(self.passed_over),
            "without_time": _ordered(self.without_time),
            "refused": _ordered(self.refused),
            "not_read": _ordered(self.not_read),
        }

    def sentences(self) -> list[str]:
        """The same for people."""
        made = self.made.total()
        said = [f"{self.cases:,} cases and {self.events:,} events were read; {made:,} actions made of them."]
        lists = (
            ("Actions", self.made),
            ("Activities mapped to nothing, refused", self.unmapped),
            ("Passed over as the mapping says", self.passed_over),
            ("Not made, as the case states no time", self.without_time),
            ("Refused", self.refused),
            ("Attributes not mapped", self.not_read),
        )
        for title, counts in lists:
            if counts:
                listed = (f"{name} ({times(count)})" for name, count in _ordered(counts).items())
                said.append(f"{title}: {', '.join(listed)}.")
        return said


class MappingRun:
    """One pass over one input. `report` is complete when the arrivals have all been taken."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.report = MappingReport()
        compiler = Compiler(mapping)
        self._case_makers: list[CaseActionMaker] = list(case_makers(compiler))
        events = mapping.rules.events
        self._event_maker = EventActionMaker(events, compiler) if events is not None else None
        self._table = mapping.rules.input == "csv"
        self._read_of_case = {name for of_case, name in compiler.used if of_case}
        self._read_of_event = {name for of_case, name in compiler.used if not of_case}
        if self._table:
            self._read_of_case = self._read_of_event = self._read_of_case | self._read_of_event
        self._cases_made: OrderedDict[str, bytes] = OrderedDict()

    def attributes(self) -> list[str]:
        """Every column that the mapping reads, for a table."""
        return sorted(self._read_of_event)

    def arrivals(
        self, records: Iterable[SourceRecord | RefusedRecord], *, clock: Callable[[], int]
    ) -> Iterator[Arrival]:
        """The actions and refusals that each record makes, in the order of the input."""
        for record in records:
            if isinstance(record, RefusedRecord):
                self.report.unreadable += 1
                yield self._refusal(record.place, record.received, RefusedError(record.code, record.remedy), "row")
                continue
            self._count(record)
            if self._table or record.event is None:
                for maker in self._case_makers:
                    yield from self._case_action(maker, record, clock())
            if record.event is not None and self._event_maker is not None:
                yield from self._event_action(self._event_maker, record, clock())

    def again(self, record: SourceRecord, action: str | None, *, now: int) -> Arrival | None:
        """One refused record once more: its case's action of that name, or its event's. None: no longer made."""
        self._cases_made.clear()
        if action is None:
            made = (
                self._event_action(self._event_maker, record, now) if self._event_maker is not None else iter(())
            )
        else:
            makers = (maker for maker in self._case_makers if maker.name == action)
            made = (arrival for maker in makers for arrival in self._case_action(maker, record, now))
        return next(made, None)

    def _count(self, record: SourceRecord) -> None:
        if record.event is None:
            self.report.cases += 1
            unread: Iterable[str] = record.case.keys() - self._read_of_case
        else:
            self.report.events += 1
            unread = record.event.keys() - self._read_of_event
        prefix = "case:" if record.event is None else ""
        for name in unread:
            _count(self.report.not_read, prefix + name)

    def _case_action(self, maker: CaseActionMaker, record: SourceRecord, now: int) -> Iterator[Arrival]:
        place = record.place if self._table else f"{record.place}/{maker.name}"
        try:
            event = maker.make(record)
            if event is None:
                self.report.without_time[maker.name] += 1
            elif not self._table or self._event_maker is None or self._is_new(event):
                yield self._checked(place, event, now, partial(source_envelope, self.mapping, record, maker.name))
        except RefusedError as refusal:
            yield self._refusal(place, source_envelope(self.mapping, record, maker.name), refusal)

    def _event_action(self, maker: EventActionMaker, record: SourceRecord, now: int) -> Iterator[Arrival]:
        activity = maker.activity(record)
        if maker.passes_over(record, activity):
            _count(self.report.passed_over, activity)
            return
        try:
            event = maker.make(record, activity)
            envelope = partial(source_envelope, self.mapping, record, None)
            arrival = self._checked(record.place, event, now, envelope)
            _count(self.report.mapped, (activity, event["type"]), (_OTHERS, event["type"]))
            yield arrival
        except RefusedError as refusal:
            if refusal.code == "unknown-type":
                _count(self.report.unmapped, activity)
            yield self._refusal(record.place, source_envelope(self.mapping, record, None), refusal)

    def _checked(self, place: str, event: Event, now: int, envelope: Callable[[], bytes]) -> Arrival:
        try:
            received = msgspec.json.encode(event)
        except UnicodeEncodeError as error:
            raise RefusedError("bad-value", f"A text holds a lone surrogate: mend it ({error}).") from error
        action = check_action(received, now=now)
        self.report.made[action.type] += 1
        return Arrival(place, received, action, None, form="mapped", envelope=envelope)

    def _refusal(self, place: str, received: bytes, refusal: RefusedError, form: Form = "mapped") -> Arrival:
        self.report.refused[refusal.code] += 1
        source = self.mapping.rules.source
        return Arrival(place, received[:RECORD_BYTES_MAX], None, bare(refusal), form=form, source=source)

    def _is_new(self, event: Event) -> bool:
        """False for an action of a case that a row above has made just so.

        In a table each row repeats its case. Those that say something else are sent on, to become conflicts; so
        are those of cases forgotten in between, to be recognised as duplicates.
        """
        key = event["id"]
        digest = hashlib.blake2b(msgspec.json.encode(event), digest_size=16).digest()
        known = self._cases_made.get(key)
        if known is None:
            self._cases_made[key] = digest
            if len(self._cases_made) > _CASES_REMEMBERED_MAX:
                self._cases_made.popitem(last=False)
        else:
            self._cases_made.move_to_end(key)
        return known != digest


def bare(refusal: RefusedError) -> RefusedError:
    """The refusal without its traceback, whose frames would keep whole batches alive."""
    refusal.__traceback__ = refusal.__cause__ = refusal.__context__ = None
    return refusal


def source_envelope(mapping: Mapping, record: SourceRecord, action: str | None) -> bytes:
    """What is quarantined of a record that the mapping could not use: enough to try again with a mended one."""
    return msgspec.json.encode(
        {
            "kaoji": ENVELOPE_KIND,
            "mapping": mapping.name,
            "source": mapping.rules.source,
            "action": action,
            "index": record.index,
            "case": _whole_texts(record.case),
            "event": None if record.event is None else _whole_texts(record.event),
        }
    )


def _whole_texts(attributes: Attributes) -> Attributes:
    return {name: text.encode("utf-8", "replace").decode() for name, text in attributes.items()}


def _count(counter: Counter[Any], key: Any, others: Any = _OTHERS) -> None:
    counter[key if key in counter or len(counter) < _COUNTED_MAX else others] += 1


def _ordered(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda one: (-one[1], one[0])))


def times(count: int) -> str:
    """A count in words."""
    return "once" if count == 1 else f"{count:,} times"
