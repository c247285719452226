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
from domain.ledger.records import Arrival
from domain.refusals import RECORD_BYTES_MAX, RefusedError


class _SourceEnvelope(msgspec.Struct):
    mapping: str
    case: dict[str, str]
    index: int
    event: dict[str, str] | None = None
    action: str | None = None


def arrival_again(raw: bytes, *, place: str, now: int, mapping_named: Callable[[str], Mapping]) -> Arrival:
    """The arrival that the raw bytes of a quarantined record make today; it keeps them where it is refused again.

    `mapping_named` gives the mapping for a record of a log or table, by the name it was mapped with; what it
    raises is passed on.
    """
    if len(raw) >= RECORD_BYTES_MAX:
        return _refused(raw, place, "too-large", "Only its first 1 MiB was kept: have it sent again, shorter.")
    envelope = _envelope(raw)
    kind = envelope.get("kaoji") if "specversion" not in envelope else None
    if kind == cloudevents.ENVELOPE_KIND:
        try:
            value, headers = open_binary_envelope(envelope)
        except ValueError:
            return structured(raw, place=place, now=now)
        return to_arrival(value, headers, place, now)
    if kind == mapping_run.ENVELOPE_KIND:
        return _mapped_again(raw, place, now, mapping_named)
    return structured(raw, place=place, now=now)


def _mapped_again(raw: bytes, place: str, now: int, mapping_named: Callable[[str], Mapping]) -> Arrival:
    try:
        record = msgspec.json.decode(raw, type=_SourceEnvelope)
    except msgspec.DecodeError:
        return structured(raw, place=place, now=now)
    mapping = mapping_named(record.mapping)
    source = SourceRecord(place, record.case, record.event, record.index)
    arrival = MappingRun(mapping).again(source, record.action, now=now)
    if arrival is None:
        remedy = f"Mapping {mapping.name} makes no action of it any more: drop it if that is right."
        return _refused(raw, place, "unknown-type", remedy)
    return arrival


def _refused(raw: bytes, place: str, code: str, remedy: str) -> Arrival:
    return Arrival(place, raw, None, RefusedError(code, remedy))


def _envelope(raw: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
