"""Read the CloudEvents modes of Kafka and HTTP (structured, binary, batch) as arrivals."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from consumers.mapping_run import bare
from domain.actions.actions import check_action
from domain.actions.batches import check_actions
from domain.actions.refusals import RECORD_BYTES_MAX, RefusedError
from domain.errors import WrongInputError
from domain.ledger.records import Arrival

if TYPE_CHECKING:
    from consumers.kafka_records import KafkaRecord

Headers = Sequence[tuple[str, bytes | None]]

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
ENVELOPE_KIND: Final = "binary-record"
_JSON_TYPE: Final = re.compile(r"(?:application|text)/(?:[\w.-]+\+)?json")
_UTF_8: Final = ("", "utf-8", "utf8", "us-ascii")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# In binary mode these travel elsewhere: data is the value, its content type a header of its own.
_NO_ATTRIBUTES: Final = frozenset({"data", "data_base64", "datacontenttype"})


class ContentTypeError(WrongInputError):
    """An HTTP request that is no CloudEvents request. HTTP status 415."""


class BatchError(WrongInputError):
    """A batch that is no JSON array, so that nothing in it can be judged. HTTP status 400."""


def to_arrival(
    value: bytes | None, headers: Headers, place: str, now: int, *, key: bytes | None = None
) -> Arrival:
    """One Kafka record: structured, or binary with `ce_*` headers; without headers, a structured event."""
    content_type, charset = _content_type(_header(headers, "content-type"))
    if value is None:
        refusal = RefusedError("not-a-cloudevent", _NO_VALUE)
        return Arrival(place, binary_envelope(headers, None), None, refusal, key, "binary")
    if content_type.startswith(BATCH):
        remedy = "A Kafka record holds one action: send each of the batch by itself."
        return _refused(place, value, "not-a-cloudevent", remedy, key)
    if content_type.startswith("application/cloudevents"):
        return _structured(value, content_type, charset, place, now, key)
    attributes = [(name[3:], text) for name, text in headers if name.startswith("ce_")]
    if attributes:
        return _binary(value, attributes, headers, content_type, place, now, key)
    return _structured(value, STRUCTURED, charset, place, now, key)


def to_arrivals(records: Sequence[KafkaRecord], places: Sequence[str], now: int) -> list[Arrival]:
    """`to_arrival` of each record at its place; structured ones are checked together."""
    values: list[bytes | None] = []
    headers: Headers | None = None
    usual = False
    for record in records:
        if record.headers is not headers:
            headers = record.headers
            usual = _say_structured(headers)
        values.append(record.value if usual else None)
    checked = iter(check_actions([value for value in values if value is not None], now=now))
    found = []
    for record, place, value in zip(records, places, values, strict=True):
        if value is None:
            found.append(to_arrival(record.value, record.headers, place, now, key=record.key))
        elif isinstance(action := next(checked), RefusedError):
            found.append(Arrival(place, value[:RECORD_BYTES_MAX], None, bare(action), record.key))
        else:
            found.append(Arrival(place, value, action, None, record.key))
    return found


def _say_structured(headers: Headers) -> bool:
    """Whether `to_arrival` takes a record with these headers for a structured event in UTF-8."""
    content_type, charset = _content_type(_header(headers, "content-type"))
    if charset not in _UTF_8:
        return False
    if content_type.startswith("application/cloudevents"):
        return content_type == STRUCTURED
    return not any(name.startswith("ce_") for name, _ in headers)


def http_arrivals(body: bytes, headers: Iterable[tuple[str, str]], *, place: str, now: int) -> list[Arrival]:
    """The actions of one HTTP request, in its order: structured, binary (`ce-*` headers) or a batch.

    Raises ContentTypeError and BatchError where the request cannot be taken apart into actions.
    """
    named = [(name.lower(), text) for name, text in headers]
    content_type, charset = _content_type(_header([(name, text.encode()) for name, text in named], "content-type"))
    if content_type == BATCH:
        events = enumerate(_batch(body, charset), start=1)
        return [structured(one, place=f"{place}#{number}", now=now) for number, one in events]
    if content_type.startswith("application/cloudevents"):
        return [_structured(body, content_type, charset, place, now)]
    attributes = [(name[3:], _percent_decoded(text)) for name, text in named if name.startswith("ce-")]
    if attributes:
        kept = [(f"ce_{name}", text) for name, text in attributes]
        if content_type:
            kept.append(("content-type", content_type.encode()))
        return [_binary(body, attributes, kept, content_type, place, now)]
    if content_type in ("", "application/json"):
        return [_structured(body, STRUCTURED, charset, place, now)]
    raise ContentTypeError(
        f"Content type {content_type!r} is no CloudEvents request: send {STRUCTURED}, {BATCH}, or `ce-*` headers "
        "with application/json."
    )


def structured(value: bytes, *, place: str, now: int, key: bytes | None = None) -> Arrival:
    """One structured event."""
    try:
        return Arrival(place, value, check_action(value, now=now), None, key)
    except RefusedError as refusal:
        return Arrival(place, value[:RECORD_BYTES_MAX], None, bare(refusal), key)


def binary_envelope(headers: Headers, value: bytes | None) -> bytes:
    """What is quarantined of a binary record: its headers and value as one JSON object, to be tried again.

    What is no UTF-8 stands there in Base64.
    """
    record: dict[str, Any] = {
        "kaoji": ENVELOPE_KIND,
        "headers": [[_readable(name.encode("utf-8", "replace")), _readable(text)] for name, text in headers],
        "value": _readable(value and value[:RECORD_BYTES_MAX]),
    }
    # Told apart in lists of refused records by what they would have been.
    for name, text in headers:
        if name in ("ce_source", "ce_id", "ce_type", "ce_subject") and text is not None:
            record[name[3:]] = text.decode("utf-8", "replace")
    return msgspec.json.encode(record)


def open_binary_envelope(envelope: Mapping[str, Any]) -> tuple[bytes | None, list[tuple[str, bytes | None]]]:
    """Value and headers of a binary record as `binary_envelope` wrote them. Raises ValueError."""
    try:
        headers = [((_bytes(name) or b"").decode(), _bytes(text)) for name, text in envelope["headers"]]
        return _bytes(envelope["value"]), headers
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("not a record that Kaoji has put aside") from error


def _structured(
    value: bytes, content_type: str, charset: str, place: str, now: int, key: bytes | None = None
) -> Arrival:
    if content_type != STRUCTURED:
        remedy = f"{content_type!r} is not read: send the event as JSON, {STRUCTURED}."
        return _refused(place, value, "not-a-cloudevent", remedy, key)
    if charset not in _UTF_8:
        remedy = f"JSON is sent in UTF-8, not in {charset!r}: encode it so."
        return _refused(place, value, "malformed-json", remedy, key)
    return structured(value, place=place, now=now, key=key)


def _binary(
    value: bytes,
    attributes: Sequence[tuple[str, bytes | None]],
    headers: Headers,
    content_type: str,
    place: str,
    now: int,
    key: bytes | None = None,
) -> Arrival:
    """Binary mode says the same as structured mode, so it is checked as the structured event it stands for."""
    try:
        event = _structured_text(value, attributes, content_type)
        envelope = partial(binary_envelope, headers, value)
        return Arrival(place, event, check_action(event, now=now), None, key, "binary", envelope)
    except RefusedError as refusal:
        source = (dict(headers).get("ce_source") or b"").decode("utf-8", "replace") or None
        return Arrival(place, binary_envelope(headers, value), None, bare(refusal), key, "binary", source=source)


def _structured_text(value: bytes, attributes: Sequence[tuple[str, bytes | None]], content_type: str) -> bytes:
    event: dict[str, Any] = {}
    for name, text in attributes:
        if name in event:
            raise RefusedError("bad-value", f"The header of `{name}` is sent twice: send each once.")
        if name in _NO_ATTRIBUTES:
            raise RefusedError("bad-value", f"`{name}` is no header in binary mode: send data as the value.")
        event[name] = _text(name, text)
    if content_type and not _JSON_TYPE.fullmatch(content_type):
        raise RefusedError("bad-value", f"Data is {content_type!r}: send a JSON object as application/json.")
    if content_type and content_type != "application/json":
        event["datacontenttype"] = content_type
    if value:
        # The value is spliced in as it is, so it must be one JSON value by itself: it could close the object.
        try:
            msgspec.json.decode(value, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError) as error:
            remedy = f"The value is no JSON ({error}): send one JSON object."
            raise RefusedError("malformed-json", remedy) from error
        event["data"] = msgspec.Raw(value)
    return msgspec.json.encode(event)


def _text(name: str, value: bytes | None) -> str:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError as error:
        raise RefusedError("bad-value", f"The header of `{name}` is not UTF-8: encode it so.") from error


def _batch(body: bytes, charset: str) -> list[bytes]:
    if charset not in _UTF_8:
        raise BatchError(f"JSON is sent in UTF-8, not in {charset!r}. Encode the batch so.")
    try:
        return [bytes(one) for one in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BatchError(f"The batch is no JSON array of events ({error}). Nothing of it was recorded.") from error


def _header(headers: Headers, wanted: str) -> str:
    return next((text.decode("latin-1") for name, text in headers if name.lower() == wanted and text), "")


def _content_type(text: str) -> tuple[str, str]:
    """Media type and charset, in lower case; empty where they are not said."""
    kind, *parameters = text.lower().split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    charset = next((value.strip(' "') for name, _, value in pairs if name.strip() == "charset"), "")
    return kind.strip(), charset


def _percent_decoded(text: str) -> bytes:
    """A header value as the HTTP binding has it: unquoted first, then percent-decoded once."""
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        text = re.sub(r"\\(.)", r"\1", quoted[1])
    # Servers hand headers on as latin-1; a sender that did not percent-encode has sent UTF-8 as it is.
    return unquote_to_bytes(text.encode("latin-1", "replace"))


def _readable(data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _bytes(readable: Any) -> bytes | None:
    if readable is None or isinstance(readable, str):
        return None if readable is None else readable.encode()
    return base64.b64decode(readable["base64"], validate=True)


_NO_VALUE: Final = (
    "The Kafka record has no value: send the action; one that is wrong is voided by an action of its own."
)


def _refused(place: str, received: bytes, code: str, remedy: str, key: bytes | None) -> Arrival:
    return Arrival(place, received[:RECORD_BYTES_MAX], None, RefusedError(code, remedy), key)
