"""The hash of an action is one that its sender computes from what it sent, with nothing but JSON and SHA-256."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from domain.actions.data import FIELDS
from domain.actions.receipts import digest_of_all, receipted
from tests.domain.made_actions import checked, event, text, valid_events

ENVELOPE = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "sequence")
WITHIN = {"participants": ("staff", "share"), "evidence": ("ref", "sha256"), "of": ("source", "id", "case")}


def by_the_sender(event: dict[str, Any]) -> bytes:
    """What docs/how-to/prove-completeness.md tells a sender to do, with numbers by RFC 8785."""
    facts = {name: event[name] for name in ENVELOPE if event.get(name) is not None}
    data = {name: value for name, value in event.get("data", {}).items() if name in FIELDS and name != "note"}
    for name, members in WITHIN.items():
        if isinstance(data.get(name), list):
            data[name] = [{key: one[key] for key in members if key in one} for one in data[name]]
        elif name in data:
            data[name] = {key: data[name][key] for key in members if key in data[name]}
    return hashlib.sha256(jcs({**facts, "data": data}).encode()).digest()


def jcs(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{jcs(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(jcs, value)) + "]"
    if isinstance(value, float):
        return format(Decimal(repr(value)).normalize(), "f")
    return json.dumps(value, ensure_ascii=False)


@given(valid_events())
def test_sender_and_ledger_compute_the_same_hash(event: dict[str, Any]) -> None:
    if "changes" in event.get("data", {}):
        return  # What a correction keeps of `changes` is tested below.
    found = receipted(checked(event).facts)
    assert (found.source, found.id) == (event["source"], event["id"])
    assert found.digest == by_the_sender(event)


@pytest.mark.parametrize(
    ("data", "canonical"),
    [
        ({"rating": 5.0}, '{"rating":5}'),
        ({"owner": "S1", "participants": [{"staff": "S2", "share": 1.0}]},
         '{"owner":"S1","participants":[{"share":1,"staff":"S2"}]}'),
        ({"owner": "S1", "participants": [{"staff": "S2", "share": 0.000001}]},
         '{"owner":"S1","participants":[{"share":0.000001,"staff":"S2"}]}'),
        ({"owner": "S1", "participants": [{"staff": "S2", "share": 0.25, "hours": 1.5}]},
         '{"owner":"S1","participants":[{"share":0.25,"staff":"S2"}]}'),
        ({"note": "free", "unknown": 1, "unit": "u"}, '{"unit":"u"}'),
        ({"outcome": "案\u2028\x7f\n\"\\/\x01"}, '{"outcome":"案\u2028\x7f\\n\\"\\\\/\\u0001"}'),
    ],
)  # fmt: skip
def test_canonical_text_is_that_of_rfc_8785(data: dict[str, Any], canonical: str) -> None:
    whole = (
        f'{{"data":{canonical},"id":"2024-000317","source":"/gx/licensing","specversion":"1.0",'
        '"subject":"GX-317","time":"2024-03-29T10:15:00+08:00","type":"licensing.received"}'
    )
    found = receipted(checked(event(data=data)).facts)
    assert found.digest == hashlib.sha256(whole.encode()).digest()


def test_null_attributes_and_spaces_make_no_difference() -> None:
    plain = receipted(checked(event()).facts)
    spaced = json.dumps({**event(), "sequence": None, "datacontenttype": None}, indent=3).encode()
    assert receipted(spaced) == plain
    assert receipted(text(event(data=...))) == receipted(text(event(data={})))
    assert receipted(text(event(id="2"))).digest != plain.digest


def test_correction_keeps_what_its_facts_keep() -> None:
    changes = {"owner": "S2", "note": "free", "rating": 9}
    data = {"of": {"source": "/a", "id": "1"}, "changes": changes, "reason": "r", "recorded_by": "S1"}
    kept = {**data, "changes": {"owner": "S2", "rating": False}}
    found = receipted(checked(event("record.corrected", data=data)).facts)
    assert found.digest == receipted(text(event("record.corrected", data=kept))).digest


def test_hash_of_a_day_depends_on_the_set_alone() -> None:
    digests = [bytes([number]) * 30 + ends for number in range(3) for ends in (b"\0\0", b"\0\x01", b"\x01\0")]
    expected = hashlib.sha256(b"".join(sorted(digests))).digest()
    assert digest_of_all(b"".join(digests)) == digest_of_all(b"".join(reversed(digests))) == expected
    assert digest_of_all(b"") == hashlib.sha256(b"").digest()
