"""The quarantine: what was refused is kept once with its raw bytes, can be retried and given up."""

from __future__ import annotations

import hashlib

import pytest

from domain.ledger.errors import UnknownEntryError
from domain.ledger.ledger import Ledger
from domain.ledger.records import Arrival
from domain.refusals import RefusedError
from tests.support.ledgers import NOW, LedgerMaker, arrival, arrivals, record


def test_an_entry_says_where_why_and_what(ledger: Ledger) -> None:
    raw = record("A-1", source="/gx/other", subject="case-3", rating=9)

    (verdict,) = ledger.append([arrival(raw, "actions.ndjson:12")])

    (entry,) = ledger.quarantine.list()
    assert (verdict.kind, verdict.code, verdict.remedy) == ("quarantined", "bad-value", entry.remedy)
    assert (entry.place, entry.raw, entry.sha256) == ("actions.ndjson:12", raw, hashlib.sha256(raw).digest())
    assert (entry.source, entry.action_id, entry.type) == ("/gx/other", "A-1", "licensing.received")
    assert (entry.subject, entry.code, entry.state, entry.times_seen) == ("case-3", "bad-value", "open", 1)
    assert (entry.refused_at, entry.resolved_at) == (NOW, None)
    assert ledger.quarantine.get(entry.entry_id) == entry


def test_the_same_refused_record_at_the_same_place_is_one_entry_but_counts_each_time(
    make_ledger: LedgerMaker,
) -> None:
    ledger = make_ledger()
    batch = [arrival(b"{", "a:1"), arrival(b"{", "a:1"), arrival(b"{", "a:2"), arrival(b"[", "a:1")]
    assert [verdict.kind for verdict in ledger.append(batch)] == ["quarantined"] * 4
    make_ledger.clock.now += 5

    assert [verdict.kind for verdict in ledger.append(batch)] == ["quarantined"] * 4

    entries = ledger.quarantine.list()
    assert [(entry.place, entry.raw, entry.times_seen) for entry in entries] == [
        ("a:1", b"{", 4), ("a:2", b"{", 2), ("a:1", b"[", 2),
    ]  # fmt: skip
    assert {(entry.refused_at, entry.seen_at) for entry in entries} == {(NOW, NOW + 5)}
    assert sum(ledger.counts()["quarantined"].values()) == 3


def test_entries_are_filtered_by_code_source_time_and_state(make_ledger: LedgerMaker) -> None:
    ledger = make_ledger()
    ledger.append(arrivals(b"{", record(1, source="/a", rating=9)))
    make_ledger.clock.now += 10
    ledger.append([arrival(record(2, source="/b", rating=9), "late:1")])
    listed = ledger.quarantine.list
    first, second, third = (entry.entry_id for entry in listed())
    ledger.quarantine.drop(first)

    def numbers(**filters: object) -> list[int]:
        return [entry.entry_id for entry in listed(**filters)]  # type: ignore[arg-type]

    assert numbers() == [second, third]
    assert numbers(code="bad-value", source="/a") == [second]
    assert numbers(since=NOW + 1) == [third]
    assert numbers(until=NOW) == [second]
    assert numbers(state=None) == [first, second, third]
    assert numbers(state="dropped") == [first]
    assert numbers(limit=1) == [second]
    assert numbers(after=second) == [third]
    assert ledger.counts()["quarantined"] == {"bad-value": 2}


def test_a_dropped_entry_loses_its_raw_bytes_and_keeps_its_hash_even_when_seen_again(ledger: Ledger) -> None:
    ledger.append([arrival(b"{ private", "a:1")])
    (entry,) = ledger.quarantine.list()

    dropped = ledger.quarantine.drop(entry.entry_id)
    ledger.append([arrival(b"{ private", "a:1")])

    assert (dropped.state, dropped.raw, dropped.resolved_at) == ("dropped", None, NOW)
    assert (dropped.place, dropped.sha256, dropped.code) == (entry.place, entry.sha256, entry.code)
    again = ledger.quarantine.get(entry.entry_id)
    assert (again.state, again.raw, again.times_seen) == ("dropped", None, 2)
    assert ledger.quarantine.list() == []


def test_a_retried_entry_is_resolved_with_the_append_that_records_it(ledger: Ledger) -> None:
    # What was unknown to an older version is known to this one.
    raw = record(1)
    refusal = RefusedError("unknown-type", "No action has this type.")
    ledger.append([Arrival("a:1", raw, None, refusal), Arrival("a:2", b"{", None, refusal)])
    entries = ledger.quarantine.list()

    verdicts = ledger.append(
        [arrival(entry.raw or b"", entry.place) for entry in entries],
        retried=[entry.entry_id for entry in entries],
    )

    assert [verdict.kind for verdict in verdicts] == ["recorded", "quarantined"]
    recorded, refused = (ledger.quarantine.get(entry.entry_id) for entry in entries)
    assert (recorded.state, recorded.raw, recorded.resolved_at) == ("retried", raw, NOW)
    assert (refused.state, refused.code, refused.times_seen) == ("open", "malformed-json", 2)
    assert ledger.counts() == {"events": 1, "quarantined": {"malformed-json": 1}}


def test_a_retry_that_finds_its_action_recorded_meanwhile_is_resolved_too(ledger: Ledger) -> None:
    refusal = RefusedError("unknown-type", "No action has this type.")
    ledger.append([Arrival("a:1", record(1), None, refusal)])
    ledger.append([arrival(record(1), "b:1")])
    (entry,) = ledger.quarantine.list()

    (verdict,) = ledger.append([arrival(record(1), "a:1")], retried=[entry.entry_id])

    assert verdict.kind == "duplicate"
    assert ledger.quarantine.get(entry.entry_id).state == "retried"


def test_text_that_no_database_takes_does_not_stop_the_quarantine(ledger: Ledger) -> None:
    raw = b'{"specversion":"1.0","id":"a\\u0000b","source":"/a","type":"x","subject":7}'

    ledger.append([arrival(raw, "nul\0in\ud800place:1" + "x" * 5000)])

    (entry,) = ledger.quarantine.list()
    assert (entry.raw, entry.action_id, entry.subject) == (raw, "a\ufffdb", None)
    assert len(entry.place) == 500


def test_many_refused_records_at_once(ledger: Ledger) -> None:
    ledger.append([arrival(b"{%d" % number, f"a:{number}") for number in range(3000)])

    assert ledger.counts()["quarantined"] == {"malformed-json": 3000}


def test_an_unknown_entry_is_told(ledger: Ledger) -> None:
    with pytest.raises(UnknownEntryError, match="kaoji quarantine list"):
        ledger.quarantine.get(99)
    with pytest.raises(UnknownEntryError):
        ledger.quarantine.drop(99)
