"""Judge a quarantined record once more, in whatever form it was put aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from consumers import cloudevents, mapping_run
from consumers.cloudevents import open_binary_envelope, structured, to_arrival
from consumers.mapping import Mapping
from consumers.mapping_run import MappingRun
from consumers.source_records import SourceRecord
from domain.actions.refusals import RECORD_BYTES_MAX, RefusedError
from domain.ledger.records import Arrival, Form


class _SourceEnvelope(msgspec.Struct):
    mapping: str
    case: dict[str, str]
    index: int
    event: dict[str, str] | None = None
    action: str | None = None


class Retrial:
    """Judges records that were put aside; each mapping is loaded once.

    `mapping_named` gives the mapping for a record of a log or table, by the name it was mapped with; what it
    raises is passed on.
    """

    def __init__(self, mapping_named: Callable[[str], Mapping]) -> None:
        self._mapping_named = mapping_named
        self._runs: dict[str, MappingRun] = {}

    def arrival(
        self, raw: bytes, *, form: Form | None, place: str, now: int, before: RefusedError | None = None
    ) -> Arrival:
        """The arrival that the raw bytes of a quarantined record make today.

        `form` is how they were put aside. What a record says of itself is not believed, except where None says
        that the entry is of the first format, which did not keep it. A row that could not be read says nothing
        without its table: it is refused as it was `before`.
        """
        if len(raw) >= RECORD_BYTES_MAX:
            remedy = "Only its first 1 MiB was kept: have it sent again, shorter."
            return _refused(raw, place, "too-large", remedy)
        if form is None:
            form = _form_said(raw)
        if form == "binary":
            try:
                value, headers = open_binary_envelope(_object(raw))
            except ValueError:
                return structured(raw, place=place, now=now)
            return to_arrival(value, headers, place, now)
        if form == "mapped":
            return self._mapped(raw, place, now)
        if form == "row" and before is not None:
            return Arrival(place, raw, None, before, form=form)
        return structured(raw, place=place, now=now)

    def _mapped(self, raw: bytes, place: str, now: int) -> Arrival:
        try:
            record = msgspec.json.decode(raw, type=_SourceEnvelope)
        except msgspec.DecodeError:
            return structured(raw, place=place, now=now)
        run = self._runs.get(record.mapping)
        if run is None:
            run = self._runs[record.mapping] = MappingRun(self._mapping_named(record.mapping))
        source = SourceRecord(place, record.case, record.event, record.index)
        arrival = run.again(source, record.action, now=now)
        if arrival is None:
            remedy = f"Mapping {run.mapping.name} makes no action of it any more: drop it if that is right."
            return _refused(raw, place, "unknown-type", remedy)
        return arrival


def _refused(raw: bytes, place: str, code: str, remedy: str) -> Arrival:
    return Arrival(place, raw, None, RefusedError(code, remedy))


def _form_said(raw: bytes) -> Form:
    envelope = _object(raw)
    if "specversion" in envelope:
        return "event"
    kinds: dict[Any, Form] = {cloudevents.ENVELOPE_KIND: "binary", mapping_run.ENVELOPE_KIND: "mapped"}
    kind = envelope.get("kaoji")
    return kinds.get(kind, "event") if isinstance(kind, str) else "event"


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
